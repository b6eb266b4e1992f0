"""The linter of samples: each fault is found, and good data raises no alarm."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from edgekit.samples import Preprocessing, Samples, lint, read_samples, require_usable
from edgekit.samples.errors import UnusableSamplesError
from edgekit.samples.finding import Fault, Finding
from edgekit.samples.preprocessing import Color

PLAIN = Preprocessing()
IMAGENET = (0.485, 0.456, 0.406)
DEVIATIONS = (0.229, 0.224, 0.225)
TORCH = Preprocessing(scale=1 / 255, mean=IMAGENET, std=DEVIATIONS)
CAFFE_MEANS = (103.939, 116.779, 123.68)


@dataclasses.dataclass(frozen=True)
class Tensor:
    name: str
    shape: tuple[int, ...]


def samples_of(*inputs: NDArray[Any], labels: Any = None, was_raw: bool = False) -> Samples:
    return Samples(
        inputs=tuple(np.asarray(values, np.float32) for values in inputs),
        labels=None if labels is None else np.asarray(labels),
        names=tuple(f"s{index}" for index in range(len(inputs[0]))),
        source="made",
        was_raw=was_raw,
    )


def found(
    samples: Samples, preprocessing: Preprocessing = PLAIN, classes: int | None = None
) -> dict[Fault, Finding]:
    inputs = [Tensor(f"input {i}", (1, *values.shape[1:])) for i, values in enumerate(samples.inputs)]
    outputs = [Tensor("output", (1, classes))] if classes is not None else []
    return {finding.fault: finding for finding in lint(samples, preprocessing, inputs, outputs)}


def pictures(count: int = 120, seed: int = 0, channels: int = 3) -> NDArray[np.uint8]:
    """Bytes with black and white in every channel."""
    made = np.random.default_rng(seed).integers(0, 256, (count, 8, 8, channels)).astype(np.uint8)
    made[0, 0, 0], made[0, 0, 1] = 0, 255
    return made


def as_torch(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    return (pixels / 255 - IMAGENET) / DEVIATIONS


# ---------------------------------------------------------------------------- good data is silent


@settings(max_examples=60, deadline=None)
@given(
    st.integers(100, 300),
    st.sampled_from([(4,), (64,), (8, 8, 1), (8, 8, 3), (200,), (20, 5)]),
    st.floats(1e-4, 1e4),
    st.floats(-10, 10),
    st.sampled_from(["normal", "uniform", "laplace"]),
    st.integers(0, 1 << 32),
)
def test_noise_of_any_size_raises_no_alarm(
    count: int, shape: tuple[int, ...], scale: float, shift: float, kind: str, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    values = getattr(chance, kind)(size=(count, *shape)) * scale + shift * scale
    labels = np.arange(count) % 10
    assert found(samples_of(values, labels=labels), classes=10) == {}


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 1 << 32),
    st.sampled_from(["0 to 1", "-1 to 1", "torch", "caffe", "bytes, declared"]),
    st.booleans(),
)
def test_pictures_normalised_as_declared_raise_no_alarm(seed: int, kind: str, arrays: bool) -> None:
    how = {
        "0 to 1": Preprocessing(scale=1 / 255, trained_range=(0, 1)),
        "-1 to 1": Preprocessing(scale=1 / 127.5, mean=(1.0,)),
        "torch": TORCH,
        "caffe": Preprocessing(mean=CAFFE_MEANS, color=Color.BGR),
        "bytes, declared": Preprocessing(trained_range=(0, 255)),
    }[kind]
    values = (pictures(seed=seed) * how.scale - how.mean) / how.std
    assert found(samples_of(values, was_raw=not arrays), how) == {}


def test_dark_pictures_raise_no_alarm() -> None:
    how = Preprocessing(scale=1 / 255)
    assert found(samples_of(pictures() // 4 / 255, was_raw=True), how) == {}


def test_sparse_rows_raise_no_alarm() -> None:
    rows = np.zeros((200, 40))
    rows[np.arange(200), np.random.default_rng(0).integers(0, 40, 200)] = 1
    rows[:, :7] += np.random.default_rng(1).integers(0, 2, (200, 7))
    assert found(samples_of(rows)) == {}


def test_switches_that_repeat_by_chance_raise_no_alarm() -> None:
    assert found(samples_of(np.random.default_rng(0).integers(0, 2, (200, 4)))) == {}


def test_a_few_silent_clips_raise_no_alarm() -> None:
    clips = np.random.default_rng(0).normal(size=(200, 400))
    clips[:15] *= np.linspace(0, 0.01, 15)[:, None]
    assert found(samples_of(clips)) == {}


@given(st.integers(2, 100), st.integers(1, 12), st.integers(0, 1 << 32))
def test_classes_drawn_at_random_raise_no_alarm(classes: int, each: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    labels = chance.integers(0, classes, each * classes)
    if each == 1:
        labels = np.arange(classes)
    if each >= 10:
        labels[:classes] = np.arange(classes)
    assert Fault.FEW_CLASSES not in found(
        samples_of(chance.normal(size=(len(labels), 4)), labels=labels), classes=classes
    )


def test_digits_of_scikit_learn_raise_no_alarm() -> None:
    from sklearn.datasets import load_digits

    digits = load_digits()
    assert found(samples_of(digits.data, labels=digits.target), classes=10) == {}
    images = digits.images[..., None]
    assert found(samples_of(images, labels=digits.target), classes=10) == {}


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
def test_tables_of_scikit_learn_raise_no_alarm_but_for_columns_in_other_units(name: str) -> None:
    from sklearn import datasets

    data = getattr(datasets, f"load_{name}")()
    classes = len(data.target_names)
    brought_near = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
    assert found(samples_of(brought_near, labels=data.target), classes=classes) == {}
    faults = list(found(samples_of(data.data, labels=data.target), classes=classes))
    assert faults == ([] if name == "iris" else [Fault.UNEVEN_COLUMNS])


# ------------------------------------------------------------------------------- faults are found


@given(st.sampled_from([np.nan, np.inf, -np.inf]), st.integers(0, 119), st.integers(0, 15))
def test_one_value_that_is_not_finite_is_found_and_blocks(bad: float, sample: int, position: int) -> None:
    values = np.random.default_rng(0).normal(size=(120, 16))
    values[sample, position] = bad
    findings = found(samples_of(values))
    assert list(findings) == [Fault.NOT_FINITE]
    assert f"in 1 sample: s{sample}." in findings[Fault.NOT_FINITE].what
    with pytest.raises(UnusableSamplesError, match="NaN or infinite"):
        require_usable(tuple(findings.values()))


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_the_same_value_everywhere_blocks(value: float) -> None:
    findings = found(samples_of(np.full((120, 16), value)))
    assert findings[Fault.CONSTANT].blocks
    assert f"is {value:g} everywhere" in findings[Fault.CONSTANT].what


def test_many_black_pictures_are_found() -> None:
    values = pictures() / 255
    values[5:30] = 0
    findings = found(samples_of(values))
    assert "25 of 120 samples" in findings[Fault.EMPTY_SAMPLES].what
    assert "are 0 throughout: s5, s6, s7 and 22 more" in findings[Fault.EMPTY_SAMPLES].what


def test_a_channel_without_values_is_found() -> None:
    values = pictures() / 255
    values[..., 1] = 0
    assert "Channel 1" in found(samples_of(values))[Fault.EMPTY_CHANNEL].what


def test_the_same_sample_again_and_again_blocks() -> None:
    findings = found(samples_of(np.repeat(pictures(1) / 255, 200, axis=0)))
    assert list(findings) == [Fault.REPEATED]
    assert findings[Fault.REPEATED].blocks
    assert "next(iter(data))" in findings[Fault.REPEATED].fix


@given(st.integers(2, 20))
def test_a_list_repeated_is_found(times: int) -> None:
    values = np.tile(np.random.default_rng(0).normal(size=(60, 16)), (times, 1))
    findings = found(samples_of(values))
    assert list(findings) == [Fault.REPEATED]
    assert f"Only 60 of {60 * times}" in findings[Fault.REPEATED].what


@given(st.integers(1, 99))
def test_few_samples_are_found(count: int) -> None:
    findings = found(samples_of(np.random.default_rng(0).normal(size=(count, 16))))
    assert list(findings) == [Fault.FEW_SAMPLES]


def test_missing_classes_are_named(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(200, 16))
    findings = found(samples_of(values, labels=np.arange(200) % 7), classes=10)
    assert list(findings) == [Fault.FEW_CLASSES]
    assert "3 of the model's 10 classes have no sample: 7, 8, 9." in findings[Fault.FEW_CLASSES].what
    assert list(found(samples_of(values, labels=np.zeros(200, int)))) == [Fault.FEW_CLASSES]


def test_labels_that_are_numbers_to_estimate_are_no_classes() -> None:
    values = np.random.default_rng(0).normal(size=(200, 16))
    assert found(samples_of(values, labels=np.zeros(200)), classes=10) == {}


def test_labels_that_the_model_does_not_know_are_found() -> None:
    values = np.random.default_rng(0).normal(size=(200, 16))
    findings = found(samples_of(values, labels=np.arange(200) % 11), classes=10)
    assert list(findings) == [Fault.UNKNOWN_LABELS]
    assert (
        "18 samples of classes that the model lacks, such as 10: s10, s21, s32 and 15 more"
        in findings[Fault.UNKNOWN_LABELS].what
    )


@given(st.floats(40, 1e6), st.integers(0, 199), st.sampled_from([1, -1]))
def test_a_spike_that_stretches_the_range_is_found(size: float, sample: int, sign: int) -> None:
    values = np.random.default_rng(0).uniform(-1, 1, (200, 16))
    values[sample, 3] = sign * size
    findings = found(samples_of(values))
    assert list(findings) == [Fault.OUTLIERS]
    assert findings[Fault.OUTLIERS].what.endswith(f": s{sample}.")
    assert "of 255 steps" in findings[Fault.OUTLIERS].why


def test_a_column_in_another_unit_is_found() -> None:
    values = np.random.default_rng(0).uniform(0, 1, (200, 4))
    values[:, 2] *= 1013
    findings = found(samples_of(values))
    assert list(findings) == [Fault.UNEVEN_COLUMNS]
    assert "Columns 0, 1, 3 of input" in findings[Fault.UNEVEN_COLUMNS].what


def test_bytes_that_nothing_scales_are_found(tmp_path: Path) -> None:
    for number, pixels in enumerate(pictures()):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    tensors = (Tensor("image", (1, 8, 8, 3)),)
    faults = [each.fault for each in lint(read_samples(tmp_path, tensors, PLAIN), PLAIN, tensors)]
    assert faults == [Fault.NOT_SCALED]


def test_bytes_where_scaled_values_are_due_are_found() -> None:
    findings = found(samples_of(pictures()), TORCH)
    assert list(findings) == [Fault.OUT_OF_RANGE]
    assert "look like bytes" in findings[Fault.OUT_OF_RANGE].what
    assert "-2.118 to 2.64" in findings[Fault.OUT_OF_RANGE].why


@pytest.mark.parametrize(
    ("values", "trained_range", "fault"),
    [
        (pictures() / 255, (-1.0, 1.0), Fault.RANGE_UNUSED),
        (pictures() / 255 / 255, (0.0, 1.0), Fault.RANGE_UNUSED),
        (pictures() / 127.5 - 1, (0.0, 1.0), Fault.OUT_OF_RANGE),
        (as_torch(pictures()), (0.0, 1.0), Fault.OUT_OF_RANGE),
    ],
)
def test_another_normalisation_than_the_trained_one_is_found(
    values: NDArray[np.float64], trained_range: tuple[float, float], fault: Fault
) -> None:
    assert list(found(samples_of(values), Preprocessing(trained_range=trained_range))) == [fault]


def test_values_normalised_twice_are_found() -> None:
    assert list(found(samples_of(as_torch(pictures()) / 255), TORCH)) == [Fault.RANGE_UNUSED]


@pytest.mark.parametrize("how", [TORCH, Preprocessing(mean=CAFFE_MEANS, color=Color.BGR)])
def test_arrays_with_channels_in_the_other_order_are_found(how: Preprocessing) -> None:
    backwards = (pictures() * how.scale - how.mean[::-1]) / how.std[::-1]
    assert list(found(samples_of(backwards), how)) == [Fault.CHANNELS_SWAPPED]


@pytest.mark.parametrize(
    "how",
    [
        Preprocessing(mean=CAFFE_MEANS),
        dataclasses.replace(TORCH, color=Color.BGR),
        dataclasses.replace(TORCH, mean=IMAGENET[::-1], std=DEVIATIONS[::-1]),
    ],
)
def test_means_in_the_other_order_than_the_channels_are_found(how: Preprocessing) -> None:
    values = (pictures() * how.scale - how.mean) / how.std
    assert list(found(samples_of(values, was_raw=True), how)) == [Fault.CHANNELS_SWAPPED]


def test_each_of_several_inputs_is_looked_at() -> None:
    good = np.random.default_rng(0).normal(size=(120, 16))
    findings = found(samples_of(good, np.zeros((120, 3))))
    assert "'input 1'" in findings[Fault.CONSTANT].what


def test_a_finding_says_what_why_and_how_to_fix_it() -> None:
    (finding,) = found(samples_of(np.random.default_rng(0).normal(size=(1, 16)))).values()
    assert str(finding) == f"{finding.what}\n  why: {finding.why}\n  fix: {finding.fix}"
    require_usable((finding,))


def test_every_fault_is_in_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs" / "calibration.md").read_text(encoding="utf-8")
    assert [fault for fault in Fault if f"`{fault.value}`" not in text] == []
