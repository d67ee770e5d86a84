"""How something grows with a number."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from statistics import linear_regression


def exponent(numbers: Sequence[int], taken: Sequence[float]) -> float:
    """By least squares over logarithms: 1 is linear, 2 is quadratic."""
    return linear_regression([log(each) for each in numbers], [log(each) for each in taken]).slope
