"""What can go wrong when a model is evaluated, and what to do about it."""

from __future__ import annotations

from edgekit.errors import EdgeKitError, ExitCode


class LabelsDoNotFitError(EdgeKitError):
    """Labels cannot be read, or are not of the number, shape or classes that the model answers."""


class UnclearOutputError(EdgeKitError):
    """The model has several outputs and none is named, or none has that name."""


class StatefulModelError(EdgeKitError):
    """The model carries state from one frame to the next, so that samples are not apart."""


class UnlikeModelsError(EdgeKitError):
    """What is compared does not take the same inputs, or does not answer in the same form."""


class NotFiniteError(EdgeKitError):
    """A model answers with NaN or infinity, which no metric can score."""

    exit_code = ExitCode.MODEL


class PlotsUnwritableError(EdgeKitError):
    """Plots cannot be written to the folder that was named."""
