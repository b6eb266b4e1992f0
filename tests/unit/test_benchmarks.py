"""What `scripts/bench` makes of its measurements, and the networks that it makes to measure on."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.contenders import shipped
from benchmarks.markdown import markdown
from benchmarks.network_maker import NetworkMaker
from benchmarks.networks import NETWORKS, network_path
from benchmarks.result import Bar, Row, document
from edgekit.devices.frames import frames_of
from edgekit.ingest import macs as operator_macs
from edgekit.ingest import read_tflite
from edgekit.measurement import Ratio
from edgekit.oracle import oracle_intermediates
from edgekit.package.golden import make_golden
from edgekit.testing.models import STATELESS, model_path
from edgekit.testing.tflite_builder import ModelBuilder, spec

if TYPE_CHECKING:
    from pathlib import Path

SMALL = "mobilenet_v1_0.25_96"

ROW = Row(
    name="net",
    cpu="cortex-a72",
    threads=1,
    trained=True,
    macs=1000,
    unit="instructions",
    edgekit=100,
    litert=200,
    ratio=Ratio(2.0, 1.9, 2.1),
    exact=True,
    more={"target": "rpi4"},
)


def row(middle: float, low: float, high: float, cpu: str = "cortex-a72") -> Row:
    return dataclasses.replace(ROW, cpu=cpu, ratio=Ratio(middle, low, high))


def test_the_document_has_the_mean_the_worst_and_a_row_for_each_model_and_cpu() -> None:
    found = document("arm", [row(2.0, 1.9, 2.1), row(0.5, 0.4, 0.6, cpu="cortex-a76")], {"date": "today"})
    assert found["suite"] == "arm"
    assert found["geomean_ratio"] == pytest.approx(1.0)
    assert found["worst_ratio"] == 0.5
    assert found["cpus"]["cortex-a76"] == {"geomean_ratio": pytest.approx(0.5), "worst_ratio": 0.5}
    assert found["models"][0] == {
        "name": "net",
        "cpu": "cortex-a72",
        "threads": 1,
        "ratio": 2.0,
        "ratio_low": 1.9,
        "ratio_high": 2.1,
        "exact": True,
        "trained": True,
        "macs": 1000,
        "edgekit_instructions": 100,
        "litert_instructions": 200,
        "target": "rpi4",
    }
    assert json.loads(json.dumps(found)) == found


def test_a_bar_is_missed_by_the_mean_or_by_one_model_that_is_surely_under_it() -> None:
    bar = Bar(geomean=1.3, worst=1.0)
    assert bar.shortfalls([row(1.5, 1.4, 1.6), row(1.5, 1.4, 1.6)]) == []
    assert "geometric mean is 1.200" in bar.shortfalls([row(1.2, 1.1, 1.3)])[0]
    assert "net is at 0.950" in bar.shortfalls([row(3.0, 2.9, 3.1), row(0.95, 0.9, 0.99)])[0]
    spoiled = dataclasses.replace(row(3.0, 2.9, 3.1), more={"verdict": "INVALID"})
    assert "measurement of net is INVALID" in bar.shortfalls([spoiled])[0]
    unsure = row(0.95, 0.8, 1.05)
    assert bar.shortfalls([row(3.0, 2.9, 3.1), unsure]) == []


def test_several_runs_make_one_table_of_ratios() -> None:
    timed = dataclasses.replace(
        row(1.5, 1.4, 1.6, cpu="Some Xeon"), trained=False, unit="us", more={"clock": "wall"}
    )
    counted = dataclasses.replace(row(2.0, 2.0, 2.0), trained=False)
    found = markdown([document("host", [timed], {}), document("arm", [counted], {})])
    assert found.splitlines() == [
        "| model | MACs | x86-64, 1 thread, time | Cortex-A72, instructions |",
        "| --- | ---: | ---: | ---: |",
        "| net \\* | 1,000 | 1.50 (1.40 to 1.60) | 2.00 |",
        "| **geometric mean** |  | **1.50** | **2.00** |",
        "| worst |  | 1.50 | 2.00 |",
    ]


def test_a_suite_has_the_trained_models_and_marks_those_with_random_weights() -> None:
    contenders = shipped(["keyword_spotting", SMALL])
    assert [(c.name, c.trained) for c in contenders] == [("keyword_spotting", True), (SMALL, False)]
    assert len(STATELESS) + len(NETWORKS) >= 12


def test_a_name_that_no_model_has_is_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "keyword_spoting"]) == 2
    assert "'keyword_spotting'" in capsys.readouterr().err
    assert main(["--only-models"]) == 2
    assert "no model is left" in capsys.readouterr().err


def test_cpu_time_is_offered_for_one_thread_only(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--clock", "cpu", "--threads", "2"])
    assert "--threads 1" in capsys.readouterr().err
    assert main(["--clock", "cpu", "--rounds", "5", "--only", "anomaly_detection"]) == 0
    assert "not latency" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--suite", "arm", "--threads", "2"], "--threads means nothing to --suite arm"),
        (["--suite", "arm", "--rounds", "9"], "--rounds means nothing to --suite arm"),
        (["--target", "rpi4"], "--target means nothing to --suite host"),
        (["--afresh"], "--afresh means nothing to --suite host"),
        (["--check", "--threads", "3"], "--check has no bar for --threads 3: it has for 1, 2"),
        (
            ["--check", "--suite", "arm", "--target", "rpi3"],
            "--check has no bar for rpi3: it has for rpi4, rpi5",
        ),
    ],
)
def test_options_that_would_do_nothing_and_checks_that_cannot_fail_are_refused(
    argv: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(argv)
    assert words in capsys.readouterr().err


def test_a_file_that_is_no_model_is_refused_by_the_build(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.tflite"
    path.write_text("no model")
    assert main(["--only-models", "--model", str(path)]) == 7
    assert "mine is not a .tflite model" in capsys.readouterr().err


def test_a_race_on_this_machine_reports_ratios_intervals_and_exact_answers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    own = str(model_path("autoencoder_example"))
    argv = ["--suite", "host", "--rounds", "5", "--threads", "2", "--only", "anomaly_detection"]
    assert main([*argv, "--model", own, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(m["name"], m["trained"]) for m in found["models"]] == [
        ("anomaly_detection", True),
        ("autoencoder_example", None),
    ]
    assert {"machine", "versions", "date", "geomean_ratio", "worst_ratio"} <= set(found)
    for model in found["models"]:
        assert model["exact"] is True
        assert 0 < model["ratio_low"] <= model["ratio"] <= model["ratio_high"]
        assert model["threads"] == 2
        assert model["litert_threads"] in (1, 2)
        assert model["verdict"] in ("VALID", "DEGRADED", "INVALID")
        for engine in ("edgekit", "litert"):
            low, high = model[f"{engine}_middle_half_us"]
            assert 0 < low <= model[f"{engine}_us"] <= high


def test_a_model_that_litert_runs_without_xnnpack_is_not_raced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ModelBuilder()
    scores, axis = model.input((1, 10), "int8", 0.1, 3), model.constant(np.array(1, np.int32))
    model.output(model.op("ARG_MAX", [scores, axis], spec((1,), "int32"), output_type="INT32"))
    path = tmp_path / "largest.tflite"
    path.write_bytes(model.build())
    assert main(["--only-models", "--model", str(path), "--rounds", "5"]) == 5
    assert "LiteRT runs largest without its XNNPACK delegate" in capsys.readouterr().err


def test_a_network_with_random_weights_saturates_nowhere() -> None:
    flatbuffer = network_path(SMALL).read_bytes()
    golden = make_golden(read_tflite(flatbuffer, name=SMALL), vectors=2)
    for written in oracle_intermediates(flatbuffer, list(frames_of(golden.inputs))):
        *layers, logits, _probabilities = [written[index] for index in sorted(written)]
        assert logits.shape[-1] == 2
        for layer in layers:
            assert len(np.unique(layer)) > 50
            assert np.mean(layer == 127) < 0.1
            assert np.mean(layer == -128) < 0.7  # where ReLU is zero


@pytest.mark.parametrize(
    ("name", "macs"),
    [
        (SMALL, 7_489_664),
        ("mobilenet_v1_1.0_224", 568_740_352),
        ("mobilenet_v2_1.0_224", 300_774_272),
        ("resnet18_224", 1_814_073_344),
    ],
)
def test_a_network_has_the_work_of_the_one_that_it_is_named_after(name: str, macs: int) -> None:
    graph = read_tflite(network_path(name).read_bytes(), name=name).graph
    assert sum(operator_macs(graph, operator) for operator in graph.operators) == macs


def test_the_same_seed_makes_the_same_network() -> None:
    def made(seed: int) -> bytes:
        maker = NetworkMaker(seed)
        maker.softmax(maker.dense(maker.mean(maker.convolution(maker.image(8), 4, kernel=3)), 2))
        return maker.build()

    assert made(1) == made(1)
    assert made(1) != made(2)
