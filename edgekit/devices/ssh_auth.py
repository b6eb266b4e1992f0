"""Logging in with keys: those that are named, the agent's, then the usual files. Never a password."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import paramiko
from paramiko.pkey import UnknownKeyType

from edgekit.errors import AuthenticationRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edgekit.devices.ssh_config import Hop

# What paramiko and cryptography raise for a key file that is encrypted, damaged or of no known type.
_UNUSABLE_KEY = (paramiko.SSHException, UnknownKeyType, ValueError, TypeError, OSError)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Candidate:
    label: str
    key: paramiko.PKey | None
    unusable: str = ""  # why there is no key


def log_in(transport: paramiko.Transport, hop: Hop) -> None:
    """Authenticate on a connection whose host key was checked.

    Raises:
        AuthenticationRefusedError: the device took none of the keys; the message lists them.
        paramiko.SSHException: the connection broke meanwhile.
    """
    tried: list[str] = []
    for candidate in _candidates(hop):
        if candidate.key is None:
            tried.append(f"{candidate.label} ({candidate.unusable})")
            continue
        try:
            wanted = transport.auth_publickey(hop.user, candidate.key)
        except paramiko.BadAuthenticationType as error:
            raise _refused(hop, tried, f"It takes only: {', '.join(error.allowed_types)}.") from error
        except paramiko.AuthenticationException as error:
            tried.append(candidate.label)
            if not transport.is_active():
                raise _refused(hop, tried, "Then it closed the connection.") from error
            continue
        if not wanted:
            return
        raise _refused(hop, tried, f"After the key it also wants: {', '.join(wanted)}.")
    raise _refused(hop, tried, "")


def _candidates(hop: Hop) -> Iterator[_Candidate]:
    for path in hop.identities:
        if path.is_file():
            yield _from_file(path)
    yield from _from_agent(hop)
    if not hop.identities:
        for path in hop.default_identities:
            if path.is_file():
                yield _from_file(path)


def _from_file(path: Path) -> _Candidate:
    try:
        return _Candidate(label=str(path), key=paramiko.PKey.from_path(path))
    except (paramiko.PasswordRequiredException, TypeError):
        reason = f"has a passphrase: unlock it with `ssh-add {path}`"
    except _UNUSABLE_KEY as error:
        reason = f"cannot be read: {error}"
    return _Candidate(label=str(path), key=None, unusable=reason)


def _from_agent(hop: Hop) -> Iterator[_Candidate]:
    try:
        agent = paramiko.Agent()
    except (paramiko.SSHException, OSError) as error:
        yield _Candidate(label="the SSH agent", key=None, unusable=f"cannot be asked: {error}")
        return
    try:
        named = {_public_half(path) for path in hop.identities}
        for key in agent.get_keys():
            if not hop.identities_only or key.get_base64() in named:
                comment = getattr(key, "comment", "") or key.get_name()
                yield _Candidate(label=f"the agent's {comment}", key=key)
    finally:
        agent.close()


def _public_half(path: Path) -> str:
    try:
        return path.with_name(path.name + ".pub").read_text().split()[1]
    except (OSError, IndexError, UnicodeDecodeError):
        return ""


def _refused(hop: Hop, tried: list[str], detail: str) -> AuthenticationRefusedError:
    keys = f"It refused {', '.join(tried)}." if tried else "There is no key to offer."
    return AuthenticationRefusedError(
        f"{hop.name} does not let us in.",
        why=f"{keys} {detail}".strip(),
        fix=f"Copy your public key there (ssh-copy-id -p {hop.port} {hop.user}@{hop.host}), or name the "
        "right --user and --identity.",
    )
