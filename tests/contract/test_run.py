"""Run: the user's arrays in, the model's answers out, and clear words for what does not fit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import edgekit
from edgekit.cli.main import main
from edgekit.errors import ExitCode, InputsDoNotFitError, TensorFileError
from edgekit.evaluate import load_tensors, run_bundle, save_tensors
from edgekit.evaluate.run import stack_frames, unique_names

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from edgekit.artifacts import Bundle
    from edgekit.devices.device import Device

ONE = np.arange(-4, 4, dtype=np.int8).reshape(2, 4)
ANSWER = np.maximum(ONE, np.int8(-1))


def silent(stage: str, share: float | None) -> None:
    """Progress that nobody watches."""


def run_cli(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    code = left.value.code
    assert isinstance(code, int)
    return code


def test_one_tensor_in_gives_one_tensor_out(device: Device, good: Bundle) -> None:
    outputs = run_bundle(good, device, {"input_0": ONE}, progress=silent)
    assert list(outputs) == ["output_4"]
    np.testing.assert_array_equal(outputs["output_4"], ANSWER)


def test_frames_run_in_sequence_with_state_carried(good: Bundle) -> None:
    frames = np.stack([ONE, np.full((2, 4), -128, np.int8), np.full((2, 4), -128, np.int8)])
    outputs = edgekit.run({"0": frames}, good.path)
    np.testing.assert_array_equal(
        outputs["output_4"], np.stack([ANSWER, ANSWER, np.full((2, 4), -1, np.int8)])
    )


def test_each_run_starts_on_fresh_state(good: Bundle) -> None:
    edgekit.run({"0": np.full((2, 4), 100, np.int8)}, good.path)
    np.testing.assert_array_equal(edgekit.run({"0": ONE}, good.path)["output_4"], ANSWER)


@pytest.mark.parametrize(
    ("inputs", "complaint"),
    [
        ({}, r"lack 'input_0'[\s\S]*takes 1, 0 were given"),
        ({"1": ONE}, r"no input '1'[\s\S]*inputs are: input_0"),
        ({"inptu_0": ONE}, "Did you mean 'input_0'"),
        ({"0": ONE, "input_0": ONE}, "given twice"),
        ({"0": ONE.astype(np.float32)}, r"of type float32[\s\S]*takes int8[\s\S]*array / 0.5\) \+ -1"),
        ({"0": ONE[:1]}, r"shape \(1, 4\)[\s\S]*takes \(2, 4\)"),
        ({"0": np.zeros((0, 2, 4), np.int8)}, r"shape \(0, 2, 4\)"),
        ({"0": np.zeros((1, 1, 2, 4), np.int8)}, r"shape \(1, 1, 2, 4\)"),
    ],
)
def test_what_does_not_fit_is_told_with_a_way_out(
    good: Bundle, inputs: dict[str, NDArray[Any]], complaint: str
) -> None:
    with pytest.raises(InputsDoNotFitError, match=complaint) as refused:
        edgekit.run(inputs, good.path)
    assert refused.value.exit_code == ExitCode.USAGE


TWO: list[dict[str, Any]] = [
    {"name": "a", "shape": [2], "dtype": "int8"},
    {"name": "b", "shape": [], "dtype": "int32"},
]


def test_inputs_come_in_the_models_order_by_name_or_position() -> None:
    a, b = np.zeros(2, np.int8), np.array(7, np.int32)
    given: list[dict[str, NDArray[Any]]] = [{"a": a, "b": b}, {"1": b, "0": a}, {"b": b, "0": a}]
    for inputs in given:
        stacked, batched = stack_frames(inputs, TWO)
        assert [array.shape for array in stacked] == [(1, 2), (1,)]
        assert not batched


def test_inputs_must_have_as_many_frames_as_each_other() -> None:
    with pytest.raises(InputsDoNotFitError, match="no frames axis, 3 frames"):
        stack_frames({"a": np.zeros(2, np.int8), "b": np.zeros(3, np.int32)}, TWO)


def test_names_used_twice_get_their_position() -> None:
    assert unique_names([{"name": "x"}, {"name": "y"}, {"name": "x"}]) == ["x:0", "y", "x:2"]


# ------------------------------------------------------------------------------------------ files


def test_npy_files_count_up_and_npz_files_keep_their_keys(tmp_path: Path) -> None:
    np.save(tmp_path / "first.npy", ONE)
    np.savez(tmp_path / "rest.npz", scores=ONE + 1)
    np.save(tmp_path / "second.npy", ONE + 2)
    found = load_tensors([tmp_path / name for name in ("first.npy", "rest.npz", "second.npy")])
    assert {name: int(array[0, 0]) for name, array in found.items()} == {"0": -4, "scores": -3, "1": -2}


def test_one_npy_file_may_feed_two_inputs(tmp_path: Path) -> None:
    np.save(tmp_path / "both.npy", ONE)
    assert list(load_tensors([tmp_path / "both.npy"] * 2)) == ["0", "1"]


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    tensors = {"file": ONE, "a/b:0": ONE + 1}
    save_tensors(tmp_path / "all.npz", tensors)
    found = load_tensors([tmp_path / "all.npz"])
    assert found.keys() == tensors.keys()
    assert all(np.array_equal(found[name], tensors[name]) for name in tensors)
    save_tensors(tmp_path / "one.npy", {"x": ONE})
    np.testing.assert_array_equal(np.load(tmp_path / "one.npy"), ONE)


@pytest.mark.parametrize("name", ["cut.npy", "cut.npz", "text.txt", "pickled.npy", "absent.npy"])
def test_files_that_hold_no_tensors_are_refused(tmp_path: Path, name: str) -> None:
    for cut in ("cut.npy", "cut.npz", "text.txt"):
        (tmp_path / cut).write_bytes(b"PK\x03\x04 or whatever")
    np.save(tmp_path / "pickled.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(TensorFileError, match=name):
        load_tensors([tmp_path / name])


def test_a_key_in_two_files_is_refused(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        np.savez(tmp_path / name, x=ONE)
    with pytest.raises(TensorFileError, match=r"b\.npz repeats the input 'x'"):
        load_tensors([tmp_path / "a.npz", tmp_path / "b.npz"])


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("out.npy", "cannot hold 2 outputs"), ("out.txt", "neither"), ("no/out.npz", "cannot be written")],
)
def test_outputs_that_cannot_be_saved_are_told(tmp_path: Path, name: str, complaint: str) -> None:
    with pytest.raises(TensorFileError, match=complaint):
        save_tensors(tmp_path / name, {"x": ONE, "y": ONE})


# ---------------------------------------------------------------------------------------- command


def test_the_command_reads_and_writes_files(
    tmp_path: Path, good: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "in.npy", ONE)
    out = tmp_path / "out.npz"
    assert run_cli("run", str(tmp_path / "in.npy"), "--bundle", str(good.path), "--output", str(out)) == 0
    with np.load(out) as written:
        np.testing.assert_array_equal(written["output_4"], ANSWER)
    assert "output_4" in capsys.readouterr().out


def test_json_has_the_values(tmp_path: Path, good: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "in.npy", ONE)
    assert run_cli("run", str(tmp_path / "in.npy"), "--bundle", str(good.path), "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["outputs"]["output_4"] == {
        "shape": [2, 4],
        "dtype": "int8",
        "values": ANSWER.tolist(),
    }


def test_inputs_that_do_not_fit_leave_with_2(
    tmp_path: Path, good: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "in.npy", ONE.astype(np.float64))
    assert run_cli("run", str(tmp_path / "in.npy"), "--bundle", str(good.path)) == ExitCode.USAGE
    assert "is of type float64" in capsys.readouterr().err
