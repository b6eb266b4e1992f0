"""The `[preprocess]` table, and the arithmetic of images."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

from edgekit.errors import UnknownKeyError, WrongTypeError, WrongValueError
from edgekit.samples import Preprocessing
from edgekit.samples.images import recolored
from edgekit.samples.preprocessing import Color, Fit, Resize, preprocessing_of
from edgekit.samples.resize import cropped, resized, triangle_weights

WHERE = "edgekit.toml, table [preprocess]"
Pixels = NDArray[np.uint8]


def pictures(side: int = 40, channels: int = 3) -> st.SearchStrategy[Pixels]:
    sides = st.integers(1, side)
    return st.builds(
        lambda height, width, seed: (
            np.random.default_rng(seed).integers(0, 256, (height, width, channels)).astype(np.uint8)
        ),
        sides,
        sides,
        st.integers(0, 1 << 32),
    )


def test_a_table_says_everything() -> None:
    table = tomllib.loads(
        """
        resize = "antialias"
        fit = "crop"
        color = "bgr"
        scale = "1/127.5"
        mean = [0.5, 0.25, 1]
        std = 2
        sample_rate_hz = 16000
        label_column = "species"
        trained_range = [-1, 1]
        """
    )
    assert preprocessing_of(table, WHERE) == Preprocessing(
        resize=Resize.ANTIALIAS,
        fit=Fit.CROP,
        color=Color.BGR,
        scale=1 / 127.5,
        mean=(0.5, 0.25, 1.0),
        std=(2.0,),
        sample_rate_hz=16000,
        label_column="species",
        trained_range=(-1.0, 1.0),
    )


def test_the_documentation_shows_every_key_of_the_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "calibration.md").read_text(encoding="utf-8")
    shown = tomllib.loads(page.split("```toml\n")[1].split("```")[0])["preprocess"]
    assert preprocessing_of(shown, WHERE).scale == 1 / 255
    assert set(shown) == {field.name for field in dataclasses.fields(Preprocessing)}


def test_an_empty_table_changes_no_value() -> None:
    assert preprocessing_of({}, WHERE) == Preprocessing()
    assert not Preprocessing().changes_values


numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.builds(
        Preprocessing,
        resize=st.sampled_from(Resize),
        fit=st.sampled_from(Fit),
        color=st.none() | st.sampled_from(Color),
        scale=numbers.filter(bool),
        mean=st.lists(numbers, min_size=1, max_size=4).map(tuple),
        std=st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=4).map(tuple),
        sample_rate_hz=st.none() | st.integers(1, 192_000),
        label_column=st.text(),
        trained_range=st.none() | st.tuples(st.floats(-1e9, 0), st.floats(1e-9, 1e9)),
    )
)
def test_a_table_that_is_written_is_read_back(preprocessing: Preprocessing) -> None:
    assert preprocessing_of(preprocessing.table(), WHERE) == preprocessing


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        ({"resise": "bilinear"}, UnknownKeyError, "Did you mean 'resize'"),
        ({"resize": "bilinaer"}, WrongValueError, "Did you mean 'bilinear'"),
        ({"color": 3}, WrongTypeError, "a string"),
        ({"scale": "1/0"}, WrongValueError, "finite"),
        ({"scale": "1.2.3/4"}, WrongValueError, "finite"),
        ({"scale": "half"}, WrongTypeError, "1/255"),
        ({"scale": True}, WrongTypeError, "a number"),
        ({"scale": 0}, WrongValueError, "the same"),
        ({"mean": []}, WrongValueError, "each channel"),
        ({"mean": [0.5, "x"]}, WrongTypeError, "a number"),
        ({"mean": float("nan")}, WrongValueError, "finite"),
        ({"std": [1, 0]}, WrongValueError, "divided"),
        ({"sample_rate_hz": 0}, WrongValueError, "hertz"),
        ({"sample_rate_hz": 16e3}, WrongTypeError, "whole"),
        ({"trained_range": [1, -1]}, WrongValueError, "lowest"),
        ({"trained_range": [1]}, WrongValueError, "lowest"),
    ],
)
def test_a_slip_in_a_table_is_named(table: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as raised:
        preprocessing_of(table, WHERE)
    assert WHERE in str(raised.value)


@settings(max_examples=60)
@given(pictures(), st.integers(1, 40), st.integers(1, 40))
def test_antialias_is_pillows_bilinear(pixels: Pixels, height: int, width: int) -> None:
    expected = Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR)
    difference = resized(pixels, height, width, Resize.ANTIALIAS).astype(int) - np.asarray(expected)
    # Where both sides change, Pillow's newer versions choose which comes first; ours is always the width.
    assert np.abs(difference).max() <= (height != pixels.shape[0] and width != pixels.shape[1])


@given(st.integers(1, 3000), st.integers(1, 300), st.data())
def test_weights_of_a_triangle_sum_to_one(size: int, wanted: int, data: st.DataObject) -> None:
    first, weights = triangle_weights(size, wanted, data.draw(st.integers(0, wanted - 1)))
    assert 0 <= first < first + len(weights) <= size
    assert abs(sum(weights) - (1 << 22)) <= len(weights)


@settings(max_examples=60)
@given(pictures(), st.integers(1, 40), st.integers(1, 40))
def test_bilinear_is_the_real_interpolation_rounded(pixels: Pixels, height: int, width: int) -> None:
    def taps(size: int, wanted: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        at = (np.arange(wanted) + 0.5) * size / wanted - 0.5
        low = np.floor(at).astype(int)
        return low.clip(0, size - 1), (low + 1).clip(0, size - 1), at - low

    y0, y1, dy = taps(pixels.shape[0], height)
    x0, x1, dx = taps(pixels.shape[1], width)
    dy, dx, real = dy[:, None, None], dx[:, None], pixels.astype(float)
    top = real[y0][:, x0] * (1 - dx) + real[y0][:, x1] * dx
    bottom = real[y1][:, x0] * (1 - dx) + real[y1][:, x1] * dx
    # Half a step by rounding, and what 2048ths are off by: 2 * 255 / 4096.
    difference = np.abs(resized(pixels, height, width, Resize.BILINEAR) - (top * (1 - dy) + bottom * dy))
    if (height, width) != pixels.shape[:2]:
        assert difference.max() <= 0.5 + 2 * 255 / 4096 + 1e-9


def test_bilinear_by_hand() -> None:
    row = np.array([[[0], [100], [201]]], np.uint8)
    # Twice as wide: centres at -1/4, 1/4, 3/4, 5/4, 7/4, 9/4.
    assert resized(row, 1, 6, Resize.BILINEAR)[0, :, 0].tolist() == [0, 25, 75, 125, 176, 201]


def test_nearest_takes_the_pixel_under_the_centre() -> None:
    row = np.arange(7, dtype=np.uint8)[None, :, None]
    assert resized(row, 1, 3, Resize.NEAREST)[0, :, 0].tolist() == [1, 3, 5]
    assert resized(row[:, :2], 2, 4, Resize.NEAREST)[..., 0].tolist() == [[0, 0, 1, 1]] * 2


@given(pictures(12), st.integers(1, 30), st.integers(1, 30), st.sampled_from(Resize))
def test_resizing_keeps_a_uniform_image_and_never_leaves_the_range(
    pixels: Pixels, height: int, width: int, how: Resize
) -> None:
    uniform = np.full_like(pixels, 77)
    assert (resized(uniform, height, width, how) == 77).all()
    out = resized(pixels, height, width, how)
    assert out.dtype == np.uint8
    assert out.shape == (height, width, 3)
    assert pixels.min() <= out.min()
    assert out.max() <= pixels.max()


@given(pictures(), st.sampled_from(Resize))
def test_an_image_of_the_right_size_stays_as_it_is(pixels: Pixels, how: Resize) -> None:
    assert np.array_equal(resized(pixels, pixels.shape[0], pixels.shape[1], how), pixels)


@given(hnp.arrays(np.uint8, (4, 5, 3)))
def test_gray_is_pillows(pixels: Pixels) -> None:
    assert np.array_equal(
        recolored(pixels, Color.GRAY)[..., 0], np.asarray(Image.fromarray(pixels).convert("L"))
    )


@pytest.mark.parametrize("how", [Color.RGB, Color.BGR])
def test_bgr_is_rgb_backwards(how: Color) -> None:
    pixels = np.array([[[1, 2, 3]]], np.uint8)
    assert recolored(pixels, how).tolist() == [[[1, 2, 3] if how is Color.RGB else [3, 2, 1]]]


@given(pictures(), st.integers(1, 40), st.integers(1, 40))
def test_a_crop_lies_in_the_middle_and_cannot_grow(pixels: Pixels, height: int, width: int) -> None:
    kept = cropped(pixels, height, width, Fit.CROP)
    rows, columns = kept.shape[:2]
    assert rows >= 1
    assert columns >= 1
    assert rows == pixels.shape[0] or columns == pixels.shape[1]
    assert rows == pixels.shape[0] or rows == max(1, columns * height // width)
    assert columns == pixels.shape[1] or columns == max(1, rows * width // height)


def test_a_crop_by_hand() -> None:
    pixels = np.arange(2 * 5, dtype=np.uint8).reshape(2, 5, 1)
    assert cropped(pixels, 8, 8, Fit.CROP)[..., 0].tolist() == [[1, 2], [6, 7]]
    assert cropped(pixels, 8, 8, Fit.STRETCH) is pixels
