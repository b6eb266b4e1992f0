"""Counting instructions where QEMU takes no plugins (Debian 13's is linked statically): from its log.

With `-d in_asm,exec,nochain` QEMU lists each translation block once, instruction by instruction, and
then names it at every execution. The numbers are those of the plugin, to the last instruction; it takes
some ten times longer.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MARK = b"edgekit_step_mark"


def run_traced(
    qemu: Sequence[str], argv: Sequence[str], timeout_seconds: float
) -> tuple[subprocess.CompletedProcess[bytes], tuple[int, ...]]:
    """Run a program under QEMU, reading its log as it is written; the counts between marks come with it.

    Raises:
        subprocess.TimeoutExpired: it did not end in time, and was killed.
    """
    reader, writer = os.pipe()
    command = [*qemu, "-d", "in_asm,exec,nochain", "-D", f"/dev/fd/{writer}", *argv]
    with (
        os.fdopen(reader, "rb", buffering=1 << 20) as log,
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
    ):
        try:
            program = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env={}, pass_fds=(writer,)
            )
        finally:
            os.close(writer)
        late = threading.Timer(timeout_seconds, program.kill)
        with program:
            late.start()
            counts = count_trace(log)
        expired = late.finished.is_set()
        late.cancel()
        printed = [_all_of(stream) for stream in (output, errors)]
    if expired:
        raise subprocess.TimeoutExpired(command, timeout_seconds)
    return subprocess.CompletedProcess(command, program.returncode, *printed), counts


def count_trace(log: Iterable[bytes]) -> tuple[int, ...]:
    """The executed instructions between each two marks, from the lines of QEMU's log."""
    lengths: dict[bytes, int] = {}  # of each block, by its address on the host
    counts: list[int] = []
    mark: bytes | None = None  # the address of the marking function's entry
    listed = current = length = 0
    for line in log:
        if line.startswith(b"Trace"):
            _, _, block, place, *symbol = line.split()
            if listed:
                lengths[block], listed = listed, 0
            if symbol and symbol[0] == _MARK:
                address = place.split(b"/")[1]
                mark = mark or address
                if address == mark:
                    counts.append(current)
                    current = 0
                length = 0
            else:
                length = lengths[block]
                current += length
        elif line.startswith(b"0x"):
            listed += 1
        elif line.startswith(b"IN:"):
            listed = 0
        elif line.startswith(b"Stopped"):  # the block named last was left before its first instruction
            current -= length
    return tuple(counts[1:])


def _all_of(stream: IO[bytes]) -> bytes:
    stream.seek(0)
    return stream.read()
