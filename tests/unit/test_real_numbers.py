"""Real numbers and integers: quantized as the model's own QUANTIZE would, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgekit.evaluate.real_numbers import Form
from edgekit.oracle import run_oracle
from edgekit.testing.tflite_builder import ModelBuilder, spec

if TYPE_CHECKING:
    from numpy.typing import NDArray


def form(scale: float | None, zero_point: int = 0, dtype: str = "int8") -> Form:
    return Form(name="x", shape=(1, 4), dtype=dtype, scale=scale, zero_point=zero_point)


def test_halves_are_rounded_away_from_zero_and_what_lies_outside_is_clipped() -> None:
    reals = np.array([0.5, -0.5, 1.5, 2.5, -2.5, 1000, -1000, 0.49999997], np.float32)
    assert form(1.0).quantize(reals).tolist() == [1, -1, 2, 3, -3, 127, -128, 0]
    assert form(1.0, -128).quantize(reals[:1]).tolist() == [-127]
    assert form(1.0, 0, "uint8").quantize(reals[:2]).tolist() == [1, 0]


def test_a_float_input_is_left_as_it_is() -> None:
    reals = np.array([0.1, -7], np.float32)
    found = form(None, dtype="float32").quantize(reals)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, reals)


def test_integers_stand_for_real_numbers_one_row_a_sample() -> None:
    found = form(0.5, -128).reals(np.array([[[-128, -127]], [[127, 0]]], np.int8))
    assert found.tolist() == [[0.0, 0.5], [127.5, 64.0]]
    assert form(None).reals(np.array([[1.5]], np.float32)).tolist() == [[1.5]]


@given(
    reals=arrays(np.float32, (1, 16), elements=st.floats(-1e4, 1e4, width=32)),
    scale=st.floats(2**-10, 100, width=32),
    zero_point=st.integers(-128, 127),
)
def test_the_reference_interpreter_s_quantize_gives_the_same_integers(
    reals: NDArray[np.float32], scale: float, zero_point: int
) -> None:
    model = ModelBuilder()
    given = model.input((1, 16), "float32")
    model.output(model.op("QUANTIZE", [given], spec((1, 16), scale=scale, zero_point=zero_point)))
    ((expected,),) = run_oracle(model.build(), [(reals,)])
    np.testing.assert_array_equal(form(scale, zero_point).quantize(reals), expected)
