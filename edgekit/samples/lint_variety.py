"""Rules of the linter on what samples there are: repeated ones, too few, classes that lack."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from edgekit.samples.finding import Fault, Finding, counted, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgekit.samples.subject import Subject

# TensorFlow's guide to post-training quantization names 100 to 500 samples.
ENOUGH_SAMPLES = 100
# Samples of fewer values may well be the same by chance: four switches have sixteen positions.
_FEW_VALUES = 16
_SAMPLES_EACH = 10


def repeated(subject: Subject) -> Iterator[Finding]:
    """The same sample again and again."""
    count = len(subject.samples)
    distinct = len({_digest(subject, index) for index in range(count)})
    values_each = sum(each.values[0].size for each in subject.inputs)
    if count > 1 and distinct == 1:
        yield Finding(
            Fault.REPEATED,
            f"All {count} samples are the same one.",
            "The ranges fit this one sample, and other inputs are clipped to them.",
            "A generator that calls next(iter(data)) anew for each sample gives the first one for ever: "
            "make one iterator, in front of the loop.",
            blocks=True,
        )
    elif distinct * 2 <= count and values_each >= _FEW_VALUES:
        yield Finding(
            Fault.REPEATED,
            f"Only {distinct} of {count} samples are different.",
            "Repeated samples add nothing to the ranges, and evaluation counts them several times.",
            "Give each sample once.",
        )


def few_samples(subject: Subject) -> Iterator[Finding]:
    """Too few to have seen what the layers can put out."""
    count = len(subject.samples)
    if count < ENOUGH_SAMPLES:
        yield Finding(
            Fault.FEW_SAMPLES,
            f"There {'is' if count == 1 else 'are'} {counted(count)}.",
            "The ranges are the extremes of what these few put out; what lies beyond is clipped.",
            f"Give {ENOUGH_SAMPLES} to 500, drawn from all that the model will see.",
        )


def few_classes(subject: Subject) -> Iterator[Finding]:
    """Classes of the model that no sample shows."""
    labels = subject.samples.labels
    if labels is None or labels.dtype.kind != "i" or len(labels) == 1:
        return
    present = set(np.unique(labels).tolist())
    if subject.classes is None:
        if len(present) == 1:
            yield _lacking(f"All {len(labels)} samples are of one class.")
        return
    missing = sorted(set(range(subject.classes)) - present)
    # A fair draw of as many samples as classes lacks a third of them; of ten times as many it lacks none.
    each = len(labels) / subject.classes
    if (missing and each >= _SAMPLES_EACH) or (each >= 1 and len(missing) > subject.classes / 2):
        names = subject.samples.classes
        said = [names[label] if label < len(names) else str(label) for label in missing]
        has = "has" if len(missing) == 1 else "have"
        lacking = f"{len(missing)} of the model's {subject.classes} classes {has} no sample"
        yield _lacking(f"{lacking}: {listed(said)}.")


def unknown_labels(subject: Subject) -> Iterator[Finding]:
    """Labels of classes that the model does not have."""
    labels = subject.samples.labels
    if labels is None or labels.dtype.kind != "i" or subject.classes is None:
        return
    outside = np.flatnonzero((labels < 0) | (labels >= subject.classes))
    if len(outside):
        names = [subject.samples.names[index] for index in outside]
        yield Finding(
            Fault.UNKNOWN_LABELS,
            f"{counted(len(names))} of classes that the model lacks, such as {labels[outside[0]]}: "
            f"{listed(names)}.",
            f"Its classes are 0 to {subject.classes - 1}; no answer to these samples could be right.",
            "Number the labels from 0, in the order of the model's output.",
        )


def _lacking(what: str) -> Finding:
    return Finding(
        Fault.FEW_CLASSES,
        what,
        "Layers that answer to a missing class are calibrated without it: its answers are clipped first.",
        "Draw samples from every class; a few of each are enough.",
    )


def _digest(subject: Subject, index: int) -> bytes:
    whole = hashlib.sha256()
    for each in subject.inputs:
        whole.update(np.ascontiguousarray(each.values[index]).data)
    return whole.digest()
