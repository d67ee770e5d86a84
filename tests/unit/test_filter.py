"""The filter that users read settings with."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.tunnelwright.ipsec.plugins.filter.from_swanctl_conf import FilterModule, from_swanctl_conf


def test_text_becomes_its_effective_settings() -> None:
    text = "tpl {\n  version = 2\n}\nconnections {\n  hq : tpl {\n    mobike = no # why\n  }\n}\n"
    assert from_swanctl_conf(text)["connections"] == {"hq": {"mobike": "no", "version": "2"}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a {\n", "at line:1: add }"),
        (
            "a = 1\ninclude conf.d/*.conf\n",
            "include conf.d/*.conf matches no readable file at line:2: give the files' text instead",
        ),
        (b"a = 1", "reads text, not bytes"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_with_its_line(text: object, said: str) -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        from_swanctl_conf(text)
    assert said in str(caught.value)


def test_the_filter_has_its_name() -> None:
    assert FilterModule().filters() == {"from_swanctl_conf": from_swanctl_conf}
