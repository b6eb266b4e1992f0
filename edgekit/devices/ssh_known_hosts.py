"""Host keys, checked strictly against known_hosts files.

paramiko's own reader knows no wildcards and no revoked keys, and rewrites the whole file to add a
line; this one only ever appends.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import re
from typing import TYPE_CHECKING

from edgekit.errors import HostKeyChangedError, HostKeyUnknownError, SshConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import paramiko

    from edgekit.devices.ssh_config import Hop

_REVOKED = "@revoked"
_MARKERS = (_REVOKED, "@cert-authority")


@dataclasses.dataclass(frozen=True, kw_only=True)
class KnownKey:
    """One line of a known_hosts file."""

    marker: str  # "", "@revoked" or "@cert-authority"
    hosts: str  # comma-separated patterns, or one hashed name
    key_type: str
    key: str  # base64

    def is_for(self, name: str) -> bool:
        """Whether this line speaks of the host called `name` ("pi.local", "[pi.local]:2222")."""
        if self.hosts.startswith("|1|"):
            return _hash_matches(self.hosts, name)
        matched = False
        for pattern in self.hosts.lower().split(","):
            if _glob_matches(pattern.removeprefix("!"), name.lower()):
                if pattern.startswith("!"):
                    return False
                matched = True
        return matched


def read_known_keys(paths: Iterable[Path]) -> tuple[KnownKey, ...]:
    """Every well-formed line of these files; files that do not exist count as empty.

    Raises:
        SshConfigurationError: a file is there but cannot be read.
    """
    return tuple(known for path in paths for line in _lines(path) if (known := _parse(line)))


def known_key_types(hop: Hop) -> tuple[str, ...]:
    """The types of the keys known for a host: the server is asked for one of these first."""
    known = _known_for(hop)
    return tuple(dict.fromkeys(entry.key_type for entry in known if not entry.marker))


def check_host_key(hop: Hop, key: paramiko.PKey, *, accept_new: bool) -> None:
    """Return if the key is the known one; with `accept_new`, save the key of an unknown host.

    Raises:
        HostKeyUnknownError: the host is in none of the files.
        HostKeyChangedError: the host is known by another key, or this key is revoked.
    """
    known = _known_for(hop)
    shown = key.get_base64()
    if any(entry.marker == _REVOKED and entry.key == shown for entry in known):
        raise _changed(hop, key, f"The key it shows ({_describe(key)}) is marked as revoked.")
    usual = [entry for entry in known if not entry.marker]
    if any(entry.key == shown for entry in usual):
        return
    if usual:
        raise _changed(hop, key, f"It shows {_describe(key)}, which is not the key that is known.")
    if not accept_new:
        raise _unknown(hop, key)
    _remember(hop, key)


def _known_for(hop: Hop) -> list[KnownKey]:
    return [key for key in read_known_keys(hop.known_hosts) if key.is_for(hop.known_hosts_name)]


def _describe(key: paramiko.PKey) -> str:
    return f"{key.get_name()} {fingerprint(key.get_base64())}"


def fingerprint(key: str) -> str:
    """SHA-256 fingerprint of a base64 key, written as OpenSSH does."""
    digest = hashlib.sha256(base64.b64decode(key)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _unknown(hop: Hop, key: paramiko.PKey) -> HostKeyUnknownError:
    return HostKeyUnknownError(
        f"The host key of {hop.name} is not known.",
        why=f"It shows {_describe(key)}, and {hop.known_hosts[0]} has no entry for {hop.known_hosts_name}.",
        fix="Compare this fingerprint with the device's own (there: ssh-keygen -lf "
        "/etc/ssh/ssh_host_ed25519_key.pub). If they are equal, run again with "
        "--accept-new-host-key.",
    )


def _changed(hop: Hop, key: paramiko.PKey, why: str) -> HostKeyChangedError:
    return HostKeyChangedError(
        f"The host key of {hop.name} has changed.",
        why=f"{why} The device was reinstalled, or another machine answers in its place.",
        fix=f"Nothing was sent. If {fingerprint(key.get_base64())} is right, remove the old key with "
        f"`ssh-keygen -f {hop.known_hosts[0]} -R '{hop.known_hosts_name}'` and run again with "
        "--accept-new-host-key.",
    )


def _remember(hop: Hop, key: paramiko.PKey) -> None:
    path = hop.known_hosts[0]
    line = f"{hop.known_hosts_name} {key.get_name()} {key.get_base64()}\n"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        old = path.read_bytes() if path.is_file() else b""
        if old and not old.endswith(b"\n"):
            line = "\n" + line
        path.touch(mode=0o600)
        with path.open("a") as file:
            file.write(line)
    except OSError as error:
        raise SshConfigurationError(
            f"The new host key of {hop.name} could not be saved.",
            why=f"{path}: {error.strerror or error}.",
            fix="Make the file writable, or name another one in the SSH configuration.",
        ) from error


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines() if path.is_file() else []
    except OSError as error:
        raise SshConfigurationError(
            f"The known hosts in {path} cannot be read.",
            why=f"{error.strerror or error}.",
            fix="Make the file readable.",
        ) from error


def _parse(line: str) -> KnownKey | None:
    fields = line.split()
    marker = fields.pop(0) if fields and fields[0] in _MARKERS else ""
    if len(fields) < 3 or fields[0].startswith("#"):
        return None
    return KnownKey(marker=marker, hosts=fields[0], key_type=fields[1], key=fields[2])


def _hash_matches(hashed: str, name: str) -> bool:
    _, _, salt, digest = ([*hashed.split("|"), "", ""])[:4]
    try:
        expected = hmac.new(base64.b64decode(salt), name.encode(), hashlib.sha1).digest()
        return hmac.compare_digest(expected, base64.b64decode(digest))
    except ValueError:  # not base64: a line for nobody
        return False


def _glob_matches(pattern: str, name: str) -> bool:
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, name) is not None
