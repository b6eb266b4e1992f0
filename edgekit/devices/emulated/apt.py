"""Packages of another architecture, through a private apt that leaves the host's own untouched.

The archive is whatever this machine's own apt uses: its addresses, release, proxy and other
`Acquire` settings are taken over, so nothing here names a server.
"""

from __future__ import annotations

import dataclasses
import os
import platform
import re
from pathlib import Path

from edgekit.devices.emulated.tools import run_tool
from edgekit.errors import EmulatorFailedError

_INDEX_FORMAT = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)"
# Ubuntu keeps arm64 and armhf apart from amd64: archive.X/ubuntu and security.X/ubuntu hold only
# amd64, and ports.X/ubuntu-ports has the rest under the same suites.
_UBUNTU_PRIMARY = re.compile(r"^(https?://)(?:[a-z]{2}\.)?(?:archive|security)\.([^/]+)/ubuntu/?$")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Release:
    """The distribution release of this machine, whose packages the board gets."""

    distribution: str  # "debian" or "ubuntu"
    codename: str  # "bookworm"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Repository:
    """One line of a sources.list."""

    uri: str
    suite: str
    component: str


def host_release() -> Release:
    """Which Debian or Ubuntu release this machine runs.

    Raises:
        EmulatorFailedError: it runs neither, so there is no archive to take an ARM userland from.
    """
    try:
        fields = platform.freedesktop_os_release()
    except OSError:
        fields = {}
    distribution, codename = fields.get("ID", "unknown"), fields.get("VERSION_CODENAME", "")
    if distribution not in ("debian", "ubuntu") or not codename:
        raise EmulatorFailedError(
            f"There is no emulated board for this machine's distribution ({distribution!r}).",
            why="The board is made from the packages of the Debian or Ubuntu release that runs here.",
            fix="Use a Debian or Ubuntu machine or container, or a real board with --host.",
        )
    return Release(distribution=distribution, codename=codename)


def ports_uri(uri: str, distribution: str) -> str:
    """Where a distribution keeps its ARM packages, given an address that this machine's apt uses."""
    if distribution != "ubuntu":
        return uri
    return _UBUNTU_PRIMARY.sub(r"\1ports.\2/ubuntu-ports/", uri)


def host_repositories(release: Release) -> tuple[Repository, ...]:
    """The distribution's own repositories among those that this machine's apt is set up for."""
    listing = run_tool(
        "apt-get", "indextargets", "--format", _INDEX_FORMAT, "Created-By: Packages",
        purpose="Listing this machine's package sources",
    )  # fmt: skip
    return select_repositories(listing, release)


def select_repositories(listing: str, release: Release) -> tuple[Repository, ...]:
    """Pick a release's main repositories out of `apt-get indextargets` lines; third parties' are left out.

    Raises:
        EmulatorFailedError: none is left.
    """
    suites = {release.codename, f"{release.codename}-updates", f"{release.codename}-security"}
    found: dict[Repository, None] = {}  # an ordered set
    for line in listing.splitlines():
        uri, suite, component, origin = line.split("|")
        # The origin is known only after an `apt-get update`; until then apt leaves its name in place.
        is_foreign = origin.lower() not in (release.distribution, "", "$(origin)")
        if suite in suites and component in ("main", "universe") and not is_foreign:
            uri = ports_uri(uri, release.distribution)
            found[Repository(uri=uri, suite=suite, component=component)] = None
    if not found:
        raise EmulatorFailedError(
            f"No package source of {release.distribution} {release.codename} was found.",
            why="This machine's apt has no main repository of its own release set up.",
            fix="Add one to /etc/apt/sources.list, run apt-get update, and try again.",
        )
    return tuple(found)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PrivateApt:
    """An apt with its own state for one foreign architecture, under `directory`."""

    directory: Path
    architecture: str  # Debian's name: "arm64", "armhf"

    @property
    def archives(self) -> Path:
        """Where downloaded .deb files lie."""
        return self.directory / "archives"

    def prepare(self, release: Release, repositories: tuple[Repository, ...]) -> None:
        """Write the configuration and fetch the package indexes.

        Raises:
            EmulatorFailedError: the index of the release itself could not be fetched.
        """
        for name in ("state/lists/partial", "archives/partial", "etc/apt.conf.d", "etc/sources.list.d"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        (self.directory / "status").write_text("")  # what dpkg has installed: nothing
        keyring = Path(f"/usr/share/keyrings/{release.distribution}-archive-keyring.gpg")
        option = f" [signed-by={keyring}]" if keyring.exists() else ""
        sources = [f"deb{option} {r.uri} {r.suite} {r.component}" for r in repositories]
        (self.directory / "etc/sources.list").write_text("\n".join(sources) + "\n")
        settings = [*_host_acquire_settings(), *self._settings()]
        self._configuration.write_text("\n".join(settings) + "\n")
        try:
            # Left to itself, apt calls it a success when no server answers.
            self._apt("--error-on=any", "update", purpose="Fetching the package index")
        except EmulatorFailedError as error:
            # One suite of a mirror in the middle of its update must not stop us: apt has kept the others,
            # and a package that is missing then is reported by its name.
            index = f"*_dists_{release.codename}_main_binary-{self.architecture}_Packages*"
            if not any((self.directory / "state/lists").glob(index)):
                raise _archive_unreachable(self.architecture, repositories, error) from error

    def download(self, packages: tuple[str, ...]) -> tuple[Path, ...]:
        """Fetch packages and what they depend on into `archives`; returns all .deb files of it.

        A name with a trailing "-" keeps that package out.

        Raises:
            EmulatorFailedError: apt cannot resolve or fetch them.
        """
        names = [
            f"{p[:-1]}:{self.architecture}-" if p.endswith("-") else f"{p}:{self.architecture}"
            for p in packages
        ]
        self._apt(
            "--download-only", "--no-install-recommends", "--assume-yes", "install", *names,
            purpose=f"Downloading packages for {self.architecture}",
        )  # fmt: skip
        return tuple(sorted(self.archives.glob("*.deb")))

    @property
    def _configuration(self) -> Path:
        return self.directory / "apt.conf"

    def _settings(self) -> list[str]:
        etc = self.directory / "etc"
        return [
            f'Dir::State "{self.directory / "state"}";',
            f'Dir::State::status "{self.directory / "status"}";',
            f'Dir::Cache "{self.directory}";',
            f'Dir::Cache::archives "{self.archives}";',
            f'Dir::Etc "{etc}";',
            f'Dir::Etc::parts "{etc / "apt.conf.d"}";',
            'Dir::Etc::trustedparts "/etc/apt/trusted.gpg.d";',
            f'Dir::Log "{self.directory}";',
            f'APT::Architecture "{self.architecture}";',
            "#clear APT::Architectures;",
            f'APT::Architectures {{ "{self.architecture}"; }};',
            'APT::Install-Recommends "false";',
            # apt, run as root, would fetch as the user _apt, who may not enter this directory.
            'APT::Sandbox::User "";',
            'Acquire::Languages "none";',
            'Acquire::Retries "3";',
            'Debug::NoLocking "true";',  # the caller holds a lock of its own
        ]

    def _apt(self, *arguments: str, purpose: str) -> str:
        environment = {**os.environ, "APT_CONFIG": str(self._configuration), "LC_ALL": "C"}
        return run_tool("apt-get", "-q", *arguments, purpose=purpose, environment=environment)


def _archive_unreachable(
    architecture: str, repositories: tuple[Repository, ...], error: EmulatorFailedError
) -> EmulatorFailedError:
    archives = ", ".join(dict.fromkeys(r.uri for r in repositories))
    return EmulatorFailedError(
        f"The list of {architecture} packages, of which the emulated board is made, could not be fetched.",
        why=f"The archive cannot be reached, or has nothing for {architecture}: {archives}. {error.why}",
        fix="Check the network, and the proxy and the mirror that this machine's apt is set up for; "
        "then try again. Or use a real board with --host.",
    )


def _host_acquire_settings() -> list[str]:
    """This machine's proxies, retries and validity checks, as lines of an apt configuration."""
    dump = run_tool("apt-config", "dump", purpose="Reading this machine's apt settings")
    return [
        line
        for line in dump.splitlines()
        if line.startswith("Acquire::")
        and not line.startswith("Acquire::IndexTargets")
        and not line.endswith(' "";')
    ]
