"""What an evaluation says: of each model or build its scores, its agreement with the first, and its cost."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from typing import TYPE_CHECKING

from edgekit.evaluate.scores import THRESHOLD, TOP_K, Scores, Task

if TYPE_CHECKING:
    from pathlib import Path

    from edgekit.evaluate.agreement import Agreement


class Kind(StrEnum):
    """What answers."""

    FLOAT = "float"  # a float model, by LiteRT on this machine
    ORACLE = "oracle"  # a quantized model, by the reference interpreter on this machine
    BUILD = "build"  # a bundle, on a device


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scoring:
    """How answers are understood. None is what the labels and the model's output speak for."""

    task: Task | None = None
    output: str | None = None  # the name of the output that is looked at; None: the only one
    top_k: int = TOP_K
    threshold: float = THRESHOLD  # of a single score, from which class 1 is predicted


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cost:
    """What one invocation of a build costs: a time that was measured, or instructions, never both."""

    measured_on: str | None  # None: neither was measured
    latency_ns: float | None  # the median
    latency_mad_ns: float | None  # median distance from it
    verdict: str | None  # on the time: "VALID", "DEGRADED" or "INVALID"
    instructions: int | None  # that an emulated CPU executed, which is no measure of time
    ram_bytes: int | None  # arena and state; None: LiteRT keeps it to itself
    flash_bytes: int  # the library, or a firmware's code and weights
    note: str | None = None  # why something is missing


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluated:
    """One model or build on the data."""

    name: str
    kind: Kind
    digest: str  # SHA-256 of the .tflite file that was computed
    target: str | None
    engine: str  # "edgekit", "tflite-micro 0.dev2026…", "ai-edge-litert 2.3.0"
    devices: tuple[str, ...]  # that shared the samples
    samples: int
    scores: Scores | None  # None: there are no labels
    agreement: Agreement | None  # with the first that was evaluated; None for itself
    cost: Cost | None  # of builds only, and if it was asked for
    plots: tuple[Path, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Several models or builds on the same data, side by side."""

    data: str
    samples: int  # of the data, that were used
    task: Task
    has_labels: bool
    class_names: tuple[str, ...]  # by class, where the data has names
    tolerance: float | None  # the largest share of samples that may be answered unlike the first does
    evaluated: tuple[Evaluated, ...]

    @property
    def beyond_tolerance(self) -> tuple[str, ...]:
        """The names of those that agree with the first on fewer samples than they must."""
        if self.tolerance is None:
            return ()
        allowed = 1 - self.tolerance
        return tuple(
            each.name
            for each in self.evaluated
            if each.agreement is not None and each.agreement.share < allowed - 1e-12
        )

    @property
    def passes(self) -> bool:
        """Whether all agree with the first as far as they must."""
        return not self.beyond_tolerance
