"""Every failure that a user can fix: one class each, with its exit code.

A message says what happened, why, and what to do about it. Anything raised that is not an
`EdgeKitError` is a bug of ours and keeps its traceback.
"""

from __future__ import annotations

import difflib
import functools
from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


class ExitCode(IntEnum):
    """What the `edgekit` command returns to the shell."""

    DONE = 0
    BUG = 1
    USAGE = 2
    OUTPUTS_DIFFER = 3
    BUDGET_EXCEEDED = 4
    DEVICE = 5
    ROLLED_BACK = 6
    MODEL = 7
    TOOL_MISSING = 8


class EdgeKitError(Exception):
    """A failure the user can fix: what happened, why, and how to fix it."""

    exit_code: ClassVar[ExitCode] = ExitCode.USAGE

    def __init__(self, what: str, *, why: str, fix: str) -> None:
        super().__init__(f"{what}\n  why: {why}\n  fix: {fix}")
        self.what, self.why, self.fix = what, why, fix

    def __reduce__(self) -> tuple[Any, ...]:
        """So that it comes whole out of another process."""
        return functools.partial(type(self), why=self.why, fix=self.fix), (self.what,)


def nearest(name: str, known: Iterable[str], otherwise: str) -> str:
    """A hint for a misspelt name: "Did you mean …?", or `otherwise` when nothing is near."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean {close[0]!r}?" if close else otherwise


# --------------------------------------------------------------------------- settings and names (2)


class UnreadableSettingsError(EdgeKitError):
    """A TOML file (target, recipe or project) cannot be read or is not TOML."""


class UnknownKeyError(EdgeKitError):
    """A TOML file sets a key that means nothing there."""


class MissingKeyError(EdgeKitError):
    """A TOML file lacks a key that has no default."""


class WrongTypeError(EdgeKitError):
    """A value in a TOML file is of the wrong type."""


class WrongValueError(EdgeKitError):
    """A value in a TOML file is of the right type, but not one that can be used."""


class UnknownTargetError(EdgeKitError):
    """No target has this name."""


class UnknownCpuError(EdgeKitError):
    """A target names a CPU that the compiler does not know."""


class UnknownFeatureError(EdgeKitError):
    """A target names a CPU feature that the compiler does not know."""


class UnknownRecipeError(EdgeKitError):
    """No recipe has this name."""


class ProjectExistsError(EdgeKitError):
    """The folder already has a project file."""


# ---------------------------------------------------------------------------- files in packages (8)


class PackageUnavailableError(EdgeKitError):
    """A package that holds a model or a data file cannot be downloaded."""

    exit_code = ExitCode.TOOL_MISSING


class PackageFileError(EdgeKitError):
    """A package lacks the file that it should hold, or holds another one under its name."""

    exit_code = ExitCode.TOOL_MISSING


# ------------------------------------------------------------------------------- the model (7)


class UnreadableModelError(EdgeKitError):
    """The file is not a readable .tflite model: truncated, corrupt or hostile."""

    exit_code = ExitCode.MODEL


class UnsupportedModelError(EdgeKitError):
    """The model is well-formed, but has an operator, shape or type that EdgeKit cannot build."""

    exit_code = ExitCode.MODEL


class ConversionFailedError(EdgeKitError):
    """A trained model of another format than TFLite cannot be converted to it."""

    exit_code = ExitCode.MODEL


class CalibrationMissingError(UnsupportedModelError):
    """The model computes in float32, and no samples were given to quantize it with."""


class OutputUnwritableError(EdgeKitError):
    """The file that a model is to be written to cannot be written."""


class SignatureNotFoundError(EdgeKitError):
    """A model has no signature of this name, or several and none was named."""


# -------------------------------------------------------------------------------- tools (8)


class ToolMissingError(EdgeKitError):
    """A program or package that this step needs is not installed."""

    exit_code = ExitCode.TOOL_MISSING


class MissingExtraError(ToolMissingError):
    """A step needs Python packages that come with an extra of EdgeKit's, and they are not installed."""


def missing_extra(what: str, package: str, extra: str) -> MissingExtraError:
    """`what` cannot be done for lack of `package`, which comes with `extra`."""
    return MissingExtraError(
        what,
        why=f"The Python package {package!r} is not installed; it comes with the extra {extra!r}.",
        fix=f"pip install 'edgekit-sdk[{extra}]'",
    )


# ------------------------------------------------------------------------------ the device (5)


class DeviceError(EdgeKitError):
    """The device cannot be reached, or refuses what it is asked. Subclasses say which."""

    exit_code = ExitCode.DEVICE


class DeviceUnreachableError(DeviceError):
    """No connection to the device: name, network, port, or nothing that speaks SSH there."""


class HostKeyUnknownError(DeviceError):
    """The device's host key is in no known_hosts file."""


class HostKeyChangedError(DeviceError):
    """The device shows another host key than the known one, or a revoked one."""


class AuthenticationRefusedError(DeviceError):
    """The device accepts none of the keys that we have."""


class SshConfigurationError(DeviceError):
    """The SSH configuration on this machine cannot be used: a bad line, key file or known_hosts file."""


class ConnectionLostError(DeviceError):
    """The connection broke while it was in use."""


class CommandTimedOutError(DeviceError):
    """A program on the device did not end in time."""


class DeviceRefusedError(DeviceError):
    """The device refused to read or write a file, or to start a program."""


class DeviceDiskFullError(DeviceError):
    """The device has no room for what is sent to it."""


class RemoteToolMissingError(DeviceError):
    """The device lacks a program of POSIX or coreutils that EdgeKit needs there."""


# ------------------------------------------------------------------------ the emulated board (5)


class EmulatorFailedError(EdgeKitError):
    """A step of making, starting or measuring on the emulated board failed; the tool's words are in it."""

    exit_code = ExitCode.DEVICE


class NoEmulationError(EdgeKitError):
    """This machine allows none of the ways to emulate a board; each one's reason is in the message."""

    exit_code = ExitCode.DEVICE


class BoardNotRunningError(EdgeKitError):
    """A command needs an emulated board that is not up."""

    exit_code = ExitCode.DEVICE


class NotEmulatedError(EdgeKitError):
    """The target is no ARM board, so there is nothing to emulate."""


# -------------------------------------------------------------- boards with a debug probe (5, 4, 2)


class NotProbedError(EdgeKitError):
    """The target is no board that a debug probe can program."""


class ProbeMissingError(DeviceError):
    """No debug probe is attached, or not the one that was named."""


class ProbeFailedError(DeviceError):
    """A debug probe is there, and the board could not be programmed or started by it."""


class ImageTooLargeError(EdgeKitError):
    """An image with the model does not fit the board's flash or RAM."""

    exit_code = ExitCode.BUDGET_EXCEEDED


# ------------------------------------------------------------------- the runner on a device (5, 2)


class RunnerFailedError(DeviceError):
    """The model ran on the device and failed there: a crash, an overrun, a full disk."""


class LibraryRefusedError(RunnerFailedError):
    """The device cannot load the model library: another CPU, C library or interface version."""


class NoDelegateError(LibraryRefusedError):
    """LiteRT runs the model without XNNPACK, so that its times would say nothing."""


class LiteRtMissingError(EdgeKitError):
    """The engine is LiteRT, and the device has no Python with it."""

    exit_code = ExitCode.TOOL_MISSING


class InputsDoNotFitError(EdgeKitError):
    """Inputs are not of the number, shape or type that the model takes."""


class EmulatedTimeError(EdgeKitError):
    """Times were asked for on an emulated board, where they would mean nothing."""


class TensorFileError(EdgeKitError):
    """A .npy or .npz file cannot be read or written."""


# ------------------------------------------------------------------------------- the oracle (7, 8)


class OracleMissingError(EdgeKitError):
    """The reference interpreter is not installed, or does not exist for this machine."""

    exit_code = ExitCode.TOOL_MISSING


class OracleCannotRunError(EdgeKitError):
    """The reference interpreter cannot run this model: an operator or type that it lacks, or a crash."""

    exit_code = ExitCode.MODEL


# ------------------------------------------------------------------------------- bundles (2, 3, 5)


class BundleUnreadableError(EdgeKitError):
    """There is no bundle at this path, or its manifest is damaged."""


class BundleUnwritableError(EdgeKitError):
    """The bundle's folder cannot be written."""


class BundleVersionError(EdgeKitError):
    """The bundle has a manifest or C interface of a version that this EdgeKit does not read."""


class BundleAlteredError(EdgeKitError):
    """A file of the bundle is not the one that was built."""


class BundleWrongDeviceError(EdgeKitError):
    """The bundle was built for another CPU than the device's."""

    exit_code = ExitCode.DEVICE


class OutputsDifferError(EdgeKitError):
    """The model's outputs are not those of the oracle."""

    exit_code = ExitCode.OUTPUTS_DIFFER


# ---------------------------------------------------------------------------------------- tuning (2, 5)


class StoreUnreadableError(EdgeKitError):
    """The user's tuning store is damaged, or is no store."""


class StoreVersionError(EdgeKitError):
    """The user's tuning store was made by an EdgeKit whose records have another form."""


class StoreUnwritableError(EdgeKitError):
    """The user's tuning store cannot be opened or written."""


class RecordsUnreadableError(EdgeKitError):
    """A text file of tuning records cannot be read or written."""


class ExecutorUnusableError(EdgeKitError):
    """What builds candidates cannot be had: no such module, or no such cluster."""


class NothingToTuneError(EdgeKitError):
    """The model has no operator that could be computed in several ways."""

    exit_code = ExitCode.MODEL


# ------------------------------------------------------------------------------------ budgets (4)


class BudgetExceededError(EdgeKitError):
    """What was built costs more than it may; nothing was written."""

    exit_code = ExitCode.BUDGET_EXCEEDED
