"""Forms of a model that need less memory: first layers in bands, integers at the edges."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from typing import TYPE_CHECKING

from edgekit.ingest.integer_interface import with_integer_interface

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edgekit.artifacts import LoweredModule, QuantizedModel, TunedModule
    from edgekit.codegen.firmware import Firmware


class Patches(StrEnum):
    """Whether a network's first layers may run band by band."""

    OFF = "off"
    AUTO = "auto"  # where that is what it takes to fit, or where nothing says how much there is


class Interface(StrEnum):
    """What a build's inputs and outputs are."""

    FILE = "file"  # what the model's file says
    INTEGER = "integer"  # its QUANTIZE and DEQUANTIZE at the edges are left to the caller


@dataclasses.dataclass(frozen=True)
class Thrift:
    """What may be done to a model for the sake of memory.

    No interface means the file's; with patches, whichever needs less memory.
    """

    patches: Patches = Patches.OFF
    interface: Interface | None = None


LAVISH = Thrift()
THRIFTY = Thrift(Patches.AUTO)


@dataclasses.dataclass(frozen=True)
class Attempt:
    """A form of a model, and what the stages made of it."""

    model: QuantizedModel
    lowered: LoweredModule
    tuned: TunedModule
    firmware: Firmware  # its memory is planned; no C of it is written

    @property
    def ram_bytes(self) -> int:
        """Of its arena and state."""
        return self.firmware.needs.ram_bytes


def attempt_until_it_fits(
    model: QuantizedModel,
    thrift: Thrift,
    limit_bytes: int | None,
    attempt: Callable[[QuantizedModel, bool], Attempt],
) -> Attempt:
    """The first form that fits, from the one least changed on; where none does, or any would, the smallest.

    `attempt` makes a form: of which model, and whether in bands.
    """
    made: list[Attempt] = []
    for form, in_bands in _forms(model, thrift):
        made.append(attempt(form, in_bands))
        if limit_bytes is not None and made[-1].ram_bytes <= limit_bytes:
            return made[-1]
    return min(made, key=lambda each: each.ram_bytes)


def _forms(model: QuantizedModel, thrift: Thrift) -> Iterator[tuple[QuantizedModel, bool]]:
    integer = with_integer_interface(model)
    may_change = thrift.interface is None and thrift.patches is Patches.AUTO
    models = [integer if thrift.interface is Interface.INTEGER else model]
    if may_change and integer.graph != model.graph:
        models.append(integer)
    for form in models:
        yield form, False
        if thrift.patches is Patches.AUTO:
            yield form, True
