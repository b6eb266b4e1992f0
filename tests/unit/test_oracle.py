"""The reference interpreter behind its worker process."""

from __future__ import annotations

import concurrent.futures

import numpy as np
import pytest

from edgekit import oracle
from edgekit.errors import ExitCode, OracleCannotRunError, OracleMissingError
from edgekit.oracle import client
from edgekit.testing.models import model_path
from edgekit.testing.tflite_builder import ModelBuilder, spec
from edgekit.testing.tiny_model import SHAPE, ZERO_POINT, tiny_flatbuffer

FRAMES = [(np.full(SHAPE, value, np.int8),) for value in (5, 3, -20, -30)]


def test_state_starts_fresh_and_is_carried() -> None:
    for _ in range(2):
        answers = oracle.run_oracle(tiny_flatbuffer(), FRAMES)
        assert [int(answer[0][0, 0]) for answer in answers] == [5, 5, 3, ZERO_POINT]


def test_an_earlier_answer_is_not_overwritten_by_a_later_frame() -> None:
    answers = oracle.run_oracle(tiny_flatbuffer(), [(np.full(SHAPE, value, np.int8),) for value in (1, 9)])
    assert (answers[0][0].max(), answers[1][0].max()) == (1, 9)


def test_intermediates_are_what_each_operator_wrote() -> None:
    (loudest,) = oracle.operator_outputs(tiny_flatbuffer())[3].values()
    frames = oracle.oracle_intermediates(tiny_flatbuffer(), FRAMES)
    assert [int(tensors[loudest][0, 0]) for tensors in frames] == [5, 5, 3, -20]
    (last,) = oracle.oracle_intermediates(tiny_flatbuffer(), FRAMES, last_only=True)
    assert last.keys() == frames[-1].keys()
    assert all(np.array_equal(last[index], frames[-1][index]) for index in last)


def test_handles_of_variables_are_not_looked_at() -> None:
    outputs = oracle.operator_outputs(tiny_flatbuffer())
    (handle,) = outputs[1].values()
    assert handle not in oracle.oracle_intermediates(tiny_flatbuffer(), FRAMES[:1])[0]


def test_tensors_of_operators_are_named() -> None:
    assert list(oracle.operator_outputs(tiny_flatbuffer())[4]) == ["output_4"]


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_integers_that_are_quantized_anew_stay_integers(dtype: str) -> None:
    model = ModelBuilder()
    x = model.input((1, 4), dtype, scale=0.5, zero_point=3)
    model.op("QUANTIZE", [x], [spec((1, 4), scale=1.0, zero_point=0)])
    frame = np.array([[3, 5, 9, 103]], dtype)
    (answer,) = oracle.run_oracle(model.build(), [(frame,)])
    assert answer[0].tolist() == [[0, 1, 3, 50]]


@pytest.mark.parametrize("name", ["keyword_spotting", "okay_nabu"])
def test_a_trained_model_gives_the_same_answer_twice(name: str) -> None:
    flatbuffer = model_path(name).read_bytes()
    shape, dtype = ((1, 50, 10, 1), np.float32) if name == "keyword_spotting" else ((1, 3, 40), np.int8)
    frames = [(np.full(shape, value, dtype),) for value in (1, 20, 3)]
    first, second = (oracle.run_oracle(flatbuffer, frames) for _ in range(2))
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("content", [b"", b"no model at all", tiny_flatbuffer()[:300]])
def test_a_damaged_file_is_told_before_it_is_run(content: bytes) -> None:
    with pytest.raises(OracleCannotRunError, match="cannot read the model") as refused:
        oracle.run_oracle(content, FRAMES)
    assert refused.value.exit_code == ExitCode.MODEL


@pytest.mark.parametrize(
    "frame", [(np.zeros(8, np.int8),), (np.zeros(SHAPE, np.int16),), (), (np.zeros(SHAPE, np.int8),) * 2]
)
def test_a_frame_that_does_not_fit_is_refused(frame: tuple[np.ndarray, ...]) -> None:
    with pytest.raises(OracleCannotRunError, match="cannot run the model"):
        oracle.run_oracle(tiny_flatbuffer(), [frame])


def missing_operator() -> bytes:
    model = ModelBuilder()
    given = model.input((1, 4), scale=1.0)
    model.op("LOCAL_RESPONSE_NORMALIZATION", [given], spec((1, 4), scale=1.0))
    return model.build()


def test_an_operator_that_the_interpreter_lacks_is_named() -> None:
    with pytest.raises(OracleCannotRunError, match="LOCAL_RESPONSE_NORMALIZATION"):
        oracle.run_oracle(missing_operator(), [(np.zeros((1, 4), np.int8),)])


def test_after_a_crash_the_next_model_runs() -> None:
    # A tensor index out of range: the interpreter follows it and dies.
    damaged = bytearray(tiny_flatbuffer())
    with pytest.raises(OracleCannotRunError):
        client._worker().ask(
            {"arena_bytes": 64, "frames": 0, "inputs": 0, "outputs": 0, "tensors": [], "look_from": 0},
            {"model": np.frombuffer(bytes(damaged), np.uint8)},
        )
    assert len(oracle.run_oracle(tiny_flatbuffer(), FRAMES)) == 4


def test_several_threads_share_the_worker() -> None:
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(oracle.run_oracle, tiny_flatbuffer(), [frame]) for frame in FRAMES * 4]
        found = [int(job.result()[0][0][0, 0]) for job in jobs]
    assert found == [5, 3, -1, -1] * 4


def test_the_version_is_recorded_with_the_interpreters_name() -> None:
    name, _, version = oracle.oracle_version().partition(" ")
    assert (name, version[:5]) == ("tflite-micro", "0.dev")


def test_without_the_interpreter_the_message_says_where_it_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "oracle_available", lambda: False)
    with pytest.raises(OracleMissingError, match="x86-64 Linux only") as missing:
        oracle.run_oracle(tiny_flatbuffer(), FRAMES)
    assert missing.value.exit_code == ExitCode.TOOL_MISSING
