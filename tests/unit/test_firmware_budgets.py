"""Budgets of a microcontroller: by how much a model is too large, who is to blame, and what would help."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

import pytest

from edgekit import pipeline
from edgekit.artifacts import Engine
from edgekit.cli.main import main
from edgekit.codegen.firmware import compile_firmware, describe_firmware, generate_firmware
from edgekit.errors import BudgetExceededError, ExitCode, UnknownCpuError, WrongValueError
from edgekit.ingest import read_tflite
from edgekit.ingest.integer_interface import with_integer_interface
from edgekit.lower import lower
from edgekit.lower.patches import in_bands
from edgekit.package.firmware.budgets import check_code_fits, check_fits, check_instructions
from edgekit.project import Budgets
from edgekit.schedule import schedule
from edgekit.target import load_target
from edgekit.testing.firmware import firmware_code
from edgekit.testing.models import model_path
from edgekit.verbs.build import build

if TYPE_CHECKING:
    from pathlib import Path

    from edgekit.artifacts import FirmwareSources, QuantizedModel

NOTHING = Budgets()
MODEL = "keyword_spotting"


@pytest.fixture(scope="module")
def model() -> QuantizedModel:
    return read_tflite(model_path(MODEL).read_bytes(), name=MODEL)


@pytest.fixture(scope="module")
def sources() -> FirmwareSources:
    return firmware_code(model_path(MODEL).read_bytes(), name=MODEL)


def test_a_model_that_fits_is_let_through(model: QuantizedModel, sources: FirmwareSources) -> None:
    exact = Budgets(max_ram_bytes=sources.plan.arena_bytes, max_flash_bytes=sources.weight_bytes)
    for target in ("cortex-m4", "nucleo-l4r5zi"):
        check_fits(model, sources, load_target(target), NOTHING)
        check_fits(model, sources, load_target(target), exact)


def test_a_model_over_its_budget_of_ram_says_by_how_much_and_who_takes_it(
    model: QuantizedModel, sources: FirmwareSources
) -> None:
    needed = sources.plan.arena_bytes
    with pytest.raises(BudgetExceededError) as caught:
        check_fits(model, sources, load_target("cortex-m4"), Budgets(max_ram_bytes=needed - 100))
    assert f"RAM (arena and state) needs {needed:,} bytes, 100 more than the budget" in caught.value.what
    # Less than their tensors, twice 8,000: results lie over operands.
    alike = ", ".join(f"{index}: DEPTHWISE_CONV_2D ({needed:,})" for index in (2, 4, 6))
    assert caught.value.why == f"The most bytes of RAM are those of {alike}."
    assert "smaller input" in caught.value.fix
    assert caught.value.exit_code is ExitCode.BUDGET_EXCEEDED


def test_in_bands_nobody_is_blamed_for_tensors_that_never_exist_as_a_whole() -> None:
    name = "rock_paper_scissors"
    model = read_tflite(model_path(name).read_bytes(), name=name)
    target = load_target("cortex-m4")
    needs = describe_firmware(model, schedule(in_bands(lower(model)), target)).needs
    largest = max(tensor.size_bytes for tensor in model.graph.tensors if tensor.data is None)
    assert needs.ram_bytes < largest // 2
    with pytest.raises(BudgetExceededError) as caught:
        check_fits(model, needs, target, Budgets(max_ram_bytes=1000))
    blamed = [int(number.replace(",", "")) for number in re.findall(r"\(([\d,]+)\)", caught.value.why)]
    assert len(blamed) == 3
    assert blamed[0] == needs.plan.arena_bytes
    assert blamed == sorted(blamed, reverse=True)


def test_nothing_is_written_or_compiled_for_a_model_that_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights as C take more time than all before: a model too large is told at once."""

    def refused(*_: object) -> None:
        pytest.fail("C was written")

    monkeypatch.setattr(pipeline, "write_firmware", refused)
    monkeypatch.setattr(pipeline, "compile_firmware", refused)
    with pytest.raises(BudgetExceededError, match="RAM"):
        build(model_path(MODEL), target="cortex-m4", output=tmp_path, budgets=Budgets(max_ram_bytes=1000))


def test_who_is_not_run_is_not_blamed() -> None:
    name = "anomaly_detection"
    form = with_integer_interface(read_tflite(model_path(name).read_bytes(), name=name))
    target = load_target("cortex-m4")
    sources = generate_firmware(form, schedule(lower(form), target))
    assert form.graph.operators[0].kind == "QUANTIZE"  # of floats: left to the caller, and the largest
    with pytest.raises(BudgetExceededError) as caught:
        check_fits(form, sources, target, Budgets(max_ram_bytes=100))
    assert "QUANTIZE" not in caught.value.why
    assert "CONV_2D" in caught.value.why or "FULLY_CONNECTED" in caught.value.why


def test_weights_over_their_budget_are_refused_before_anything_is_compiled(
    model: QuantizedModel, sources: FirmwareSources
) -> None:
    with pytest.raises(
        BudgetExceededError, match=r"flash \(weights alone\) needs .* than the budget \(1,000\)"
    ) as caught:
        check_fits(model, sources, load_target("nucleo-l4r5zi"), Budgets(max_flash_bytes=1000))
    assert "It would fit" not in caught.value.fix  # no board changes a budget


def test_a_board_that_is_too_small_is_a_limit_of_its_own(tmp_path: Path) -> None:
    tiny = tmp_path / "tiny.toml"
    tiny.write_text(
        'kind = "microcontroller"\ndescription = "A small one"\ntriple = "thumbv7em-none-eabihf"\n'
        'cpu = "cortex-m4"\nclock_mhz = 64\nflash_kib = 16\nram_kib = 4\n'
        'compiler_flags = ["-mcpu=cortex-m4", "-mthumb"]\nsource = "invented"\n'
    )
    with pytest.raises(BudgetExceededError) as caught:
        build(model_path(MODEL), target=str(tiny), output=tmp_path / "build")
    assert "does not fit: RAM (arena and state) needs" in caught.value.what
    assert "more than tiny has (4,096)" in caught.value.what
    assert "more than tiny has (16,384)" in caught.value.what
    assert "The most bytes of flash are those of" in caught.value.why
    assert caught.value.fix.count("It would fit nucleo-f446re") == 1
    assert not (tmp_path / "build").exists()


def test_code_counts_as_flash_too(model: QuantizedModel, sources: FirmwareSources) -> None:
    target = load_target("cortex-m4")
    code = compile_firmware(sources, target)
    assert code.code_bytes > 1000
    flash = code.code_bytes + code.weight_bytes
    check_code_fits(model, sources, code, target, Budgets(max_flash_bytes=flash))
    with pytest.raises(
        BudgetExceededError, match=r"flash \(code and weights\) needs .* 1 more than the budget"
    ):
        check_code_fits(model, sources, code, target, Budgets(max_flash_bytes=flash - 1))


def test_instructions_over_their_budget_name_the_three_operators_that_execute_the_most(
    model: QuantizedModel,
) -> None:
    executed = {1: 500, 2: 40, 3: 600, 4: 700}
    check_instructions(model, executed, Budgets(max_instructions=1840))
    with pytest.raises(BudgetExceededError) as caught:
        check_instructions(model, executed, Budgets(max_instructions=1800))
    assert "executes 1,840 instructions, 40 over the budget of 1,800" in caught.value.what
    assert "4: DEPTHWISE_CONV_2D (700), 3: CONV_2D (600), 1: CONV_2D (500)" in caught.value.why
    assert "2:" not in caught.value.why


def test_instructions_cannot_be_budgeted_on_linux(tmp_path: Path) -> None:
    with pytest.raises(WrongValueError, match="cannot be held for rpi4"):
        build(model_path(MODEL), target="rpi4", output=tmp_path, budgets=Budgets(max_instructions=1))


def test_litert_does_not_run_on_a_microcontroller(tmp_path: Path) -> None:
    with pytest.raises(WrongValueError, match="LiteRT does not run on cortex-m4"):
        build(model_path(MODEL), target="cortex-m4", output=tmp_path, engine=Engine.LITERT)


def test_a_misspelt_core_is_refused_with_the_nearest_one(model: QuantizedModel) -> None:
    misspelt = dataclasses.replace(load_target("cortex-m4"), cpu="cortex-m44")
    tuned = schedule(lower(model), misspelt)
    with pytest.raises(UnknownCpuError, match="unknown CPU 'cortex-m44'") as caught:
        generate_firmware(model, tuned)
    assert caught.value.fix == "Did you mean 'cortex-m4'?"


def test_the_command_fails_with_the_exit_code_of_budgets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["build", str(model_path(MODEL)), "--target", "cortex-m4", "--output", str(tmp_path)]
    with pytest.raises(SystemExit) as left:
        main([*arguments, "--max-ram", "1000"])
    assert left.value.code == ExitCode.BUDGET_EXCEEDED
    assert "RAM (arena and state) needs" in capsys.readouterr().err
