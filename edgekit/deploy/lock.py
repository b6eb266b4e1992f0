"""One deploy at a time for each model on a device.

The lock is a symbolic link, which is made atomically together with its text: the process that holds
it on the device, and who started that. The process waits for the end of its input, which comes when
the deploy ends, is killed or loses its connection; so only a device that lost its power, or a
killed holder, leaves a lock behind. Then no process has that number, start time and boot.
"""

from __future__ import annotations

import datetime as dt
import getpass
import socket
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from edgekit.deploy.errors import DeployLockedError
from edgekit.deploy.layout import NO_SPACE
from edgekit.errors import DeviceDiskFullError, DeviceError, DeviceRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgekit.deploy.layout import Layout
    from edgekit.devices.device import Device, Started

# Shell functions for whoever looks at a lock: `lock_owner` prints who holds it, and fails if nobody does.
LOCK_FUNCTIONS = r"""
boot=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null) || boot=unknown
start_time() {  # of process $1; tells it from a later one of the same number
  { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
  set -- ${line##*) }
  echo "${20}"
}
lock_owner() {
  text=$(readlink lock) || return 1
  holder=${text%% *}
  [ "${holder%%:*}" = "$boot" ] || return 1
  process=${holder#*:}
  if now=$(start_time "${process%%:*}"); then
    [ "$now" = "${process#*:}" ] || return 1
  else
    kill -0 "${process%%:*}" 2>/dev/null || return 1
  fi
  printf '%s\n' "${text#* }"
}
"""

# An ignored SIGHUP or SIGPIPE must not keep the lock from being removed when the connection breaks.
_HOLD = (
    LOCK_FUNCTIONS
    + r"""
trap '' HUP PIPE
if ! problem=$(mkdir -p "$1/releases" 2>&1); then echo "failed $problem"; exit 1; fi
cd "$1" || exit
mine="$boot:$$:$(start_time $$) $2"
if ! ln -s "$mine" lock 2>/dev/null; then
  seen=$(readlink lock)
  if owner=$(lock_owner); then echo "held $owner"; exit; fi
  # Stale. Moving it away is atomic; if another deploy was faster, what was moved is its lock.
  mv lock "litter-lock-$$" 2>/dev/null
  moved=$(readlink "litter-lock-$$"); rm -f "litter-lock-$$"
  [ "$moved" = "$seen" ] || ln -s "$moved" lock 2>/dev/null
  if ! problem=$(ln -s "$mine" lock 2>&1); then
    if owner=$(lock_owner); then echo "held $owner"; else echo "failed $problem"; fi
    exit 1
  fi
fi
echo locked
cat >/dev/null
[ "$(readlink lock)" = "$mine" ] && rm -f lock
"""
)

# A deploy whose connection just broke frees its lock a moment later.
_PATIENCE_SECONDS = 3.0
_PAUSE_SECONDS = 0.25


def who() -> str:
    """Who we are, for others: "ann@laptop"."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def utc_now() -> dt.datetime:
    """This machine's clock; a device's may stand in 1970."""
    return dt.datetime.now(dt.UTC)


def describe_us() -> str:
    """The owner's text of a lock that we take now."""
    return f"{who()} at {utc_now().isoformat(timespec='seconds')}"


@contextmanager
def locked(device: Device, layout: Layout, owner: str) -> Iterator[None]:
    """Hold the lock of a model on a device; `owner` is what others are told: "ann@laptop since …".

    Raises:
        DeployLockedError: another deploy holds it.
        DeviceRefusedError: the folder cannot be made.
        DeviceError: the device cannot be reached.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        with device.start("sh", "-c", _HOLD, "sh", layout.directory, owner) as holder:
            greeting = holder.line().decode(errors="replace")
            if greeting == "locked":
                try:
                    yield
                finally:
                    _release(holder)
                return
        if not greeting.startswith("held "):
            raise _no_folder(device, layout, greeting.removeprefix("failed "))
        if time.monotonic() > deadline:
            raise DeployLockedError(
                f"Another deploy to {layout.directory} on {device.name} is under way.",
                why=f"It was started by {greeting.removeprefix('held ')}.",
                fix="Wait for its end and run the command again.",
            )
        time.sleep(_PAUSE_SECONDS)


def _no_folder(device: Device, layout: Layout, words: str) -> DeviceError:
    what = f"{device.name} cannot use the folder {layout.directory}."
    if NO_SPACE in words:
        return DeviceDiskFullError(what, why=words, fix="Free some space there, then run the command again.")
    fix = "Check that the folder above it is writable, or give another --root."
    return DeviceRefusedError(what, why=words or "Its shell gave no reason.", fix=fix)


def _release(holder: Started) -> None:
    # With the connection gone, the end of its input tells the holder the same.
    with suppress(DeviceError):
        holder.answer(b"")
