"""The SSH configuration and known_hosts files, read as OpenSSH reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.devices.ssh_config import Hop, SshAddress, resolve
from edgekit.devices.ssh_known_hosts import KnownKey, fingerprint, known_key_types, read_known_keys
from edgekit.errors import SshConfigurationError

# Made with OpenSSH 9.2: `ssh-keygen -t ed25519`, `ssh-keygen -l` and `ssh-keygen -H`.
KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIK1ehVJKCQj85Iq3Iw/BL47znHArQqNpWBIqktp0yIVl"
KEY_FINGERPRINT = "SHA256:uu54lAihM/WA6c8/zxcXzkFC4M9ZpXv61LJE1/4T7G4"
HASHED_PI_LOCAL = "|1|HTB0qldkL/DmdbfeOMc58Fxxp2c=|+RdLdGOksNKUwZGs9wLKmi9Do3A="


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOGNAME", "ann")


def resolve_with(config: str, tmp_path: Path, **address: Any) -> tuple[Hop, ...]:
    path = tmp_path / "config"
    path.write_text(config)
    return resolve(SshAddress(config=path, **{"host": "pi", **address}))


def test_without_a_configuration_the_host_is_what_was_said(tmp_path: Path) -> None:
    (hop,) = resolve(SshAddress(host="pi.local"))
    assert (hop.name, hop.known_hosts_name) == ("ann@pi.local:22", "pi.local")
    assert hop.known_hosts == (tmp_path / ".ssh/known_hosts", Path("/etc/ssh/ssh_known_hosts"))
    assert hop.default_identities[0] == tmp_path / ".ssh/id_ed25519"


def test_a_user_may_stand_before_the_host() -> None:
    (hop,) = resolve(SshAddress(host="pi@10.0.0.7"))
    assert (hop.user, hop.host) == ("pi", "10.0.0.7")


def test_what_the_user_says_wins_over_the_configuration(tmp_path: Path) -> None:
    config = "Host pi\n HostName 10.0.0.7\n User root\n Port 2222\n"
    (hop,) = resolve_with(config, tmp_path, user="me", port=22)
    assert hop.name == "me@10.0.0.7:22"
    (hop,) = resolve_with(config, tmp_path)
    assert (hop.name, hop.known_hosts_name) == ("root@10.0.0.7:2222", "[10.0.0.7]:2222")


def test_known_hosts_files_and_alias_come_from_the_configuration(tmp_path: Path) -> None:
    config = "UserKnownHostsFile ~/one ~/two\nHostKeyAlias the-pi\n"
    (hop,) = resolve_with(config, tmp_path)
    assert hop.known_hosts[:2] == (tmp_path / "one", tmp_path / "two")
    assert hop.known_hosts_name == "the-pi"


def test_jump_hosts_have_their_own_entries(tmp_path: Path) -> None:
    config = "Host pi\n ProxyJump gate,ann@inner:2200\nHost gate\n HostName gate.example\n User door\n"
    names = [hop.name for hop in resolve_with(config, tmp_path)]
    assert names == ["door@gate.example:22", "ann@inner:2200", "ann@pi:22"]


def test_a_jump_host_may_itself_have_one(tmp_path: Path) -> None:
    config = "Host pi\n ProxyJump gate\nHost gate\n ProxyJump outer\n"
    assert [hop.host for hop in resolve_with(config, tmp_path)] == ["outer", "gate", "pi"]


def test_a_jump_that_is_given_wins_and_none_means_none(tmp_path: Path) -> None:
    config = "Host pi\n ProxyJump gate\n"
    assert [hop.host for hop in resolve_with(config, tmp_path, jump="other")] == ["other", "pi"]
    assert [hop.host for hop in resolve_with(config, tmp_path, jump="none")] == ["pi"]


def test_jump_hosts_in_a_circle_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(SshConfigurationError, match="lead in a circle"):
        resolve_with("Host pi\n ProxyJump gate\nHost gate\n ProxyJump pi\n", tmp_path)


def test_an_unreadable_jump_host_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SshConfigurationError, match="'a:b:c' is not a jump host"):
        resolve_with("", tmp_path, jump="a:b:c")


def test_a_proxy_command_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(SshConfigurationError, match=r"(?s)has a ProxyCommand.*--jump"):
        resolve_with("ProxyCommand nc %h %p\n", tmp_path)


@pytest.mark.parametrize("port", ["0", "70000", "ssh"])
def test_a_port_that_is_none_is_an_error(tmp_path: Path, port: str) -> None:
    with pytest.raises(SshConfigurationError, match=f"'{port}' is not a port") as caught:
        resolve_with(f"Port {port}\n", tmp_path)
    assert caught.value.exit_code == 5


def test_a_configuration_that_cannot_be_parsed_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SshConfigurationError, match="cannot be read"):
        resolve_with("Host\n", tmp_path)


def test_included_files_are_read_and_do_not_change_what_follows(tmp_path: Path) -> None:
    folder = tmp_path / ".ssh/conf.d"
    folder.mkdir(parents=True)
    (folder / "a").write_text("Host elsewhere\n User wrong\nInclude b-*\n")
    (tmp_path / ".ssh/b-1").write_text("Host pi\n HostName 10.0.0.9\n")
    (hop,) = resolve_with("Include conf.d/*\nUser right\n", tmp_path)
    assert hop.name == "right@10.0.0.9:22"


def test_a_file_that_includes_itself_ends(tmp_path: Path) -> None:
    (hop,) = resolve_with(f"Include {tmp_path}/config\nUser right\n", tmp_path)
    assert hop.user == "right"


# ------------------------------------------------------------------------------ known_hosts


def known(hosts: str, marker: str = "") -> KnownKey:
    return KnownKey(marker=marker, hosts=hosts, key_type="ssh-ed25519", key="AAAA")


@pytest.mark.parametrize(
    ("hosts", "name", "is_for"),
    [
        ("pi.local", "pi.local", True),
        ("PI.local", "pi.LOCAL", True),
        ("pi.local", "pi.localdomain", False),
        ("a,pi.local,b", "pi.local", True),
        ("*.local", "pi.local", True),
        ("*.local,!pi.local", "pi.local", False),
        ("p?.local", "pi.local", True),
        ("[pi.local]:2222", "[pi.local]:2222", True),
        ("[pi.local]:2222", "pi.local", False),
        ("[pi.*]:2222", "[pi.local]:2222", True),
        ("p[i].local", "pi.local", False),
        ("|1|broken", "pi.local", False),
        ("|1|!!!|???", "pi.local", False),
    ],
)
def test_a_line_is_for_the_hosts_it_names(hosts: str, name: str, is_for: bool) -> None:
    assert known(hosts).is_for(name) is is_for


def test_a_hashed_name_of_openssh_s_is_recognised() -> None:
    entry = known(HASHED_PI_LOCAL)
    assert entry.is_for("pi.local")
    assert not entry.is_for("pi.locale")


def test_a_fingerprint_is_written_as_openssh_does() -> None:
    assert fingerprint(KEY) == KEY_FINGERPRINT


def test_comments_blank_and_broken_lines_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text("# comment\n\nonly two\npi ssh-ed25519 AAAA comment\n@revoked * ssh-rsa BBBB\n")
    entries = read_known_keys([path, tmp_path / "missing"])
    assert [(entry.marker, entry.hosts, entry.key) for entry in entries] == [
        ("", "pi", "AAAA"),
        ("@revoked", "*", "BBBB"),
    ]


def test_the_types_of_known_keys_leave_out_revoked_ones(tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/known_hosts").write_text("pi ssh-rsa AAAA\n@revoked pi ecdsa BBBB\npi ssh-ed25519 CC\n")
    (hop,) = resolve(SshAddress(host="pi"))
    assert known_key_types(hop) == ("ssh-rsa", "ssh-ed25519")


@given(st.binary(max_size=300))
def test_any_known_hosts_file_is_read_without_an_exception(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("known") / "known_hosts"
    path.write_bytes(content)
    for entry in read_known_keys([path]):
        entry.is_for("pi.local")
