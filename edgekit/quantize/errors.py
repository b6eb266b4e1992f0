"""What can go wrong between a float model and its integers."""

from __future__ import annotations

from edgekit.errors import EdgeKitError, ExitCode


class LeftInFloatError(EdgeKitError):
    """Some operators of the model have no integer form, and would have to compute in float."""

    exit_code = ExitCode.MODEL


class CalibrationError(EdgeKitError):
    """The samples do not fit the model, or bring infinities or NaN about in it."""

    exit_code = ExitCode.MODEL


class QuantizerFailedError(EdgeKitError):
    """The quantizer, or the interpreter that it calibrates with, gave up on the model or crashed."""

    exit_code = ExitCode.MODEL
