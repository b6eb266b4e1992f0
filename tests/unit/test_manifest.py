"""The manifest's schema: what is missing or of the wrong type is named."""

from __future__ import annotations

import copy
import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.artifacts import (
    Code,
    Golden,
    KernelCall,
    MemoryPlan,
    ModelOrigin,
    QuantizationRecord,
    steps_of,
)
from edgekit.errors import BundleUnreadableError, BundleVersionError
from edgekit.ingest import read_tflite
from edgekit.package.golden import default_vectors, golden_bytes, make_golden
from edgekit.package.manifest import make_manifest, manifest_bytes, parse_manifest
from edgekit.target import load_target
from edgekit.testing.tflite_builder import ModelBuilder, spec
from edgekit.testing.tiny_model import tiny_flatbuffer

MODEL = read_tflite(tiny_flatbuffer(), name="tiny")
GOLDEN = make_golden(MODEL, vectors=3)
CODE = Code(
    files={"libtiny.so": b"library"},
    plan=MemoryPlan(arena_bytes=136, state_bytes=8, offsets={}, workspaces={}),
    steps=steps_of([KernelCall(kernel="k", operator=3, kind="MAXIMUM", reads=(), writes=(), macs=7)]),
    code_bytes=5,
    weight_bytes=2,
)
MANIFEST = make_manifest(MODEL, CODE, load_target("rpi4"), GOLDEN, CODE.files)


def parsed(manifest: object) -> dict[str, Any]:
    return parse_manifest(json.dumps(manifest).encode(), "b")


def test_what_is_written_is_read() -> None:
    assert parse_manifest(manifest_bytes(MANIFEST), "b") == json.loads(manifest_bytes(MANIFEST))


def test_the_manifest_tells_what_a_board_needs_to_know() -> None:
    assert MANIFEST["target"]["architecture"] == "aarch64"
    assert MANIFEST["tensors"]["inputs"] == [
        {"name": "input_0", "shape": [2, 4], "dtype": "int8", "scale": 0.5, "zero_point": -1}
    ]
    assert MANIFEST["memory"] == {
        "arena_bytes": 136,
        "state_bytes": 8,
        "library_bytes": 7,
        "code_bytes": 5,
        "weight_bytes": 2,
        "bound_bytes": 0,
        "peak": None,
    }
    assert (MANIFEST["macs"], MANIFEST["operators"][0]["output"]) == (7, "loudest_3")
    assert {"edgekit", "apache-tvm", "ziglang", "tflite-micro"} <= MANIFEST["tools"].keys()


def test_more_keys_than_we_know_may_be_there() -> None:
    assert parsed({**MANIFEST, "colour": "blue"})["colour"] == "blue"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"3"])
def test_what_is_not_a_json_object_is_refused(content: bytes) -> None:
    with pytest.raises(BundleUnreadableError, match=r"manifest\.json is not"):
        parse_manifest(content, "b")


@pytest.mark.parametrize("version", [None, "1", True, 1.0, [1]])
def test_a_version_that_is_no_number_is_refused(version: object) -> None:
    with pytest.raises(BundleUnreadableError, match="names no schema_version"):
        parsed({**MANIFEST, "schema_version": version})


def test_the_version_is_looked_at_before_anything_else() -> None:
    with pytest.raises(BundleVersionError):
        parsed({"schema_version": 2})


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        (("model", "digest"), "model.digest is missing"),
        (("target", "architecture"), "target.architecture is missing"),
        (("tensors", "inputs", 0, "shape"), r"tensors.inputs\[0\].shape is missing"),
        (("operators", 0, "kernel"), r"operators\[0\].kernel is missing"),
        (("golden", "checked"), "golden.checked is missing"),
        (("golden", "oracle"), "golden.oracle is missing"),
        (("target", "glibc"), "target.glibc is missing"),
        (("files", "libtiny.so", "sha256"), "files.libtiny.so.sha256 is missing"),
        (("files",), "files is missing"),
    ],
)
def test_a_missing_key_is_named_by_its_path(path: tuple[str | int, ...], problem: str) -> None:
    manifest = copy.deepcopy(MANIFEST)
    inner: Any = manifest
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    with pytest.raises(BundleUnreadableError, match=problem):
        parsed(manifest)


@pytest.mark.parametrize(
    ("table", "key", "value", "kind"),
    [
        ("target", "features", ["+neon", 1], r"features\[1\] is not of type str"),
        ("target", "clock_mhz", "fast", r"clock_mhz is not of type int \| None"),
        ("files", "a.so", "0" * 64, "a.so is not an object"),
        ("golden", "vectors", True, "vectors is not of type int"),
    ],
)
def test_a_value_inside_a_table_is_checked(table: str, key: str, value: object, kind: str) -> None:
    with pytest.raises(BundleUnreadableError, match=kind):
        parsed({**MANIFEST, table: {**MANIFEST[table], key: value}})


def test_what_a_target_does_not_say_may_be_null() -> None:
    target = {**MANIFEST["target"], "clock_mhz": None, "ram_mib": None}
    assert parsed({**MANIFEST, "target": target})["target"]["clock_mhz"] is None


# Not needed to use a bundle, or judged before everything else.
_FREE = ("schema_version", "abi_version", "tuning", "interface")


@given(
    key=st.sampled_from([key for key in MANIFEST if key not in _FREE]),
    value=st.one_of(st.none(), st.booleans(), st.floats(allow_nan=False), st.binary().map(str)),
)
def test_a_value_of_another_type_is_refused_by_its_key(key: str, value: object) -> None:
    if type(value) is type(MANIFEST[key]):
        return
    with pytest.raises(BundleUnreadableError, match=key):
        parsed({**MANIFEST, key: value})


# ---------------------------------------------------------------------------------- golden vectors


def test_the_same_seed_gives_the_same_vectors_and_bytes() -> None:
    assert golden_bytes(make_golden(MODEL, vectors=3)) == golden_bytes(GOLDEN)
    assert golden_bytes(make_golden(MODEL, vectors=3, seed=1)) != golden_bytes(GOLDEN)


def golden_of(dtype: str, scale: float | None = None, zero_point: int = 0) -> Golden:
    model = ModelBuilder()
    given_tensor = model.input((1, 64), dtype, scale=scale, zero_point=zero_point)
    model.op("QUANTIZE", [given_tensor], spec((1, 64), scale=0.25, zero_point=10))
    return make_golden(read_tflite(model.build(), name="m"), vectors=20)


@pytest.mark.parametrize(("dtype", "low", "high"), [("int8", -128, 127), ("uint8", 0, 255)])
def test_random_inputs_reach_both_ends_of_their_type(dtype: str, low: int, high: int) -> None:
    (values,) = golden_of(dtype, scale=0.5).inputs
    assert (values.dtype, values.min(), values.max()) == (np.dtype(dtype), low, high)


def test_every_second_frame_stays_in_a_narrow_band() -> None:
    (values,) = golden_of("int8", scale=0.5).inputs
    spans = np.ptp(values.astype(int), axis=(1, 2))
    assert all(spans[1::2] < 64)
    assert all(spans[0::2] > 128)


def test_float_inputs_are_what_their_quantize_gives_back_exactly() -> None:
    (values,) = golden_of("float32").inputs
    integers = values / np.float32(0.25) + 10
    assert values.dtype == np.float32
    assert np.array_equal(integers, np.round(integers))
    assert (integers.min(), integers.max()) == (-128, 127)


@pytest.mark.parametrize(("macs", "vectors"), [(0, 100), (10**6, 100), (10**8, 20), (10**12, 2)])
def test_very_large_models_get_fewer_vectors(macs: int, vectors: int) -> None:
    assert default_vectors(MODEL.graph, macs) == vectors


def test_the_manifest_tells_how_a_float_model_was_quantized_and_nothing_of_one_that_came_quantized() -> None:
    origin = ModelOrigin(
        format="keras", file_name="net.keras", digest="a" * 64, converter={"tensorflow": "2.21.0"}
    )
    record = QuantizationRecord(
        tools={"ai-edge-quantizer": "0.10.0"},
        weights="int8 per channel",
        interface="int8",
        ranges="min-max",
        samples=100,
        samples_digest="b" * 64,
        float_digest="c" * 64,
        origin=origin,
    )
    quantized = dataclasses.replace(MODEL, quantization=record)
    manifest = make_manifest(quantized, CODE, load_target("rpi4"), GOLDEN, CODE.files)
    told = {
        "tools": {"ai-edge-quantizer": "0.10.0"},
        "weights": "int8 per channel",
        "interface": "int8",
        "ranges": "min-max",
        "samples": 100,
        "samples_digest": "b" * 64,
        "float_digest": "c" * 64,
        "origin": {
            "format": "keras",
            "file_name": "net.keras",
            "digest": "a" * 64,
            "converter": {"tensorflow": "2.21.0"},
            "signature": None,
        },
    }
    assert told.items() <= json.loads(manifest_bytes(manifest))["quantization"].items()
    assert "quantization" not in MANIFEST
