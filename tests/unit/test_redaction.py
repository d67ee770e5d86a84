"""Secrets stay on the gateway: the real gather script, in real shells, over real files."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import IpsecError, RefusedError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon.gather import gather
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon.redacted_files import (
    TOKEN,
    GatewayFile,
    find_original_offset,
    read_files,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon.scripts import (
    read_script as gather_text,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.gather_options import GatherOptions
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl import psk_digest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.keys import KEYS
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.settings import load, parse
from hypothesis import given
from hypothesis import strategies as st

from .examples import examples
from .shells import SHELLS, Shell, gawk

KEY = "a key of the test"
SECRET = ("secrets", "ike-1", "secret")
CANARY = "XxCanaryxX"


@pytest.fixture(scope="module", params=(*SHELLS, gawk), ids=lambda make: make.__name__)
def shell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Each shell a gateway may have, with each awk: mawk, busybox's, GNU's."""
    made: Shell = request.param(tmp_path_factory.mktemp("bin"))
    return made


def shown(shell: Shell, *texts: bytes) -> list[GatewayFile]:
    """What a gateway shows of files with these texts; its own bytes are checked against what it says of them."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "swanctl.conf").write_text("include *.part\n")
        paths = [Path(folder) / f"{index:03}.part" for index in range(len(texts))]
        for path, text in zip(paths, texts, strict=True):
            path.write_bytes(text)
        reply = shell.run(gather(GatherOptions(digest_key=KEY, config=f"{folder}/swanctl.conf")))
        files = [read_files(reply, KEY)[str(path)] for path in paths]
    for file, text in zip(files, texts, strict=True):
        assert_lies_over(file, text)
    return files


def assert_lies_over(file: GatewayFile, text: bytes) -> None:
    """Outside the spans every byte is the file's own, the spans are in order, and no line moves."""
    at = at_shown = 0
    for span in file.spans:
        assert at <= span.start <= span.end <= len(text)
        assert file.text[at_shown : span.shown_start] == text[at : span.start]
        assert file.text[span.shown_start : span.shown_end].count(b"\n") == text[span.start : span.end].count(b"\n")
        at, at_shown = span.end, span.shown_end
    assert file.text[at_shown:] == text[at:]


def conf(value: str, *, after: str = "") -> bytes:
    return f"secrets {{\n  ike-1 {{\n    id-1 = a\n    secret = {value}\n    id-2 = b{after}\n  }}\n}}\n".encode()


WRITTEN = {
    "a plain word": "XxCanaryxX",
    "words joined by a space": f"{CANARY}   two",
    "quoted": f'"{CANARY} \\"two\\" #}}"',
    "several strings": f'"{CANARY}""b" c "d"',
    "single quotes are no quotes": f"'{CANARY} x'",
    "over lines": f'"{CANARY}\n  second {CANARY}\n\nlast"',
    "joined lines": f'"{CANARY}\\\n   second"',
    "CR LF inside": f'"{CANARY}\r\n  second\\\r\n third"',
    "escapes": f'"{CANARY}\\n\\r\\t\\x\\\\"',
    "UTF-8": f'"{CANARY}äöü€"',
    "a comment behind it": f"{CANARY} # {CANARY}",
    "a comment right behind it": f"{CANARY}#{CANARY}",
    "hexadecimal": "0x586343616e61727978585",
    "hexadecimal with colons": "0x58:63:43",
    "hexadecimal in capitals": "0XABcdEF",
    "base64": "0sWGNDYW5hcnl4WA==",
    "base64 cut short": "0sWGNDYW5hcnl4W",
    "base64 with strange characters": "0sWG*DYW-_",
    "a prefix and nothing": "0x",
    "percent and backslash": f"{CANARY}%s%%\\0101\\n",
    "spaces at the end": f"{CANARY}   \t",
}


def test_a_secret_is_replaced_by_its_digest_as_strongswan_reads_it(shell: Shell) -> None:
    texts = [conf(value) for value in WRITTEN.values()]
    for case, text, file in zip(WRITTEN, texts, shown(shell, *texts), strict=True):
        assert CANARY.encode() not in file.text, case
        assert_digest_is_true(text, file)
        assert parse(file.text).get(("secrets", "ike-1", "id-2")) == parse(text).get(("secrets", "ike-1", "id-2"))


def assert_digest_is_true(text: bytes, file: GatewayFile) -> None:
    """What stands for the secret is the digest of its effective value, and stands where it stood."""
    effective, redacted = parse(text).get(SECRET), parse(file.text).get(SECRET)
    assert effective
    assert redacted
    assert redacted.value == TOKEN + psk_digest.compute_digest(KEY, effective.value), text
    assert redacted.origin == effective.origin


EQUAL = (
    ("0x61626364", "abcd"),
    ("0X61626364", "0x61:62:63:64"),
    ("0sYWJjZA==", "abcd"),
    ('"a b"', "a  b"),
    ("0x1", '"\x01"'),
)


def test_equal_keys_written_differently_have_equal_digests(shell: Shell) -> None:
    files = shown(shell, *(conf(value) for pair in EQUAL for value in pair))
    found = [parse(file.text).get(SECRET) for file in files]
    for index, pair in enumerate(EQUAL):
        one, other = found[2 * index : 2 * index + 2]
        assert one
        assert other
        assert one.value == other.value, pair


HIDDEN = {
    "a comment that tells it": f"# the secret is {CANARY}\n",
    "a comment over lines": f"# psk:\n# {CANARY}\n",
    "a setting put out of use": f"secrets {{\n#  ike {{ secret = {CANARY} }}\n}}\n",
    "any comment among secrets": f"secrets {{\n  # {CANARY}\n}}\n",
    "any section and any case": f"a {{ b {{ SeCrEt_x = {CANARY}\n }} }}\n",
    "a PIN": f"secrets {{ token-1 {{ pin = {CANARY}\n }} }}\n",
    "a password": f"x {{ password = {CANARY}\n }}\n",
    "a database address": f"charon {{ database = mysql://u:{CANARY}@h/d\n }}\n",
    "in a value of another key": f"a {{ id = b secret = {CANARY}\n }}\n",
    "behind a quote that is not closed": f'a {{ id = "b\n }}\nsecrets {{ ike {{ secret = "{CANARY}"\n }} }}\n',
    "not closed itself": f'secrets {{ ike {{ secret = "{CANARY}\n }}\n }}\n',
    "a brace in it": f"secrets {{ ike {{ secret = a}}{CANARY}\n }} }}\n",
    "a brace and words": f"secrets {{ ike {{ secret = a}} {CANARY} b\n }} }}\n",
    "a brace and an assignment": f"secrets {{ ike {{ secret = a}}{CANARY}=b\n }} }}\n",
    "without an equals sign": f"secrets {{ ike {{ secret {CANARY}\n }} }}\n",
    "a string without an equals sign": f'secrets {{ ike {{ secret "{CANARY}"\n }} }}\n',
    "with a colon": f"secrets {{ ike {{ secret: {CANARY}\n }} }}\n",
    "with a colon and quotes": f'secrets {{ ike {{ secret: "{CANARY}"\n }} }}\n',
    "on the next line": f"secrets {{ ike {{ secret =\n {CANARY}\n }} }}\n",
    "quoted on the next line": f'secrets {{ ike {{ secret =\n "{CANARY}"\n }} }}\n',
    "base64 on the next line": f"secrets {{ ike {{ secret =\n 0s{CANARY}==\n }} }}\n",
    "the sign on the next line": f"secrets {{ ike {{ secret\n = {CANARY}\n }} }}\n",
    "a comment after nothing": f"secrets {{ ike {{ secret = #{CANARY}\n }} }}\n",
    "without a last line end": f"secrets {{ ike {{ secret = {CANARY}",
    "in dotted form": f"secrets.ike.secret = {CANARY}\n",
    "an equals sign without a name": f"secrets {{ ike {{ = {CANARY}\n }} }}\n",
    "a misspelt key": f"secrets {{ ike {{ secert = {CANARY}\n sercet = {CANARY}\n }} }}\n",
    "other words for it": f"secrets {{ ike {{ key = {CANARY}\n pwd = {CANARY}\n user-pin = {CANARY}\n }} }}\n",
    "a letter of another alphabet": f"secrets {{ ike {{ s\u0435cret = {CANARY}\n }} }}\n",
    "a section that is called so": f"secret {{ x = {CANARY}\n }}\n",
    "a section of another name": f"psks {{ alice = {CANARY}\n }}\n",
    "a misspelt section": f"sercets {{ ike {{ sercet = {CANARY}\n }} }}\n",
    "a word alone": f"{CANARY}\n",
    "a word alone in a section": f"connections {{ a {{ {CANARY}\n }} }}\n",
    "a word before another": f"connections {{ a {{ {CANARY} {CANARY}\n }} }}\n",
    "a word at the end": f"connections {{ a {{ {CANARY}",
    "a key of WireGuard alone": f"0{CANARY}wXb/0123456789aBcDeFgHiJkLmNoPq=\n",
    "base64 without armour": f"MIIEpAIB{CANARY}AAKCAQEA\n{CANARY}MIIEpAIBAAKCAQEA+/\n{CANARY}==\n",
    "a stray word": f"secrets {{ ike {{ id = a\n {CANARY}\n }} }}\n",
    "a stray word at the end": f"secrets {{ ike {{ {CANARY}",
    "a stray word before another": f"secrets {{ ike {{ {CANARY} {CANARY}\n }} }}\n",
    "a stray word before a comment": f"secrets {{ ike {{ {CANARY} # so\n }} }}\n",
    "a line of ipsec.secrets": f'carol : EAP "{CANARY}"\n',
    "an XAUTH line of ipsec.secrets": f'carol : XAUTH "{CANARY}"\n',
    "a passphrase of ipsec.secrets": f': RSA key.pem "{CANARY}"\n',
    "YAML": f"secret: {CANARY}\n",
    "YAML with another word": f"tunnel:\n  value: {CANARY}\n",
    "WireGuard": f"[Interface]\nPrivateKey = {CANARY}\n",
    "a key of an API": f"charon {{ api_key = {CANARY}\n }}\n",
    "a token": f"charon {{ token = {CANARY}\n }}\n",
    "a key that nobody knows": f"connections {{ a {{ frobnicate = {CANARY}\n }} }}\n",
    "a password in a URI": f"authorities {{ a {{ crl_uris = http://carol:{CANARY}@host/crl\n }} }}\n",
    "what a script is called with": f"connections {{ a {{ children {{ b {{ updown = /x --key {CANARY}\n }} }} }} }}\n",
    "what a script in quotes is called with": f'a {{ b {{ updown = "/x {CANARY}"\n }} }}\n',
    "a credential in a comment": f"# credential: {CANARY}\n# pwd {CANARY}\n# token {CANARY}\n",
    **{
        f"{key} in {section}": f"{section} {{ {name} {{ {key} = {CANARY}\n }} }}\n"
        for section, name in (
            ("secrets", "ike"),
            ("secret", "a"),
            ("sercets", "eap-x"),
            ("psks", "b"),
            ("connections", "c"),
        )
        for key in ("secret", "secert", "passwd", "pasword", "key", "pin", "psk", "shared_key")
    },
}


def test_what_may_be_a_secret_is_hidden_also_where_the_file_is_broken(shell: Shell) -> None:
    assert len(HIDDEN) + len(WRITTEN) >= 112
    files = shown(shell, *(text.encode() for text in HIDDEN.values()))
    assert [case for case, file in zip(HIDDEN, files, strict=True) if CANARY.encode() in file.text] == []


KEPT = (
    "secrets : base {\n}\n",
    "secrets { ike-1 { secret = a\n } } connections { c { version = 2\n } }\n",
    "secrets { ike-1 { secret = a\n id = b } ike-2 { id = c } }\n",
    "secrets { ike-1 { secret = a } ike-2 { id = c\n } }\n",
    "secrets { ike-1 { secret =\n id = b\n } }\n",
    "secrets { ike-1 { secret =\n } ike-2 : secrets.ike-1 { id = c\n } }\n",
    "secrets { secret-1 : secrets.a, secrets.b {\n id = c\n } }\n",
    "\ufeffconnections { a { remote { id = secretary@example.com\n } } }\n# no word of it\n",
    'a {\n  include = b\n  id = "include x"\n secret = d\n}\n',
)  # fmt: skip


def test_what_is_no_secret_stays_readable(shell: Shell) -> None:
    for text, file in zip(KEPT, shown(shell, *(text.encode() for text in KEPT)), strict=True):
        original, redacted = (parse(each).tree(mark_sections=True) for each in (text.encode(), file.text))
        assert _without_secrets(redacted) == _without_secrets(original), text


ARMOUR = ("PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY")


@pytest.mark.parametrize(
    "text",
    [
        *(f"-----BEGIN {kind}-----\n{CANARY}\n-----END {kind}-----\n".encode() for kind in ARMOUR),
        f"a {{ id = b\n }}\n# -----BEGIN PRIVATE KEY-----\n# {CANARY}\n".encode(),
        f"a\0{CANARY}".encode(),
        f"secrets {{ ike {{ secret = {CANARY}\n }} }}\n".encode("utf-16"),
        b"0\x82\x04\xa4\x02\x01\x00" + CANARY.encode(),
    ],
)
def test_of_a_file_that_holds_a_key_nothing_is_shown(shell: Shell, text: bytes, tmp_path: Path) -> None:
    (tmp_path / "swanctl.conf").write_bytes(text)
    reply = shell.run(gather(GatherOptions(digest_key=KEY, config=f"{tmp_path}/swanctl.conf")))
    assert CANARY[:4].encode() not in b"".join(section.out for section in reply.sections.values()).replace(b"\0", b"")
    with pytest.raises(IpsecError, match="PEM armour or a NUL byte"):
        read_files(reply, KEY)


def test_the_keys_whose_values_are_shown_are_those_that_strongswan_knows() -> None:
    lines = re.findall(r"^tw_known=(?:\$tw_known)?'([^']*)'$", gather_text("gather.sh"), re.MULTILINE)
    elsewhere = [
        "addrs",
        "dns",
        "nbns",
        "dhcp",
        "netmask",
        "server",
        "subnet",
        "split_include",
        "split_exclude",
        "cacert",
        "crl_uris",
        "ocsp_uris",
        "cert_uri_base",
        "file",
        "handle",
        "slot",
        "module",
    ]
    assert sorted("".join(lines).split("|")) == sorted({*elsewhere, *(key for each in KEYS.values() for key in each)})


def _without_secrets(tree: object) -> object:
    if isinstance(tree, dict):
        return {key: _without_secrets(value) for key, value in tree.items() if key not in ("secret", "include")}
    return tree


def test_a_file_without_a_word_of_secrets_comes_byte_for_byte(shell: Shell) -> None:
    text = b"connections {\r\n  a { local { auth = psk\r\n } } # \xff\n}\n"
    (file,) = shown(shell, text)
    assert file.text == text
    assert file.spans == ()


def test_the_gateway_tells_hash_mode_and_owner(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "swanctl.conf"
    path.write_bytes(conf(CANARY))
    path.chmod(0o640)
    file = read_files(shell.run(gather(GatherOptions(digest_key=KEY, config=str(path)))), KEY)[str(path)]
    assert file.mode == "640"
    assert file.owner == f"{path.owner()}:{path.group()}"
    assert file.fingerprint == psk_digest.compute_fingerprint(KEY, path.read_bytes())


def test_includes_are_followed_as_strongswan_follows_them(shell: Shell, tmp_path: Path) -> None:
    files = {
        "swanctl.conf": 'include conf.d/*.conf\ninclude "with space.conf"\n# include no.conf\n'
        'a { b = "include no.conf" }\n',
        "conf.d/20.conf": "include ../deep/x*\n",
        "conf.d/10.conf": f"secrets {{ ike-1 {{ secret = {CANARY}\n }} }}\ninclude {tmp_path}/absolute.conf\n",
        "conf.d/.hidden.conf": "x {}\n",
        "with space.conf": "include conf.d/*.conf # again\n",
        "deep/x1": "include = no.conf\ny { pools = 1\n include x2 }\n",
        "deep/x2": "mode = 1\n",
        "absolute.conf": "version = 1\n",
        "no.conf": "unique = 1\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    root = str(tmp_path / "swanctl.conf")
    found = read_files(shell.run(gather(GatherOptions(digest_key=KEY, config=root))), KEY)
    assert {re.sub(r"[^/]+/\.\./", "", path).removeprefix(f"{tmp_path}/") for path in found} == set(files) - {
        "conf.d/.hidden.conf",
        "no.conf",
    }
    assert all(CANARY.encode() not in file.text for file in found.values())
    tree = load(root, {path: file.text for path, file in found.items()}).tree()
    assert tree["version"] == "1"
    assert tree["y"] == {"pools": "1", "mode": "1"}


def test_a_pattern_never_runs_as_a_command(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "swanctl.conf").write_text(f"include $(touch${{IFS}}{tmp_path}/ran) `touch\ninclude ;touch\n")
    shell.run(gather(GatherOptions(digest_key=KEY, config=str(tmp_path / "swanctl.conf"))))
    assert not (tmp_path / "ran").exists()


def test_an_offset_leads_back_to_the_gateways_own_file(shell: Shell) -> None:
    text = conf(f'"{CANARY}\n{CANARY}"') + b"tail = 1\n"
    (file,) = shown(shell, text)
    for word in (b"id-1", b"secret =", b"id-2", b"tail"):
        assert find_original_offset(file, file.text.index(word)) == text.index(word)
    with pytest.raises(RefusedError, match="a secret is in the way"):
        find_original_offset(file, file.text.index(TOKEN.encode()))


FREEBSD_SHA256 = """#!/bin/sh
# What FreeBSD's sha256 does: -q prints the digests of files alone, without files standard input is read.
[ "$1" != -q ] || shift
openssl dgst -sha256 -r "$@" | sed 's/ .*//'
"""


@pytest.mark.parametrize("tool", ["sha256sum", "sha256", "openssl", None])
def test_digests_are_the_same_of_every_tool_and_missing_without_one(tmp_path: Path, tool: str | None) -> None:
    path = tmp_path / "swanctl.conf"
    path.write_bytes(conf(CANARY))
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("od", "awk", "tr", "grep", "cat", "wc", "stat", "sed", "sort", "uname", "date", "sh"):
        _link(tools, name)
    if tool == "sha256":
        (tools / tool).write_text(FREEBSD_SHA256.replace("openssl", str(shutil.which("openssl"))))
        (tools / tool).chmod(0o755)
    elif tool:
        _link(tools, tool)
    reply = Shell("bare", (str(shutil.which("dash")), "-s"), str(tools)).run(
        gather(GatherOptions(digest_key=KEY, config=str(path)))
    )
    file = read_files(reply, KEY)[str(path)]
    setting = parse(file.text).get(SECRET)
    assert setting
    assert setting.value == TOKEN + (psk_digest.compute_digest(KEY, CANARY) if tool else "")
    assert file.fingerprint == (psk_digest.compute_fingerprint(KEY, conf(CANARY)) if tool else None)
    assert CANARY.encode() not in b"".join(section.out for section in reply.sections.values())


def _link(folder: Path, name: str) -> None:
    program = shutil.which(name)
    assert program, f"{name} is missing"
    (folder / name).symlink_to(program)


letters = st.sampled_from([*"ab\"\\#}{=: \t\n\r%$`';,.é", CANARY])
words = st.lists(letters, max_size=14).map("".join)
secret_values = st.lists(words, min_size=1, max_size=3)


def quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


# What takes time is to read a gateway, however many files it has: a few of them with many.
@examples(0.04)
@given(values=st.lists(secret_values, min_size=10, max_size=30), ends=st.sampled_from(["\n", "\r\n"]))
def test_any_quoted_secret_is_hidden_and_its_digest_is_true(shell: Shell, values: list[list[str]], ends: str) -> None:
    texts = [conf(" ".join(map(quoted, parts))).replace(b"= b\n", f"= b{ends}".encode()) for parts in values]
    for text, file in zip(texts, shown(shell, *texts), strict=True):
        assert CANARY.encode() not in file.text
        assert_digest_is_true(text, file)


pieces = st.sampled_from([*'ab"\\#}{=: \n', "secret", "secret = ", "secrets {", "id = ", "}\n", "include x\n", "# psk"])


@examples(0.04)
@given(texts=st.lists(st.lists(pieces, max_size=40).map("".join), min_size=10, max_size=30))
def test_whatever_the_text_what_is_shown_lies_over_it(shell: Shell, texts: list[str]) -> None:
    shown(shell, *(text.encode() for text in texts))
