"""Samples in numpy's files, and how they are fitted to a model."""

from __future__ import annotations

import dataclasses
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edgekit.samples import Preprocessing, arrays, read_samples
from edgekit.samples.errors import (
    SamplesDoNotFitError,
    SamplesNotFoundError,
    SamplesTooLargeError,
    SamplesUnreadableError,
    UnknownSamplesError,
)


@dataclasses.dataclass(frozen=True)
class Tensor:
    name: str
    shape: tuple[int, ...]


IMAGE = (Tensor("image", (1, 4, 5, 3)),)
PLAIN = Preprocessing()


def save_npz(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    np.savez(path, allow_pickle=True, **arrays)


def test_a_npy_of_floats_is_taken_as_it_is(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(7, 4, 5, 3)).astype(np.float32)
    np.save(tmp_path / "x.npy", values)
    samples = read_samples(tmp_path / "x.npy", IMAGE, Preprocessing(scale=1 / 255))
    assert np.array_equal(samples.inputs[0], values)
    assert (len(samples), samples.labels, samples.names) == (7, None, tuple("0123456"))
    assert not samples.inputs[0].flags.writeable


def test_bytes_are_raw_and_preprocessed(tmp_path: Path) -> None:
    raw = np.arange(2 * 60, dtype=np.uint8).reshape(2, 4, 5, 3)
    np.save(tmp_path / "x.npy", raw)
    how = Preprocessing(scale=1 / 255, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    expected = ((raw.astype(np.float64) * (1 / 255) - how.mean) / how.std).astype(np.float32)
    assert np.array_equal(read_samples(tmp_path / "x.npy", IMAGE, how).inputs[0], expected)


def test_a_npz_has_labels_beside_the_only_input(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.ones((3, 4, 5, 3)), labels=np.array([2, 0, 1], np.uint8))
    samples = read_samples(str(tmp_path / "d.npz"), IMAGE, PLAIN)
    assert samples.labels is not None
    assert samples.labels.dtype == np.int64
    assert samples.labels.tolist() == [2, 0, 1]


def test_labels_of_floats_are_what_a_model_is_to_estimate(tmp_path: Path) -> None:
    wanted = np.array([[0.5, 2], [1, 1], [0, 0]])
    np.savez(tmp_path / "d.npz", x=np.ones((3, 4, 5, 3)), y=wanted)
    labels = read_samples(tmp_path / "d.npz", IMAGE, PLAIN).labels
    assert labels is not None
    assert np.array_equal(labels, wanted)


@pytest.mark.parametrize("dtype", [np.int64, np.float32])
def test_one_hot_labels_are_refused(tmp_path: Path, dtype: type) -> None:
    np.savez(tmp_path / "d.npz", x=np.ones((3, 4, 5, 3)), y=np.eye(3, dtype=dtype))
    with pytest.raises(SamplesDoNotFitError, match="argmax"):
        read_samples(tmp_path / "d.npz", IMAGE, PLAIN)


@pytest.mark.parametrize("keys", [("left", "right"), ("0", "1")])
def test_several_inputs_go_by_name_or_by_position(tmp_path: Path, keys: tuple[str, str]) -> None:
    save_npz(tmp_path / "d.npz", {keys[1]: np.ones((2, 3)), keys[0]: np.zeros((2, 2))})
    tensors = (Tensor("left", (1, 2)), Tensor("right", (1, 3)))
    samples = read_samples(tmp_path / "d.npz", tensors, PLAIN)
    assert [array.shape for array in samples.inputs] == [(2, 2), (2, 3)]


def test_axes_of_length_one_may_lack(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((3, 8, 8)))
    samples = read_samples(tmp_path / "x.npy", (Tensor("x", (1, 8, 8, 1)),), PLAIN)
    assert samples.inputs[0].shape == (3, 8, 8, 1)


@pytest.mark.parametrize(
    ("shape", "hint"),
    [
        ((2, 3, 4, 5), "transpose(0, 2, 3, 1)"),
        ((4, 5, 3), "numpy.newaxis"),
        ((2, 60), "reshape(-1, 4, 5, 3)"),
        ((2, 9), "Bring them to that shape"),
        ((), "Bring them to that shape"),
    ],
)
def test_a_wrong_shape_is_refused_with_the_way_out(tmp_path: Path, shape: tuple[int, ...], hint: str) -> None:
    np.save(tmp_path / "x.npy", np.zeros(shape))
    with pytest.raises(SamplesDoNotFitError, match=r"\[4, 5, 3\]") as raised:
        read_samples(tmp_path / "x.npy", IMAGE, PLAIN)
    assert hint in str(raised.value)


@pytest.mark.parametrize("dtype", [np.complex64, "U3", "M8[s]"])
def test_what_is_no_number_is_refused(tmp_path: Path, dtype: str) -> None:
    np.save(tmp_path / "x.npy", np.zeros((2, 4, 5, 3), dtype))
    with pytest.raises(SamplesDoNotFitError, match="values of type"):
        read_samples(tmp_path / "x.npy", IMAGE, PLAIN)


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_a_pickle_is_never_unpickled(tmp_path: Path, name: str) -> None:
    array = np.array([Trap()], dtype=object)
    (np.save if name.endswith("npy") else np.savez)(tmp_path / name, array)
    with pytest.raises(SamplesUnreadableError, match="are not"):
        read_samples(tmp_path / name, IMAGE, PLAIN)


class Trap:
    def __reduce__(self) -> tuple[object, ...]:
        return pytest.fail, ("it was unpickled",)


def test_the_trap_snaps() -> None:
    with pytest.raises(pytest.fail.Exception):
        pickle.loads(pickle.dumps(Trap()))


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    (np.save if name.endswith("npy") else np.savez)(path, np.zeros((2, 4, 5, 3)))
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(SamplesUnreadableError):
            read_samples(path, IMAGE, PLAIN)


@pytest.mark.parametrize("shape", ["(99999, 4, 5, 3)", "(99999999999, 4, 5, 3)", "(-1, 4, 5, 3)"])
def test_a_header_that_promises_too_much_allocates_nothing(tmp_path: Path, shape: str) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.zeros((2, 4, 5, 3)))
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00\x76\x00" + header.encode() + b"\0" * 960)
    with pytest.raises((SamplesUnreadableError, SamplesTooLargeError)):
        read_samples(path, IMAGE, PLAIN)


def test_a_damaged_member_of_a_npz_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez_compressed(path, np.random.default_rng(0).normal(size=(2, 4, 5, 3)))
    whole = bytearray(path.read_bytes())
    whole[200] ^= 0xFF
    path.write_bytes(whole)
    with pytest.raises(SamplesUnreadableError):
        read_samples(path, IMAGE, PLAIN)


def test_an_archive_of_something_else_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(SamplesUnreadableError):
        read_samples(tmp_path / "x.npz", IMAGE, PLAIN)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": (2, 60), "b": (2, 60)}, "arrays named a, b"),
        ({"x": (2, 4, 5, 3), "labels": (3,)}, "2 samples and 3 labels"),
    ],
)
def test_keys_and_labels_that_do_not_fit_are_refused(
    tmp_path: Path, arrays: dict[str, tuple[int, ...]], message: str
) -> None:
    save_npz(tmp_path / "d.npz", {key: np.zeros(shape, np.int64) for key, shape in arrays.items()})
    with pytest.raises(SamplesDoNotFitError, match=message):
        read_samples(tmp_path / "d.npz", IMAGE, PLAIN)


def test_inputs_of_different_numbers_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", a=np.zeros((2, 1)), b=np.zeros((3, 1)))
    with pytest.raises(SamplesDoNotFitError, match="2 and 3 samples"):
        read_samples(tmp_path / "d.npz", (Tensor("a", (1, 1)), Tensor("b", (1, 1))), PLAIN)


def test_a_npy_is_not_enough_for_two_inputs(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((2, 1)))
    with pytest.raises(SamplesDoNotFitError, match="keys: a, b"):
        read_samples(tmp_path / "x.npy", (Tensor("a", (1, 1)), Tensor("b", (1, 1))), PLAIN)


def test_no_sample_no_file_and_no_known_kind_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((0, 4, 5, 3)))
    (tmp_path / "x.mp4").touch()
    with pytest.raises(SamplesNotFoundError, match="holds no sample"):
        read_samples(tmp_path / "x.npy", IMAGE, PLAIN)
    with pytest.raises(SamplesNotFoundError, match="No such file"):
        read_samples(tmp_path / "y.npy", IMAGE, PLAIN)
    with pytest.raises(UnknownSamplesError):
        read_samples(tmp_path / "x.mp4", IMAGE, PLAIN)
    with pytest.raises(SamplesNotFoundError, match="too long"):
        read_samples("x" * 5000, IMAGE, PLAIN)


def test_an_archive_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez_compressed(tmp_path / "x.npz", a=np.zeros(9000), b=np.zeros(9000))
    monkeypatch.setattr(arrays, "LARGEST_BYTES", 100_000)
    with pytest.raises(SamplesTooLargeError, match="memory"):
        read_samples(tmp_path / "x.npz", IMAGE, PLAIN)


def test_as_many_means_as_channels_or_one(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((2, 4, 5, 3), np.uint8))
    with pytest.raises(SamplesDoNotFitError, match="'mean' has 2 numbers"):
        read_samples(tmp_path / "x.npy", IMAGE, Preprocessing(mean=(1.0, 2.0)))


def test_the_digest_tells_values_and_shapes_apart(tmp_path: Path) -> None:
    digests = set()
    for number, array in enumerate([np.zeros((2, 6)), np.zeros((3, 4)), np.ones((2, 6))]):
        np.save(tmp_path / f"{number}.npy", array)
        tensors = (Tensor("x", (1, array.shape[1])),)
        digests.add(read_samples(tmp_path / f"{number}.npy", tensors, PLAIN).digest)
        digests.add(read_samples(tmp_path / f"{number}.npy", tensors, PLAIN).digest)
    assert len(digests) == 3


@given(
    hnp.arrays(np.int16, hnp.array_shapes(min_dims=2, max_dims=3, max_side=5)),
    st.floats(1e-3, 1e3),
    st.floats(-100, 100),
    st.floats(1e-3, 1e3),
)
def test_every_value_is_the_formula_in_double_precision_rounded_once(
    tmp_path_factory: pytest.TempPathFactory, raw: NDArray[np.int16], scale: float, mean: float, std: float
) -> None:
    path = tmp_path_factory.mktemp("samples") / "x.npy"
    np.save(path, raw)
    how = Preprocessing(scale=scale, mean=(mean,), std=(std,))
    samples = read_samples(path, (Tensor("x", (1, *raw.shape[1:])),), how)
    expected = [np.float32((float(value) * scale - mean) / std) for value in raw.ravel()]
    assert samples.inputs[0].ravel().tolist() == expected
