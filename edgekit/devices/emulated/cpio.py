"""Writing the archive that Linux takes as its initial file system ("newc" cpio)."""

from __future__ import annotations

import dataclasses
import stat


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """A file, folder or link of the archive; everything belongs to root."""

    path: str  # relative: "bin/busybox"
    mode: int  # with the file type's bits
    data: bytes = b""  # a link's is its target


def directory(path: str) -> Entry:
    """A folder."""
    return Entry(path=path, mode=stat.S_IFDIR | 0o755)


def file(path: str, data: bytes, *, executable: bool = False) -> Entry:
    """A regular file."""
    return Entry(path=path, mode=stat.S_IFREG | (0o755 if executable else 0o644), data=data)


def link(path: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(path=path, mode=stat.S_IFLNK | 0o777, data=target.encode())


def archive(entries: tuple[Entry, ...]) -> bytes:
    """The archive's bytes. A folder must come before what lies in it."""
    records = [_record(number, entry) for number, entry in enumerate(entries, start=1)]
    return b"".join([*records, _record(0, Entry(path="TRAILER!!!", mode=0))])


def _record(inode: int, entry: Entry) -> bytes:
    name = entry.path.encode() + b"\0"
    # inode, mode, uid, gid, links, time, size, device (4 fields), name's size, check
    fields = (inode, entry.mode, 0, 0, 1, 0, len(entry.data), 0, 0, 0, 0, len(name), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(header + name) + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
