"""What is evaluated: a float model, a quantized one, a build; each takes samples and answers."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Protocol

import numpy as np

from edgekit.evaluate.errors import UnclearOutputError, UnlikeModelsError
from edgekit.evaluate.evaluation import Kind
from edgekit.evaluate.predict import predict_by_litert, predict_by_oracle
from edgekit.evaluate.real_numbers import Form, tensor_form
from edgekit.oracle import oracle_version

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from edgekit.artifacts import FloatModel, QuantizedModel
    from edgekit.evaluate.batches import Arrays
    from edgekit.evaluate.evaluation import Cost

    Progress = Callable[[str, float | None], None]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Answered:
    """A subject's answers to samples, and what gave them."""

    outputs: Arrays  # samples first
    engine: str
    devices: tuple[str, ...]
    cost: Cost | None = None


class Subject(Protocol):
    """Something that answers samples."""

    @property
    def name(self) -> str:
        """How tables call it."""

    @property
    def kind(self) -> Kind:
        """What it is."""

    @property
    def digest(self) -> str:
        """SHA-256 of the .tflite file that it computes."""

    @property
    def target(self) -> str | None:
        """What it was built for, if it was."""

    @property
    def inputs(self) -> tuple[Form, ...]:
        """What it takes."""

    @property
    def outputs(self) -> tuple[Form, ...]:
        """What it answers."""

    def answer(self, inputs: Arrays, progress: Progress) -> Answered:
        """Its answers to samples: one array an input, in its types, samples first."""


@dataclasses.dataclass(frozen=True)
class FloatSubject:
    """A float model, computed by LiteRT on this machine."""

    model: FloatModel
    name: str
    kind = Kind.FLOAT
    target = None

    @property
    def digest(self) -> str:
        """See `Subject`."""
        return self.model.digest

    @property
    def inputs(self) -> tuple[Form, ...]:
        """See `Subject`."""
        return tuple(Form(name=t.name, shape=t.shape, dtype=t.dtype.value) for t in self.model.inputs)

    @property
    def outputs(self) -> tuple[Form, ...]:
        """See `Subject`."""
        return tuple(Form(name=t.name, shape=t.shape, dtype=t.dtype.value) for t in self.model.outputs)

    def answer(self, inputs: Arrays, progress: Progress) -> Answered:
        """See `Subject`, and `predict_by_litert` for its errors."""
        outputs, engine = predict_by_litert(self.model, inputs, progress=progress)
        return Answered(outputs=outputs, engine=engine, devices=("this machine",))


@dataclasses.dataclass(frozen=True)
class OracleSubject:
    """A quantized model, computed by the reference interpreter."""

    model: QuantizedModel
    name: str
    kind = Kind.ORACLE
    target = None

    @property
    def digest(self) -> str:
        """See `Subject`."""
        return self.model.digest

    @property
    def inputs(self) -> tuple[Form, ...]:
        """See `Subject`."""
        return tuple(tensor_form(self.model.graph.tensors[i]) for i in self.model.graph.inputs)

    @property
    def outputs(self) -> tuple[Form, ...]:
        """See `Subject`."""
        return tuple(tensor_form(self.model.graph.tensors[i]) for i in self.model.graph.outputs)

    def answer(self, inputs: Arrays, progress: Progress) -> Answered:
        """See `Subject`, and `predict_by_oracle` for its errors."""
        outputs = predict_by_oracle(self.model, inputs, progress=progress)
        return Answered(outputs=outputs, engine=oracle_version(), devices=("this machine",))


def chosen_output(subject: Subject, name: str | None) -> int:
    """The position of the output that is looked at.

    Raises:
        UnclearOutputError: there are several and none is named, or none has that name.
    """
    names = [form.name for form in subject.outputs]
    if name is None and len(names) == 1:
        return 0
    if name is not None and name in names:
        return names.index(name)
    if name is not None and name.isdecimal() and int(name) < len(names):
        return int(name)
    raise UnclearOutputError(
        f"{subject.name} has {len(names)} outputs."
        if name is None
        else f"{subject.name} has no output {name!r}.",
        why=f"They are: {', '.join(names)}.",
        fix="Name the one to look at with --output, by its name or its position from 0.",
    )


def check_alike(subjects: Sequence[Subject]) -> None:
    """Return if all take samples of the same shapes.

    Raises:
        UnlikeModelsError: they do not.
    """
    first = [form.elements for form in subjects[0].inputs]
    for subject in subjects[1:]:
        if [form.elements for form in subject.inputs] != first:
            shapes = [", ".join(str(list(f.shape)) for f in s.inputs) for s in (subjects[0], subject)]
            raise UnlikeModelsError(
                f"{subjects[0].name} and {subject.name} cannot be compared.",
                why=f"One takes {shapes[0]}, the other {shapes[1]}.",
                fix="Compare builds of one model.",
            )


def fed(subject: Subject, samples: Sequence[NDArray[np.float32]]) -> Arrays:
    """Samples in a subject's types and shapes, quantized where it takes integers."""
    return tuple(
        np.ascontiguousarray(form.quantize(array).reshape(len(array), *form.shape))
        for form, array in zip(subject.inputs, samples, strict=True)
    )
