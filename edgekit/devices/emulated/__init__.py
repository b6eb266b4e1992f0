"""A board where there is none: a real SSH server into an ARM userland (or machine) that QEMU emulates."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgekit.devices.emulated.state import BoardInfo
    from edgekit.devices.ssh import SshDevice
    from edgekit.target import Target


def emulated_device(target: Target) -> SshDevice:
    """Connect to the board of `target` that is up. Close it, or use it in `with`.

    Raises:
        BoardNotRunningError: it is not up; `board.board_up` or `edgekit device up` starts it.
        DeviceError: it does not answer as it should; the subclass says how.
    """
    from edgekit.devices.emulated.board import board_info

    return connect_board(board_info(target.name))


def connect_board(board: BoardInfo) -> SshDevice:
    """Connect to a board that is up. Close it, or use it in `with`.

    Raises:
        DeviceError: it does not answer as it should; the subclass says how.
    """
    import os
    from pathlib import Path

    from edgekit.devices.ssh import SshAddress, connect

    address = SshAddress(
        host=board.host,
        user=board.user,
        port=board.port,
        identity=board.identity,
        known_hosts=board.known_hosts,
        config=Path(os.devnull),  # nothing that the user has set up for real hosts applies here
    )
    return connect(address, name=f"emulated {board.name}")
