"""The releases of a model on a device: reading their records, and removing old ones."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING, Any

from edgekit.deploy.layout import RECORD_NAME, Layout, run_script
from edgekit.deploy.lock import LOCK_FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgekit.devices.device import Device

_FAILED_NAME = "failed"  # a file in a release that must not serve again; it holds the reason

_SURVEY = (
    LOCK_FUNCTIONS
    + rf"""
cd "$1" 2>/dev/null || exit 0
echo '@@ space'; df -Pk .
echo '@@ current'; readlink current
echo '@@ lock'; lock_owner
for record in releases/*/{RECORD_NAME}; do
  [ -f "$record" ] || continue
  folder=${{record%/*}}
  id=${{folder#releases/}}
  echo "@@ record $id"; cat "$record"; echo
  [ ! -e "$folder/{_FAILED_NAME}" ] || {{ echo "@@ failed $id"; cat "$folder/{_FAILED_NAME}"; echo; }}
  [ "$2" != sums ] || {{ echo "@@ sums $id"; (cd "$folder" && sha256sum -- *); }}
done
exit 0
"""
)

# By renaming first, a removal that is cut short leaves litter, and never half a release.
_REMOVE = r"""
cd "$1" && shift || exit
for id; do
  mv "releases/$id" "staging-removed-$id" && rm -rf "staging-removed-$id" || exit
done
"""

_MARK_FAILED = rf'cd "$1" && printf "%s\n" "$2" >{_FAILED_NAME}'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Release:
    """One complete release on a device, as its record tells."""

    id: str  # sorts by time
    deployed_by: str  # "ann@laptop"
    deployed_at: str  # UTC, ISO 8601
    target: str
    library: str
    digest: str  # SHA-256 of the bundle's manifest
    golden_frames: int | None  # frames equal to the oracle's; None where there was no oracle
    previous: str | None  # what served before it
    files: Mapping[str, str]  # name to SHA-256
    failed: str | None  # why it must not serve again
    altered: tuple[str, ...] | None  # files that are not as deployed; None if not looked at


@dataclasses.dataclass(frozen=True, kw_only=True)
class Survey:
    """What lies in a model's folder on a device."""

    current: str | None
    lock_owner: str | None
    free_kib: int | None
    releases: tuple[Release, ...]  # oldest first

    def find(self, release_id: str | None) -> Release | None:
        """The release with this identifier, if it is there."""
        return next((release for release in self.releases if release.id == release_id), None)

    def before(self, release_id: str) -> Release | None:
        """The release to go back to from another: what served before it, else the next older good one."""
        release = self.find(release_id)
        served = self.find(release.previous) if release is not None else None
        if served is not None and served.failed is None:
            return served
        older = [other for other in self.releases if other.id < release_id and other.failed is None]
        return older[-1] if older else None


def survey(device: Device, layout: Layout, *, with_digests: bool = False) -> Survey:
    """Read all records in one go; `with_digests` also hashes every file there.

    Raises:
        DeviceError: the device cannot be reached or lacks a tool.
    """
    mode = "sums" if with_digests else "records"
    text = run_script(device, f"list the releases in {layout.directory}", _SURVEY, layout.directory, mode)
    parts = re.split(r"^@@ (.+)$", text, flags=re.MULTILINE)
    sections = {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}
    names = [name.partition(" ")[2] for name in sections if name.startswith("record ")]
    releases = [_release(name, sections) for name in sorted(names)]
    return Survey(
        current=sections.get("current", "").rpartition("/")[2] or None,
        lock_owner=sections.get("lock") or None,
        free_kib=free_kib(sections.get("space", "")),
        releases=tuple(release for release in releases if release is not None),
    )


def free_kib(df: str) -> int | None:
    """Available KiB from what `df -Pk` prints; None if that is unreadable."""
    # Total, used, available and the share, before the mount point; a device's name may hold spaces.
    match = re.search(r"\s\d+\s+\d+\s+(\d+)\s+(?:\d+%|-)\s+/[^\n]*$", df.rstrip())
    return int(match[1]) if match is not None else None


def parse_digests(sha256sum: str) -> dict[str, str]:
    """File name to digest, from what `sha256sum` prints."""
    pairs = (line.split(maxsplit=1) for line in sha256sum.splitlines())
    return {pair[1].lstrip("*"): pair[0] for pair in pairs if len(pair) == 2}


def mark_failed(device: Device, layout: Layout, release_id: str, reason: str) -> None:
    """See that a release is never gone back to."""
    run_script(device, f"mark {release_id} as failed", _MARK_FAILED, layout.release(release_id), reason)


def prune(device: Device, layout: Layout, found: Survey, *, current: str, keep: int) -> tuple[str, ...]:
    """Remove failed releases and all but `keep` others; return what went.

    The current one stays, then the one it took over from, then the newest.
    """
    previous = found.before(current)
    ranked = [current, *([previous.id] if previous is not None else [])]
    ranked += [release.id for release in reversed(found.releases) if release.failed is None]
    kept = list(dict.fromkeys(ranked))[:keep]
    gone = tuple(release.id for release in found.releases if release.id not in kept)
    if gone:
        run_script(device, "remove old releases", _REMOVE, layout.directory, *gone)
    return gone


def make_record(release: Release) -> bytes:
    """The text of a release's record. One line, so that the survey cannot mistake it."""
    fields = {
        field.name: getattr(release, field.name)
        for field in dataclasses.fields(Release)
        if field.name not in ("id", "failed", "altered")
    }
    return (json.dumps({"schema_version": 1, **fields}, sort_keys=True) + "\n").encode()


def _release(name: str, sections: Mapping[str, str]) -> Release | None:
    """A release from its sections; None if its record cannot be read (another EdgeKit's, or damaged)."""
    try:
        record: dict[str, Any] = json.loads(sections[f"record {name}"])
        if record.pop("schema_version") != 1:
            return None
        files: Mapping[str, str] = record["files"]
        sums = sections.get(f"sums {name}")
        return Release(
            id=name,
            failed=sections.get(f"failed {name}"),
            altered=None if sums is None else _altered(files, sums),
            **record,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _altered(files: Mapping[str, str], sums: str) -> tuple[str, ...]:
    found = parse_digests(sums)
    return tuple(sorted(name for name, digest in files.items() if found.get(name) != digest))
