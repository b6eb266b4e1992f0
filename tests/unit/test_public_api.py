from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import edgekit
from edgekit.cli.main import COMMANDS

PUBLIC = [name for name in edgekit.__all__ if name != "__version__"]
# Started as programs, or read as data; not imported.
PROGRAMS = ("edgekit.runtime", "edgekit.__main__")


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_exists_and_says_what_it_is(name: str) -> None:
    value = getattr(edgekit, name)
    assert inspect.isfunction(value) or inspect.isclass(value), f"{name} is {value!r}"
    assert value.__doc__, f"{name} has no docstring"


@pytest.mark.parametrize("name", [name for name in PUBLIC if name[0].islower()])
def test_a_public_function_is_fully_typed(name: str) -> None:
    signature = inspect.signature(getattr(edgekit, name))
    assert signature.return_annotation is not inspect.Signature.empty
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty, f"{name}({parameter.name})"


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_verb_of_the_command_line_is_a_public_function(verb: str) -> None:
    # `device` has verbs of its own below it.
    names = [f"device_{action}" for action in ("up", "down", "status")] if verb == "device" else [verb]
    assert set(names) <= set(PUBLIC)


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'edgekit' has no attribute 'biuld'"):
        _ = edgekit.biuld


def test_a_stage_that_is_imported_does_not_hide_the_verb_of_its_name() -> None:
    code = (
        "import edgekit, importlib, inspect\n"
        "for name in ('deploy', 'evaluate', 'profile'):\n"
        "    if name in edgekit.__all__:\n"
        "        importlib.import_module(f'edgekit.{name}')\n"
        "        assert inspect.isfunction(getattr(edgekit, name)), name\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_importing_edgekit_imports_nothing_else_of_weight() -> None:
    code = "import edgekit, sys; print({'numpy', 'tvm', 'click', 'rich', 'paramiko'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_every_module_can_be_imported() -> None:
    for module in pkgutil.walk_packages(edgekit.__path__, "edgekit."):
        if not module.name.startswith(PROGRAMS):
            importlib.import_module(module.name)
