"""A long config.xml byte for byte as a release writes it: entities, CDATA, base64, lists and empty elements."""

from __future__ import annotations

from pathlib import Path
from string import Template

from ..topology import PFSENSE

HERE = Path(__file__).parent
RAW_SINCE = "2.9.0"
ENTITIES = ("B&uuml;ro &amp; &lt;Lager&gt;", "a&lt;b&amp;c")  # text in CDATA and outside, up to 2.8
RAW = ("Büro &amp; &lt;Lager&gt; &quot;&apos;", "a&lt;b&amp;c&apos;d")  # and from 2.9
SECTIONS = 40


def sample(version: str) -> str:
    """The file of a release."""
    whole, section = (
        Template((HERE / name).read_text(encoding="utf-8")) for name in ("sample.xml", "sample_section.xml")
    )
    cdata, text = RAW if version == RAW_SINCE else ENTITIES
    return whole.substitute(
        version=PFSENSE[version][1],
        hint="in the cellar" if version == "2.6.0" else "<![CDATA[in the cellar]]>",
        sections="".join(section.substitute(number=number, cdata=cdata, text=text) for number in range(SECTIONS)),
        cdata=cdata,
    )
