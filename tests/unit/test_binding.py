"""The one-file Python binding, as it lies on a board: imported from a bundle, without EdgeKit."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edgekit.package.manifest import ABI_VERSION
from edgekit.runtime import runtime_file
from edgekit.target import load_target
from edgekit.testing.tiny_model import LIBRARY_NAME, SHAPE, ZERO_POINT, tiny_library

if TYPE_CHECKING:
    from pathlib import Path

FIRST = np.arange(8, dtype=np.int8).reshape(SHAPE)


def install(directory: Path, *bugs: str) -> str:
    (directory / "edgekit_model.py").write_bytes(runtime_file("edgekit_model.py").read_bytes())
    (directory / LIBRARY_NAME).write_bytes(tiny_library(load_target("host"), *bugs))
    return str(directory / LIBRARY_NAME)


def binding(directory: Path) -> Any:
    found = importlib.util.spec_from_file_location("edgekit_model", directory / "edgekit_model.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_a_model_says_what_it_takes_and_gives(tmp_path: Path) -> None:
    path = install(tmp_path)
    model = binding(tmp_path).Model(path)
    assert model.name == 'tiny "model"'
    assert model.inputs == [("input_0", SHAPE, np.dtype("int8"), 0.5, ZERO_POINT)]
    assert model.outputs == [("output_4", SHAPE, np.dtype("int8"), 0.5, ZERO_POINT)]


def test_state_is_carried_until_it_is_reset(tmp_path: Path) -> None:
    path = install(tmp_path)
    model = binding(tmp_path).Model(path)
    silence = np.full(SHAPE, -128, np.int8)
    np.testing.assert_array_equal(model.invoke(FIRST)[0], FIRST)
    np.testing.assert_array_equal(model.invoke(silence)[0], FIRST)
    model.invoke(FIRST)
    model.reset()
    np.testing.assert_array_equal(model.invoke(silence)[0], np.full(SHAPE, ZERO_POINT))


def test_two_models_of_one_library_do_not_meet(tmp_path: Path) -> None:
    path = install(tmp_path)
    module = binding(tmp_path)
    one, other = module.Model(path), module.Model(path)
    one.invoke(FIRST)
    silence = np.full(SHAPE, -128, np.int8)
    np.testing.assert_array_equal(other.invoke(silence)[0], np.full(SHAPE, ZERO_POINT))


def test_an_answer_is_not_overwritten_by_the_next(tmp_path: Path) -> None:
    path = install(tmp_path)
    model = binding(tmp_path).Model(path)
    (kept,) = model.invoke(FIRST)
    model.invoke(FIRST + 1)
    np.testing.assert_array_equal(kept, FIRST)


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        ((), "takes 1 inputs, 0 were given"),
        ((FIRST, FIRST), "takes 1 inputs, 2 were given"),
        ((FIRST.astype(np.float32),), r"'input_0' takes int8 \(2, 4\), float32 \(2, 4\) was given"),
        ((FIRST.reshape(-1),), r"takes int8 \(2, 4\), int8 \(8,\) was given"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(tmp_path: Path, arrays: tuple[Any, ...], complaint: str) -> None:
    path = install(tmp_path)
    module = binding(tmp_path)
    with pytest.raises(module.ModelError, match=complaint):
        module.Model(path).invoke(*arrays)


def test_another_interface_version_is_refused(tmp_path: Path) -> None:
    path = install(tmp_path, "ABI")
    module = binding(tmp_path)
    with pytest.raises(
        module.ModelError, match="has version 99 of the C interface, this file reads version 2"
    ):
        module.Model(path)


def test_a_library_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = install(tmp_path, "NO_SYMBOL")
    module = binding(tmp_path)
    with pytest.raises(module.ModelError, match="as a model library"):
        module.Model(path)
    with pytest.raises(module.ModelError, match="as a model library"):
        module.Model(tmp_path / "absent.so")


def test_a_failing_invoke_is_an_error(tmp_path: Path) -> None:
    path = install(tmp_path, "FAILS")
    module = binding(tmp_path)
    with pytest.raises(module.ModelError, match="returned -7"):
        module.Model(path).invoke(FIRST)


def test_it_needs_nothing_but_numpy(tmp_path: Path) -> None:
    path = install(tmp_path)
    program = (
        "import sys; import edgekit_model, numpy as np;"
        f"m = edgekit_model.Model({path!r}); m.invoke(np.zeros({SHAPE}, np.int8));"
        "assert not any(name.split('.')[0] == 'edgekit' for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)


def test_it_reads_the_interface_version_of_the_header(tmp_path: Path) -> None:
    install(tmp_path)
    assert binding(tmp_path).ABI_VERSION == ABI_VERSION


def test_its_grammar_is_that_of_python_3_7() -> None:
    ast.parse(runtime_file("edgekit_model.py").read_text(), feature_version=(3, 7))
