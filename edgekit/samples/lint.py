"""The linter: what is wrong with samples before it costs a model its accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.samples.errors import UnusableSamplesError
from edgekit.samples.lint_normalisation import mean_order, normalisation, not_scaled
from edgekit.samples.lint_ranges import outliers, uneven_columns
from edgekit.samples.lint_values import constant, empty_channel, empty_samples, not_finite
from edgekit.samples.lint_variety import few_classes, few_samples, repeated, unknown_labels
from edgekit.samples.subject import subject_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from edgekit.samples.finding import Finding
    from edgekit.samples.preprocessing import Preprocessing
    from edgekit.samples.samples import InputTensor, Samples
    from edgekit.samples.subject import Subject

# In the order in which findings are told: the worst first.
_RULES: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    not_finite,
    constant,
    repeated,
    normalisation,
    not_scaled,
    mean_order,
    outliers,
    uneven_columns,
    empty_samples,
    empty_channel,
    few_samples,
    few_classes,
    unknown_labels,
)


def lint(
    samples: Samples,
    preprocessing: Preprocessing,
    inputs: Sequence[InputTensor],
    outputs: Sequence[InputTensor] = (),
) -> tuple[Finding, ...]:
    """What is wrong with samples of a model, the worst first; () where nothing is.

    Args:
        samples: as `read_samples` gave them for `inputs`.
        preprocessing: what they were read with.
        inputs: the model's inputs.
        outputs: the model's outputs, which say how many classes it tells apart.
    """
    subject = subject_of(samples, preprocessing, inputs, outputs)
    return tuple(finding for rule in _RULES for finding in rule(subject))


def require_usable(findings: Sequence[Finding]) -> None:
    """Refuse samples with which no model can be quantized.

    Raises:
        UnusableSamplesError: the first finding that blocks.
    """
    for finding in findings:
        if finding.blocks:
            raise UnusableSamplesError(finding.what, why=finding.why, fix=finding.fix)
