"""What `scripts/bench --suite mcu` makes of its measurements, and the input that they are taken with."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.contenders import trained
from benchmarks.mcu import BARS
from benchmarks.mcu_result import McuBar, McuRow, document, show
from benchmarks.stimulus import fnv, stimulus
from benchmarks.tflm import TFLM, Tflm
from edgekit.ingest import read_tflite
from edgekit.oracle import oracle_intermediates
from edgekit.testing.models import ALL, model_path

THEIRS = Tflm(2_000_000, 500_000, 40_000, 10_000, "43fee7df")
ROW = McuRow(
    name="net",
    cpu="cortex-m4",
    trained=True,
    macs=1000,
    instructions=800_000,
    code_bytes=4_000,
    weight_bytes=9_000,
    arena_bytes=4_000,
    state_bytes=900,
    static_bytes=100,
    stack_bytes=300,
    exact=True,
    fnv="43fee7df",
    tflm=THEIRS,
    emulator="QEMU 7.2, -M mps2-an386",
    compiler="arm-none-eabi-gcc 12.2.1",
)
BAR = McuBar(geomean=2.0, worst=1.4, stack_bytes=1024, code_share=0.25, ram_geomean=0.75, ram_worst=1.0)


def row(**changes: Any) -> McuRow:
    return dataclasses.replace(ROW, **changes)


def test_shares_are_of_what_tflite_micro_took_on_that_core() -> None:
    assert (ROW.ratio, ROW.code_share, ROW.ram_bytes, ROW.ram_share) == (2.5, 0.1, 5_000, 0.5)
    assert row(cpu="cortex-m55").ratio == 0.625
    assert row(cpu="cortex-m7").ratio is None
    unknown = row(tflm=None)
    assert (unknown.ratio, unknown.code_share, unknown.ram_share) == (None, None, None)


def test_a_bar_names_all_that_is_missed() -> None:
    assert BAR.shortfalls([ROW, row(tflm=None)]) == []
    missed = "\n".join(BAR.shortfalls([row(instructions=1_500_000)]))
    assert "cortex-m4: the geometric mean is 1.333, and 2.0 is asked for" in missed
    assert "net is at 1.333, and 1.4 is the least allowed" in missed
    assert "net's code is 0.251 of" in BAR.shortfalls([row(code_bytes=10_040)])[0]
    assert BAR.shortfalls([row(arena_bytes=7_000)])[0].startswith("cortex-m4: RAM is 0.800 of")
    assert "net's RAM is 1.100 of" in BAR.shortfalls([row(arena_bytes=10_000)])[1]
    assert "net takes 1,028 bytes of stack" in BAR.shortfalls([row(stack_bytes=1028)])[0]


def test_a_model_with_a_bar_for_patches_is_held_to_it_apart_from_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bar = dataclasses.replace(BAR, patched_ram={"net": 0.5})
    heavy = row(arena_bytes=4_010)
    assert bar.patched_shortfalls([ROW]) == []
    (missed,) = bar.patched_shortfalls([heavy])
    assert missed.startswith("cortex-m4: net's RAM with --patches auto is 0.501 of TFLite Micro's, and 0.5 ")
    assert BARS["cortex-m4"].patched_ram == {"visual_wake_words": 0.5}
    found = document([ROW], {}, [heavy])
    assert [entry["arena_bytes"] for entry in found["models"]] == [4_000]
    assert [entry["arena_bytes"] for entry in found["patched"]] == [4_010]
    show([ROW], [heavy])
    assert "net with --patches auto: 5,010 bytes of RAM, 0.501 of" in capsys.readouterr().out


def test_flash_and_ram_are_held_to_a_bar_only_where_they_were_measured() -> None:
    heavy = row(cpu="cortex-m55", instructions=100_000, code_bytes=39_000, arena_bytes=9_999)
    assert BARS["cortex-m55"].shortfalls([heavy]) == []
    assert len(BARS["cortex-m4"].shortfalls([dataclasses.replace(heavy, cpu="cortex-m4")])) == 3


def test_the_document_has_an_entry_for_each_model_and_core(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [ROW, row(name="mine", tflm=None, cpu="cortex-m7"), row(instructions=3_200_000)]
    found = document(rows, {"date": "today"})
    assert json.loads(json.dumps(found)) == found
    assert (found["suite"], found["date"]) == ("mcu", "today")
    assert found["geomean_ratio"] == pytest.approx(1.25)
    assert found["worst_ratio"] == 0.625
    assert found["cpus"]["cortex-m7"]["geomean_ratio"] is None
    first, mine = found["models"][:2]
    assert (first["cpu"], first["instructions"], first["code_bytes"]) == ("cortex-m4", 800_000, 4_000)
    assert (first["arena_bytes"], first["stack_bytes"], first["exact"]) == (4_000, 300, True)
    assert (first["tflm_instructions"], first["ratio"], first["ram_share"]) == (2_000_000, 2.5, 0.5)
    assert (mine["ratio"], "tflm_instructions" in mine) == (None, False)
    show(rows)
    shown = capsys.readouterr().out
    assert "1.250 in geometric mean, 0.625 at worst" in shown
    assert "instructions are not time" in shown


def test_the_generator_and_the_hash_are_the_ones_that_are_described() -> None:
    graph = read_tflite(model_path("anomaly_detection").read_bytes(), name="net").graph
    (given,) = (graph.tensors[index] for index in graph.inputs)
    ((values,),) = stimulus(graph)
    assert values.shape == given.shape
    state, expected = 12345, []
    for _ in range(4):
        state = (state * 1664525 + 1013904223) % 2**32
        expected.append((state >> 24) - 256 * (state >> 31))
    first = graph.operators[0]
    assert first.kind == "QUANTIZE"
    quantized = graph.tensors[first.outputs[0]]
    integers = np.round(values.reshape(-1)[:4] / quantized.scale) + quantized.zero_point
    assert integers.tolist() == expected
    assert (fnv(b""), fnv(b"a")) == ("c59d1c81", "2c290ce4")


@pytest.mark.parametrize("name", ["autoencoder_example", "okay_nabu"])
def test_the_oracle_gives_tflite_micro_s_hash_for_this_input(name: str) -> None:
    flatbuffer = model_path(name).read_bytes()
    graph = read_tflite(flatbuffer, name=name).graph
    last = [operator for operator in graph.operators if operator.kind == "FULLY_CONNECTED"][-1]
    frames = oracle_intermediates(flatbuffer, stimulus(graph))
    assert len(frames) == (10 if name == "okay_nabu" else 1)
    assert fnv(b"".join(frame[last.outputs[0]].tobytes() for frame in frames)) == TFLM[name].fnv


def test_every_trained_model_has_its_figures() -> None:
    assert set(TFLM) == set(ALL) == {contender.name for contender in trained()}
    assert [contender.name for contender in trained(["okay_nabu"])] == ["okay_nabu"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--suite", "host", "--cpu", "cortex-m4"), "--cpu means nothing to --suite host"),
        (("--suite", "mcu", "--threads", "2"), "--threads means nothing to --suite mcu"),
        (("--suite", "mcu", "--cpu", "cortex-m7", "--check"), "--check has no bar for cortex-m7"),
    ],
)
def test_options_that_would_do_nothing_are_refused(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert words in capsys.readouterr().err
