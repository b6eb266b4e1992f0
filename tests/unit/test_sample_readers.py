"""Folders, images, sounds, tables and functions that hold samples; and what is wrong with some."""

from __future__ import annotations

import dataclasses
import random
import struct
import sys
import wave
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from edgekit.errors import ExitCode, MissingExtraError
from edgekit.samples import Preprocessing, read_samples
from edgekit.samples.errors import (
    SamplesDoNotFitError,
    SamplesError,
    SamplesNotFoundError,
    SamplesTooLargeError,
    SamplesUnreadableError,
    UnknownSamplesError,
)
from edgekit.samples.preprocessing import Color, Fit, Resize


@dataclasses.dataclass(frozen=True)
class Tensor:
    name: str
    shape: tuple[int, ...]


PLAIN = Preprocessing()
RGB = (Tensor("image", (1, 6, 4, 3)),)
GRAY = (Tensor("image", (1, 6, 4, 1)),)
SOUND = (Tensor("sound", (1, 8)),)
FLOWER = (Tensor("flower", (1, 4)),)


def noise(height: int = 6, width: int = 4, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def save_image(path: Path, pixels: NDArray[np.uint8]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def save_sound(path: Path, data: bytes, *, width: int = 2, channels: int = 1, rate: int = 16000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as sound:
        sound.setparams((channels, width, rate, 0, "NONE", ""))
        sound.writeframes(data)
    return path


# ------------------------------------------------------------------------------------- folders


def test_class_folders_give_labels_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("dog/b.png", "dog/a.png", "cat/z.PNG", ".hidden/x.png", "dog/.DS_Store", "empty/readme.txt"):
        path = save_image(tmp_path / "x.png", noise())
        (tmp_path / name).parent.mkdir(exist_ok=True)
        path.rename(tmp_path / name)
    samples = read_samples(tmp_path, RGB, PLAIN)
    assert samples.names == ("cat/z.PNG", "dog/a.png", "dog/b.png")
    assert samples.labels is not None
    assert samples.labels.tolist() == [0, 1, 1]
    assert samples.classes == ("cat", "dog")


def test_folders_named_by_numbers_are_these_labels(tmp_path: Path) -> None:
    for name in ("2", "10", "0"):
        save_image(tmp_path / name / "x.png", noise())
    samples = read_samples(tmp_path, RGB, PLAIN)
    assert samples.labels is not None
    assert samples.labels.tolist() == [0, 10, 2]
    assert samples.classes == ()


def test_a_flat_folder_has_no_labels(tmp_path: Path) -> None:
    save_image(tmp_path / "a.png", noise())
    assert read_samples(tmp_path, RGB, PLAIN).labels is None


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(SamplesNotFoundError, match="holds no sample"):
        read_samples(tmp_path, RGB, PLAIN)


@pytest.mark.parametrize("other", ["b.npy", "class/b.png"])
def test_a_folder_of_several_kinds_is_refused(tmp_path: Path, other: str) -> None:
    save_image(tmp_path / "a.png", noise())
    (tmp_path / other).parent.mkdir(exist_ok=True)
    (tmp_path / other).touch()
    with pytest.raises(UnknownSamplesError, match="several kinds"):
        read_samples(tmp_path, RGB, PLAIN)


def test_a_folder_of_npy_has_a_sample_in_each_file(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / str(number)).mkdir()
        np.save(tmp_path / str(number) / "x.npy", np.full((1, 6, 4, 3)[number % 2 :], number, np.float32))
    samples = read_samples(tmp_path, RGB, PLAIN)
    assert samples.inputs[0][:, 0, 0, 0].tolist() == [0, 1, 2]
    assert samples.labels is not None
    assert samples.labels.tolist() == [0, 1, 2]


def test_npy_files_of_different_types_or_shapes_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((6, 4, 3), np.uint8))
    np.save(tmp_path / "b.npy", np.zeros((6, 4, 3), np.float32))
    with pytest.raises(SamplesDoNotFitError, match=r"b\.npy has values of type float32"):
        read_samples(tmp_path, RGB, PLAIN)
    np.save(tmp_path / "b.npy", np.zeros((6, 4), np.uint8))
    with pytest.raises(SamplesDoNotFitError, match=r"b\.npy has samples of shape"):
        read_samples(tmp_path, RGB, PLAIN)


def test_a_folder_tells_how_far_it_is_read(tmp_path: Path) -> None:
    for number in range(4):
        save_image(tmp_path / f"{number}.png", noise())
    told: list[tuple[str, float | None]] = []
    read_samples(tmp_path, RGB, PLAIN, lambda stage, share: told.append((stage, share)))
    assert told == [("reading the samples", share) for share in (0, 0.25, 0.5, 0.75)]


# -------------------------------------------------------------------------------------- images


def test_an_image_of_the_models_size_comes_as_its_bytes(tmp_path: Path) -> None:
    save_image(tmp_path / "a.png", noise())
    assert np.array_equal(read_samples(tmp_path, RGB, PLAIN).inputs[0][0], noise())
    backwards = read_samples(tmp_path, RGB, Preprocessing(color=Color.BGR)).inputs[0][0]
    assert np.array_equal(backwards, noise()[..., ::-1])


def test_one_channel_means_gray(tmp_path: Path) -> None:
    save_image(tmp_path / "a.png", noise())
    gray = np.asarray(Image.fromarray(noise()).convert("L"))
    assert np.array_equal(read_samples(tmp_path, GRAY, PLAIN).inputs[0][0, ..., 0], gray)


def test_every_declared_step_is_done_in_order(tmp_path: Path) -> None:
    save_image(tmp_path / "a.png", noise(12, 20))
    how = Preprocessing(
        resize=Resize.NEAREST, fit=Fit.CROP, color=Color.BGR, scale=1 / 255, mean=(0.1, 0.2, 0.3), std=(2.0,)
    )
    middle = noise(12, 20)[:, 6:14]
    small = middle[1::2, 1::2, ::-1].astype(np.float64)
    expected = ((small * (1 / 255) - (0.1, 0.2, 0.3)) / 2).astype(np.float32)
    assert np.array_equal(read_samples(tmp_path, RGB, how).inputs[0][0], expected)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
def test_images_of_bytes_in_any_mode_are_read(tmp_path: Path, mode: str) -> None:
    Image.fromarray(noise()).convert(mode).save(tmp_path / ("a.jpg" if mode == "CMYK" else "a.png"))
    assert read_samples(tmp_path, RGB, PLAIN).inputs[0].shape == (1, 6, 4, 3)


def test_a_palette_with_transparency_is_read(tmp_path: Path) -> None:
    Image.fromarray(noise()).convert("P").save(tmp_path / "a.png", transparency=b"\x00\x80")
    assert len(read_samples(tmp_path, RGB, PLAIN)) == 1


def test_an_image_of_wider_values_is_refused_and_not_clipped(tmp_path: Path) -> None:
    Image.fromarray(np.full((6, 4), 40000, np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(SamplesUnreadableError, match="I;16"):
        read_samples(tmp_path, GRAY, PLAIN)


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "gif", "webp", "ppm"])
def test_an_image_cut_short_is_refused_with_its_name(tmp_path: Path, ending: str) -> None:
    path = save_image(tmp_path / f"a.{ending}", noise(40, 40))
    whole = path.read_bytes()
    for share in (0, 0.02, 0.3, 0.6):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(SamplesUnreadableError, match=path.name):
            read_samples(tmp_path, RGB, PLAIN)


def test_a_gigantic_image_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    with pytest.raises(SamplesUnreadableError, match="pixels"):
        read_samples(tmp_path, RGB, PLAIN)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(["png", "jpg", "bmp", "gif", "webp", "ppm"]), st.integers(0, 1 << 32))
def test_a_damaged_image_is_read_or_refused_and_nothing_else(tmp_path: Path, ending: str, seed: int) -> None:
    path = save_image(tmp_path / "images" / f"a.{ending}", noise(20, 20))
    chance = random.Random(seed)
    damaged = bytearray(path.read_bytes())
    for _ in range(chance.randint(1, 8)):
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
    path.write_bytes(damaged)
    try:
        assert read_samples(path.parent, RGB, PLAIN).inputs[0].shape == (1, 6, 4, 3)
    except SamplesError:
        pass
    finally:
        path.unlink()


@pytest.mark.parametrize(
    ("tensors", "color"),
    [
        ((Tensor("x", (1, 10)),), None),
        ((Tensor("x", (1, 3, 6, 4)),), None),
        (RGB, Color.GRAY),
        (GRAY, Color.RGB),
        (RGB * 2, None),
    ],
)
def test_images_for_a_model_that_takes_none_are_refused(
    tmp_path: Path, tensors: tuple[Tensor, ...], color: Color | None
) -> None:
    save_image(tmp_path / "a.png", noise())
    with pytest.raises(SamplesDoNotFitError):
        read_samples(tmp_path, tensors, Preprocessing(color=color))


def test_more_images_than_fit_in_memory_are_refused_before_one_is_read(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"{number}.png").touch()
    with pytest.raises(SamplesTooLargeError, match="Give 5 or fewer"):
        read_samples(tmp_path, (Tensor("x", (1, 8192, 8192, 3)),), PLAIN)


def test_without_pillow_images_name_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_image(tmp_path / "a.png", noise())
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtraError, match=r"edgekit-sdk\[samples\]") as raised:
        read_samples(tmp_path, RGB, PLAIN)
    assert raised.value.exit_code is ExitCode.TOOL_MISSING


# -------------------------------------------------------------------------------------- sounds


def test_a_sound_is_cut_or_filled_at_its_end(tmp_path: Path) -> None:
    save_sound(tmp_path / "a.wav", np.arange(1, 12, dtype="<i2").tobytes())
    save_sound(tmp_path / "b.wav", np.arange(1, 4, dtype="<i2").tobytes())
    values = read_samples(tmp_path, SOUND, Preprocessing(scale=2.0)).inputs[0]
    assert values.tolist() == [[2, 4, 6, 8, 10, 12, 14, 16], [2, 4, 6, 0, 0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("width", "data", "expected"),
    [
        (1, bytes([0, 128, 255]), [-32768, 0, 32512]),
        (2, struct.pack("<3h", -32768, -1, 32767), [-32768, -1, 32767]),
        (3, bytes([255, 255, 127, 0, 0, 128, 255, 0, 0]), [32767, -32768, 0]),
        (4, struct.pack("<3i", -1, 65536, -65537), [-1, 1, -2]),
    ],
)
def test_values_of_any_width_become_16_bits(
    tmp_path: Path, width: int, data: bytes, expected: list[int]
) -> None:
    save_sound(tmp_path / "a.wav", data, width=width)
    assert read_samples(tmp_path, SOUND, PLAIN).inputs[0][0, :3].tolist() == expected


def test_channels_become_their_mean_rounded_down(tmp_path: Path) -> None:
    save_sound(tmp_path / "a.wav", struct.pack("<4h", 1, 2, -1, -2), channels=2)
    assert read_samples(tmp_path, SOUND, PLAIN).inputs[0][0, :2].tolist() == [1, -2]


@pytest.mark.parametrize("declared", [None, 16000])
def test_another_rate_is_refused_and_not_resampled(tmp_path: Path, declared: int | None) -> None:
    save_sound(tmp_path / "a.wav", bytes(16))
    save_sound(tmp_path / "b.wav", bytes(16), rate=44100)
    with pytest.raises(SamplesDoNotFitError, match=r"b\.wav has 44100"):
        read_samples(tmp_path, SOUND, Preprocessing(sample_rate_hz=declared))


def test_a_sound_cut_short_empty_or_of_another_coding_is_refused(tmp_path: Path) -> None:
    path = save_sound(tmp_path / "a.wav", bytes(16))
    whole = path.read_bytes()
    floats = bytearray(whole)
    floats[20] = 3
    for damaged in [whole[:length] for length in range(0, len(whole), 5)] + [
        bytes(floats),
        b"RIFX" + whole[4:],
    ]:
        path.write_bytes(damaged)
        with pytest.raises(SamplesUnreadableError, match=r"a\.wav"):
            read_samples(tmp_path, SOUND, PLAIN)
    save_sound(path, b"")
    with pytest.raises(SamplesUnreadableError, match="no sound"):
        read_samples(tmp_path, SOUND, PLAIN)


def test_a_model_of_spectra_is_pointed_to_a_function(tmp_path: Path) -> None:
    save_sound(tmp_path / "a.wav", bytes(16))
    with pytest.raises(SamplesDoNotFitError, match="module:function"):
        read_samples(tmp_path, (Tensor("spectrum", (1, 49, 10, 1)),), PLAIN)
