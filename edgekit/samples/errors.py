"""What can be wrong with samples: files that cannot be read, and values that do not fit the model."""

from __future__ import annotations

from edgekit.errors import EdgeKitError


class SamplesError(EdgeKitError):
    """Samples cannot be used. Subclasses say why."""


class SamplesNotFoundError(SamplesError):
    """There is no such file, folder or function, or nothing in it."""


class UnknownSamplesError(SamplesError):
    """The file or folder is of no kind that holds samples, or of several at once."""


class SamplesUnreadableError(SamplesError):
    """A file of samples is damaged, cut short, or holds something else than its name says."""


class SamplesDoNotFitError(SamplesError):
    """Samples are not of the number, shape or type that the model takes."""


class SamplesTooLargeError(SamplesError):
    """There are more samples than are kept in memory at once."""


class UnusableSamplesError(SamplesError):
    """The linter found something with which no model can be quantized."""


class SamplesFunctionError(SamplesError):
    """The user's function that gives samples raised an exception."""
