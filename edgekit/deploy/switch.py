"""Making another release the current one, so that it does not stay unless we say so.

The device switches, tells us, and waits. Only the word "keep" makes it stay: when the health check
fails, the connection breaks or our process dies, the device switches back by itself.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from edgekit.deploy.check import check_golden
from edgekit.deploy.errors import RolledBackError, with_outcome
from edgekit.deploy.releases import mark_failed
from edgekit.errors import ConnectionLostError, DeviceError, DeviceRefusedError, EdgeKitError

if TYPE_CHECKING:
    from edgekit.deploy.layout import Layout
    from edgekit.devices.device import Device, Started

# `mv -T` is one rename(2). An old busybox lacks -T; its `ln -sfn` leaves a very short gap.
_SWITCH = r"""
trap '' HUP PIPE
cd "$1" || exit
old=$(readlink current)
point() {
  rm -f .current.new
  ln -s "$1" .current.new || return
  mv -T .current.new current 2>/dev/null || ln -sfn "$1" current || return
  rm -f .current.new
  [ "$(readlink current)" = "$1" ]  # ln puts the link into a `current` that is a folder
}
if ! problem=$(point "$2" 2>&1); then echo "refused $problem"; exit 1; fi
echo "serving $(readlink current)"
read -r answer
[ "$answer" = keep ] && exit 0
if [ -n "$old" ]; then point "$old"; else rm -f current; fi || exit
exit 10
"""
_KEPT, _WENT_BACK = 0, 10


def switch(
    device: Device, layout: Layout, *, to: str, before: str | None, library: str, is_checked: bool
) -> None:
    """Let the release `to` serve, check its health where it serves, and keep it.

    Raises:
        RolledBackError: it failed there; `before` serves again, and `to` is marked as failed.
        ConnectionLostError: the connection broke; the message says what serves.
        DeviceRefusedError: the device could not switch, or not say that it did what it was told.
    """
    serves = f"{before} serves" if before is not None else "nothing serves, as before"
    outcome = f"Not told to stay, the device goes back by itself: {serves}."
    try:
        with device.start("sh", "-c", _SWITCH, "sh", layout.directory, f"releases/{to}") as program:
            _read_back(program, device, to)
            failure = _health(device, layout, library, is_checked=is_checked)
            if failure is None:
                outcome = f"`edgekit status` says whether {to} serves or the one before; both are whole."
            ended = program.answer(b"keep\n" if failure is None else b"back\n")
    except DeviceError as error:
        raise with_outcome(error, outcome) from error
    if failure is None:
        if ended != _KEPT:
            raise _disobeyed(device, f"keep release {to}", f"Its shell ended with {ended}.")
        return
    reason = " ".join(f"{failure.what} {failure.why}".split())
    with suppress(DeviceError):  # what matters has happened; the mark only spares a second try
        mark_failed(device, layout, to, reason)
    if ended != _WENT_BACK:
        raise _disobeyed(device, f"take back release {to}, which failed there", reason) from failure
    raise RolledBackError(
        f"Release {to} failed on {device.name} after the switch, and was taken back: {serves}.",
        why=reason,
        fix="Correct what the reason names, build again and deploy again.",
    ) from failure


def _health(device: Device, layout: Layout, library: str, *, is_checked: bool) -> EdgeKitError | None:
    """What is wrong with the release in its place; a lost connection says nothing about it."""
    try:
        check_golden(device, layout.current, library, is_checked=is_checked)
    except ConnectionLostError:
        raise
    except EdgeKitError as error:
        return error
    return None


def _disobeyed(device: Device, doing: str, why: str) -> DeviceRefusedError:
    return DeviceRefusedError(
        f"{device.name} did not {doing}.",
        why=why,
        fix="`edgekit status` says what serves there, and `edgekit rollback` goes back; check the folder's "
        "permissions and the device's disk.",
    )


def _read_back(program: Started, device: Device, to: str) -> None:
    answer = program.line().decode(errors="replace")
    if answer != f"serving releases/{to}":
        raise DeviceRefusedError(
            f"{device.name} could not switch to release {to}.",
            why=answer.removeprefix("refused ") or "Its shell gave no reason.",
            fix="Check the folder's permissions and the device's disk.",
        )
