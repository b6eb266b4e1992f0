from __future__ import annotations

import dataclasses
import json
from enum import Enum
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from edgekit.cli.output import emit_json, progress, short_name, table


class Mode(Enum):
    FAST = "fast"


@dataclasses.dataclass(frozen=True)
class Value:
    path: Path
    mode: Mode
    numbers: tuple[int, ...]


def test_frozen_values_paths_enums_arrays_and_mappings_have_a_form_in_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    value = Value(path=Path("a/b"), mode=Mode.FAST, numbers=(1, 2))
    emit_json(
        {"value": value, "scale": np.float32(0.5), "data": np.arange(3), "map": MappingProxyType({"k": 1})}
    )
    assert json.loads(capsys.readouterr().out) == {
        "value": {"path": "a/b", "mode": "fast", "numbers": [1, 2]},
        "scale": 0.5,
        "data": [0, 1, 2],
        "map": {"k": 1},
    }


def test_numbers_that_are_not_finite_are_strings_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    emit_json({"values": np.array([1.5, np.nan, np.inf, -np.inf]), "name": "NaN in ü"})
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {
        "values": [1.5, "NaN", "Infinity", "-Infinity"],
        "name": "NaN in ü",
    }


def test_what_has_no_form_in_json_is_a_bug_of_ours() -> None:
    with pytest.raises(TypeError, match="object has no form in JSON"):
        emit_json({"value": object()})


def test_a_table_shows_brackets_as_they_are_and_nothing_for_none(capsys: pytest.CaptureFixture[str]) -> None:
    table(("name", "value"), [("[red]deploy[/red]", None)])
    out = capsys.readouterr().out
    assert "[red]deploy[/red]" in out
    assert "None" not in out


def test_a_table_in_a_pipe_does_not_wrap_a_long_cell(capsys: pytest.CaptureFixture[str]) -> None:
    table(("name",), [("x" * 150,)])
    assert "x" * 150 in capsys.readouterr().out


def test_a_narrow_terminal_shortens_the_one_column_that_may_be(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # makes it a terminal
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    table(("operator", "output", "time"), [("DEPTHWISE_CONV_2D", "model/activation", "1.5")], shorten=1)
    (row,) = [line for line in capsys.readouterr().out.splitlines() if "DEPTHWISE" in line]
    assert row.split() == ["DEPTHWISE_CONV_2D", "model/activa…", "1.5"]


def test_a_number_that_does_not_fit_is_never_cut_without_saying_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "10")
    table(("output", "count"), [("model/activation", "123,456,789")], shorten=0, right=(1,))
    (row,) = [line for line in capsys.readouterr().out.splitlines() if "123" in line]
    assert row.rstrip().endswith("…")


def test_without_a_terminal_each_stage_is_one_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as report:
        report("lowering", 0.1)
        report("lowering", 0.2)
        report("linking", None)
        report("done", 1.0)  # which the verb's own output says
    captured = capsys.readouterr()
    assert captured.err == "lowering\nlinking\n"
    assert captured.out == ""


def test_quiet_progress_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(quiet=True) as report:
        report("lowering", 0.1)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("Identity", "Identity"),
        ("model/relu;model/bias;model/conv", "model/relu"),
        ("a" * 36, "a" * 36),
        ("b" + "a" * 36, "…" + "a" * 35),
        ("", ""),
    ],
)
def test_a_fused_tensors_name_is_cut_to_its_first_part(name: str, short: str) -> None:
    assert short_name(name) == short
    assert len(short_name(name)) <= 36
