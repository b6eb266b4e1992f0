"""What a schedule template is: which jobs it fits, which parameters it takes, and the kernel they give.

A template and one point of its space are a candidate. Every candidate of a job gives the same bytes;
they differ in speed alone, so that a search may take any of them.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgekit.artifacts import Origin
    from edgekit.schedule.cpu import CpuClass
    from edgekit.schedule.scheduled import Scheduled


@dataclasses.dataclass(frozen=True, init=False)
class Parameters(Mapping[str, int | str]):
    """A template's parameters by name: frozen, hashable, and the same text for the same values."""

    _items: tuple[tuple[str, int | str], ...]

    def __init__(self, **values: int | str) -> None:
        object.__setattr__(self, "_items", tuple(sorted(values.items())))

    def __getitem__(self, name: str) -> int | str:
        return dict(self._items)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._items))

    def __len__(self) -> int:
        return len(self._items)

    def number(self, name: str) -> int:
        """A parameter that is a number."""
        value = self[name]
        assert isinstance(value, int), name
        return value

    @property
    def text(self) -> str:
        """JSON with sorted keys, as a store keeps it."""
        return json.dumps(dict(self._items), separators=(",", ":"))

    @staticmethod
    def parse(text: str) -> Parameters:
        """The parameters that gave a text."""
        return Parameters(**json.loads(text))


NO_PARAMETERS = Parameters()


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """One kernel to schedule, for every call that shares it.

    `kind` is the canonical kernel's `edgekit.template` ("convolution"), `workload` the frozen dataclass of
    edgekit/compute that describes it (None if it has none), `function` the canonical PrimFunc.
    """

    kind: str
    workload: Any
    function: Any
    lowest_weight: int | None = None  # of any call; None where there are no weights
    weights: tuple[Any, ...] = ()  # int8 arrays, one of each call; of a search's task, those of the first
    constants: tuple[tuple[Any, ...], ...] = ()  # all constant reads of each call, likewise


@dataclasses.dataclass(frozen=True)
class Template:
    """One way to compute a kind of kernel.

    `fits` says whether it can, and should. `space` gives the parameters worth trying, some dozens at most;
    the first are the untuned choice. `version` goes up whenever a kernel that `apply` gives may have become
    faster or slower, the C of its micro-kernels included: records of other versions no longer count.
    """

    name: str
    kind: str
    version: int
    fits: Callable[[Job, CpuClass], bool]
    space: Callable[[Job, CpuClass], tuple[Parameters, ...]]
    apply: Callable[[Job, CpuClass, Parameters], Scheduled]


@dataclasses.dataclass(frozen=True)
class Choice:
    """A candidate: a template by its name, and a point of its space. `origin` is no part of what it is."""

    template: str
    parameters: Parameters
    origin: Origin | None = dataclasses.field(default=None, compare=False)


Lookup = Callable[[Job], Choice | None]  # a job's tuned choice, if one is known


def one_point(_job: Job, _cpu: CpuClass) -> tuple[Parameters, ...]:
    """The space of a template without parameters."""
    return (NO_PARAMETERS,)


def preferring(first: Parameters, rest: list[Parameters]) -> tuple[Parameters, ...]:
    """A space: the untuned choice, then the others, without repetition."""
    return tuple(dict.fromkeys((first, *rest)))
