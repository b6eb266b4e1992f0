"""From the host that the user names to the list of machines to go through, as OpenSSH would."""

from __future__ import annotations

import dataclasses
import getpass
import re
from pathlib import Path

import paramiko

from edgekit.errors import SshConfigurationError

_DEFAULT_PORT = 22
_MAX_INCLUDE_DEPTH = 16  # OpenSSH's own limit
_MAX_JUMPS = 8
_DEFAULT_IDENTITIES = ("id_ed25519", "id_ecdsa", "id_rsa")
_SYSTEM_KNOWN_HOSTS = Path("/etc/ssh/ssh_known_hosts")
_JUMP = re.compile(r"(?:(?P<user>[^@]+)@)?(?P<host>\[[^]]+\]|[^:]+)(?::(?P<port>\d+))?")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SshAddress:
    """Where a device is, in the user's words. What is None comes from the SSH configuration."""

    host: str  # may be "user@host"
    user: str | None = None
    port: int | None = None
    identity: Path | None = None  # a private key file
    jump: str | None = None  # "user@host:port,host2", as for `ssh -J`
    known_hosts: Path | None = None
    accept_new_host_key: bool = False
    config: Path | None = None  # instead of ~/.ssh/config


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hop:
    """One machine on the way, fully resolved."""

    host: str
    port: int
    user: str
    identities: tuple[Path, ...]  # private key files that the user or the configuration names
    default_identities: tuple[Path, ...]  # those tried when nothing is named
    identities_only: bool  # of the agent's keys, only those in `identities`
    known_hosts: tuple[Path, ...]  # the first one takes new keys
    host_key_alias: str | None = None

    @property
    def name(self) -> str:
        """How messages call this machine: "pi@pi.local:22"."""
        return f"{self.user}@{self.host}:{self.port}"

    @property
    def known_hosts_name(self) -> str:
        """The name its key has in known_hosts files."""
        if self.host_key_alias is not None:
            return self.host_key_alias
        return self.host if self.port == _DEFAULT_PORT else f"[{self.host}]:{self.port}"


def resolve(address: SshAddress) -> tuple[Hop, ...]:
    """The machines to go through, the device last.

    Honours HostName, User, Port, IdentityFile, IdentitiesOnly, ProxyJump, UserKnownHostsFile,
    HostKeyAlias, Host, Match and Include.

    Raises:
        SshConfigurationError: the configuration cannot be read or asks for what is not supported.
    """
    config = _load(address.config or Path.home() / ".ssh" / "config")
    if address.identity is not None and not address.identity.expanduser().is_file():
        raise SshConfigurationError(
            f"There is no key file {address.identity}.",
            why="It was given as the identity to log in with.",
            fix="Give the path of a private key, or leave it out to use the SSH agent and ~/.ssh.",
        )
    user, _, host = address.host.rpartition("@")
    device = dataclasses.replace(address, host=host, user=address.user or user or None)
    return _chain(device, config, depth=0)


def _chain(address: SshAddress, config: paramiko.SSHConfig, depth: int) -> tuple[Hop, ...]:
    if depth > _MAX_JUMPS:
        raise SshConfigurationError(
            f"The way to {address.host} goes through more than {_MAX_JUMPS} jump hosts.",
            why="ProxyJump entries of the SSH configuration lead in a circle.",
            fix="Check the ProxyJump lines in ~/.ssh/config.",
        )
    options = _lookup(config, address.host)
    jump = address.jump or options.get("proxyjump", "none")
    before: tuple[Hop, ...] = ()
    for number, word in enumerate(jump.split(",") if jump.lower() != "none" else ()):
        # As in OpenSSH, only the first jump host may have one of its own.
        own_jump = None if number == 0 else "none"
        before += _chain(_jump_address(word.strip(), own_jump, address), config, depth + 1)
    return (*before, _hop(address, options))


def _jump_address(word: str, own_jump: str | None, device: SshAddress) -> SshAddress:
    match = _JUMP.fullmatch(word)
    if match is None:
        raise SshConfigurationError(
            f"{word!r} is not a jump host.",
            why="A jump host is written [user@]host[:port], and several are separated by commas.",
            fix="Correct --jump, or ProxyJump in ~/.ssh/config.",
        )
    return SshAddress(
        host=match["host"].strip("[]"),
        user=match["user"],
        port=int(match["port"]) if match["port"] else None,
        jump=own_jump,
        known_hosts=device.known_hosts,
        accept_new_host_key=device.accept_new_host_key,
    )


def _hop(address: SshAddress, options: paramiko.SSHConfigDict) -> Hop:
    ssh = Path.home() / ".ssh"
    if options.get("proxycommand", "none").lower() != "none" and "proxyjump" not in options:
        raise SshConfigurationError(
            f"The SSH configuration of {address.host} has a ProxyCommand.",
            why="EdgeKit goes through other machines by ProxyJump only.",
            fix="Write it as ProxyJump in ~/.ssh/config, or give --jump.",
        )
    named = [address.identity] if address.identity is not None else []
    named += [Path(name) for name in options.get("identityfile", ())]
    return Hop(
        host=options["hostname"],
        port=address.port or _port(options.get("port", str(_DEFAULT_PORT))),
        user=address.user or options.get("user") or getpass.getuser(),
        identities=tuple(path.expanduser() for path in named if str(path).lower() != "none"),
        default_identities=tuple(ssh / name for name in _DEFAULT_IDENTITIES),
        identities_only=options.get("identitiesonly", "no").lower() == "yes",
        known_hosts=_known_hosts(address, options, ssh),
        host_key_alias=options.get("hostkeyalias"),
    )


def _known_hosts(address: SshAddress, options: paramiko.SSHConfigDict, ssh: Path) -> tuple[Path, ...]:
    if address.known_hosts is not None:
        return (address.known_hosts.expanduser(),)
    names = options.get("userknownhostsfile", str(ssh / "known_hosts")).split()
    own = tuple(Path(name).expanduser() for name in names if name.lower() != "none")
    return (*own, _SYSTEM_KNOWN_HOSTS)


def _port(text: str) -> int:
    if text.isdecimal() and 0 < int(text) < 65536:
        return int(text)
    raise SshConfigurationError(
        f"{text!r} is not a port.",
        why="The SSH configuration has it after Port.",
        fix="Correct the Port line in ~/.ssh/config.",
    )


def _load(path: Path) -> paramiko.SSHConfig:
    try:
        return paramiko.SSHConfig.from_text("\n".join(_lines(path, depth=0)))
    except (OSError, UnicodeDecodeError, paramiko.SSHException) as error:
        raise SshConfigurationError(
            f"The SSH configuration {path} cannot be read.",
            why=f"{error}",
            fix="Correct it; `ssh -G HOST` shows what OpenSSH makes of it.",
        ) from error


def _lookup(config: paramiko.SSHConfig, host: str) -> paramiko.SSHConfigDict:
    try:
        return config.lookup(host)
    except (OSError, paramiko.SSHException, ImportError) as error:
        # ImportError: paramiko runs `Match exec` through a package that is not required.
        raise SshConfigurationError(
            f"The SSH configuration of {host} cannot be used.",
            why=f"{error}",
            fix="Simplify its entry in ~/.ssh/config; `Match exec` is not supported.",
        ) from error


def _lines(path: Path, depth: int) -> list[str]:
    """The lines of a configuration file, with its Include lines (unknown to paramiko) expanded."""
    if depth > _MAX_INCLUDE_DEPTH or not path.is_file():
        return []
    result: list[str] = []
    block = "Host *"
    for line in path.read_text().splitlines():
        keyword, _, rest = line.strip().replace("=", " ", 1).partition(" ")
        if keyword.lower() in ("host", "match"):
            block = line
        if keyword.lower() != "include":
            result.append(line)
            continue
        for pattern in rest.split():
            for included in _included(pattern.strip('"')):
                result += _lines(included, depth + 1)
        result.append(block)  # what follows belongs to this file's block again
    return result


def _included(pattern: str) -> list[Path]:
    absolute = Path(pattern).expanduser()
    if absolute.is_absolute():
        return sorted(Path(absolute.anchor).glob(str(absolute.relative_to(absolute.anchor))))
    return sorted((Path.home() / ".ssh").glob(pattern))
