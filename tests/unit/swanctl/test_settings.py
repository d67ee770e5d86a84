"""swanctl.conf is read as strongSwan reads it."""

from __future__ import annotations

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import ParseError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.settings import (
    find_matching,
    load,
    parse,
)

from ..corpus import CORPUS, lines, needs_corpus


@needs_corpus
def test_every_file_of_the_corpus_reads_as_strongswan_reads_it() -> None:
    records = list(lines("swanctl/golden.jsonl"))
    assert len(records) == 531
    for record in records:
        text = (CORPUS / "swanctl" / record["file"]).read_bytes()
        assert parse(text).tree(mark_sections=True) == record["settings"], record["file"]


@needs_corpus
def test_every_text_of_the_corpus_is_read_or_refused_as_strongswan_does() -> None:
    records = list(lines("swanctl/syntax.jsonl"))
    assert len(records) == 1508
    for record in records:
        try:
            tree = parse(record["text"].encode("utf-8", "surrogateescape")).tree(mark_sections=True)
        except ParseError:
            tree = None
        assert tree == record["settings"], record["text"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a {\n b = 1\n", "f:1: add }"),
        ("a = 1\n}\n", "f:2: remove it"),
        ('a {\n  id = "moon\n}\n', 'f:2: close it with "'),
        ("a =\n  2\nb = 1\n", "unexpected 'b'"),
        ("a.b {\n}\n", "unexpected '.'"),
    ],
)
def test_an_error_names_file_and_line(text: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text.encode(), name="f")
    assert message in str(caught.value)


FILES = {
    "/etc/swanctl/swanctl.conf": b"# root\ninclude conf.d/*.conf\nconnections {\n  b {\n    version = 1\n  }\n}\n",
    "/etc/swanctl/conf.d/10.conf": b"connections {\n  a : tpl {\n    mobike =\n  }\n}\n"
    b"tpl {\n  mobike = no\n  encap = yes\n}\n",
    "/etc/swanctl/conf.d/9.conf": b"connections { b { version = 2\n } }\n",
    "/etc/swanctl/conf.d/.hidden.conf": b"connections { hidden { } }\n",
}


def test_includes_are_sorted_relative_and_skip_dotfiles_and_values_know_their_place() -> None:
    settings = load("/etc/swanctl/swanctl.conf", FILES)
    assert settings.sections(("connections",)) == ("a", "b")
    version = settings.get(("connections", "b", "version"))
    assert version is not None
    assert (version.value, version.origin) == ("1", "/etc/swanctl/swanctl.conf:5")
    encap = settings.get(("connections", "a", "encap"))
    assert encap is not None
    assert (encap.value, encap.origin, encap.template) == ("yes", "/etc/swanctl/conf.d/10.conf:8", "tpl")
    assert settings.get(("connections", "a", "mobike")) is None
    assert settings.origin(("connections", "a")) == "/etc/swanctl/conf.d/10.conf:2"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b"\xef\xbb\xbfconnections { }\n", "byte-order-mark"),
        (b"a = 1\0\n", "nul-byte"),
        (b"include nothing/*.conf\n", "unmatched-include"),
        (b"connections { a%sb { version = 2\n } }\n", "percent-in-name"),
        (b"connections { " + b"x" * 128 + b" { } }\n", "long-name"),
    ],
)
def test_what_strongswan_reads_in_silence_but_nobody_means_is_reported(text: bytes, kind: str) -> None:
    assert [problem.kind for problem in parse(text).warnings] == [kind]


def test_an_included_file_that_closes_its_parents_section_is_reported() -> None:
    settings = load("/r", {"/r": b"a {\n include x\n}\n", "/x": b"} b {\n"})
    assert set(settings.tree()) == {"a", "b"}
    assert "unbalanced-include" in {problem.kind for problem in settings.warnings}


def test_a_cycle_of_references_ends() -> None:
    assert parse(b"a : b { x = 1\n }\nb : a { y = 2\n }\n").tree() == {
        "a": {"x": "1", "y": "2"},
        "b": {"y": "2", "x": "1"},
    }


def test_a_file_that_includes_itself_is_an_error() -> None:
    with pytest.raises(ParseError, match="includes itself"):
        load("/r", {"/r": b"include /r\n"})


def test_glob_matches_no_slash_and_no_dotfile() -> None:
    assert find_matching("/a/*.conf", {"/a/1.conf": b"", "/a/b/2.conf": b"", "/a/.3.conf": b""}) == ["/a/1.conf"]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a {\n  b = c\n}\n}\n", "remove it"),
        ("secrets {\n  ike-1 {\n    secret = spring{2031}\n  }\n}\n", "remove it, or put the value at f:3 in quotes"),
        ('secrets {\n  ike-1 {\n    secret = "@psk:12"}\n  }\n}\n', "remove it, or put the value at f:3 in quotes"),
    ],
)
def test_a_brace_that_closes_nothing_may_belong_to_a_value(text: str, hint: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text.encode(), name="f")
    assert caught.value.hint.startswith(hint)
    assert (caught.value.hint == "remove it") is (hint == "remove it")
