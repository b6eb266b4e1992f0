"""Which device the user means, in the user's words. Nothing is connected or resolved here."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeviceChoice:
    """A host to reach over SSH, a microcontroller's debug probe, the emulated board, or (none of them) this
    machine if it can run the bundle.

    What is None comes from the user's SSH configuration, as with the `ssh` command.
    """

    host: str | None = None
    user: str | None = None
    port: int | None = None
    identity: Path | None = None  # a private key file
    jump: str | None = None  # "user@host:port,host2", as for `ssh -J`
    accept_new_host_key: bool = False
    emulated: bool = False
    probe: bool = False  # the board itself, by its debug probe: of builds for microcontrollers
    probe_serial: str | None = None  # of the probe; None where there is only one
