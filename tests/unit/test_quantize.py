"""Quantizing through the door: another process, provenance, progress, refusals, the same bytes each time."""

from __future__ import annotations

import dataclasses
import hashlib
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.artifacts import DType, FloatModel, FloatTensor, ModelOrigin
from edgekit.errors import ExitCode, MissingExtraError
from edgekit.ingest import read_tflite
from edgekit.quantize import Interface, Quantization, Ranges, quantize
from edgekit.quantize.core import to_int8
from edgekit.quantize.errors import CalibrationError, LeftInFloatError, QuantizerFailedError
from edgekit.quantize.flatbuffer import read, write
from edgekit.quantize.observe import Observed, observe
from edgekit.quantize.ranges import ranges
from edgekit.samples import Samples
from edgekit.testing.tflite_builder import ModelBuilder, spec

RANDOM = np.random.default_rng(3)
ORIGIN = ModelOrigin(format="tflite", file_name="net.tflite", digest="d" * 64, converter={})


def floats(*shape: int) -> Any:
    return RANDOM.standard_normal(shape).astype(np.float32)


def model_of(flatbuffer: bytes, *shapes: tuple[int, ...]) -> FloatModel:
    return FloatModel(
        name="net",
        flatbuffer=flatbuffer,
        digest=hashlib.sha256(flatbuffer).hexdigest(),
        inputs=tuple(
            FloatTensor(name=f"in{i}", shape=shape, dtype=DType.FLOAT32) for i, shape in enumerate(shapes)
        ),
        outputs=(),
        origin=ORIGIN,
    )


def dense(units: int = 3, width: int = 4, activation: str = "RELU") -> FloatModel:
    model = ModelBuilder()
    x = model.input((1, width), "float32")
    constants = [model.constant(floats(units, width)), model.constant(floats(units))]
    hidden = model.op("FULLY_CONNECTED", [x, *constants], spec((1, units), "float32"))
    model.op(activation, [hidden], spec((1, units), "float32", name="answer"))
    return model_of(model.build(), (1, width))


def samples(*arrays: Any) -> Samples:
    names = tuple(f"sample {number}" for number in range(len(arrays[0]) if arrays else 0))
    return Samples(inputs=arrays, labels=None, names=names, source="samples.npz")


MODEL, SAMPLES = dense(), samples(floats(10, 4))


@pytest.fixture(scope="module")
def result() -> Any:
    return quantize(MODEL, SAMPLES)


def test_the_same_model_and_samples_give_the_same_bytes_in_any_process(result: Any) -> None:
    assert quantize(MODEL, SAMPLES).flatbuffer == result.flatbuffer
    here = to_int8(MODEL.flatbuffer, SAMPLES.inputs, Quantization(), lambda _stage, _share: None)
    assert here == result.flatbuffer


def test_the_record_tells_where_a_quantized_model_came_from(result: Any) -> None:
    record = result.record
    assert record.tools.keys() == {"ai-edge-quantizer", "ai-edge-litert", "numpy"}
    assert record.tools["ai-edge-quantizer"] == "0.10.0"
    assert (record.weights, record.interface, record.ranges) == ("int8 per channel", "int8", "min-max")
    assert (record.samples, record.samples_digest) == (10, SAMPLES.digest)
    assert (record.float_digest, record.origin) == (MODEL.digest, ORIGIN)


def test_progress_goes_up_to_the_whole() -> None:
    told: list[tuple[str, float]] = []
    quantize(MODEL, SAMPLES, progress=lambda stage, share: told.append((stage, share or 0.0)))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert (len(shares), shares[-1]) == (12, 1.0)
    assert "running the float model on the samples" in told[0][0]


def test_a_range_holds_zero_and_every_value_that_was_seen(result: Any) -> None:
    graph = read_tflite(result.flatbuffer, name="net").graph
    tensor = graph.tensors[graph.inputs[0]]
    least, greatest = ((code - tensor.zero_point) * tensor.scale for code in (-128, 127))
    seen = SAMPLES.inputs[0]
    assert least - tensor.scale / 2 <= min(seen.min(), 0)
    assert greatest + tensor.scale / 2 >= max(seen.max(), 0)


def test_inputs_that_are_never_zero_or_always_zero_are_quantized() -> None:
    for values in (floats(4, 4) * 0.1 + 5, np.zeros((4, 4), np.float32), np.full((4, 4), -3, np.float32)):
        graph = read_tflite(quantize(MODEL, samples(values)).flatbuffer, name="net").graph
        tensor = graph.tensors[graph.inputs[0]]
        assert np.isfinite(tensor.scale)
        assert tensor.scale > 0
        assert -128 <= tensor.zero_point <= 127


def test_one_sample_is_enough_to_build_from() -> None:
    assert quantize(MODEL, samples(floats(1, 4))).record.samples == 1


def test_a_moving_average_clips_what_was_seen_once() -> None:
    values = np.full((50, 4), 1, np.float32)
    values[25] = 100
    options = Quantization(ranges=Ranges.MOVING_AVERAGE, interface=Interface.FLOAT)
    averaged = quantize(MODEL, samples(values), options)
    graph = read_tflite(averaged.flatbuffer, name="net").graph
    assert graph.tensors[graph.operators[0].outputs[0]].scale < 10 / 255
    assert (averaged.record.ranges, averaged.record.interface) == ("moving-average", "float")


def test_constants_of_large_models_are_inside_the_file_and_aligned() -> None:
    large = dense(units=1024, width=512)
    flatbuffer = quantize(large, samples(floats(2, 512))).flatbuffer
    graph = read_tflite(flatbuffer, name="net").graph
    weights = next(t for t in graph.tensors if t.shape == (1024, 512))
    assert weights.data is not None
    assert flatbuffer.find(weights.data.tobytes()) % 16 == 0


def test_several_inputs_keep_their_order() -> None:
    model = ModelBuilder()
    x, y = model.input((1, 4), "float32"), model.input((1, 6), "float32")
    model.op("CONCATENATION", [x, y], spec((1, 10), "float32"), axis=1)
    both = model_of(model.build(), (1, 4), (1, 6))
    given = (floats(5, 4), 10 * floats(5, 6))
    graph = read_tflite(quantize(both, samples(*given)).flatbuffer, name="net").graph
    small, large = (graph.tensors[index] for index in graph.inputs)
    assert (small.shape, large.shape) == ((1, 4), (1, 6))
    assert small.scale < large.scale / 3


def test_a_file_whose_operators_have_only_the_older_code_is_quantized() -> None:
    model = read(MODEL.flatbuffer)
    for code in model.operatorCodes:
        code.builtinCode = 0
    old = model_of(write(model), (1, 4))
    assert quantize(old, SAMPLES).flatbuffer == quantize(MODEL, SAMPLES).flatbuffer


# ------------------------------------------------------------------------------------- refusals


def test_an_operator_without_an_integer_form_is_named_with_its_layer() -> None:
    with pytest.raises(LeftInFloatError) as caught:
        quantize(dense(activation="ELU"), SAMPLES)
    assert caught.value.what == "net cannot be quantized to full integer: ELU, which writes 'answer_4'."
    assert "no integer form of ELU" in caught.value.why
    assert caught.value.exit_code is ExitCode.MODEL


def test_a_sample_that_makes_the_model_overflow_is_named() -> None:
    model = ModelBuilder()
    x = model.input((1, 4), "float32", name="level")
    model.op("MUL", [x, x], spec((1, 4), "float32", name="power"))
    for bad, tensor in ((np.nan, "level_0"), (-np.inf, "level_0"), (1e30, "power_1")):
        values = floats(10, 4)
        values[7, 2] = bad
        with pytest.raises(CalibrationError) as caught:
            quantize(model_of(model.build(), (1, 4)), samples(values))
        assert caught.value.why == (
            f"With the sample sample 7, {tensor!r} becomes infinite or NaN in the float model."
        )


@pytest.mark.parametrize(
    ("arrays", "why"),
    [
        ((floats(0, 4),), "There is not one sample."),
        ((floats(2, 5),), r"in0 takes \(4,\), and a sample is \(5,\)."),
        ((floats(2, 4), floats(2, 4)), "The model has 1 inputs, and a sample brings 2 arrays."),
    ],
)
def test_samples_that_do_not_fit_the_model_are_refused(arrays: Any, why: str) -> None:
    with pytest.raises(CalibrationError, match=why) as caught:
        quantize(MODEL, samples(*arrays))
    assert caught.value.what == "net cannot be calibrated with samples.npz."


def test_a_model_that_the_interpreter_refuses_is_a_message() -> None:
    model = ModelBuilder()
    x = model.input((1, 4), "float32")
    model.op("FULLY_CONNECTED", [x, model.constant(floats(3, 5))], spec((1, 3), "float32"))
    with pytest.raises(QuantizerFailedError, match=r"The quantizer gave up") as caught:
        quantize(model_of(model.build(), (1, 4)), SAMPLES)
    assert caught.value.exit_code is ExitCode.MODEL


def test_a_crash_of_the_process_is_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(QuantizerFailedError, match=r"It crashed \(exit code 1\)"):
        quantize(MODEL, SAMPLES)


def test_without_the_quantizer_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'edgekit-sdk\[quantize\]'"):
        quantize(MODEL, SAMPLES)


# --------------------------------------------------------------------------------------- ranges

ROWS = st.lists(
    st.tuples(st.floats(-1e6, 1e6, width=32), st.floats(0, 1e6, width=32)), min_size=1, max_size=20
)


def observed(rows: list[tuple[float, float]]) -> Observed:
    least = np.array([[low] for low, _ in rows], np.float32)
    return Observed((0,), least, least + np.array([[width] for _, width in rows], np.float32))


@given(ROWS)
def test_an_average_of_ranges_lies_within_all_that_was_seen(rows: list[tuple[float, float]]) -> None:
    whole, average = (ranges(observed(rows), how) for how in (Ranges.MIN_MAX, Ranges.MOVING_AVERAGE))
    slack = 1e-6 * max(abs(float(whole[0][0])), abs(float(whole[1][0])))
    assert whole[0] - slack <= average[0] <= average[1] <= whole[1] + slack


@given(ROWS, st.randoms())
def test_the_order_of_samples_changes_nothing_of_the_least_and_the_greatest(rows: Any, order: Any) -> None:
    shuffled = order.sample(rows, len(rows))
    assert ranges(observed(rows), Ranges.MIN_MAX) == ranges(observed(shuffled), Ranges.MIN_MAX)


def test_what_was_seen_is_each_samples_own() -> None:
    values = floats(30, 4)
    shares: list[float] = []
    seen = observe(MODEL.flatbuffer, [0], [values], shares.append)
    assert np.array_equal(seen.minima[:, 0], values.min(axis=1))
    assert np.array_equal(seen.maxima[:, 0], values.max(axis=1))
    assert shares == [pytest.approx((i + 1) / 30) for i in range(30)]
    assert seen.first_not_finite() is None
    assert dataclasses.replace(seen, minima=seen.minima - np.inf).first_not_finite() == (0, 0)
