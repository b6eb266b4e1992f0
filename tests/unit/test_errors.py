from __future__ import annotations

import inspect
import pickle
from pathlib import Path

import pytest

from edgekit import errors
from edgekit.errors import EdgeKitError, ExitCode, MissingExtraError, missing_extra, nearest

CLASSES = [
    value
    for _, value in inspect.getmembers(errors, inspect.isclass)
    if issubclass(value, EdgeKitError) and value is not EdgeKitError
]
TESTS = Path(__file__).parents[1]


def test_a_message_says_what_why_and_how_to_fix_it() -> None:
    error = EdgeKitError("The disk is full.", why="It has 0 bytes free.", fix="Delete something.")
    assert str(error) == "The disk is full.\n  why: It has 0 bytes free.\n  fix: Delete something."
    assert (error.what, error.why, error.fix) == (
        "The disk is full.",
        "It has 0 bytes free.",
        "Delete something.",
    )


def test_every_exit_code_has_one_meaning() -> None:
    assert [code.value for code in ExitCode] == list(range(9))
    assert len(ExitCode.__members__) == len(ExitCode)  # no aliases


@pytest.mark.parametrize("error", CLASSES)
def test_an_error_says_in_its_docstring_what_it_is_and_has_an_exit_code(error: type[EdgeKitError]) -> None:
    assert error.__doc__
    assert error.__doc__ != EdgeKitError.__doc__
    assert error.exit_code in set(ExitCode) - {ExitCode.DONE}


@pytest.mark.parametrize("error", CLASSES)
def test_an_error_is_raised_in_some_test(error: type[EdgeKitError]) -> None:
    subclasses = {error.__name__, *(sub.__name__ for sub in error.__subclasses__())}
    texts = [path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py") if path != Path(__file__)]
    assert any(name in text for name in subclasses for text in texts), f"{error.__name__} has no test"


def test_a_missing_extra_is_named_with_the_command_that_installs_it() -> None:
    error = missing_extra("A Keras model cannot be read.", "tensorflow-cpu", "keras")
    assert isinstance(error, MissingExtraError)
    assert error.exit_code is ExitCode.TOOL_MISSING
    assert error.what == "A Keras model cannot be read."
    assert "'tensorflow-cpu'" in error.why
    assert error.fix == "pip install 'edgekit-sdk[keras]'"


def test_the_nearest_name_is_suggested() -> None:
    assert nearest("rpi44", ["rpi3", "rpi4"], "none") == "Did you mean 'rpi4'?"


def test_without_a_near_name_the_other_hint_is_given() -> None:
    assert nearest("xyz", ["rpi3", "rpi4"], "Delete it.") == "Delete it."


def test_an_error_comes_whole_out_of_another_process() -> None:
    error = errors.ToolMissingError("zig is not installed.", why="It compiles.", fix="pip install ziglang")
    there = pickle.loads(pickle.dumps(error))
    assert type(there) is errors.ToolMissingError
    assert (there.what, there.why, there.fix, str(there)) == (error.what, error.why, error.fix, str(error))
