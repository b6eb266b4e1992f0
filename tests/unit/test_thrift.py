"""Builds that save memory: what is done to a model, when, and what the bundle says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgekit.cli.main import main
from edgekit.errors import BudgetExceededError, ExitCode, WrongValueError
from edgekit.ingest import read_tflite
from edgekit.pipeline import make_firmware
from edgekit.project import Budgets
from edgekit.search.thrift import LAVISH, THRIFTY, Attempt, Interface, Patches, Thrift, attempt_until_it_fits
from edgekit.target import load_target
from edgekit.testing.models import model_path
from edgekit.verbs.build import build

if TYPE_CHECKING:
    from pathlib import Path

    from edgekit.artifacts import QuantizedModel

MODEL = "rock_paper_scissors"  # float edges; convolutions and poolings
# What each form of a model needs, in the order they are tried: (integer edges, bands) -> bytes.
NEEDS = {(False, False): 1000, (False, True): 700, (True, False): 900, (True, True): 300}


@pytest.fixture(scope="module")
def model() -> QuantizedModel:
    return read_tflite(model_path(MODEL), name=MODEL)


def _forms(model: QuantizedModel, thrift: Thrift, limit: int | None) -> tuple[list[int], int]:
    """The bytes of the forms that are tried, and of the one taken."""
    tried: list[int] = []

    def attempt(form: QuantizedModel, bands: bool) -> Attempt:
        tried.append(NEEDS[form.graph.inputs != model.graph.inputs, bands])
        return _Made(form, tried[-1])

    return tried, attempt_until_it_fits(model, thrift, limit, attempt).ram_bytes


class _Made(Attempt):
    """A form that is known by its memory alone."""

    def __init__(self, model: QuantizedModel, needed: int) -> None:
        object.__setattr__(self, "model", model)
        object.__setattr__(self, "needed", needed)

    @property
    def ram_bytes(self) -> int:
        return int(object.__getattribute__(self, "needed"))


@pytest.mark.parametrize(
    ("thrift", "limit", "tried", "taken"),
    [
        (LAVISH, None, [1000], 1000),
        (LAVISH, 10, [1000], 1000),
        (THRIFTY, 1000, [1000], 1000),
        (THRIFTY, 800, [1000, 700], 700),
        (THRIFTY, 400, [1000, 700, 900, 300], 300),
        (THRIFTY, 10, [1000, 700, 900, 300], 300),
        (THRIFTY, None, [1000, 700, 900, 300], 300),
        (Thrift(Patches.AUTO, Interface.FILE), None, [1000, 700], 700),
        (Thrift(Patches.OFF, Interface.INTEGER), None, [900], 900),
    ],
)
def test_a_model_is_changed_no_more_than_it_takes_to_fit(
    model: QuantizedModel, thrift: Thrift, limit: int | None, tried: list[int], taken: int
) -> None:
    assert _forms(model, thrift, limit) == (tried, taken)


def test_a_budget_is_met_by_bands_before_the_interface_changes(tmp_path: Path) -> None:
    bundle = make_firmware(
        model_path(MODEL),
        load_target("cortex-m4"),
        tmp_path,
        budgets=Budgets(max_ram_bytes=40_000),
        thrift=THRIFTY,
    )
    memory = bundle.manifest["memory"]
    assert memory["arena_bytes"] <= 40_000
    assert memory["bound_bytes"] <= memory["arena_bytes"]
    assert memory["peak"]["needed_bytes"] <= memory["bound_bytes"]
    assert bundle.manifest["interface"] == "file"
    assert bundle.manifest["tensors"]["inputs"][0]["dtype"] == "float32"


def test_a_bundle_of_integers_says_so(tmp_path: Path) -> None:
    thrift = Thrift(interface=Interface.INTEGER)
    bundle = build(model_path("keyword_spotting"), target="cortex-m4", output=tmp_path, thrift=thrift)
    tensors = bundle.manifest["tensors"]
    assert bundle.manifest["interface"] == "integer"
    assert [tensor["dtype"] for tensor in (*tensors["inputs"], *tensors["outputs"])] == ["int8", "int8"]
    assert bundle.manifest["golden"]["checked"]
    assert bundle.manifest["memory"]["peak"]["kind"] in ("CONV_2D", "DEPTHWISE_CONV_2D")


def test_a_model_over_its_budget_says_what_patches_would_give(tmp_path: Path) -> None:
    with pytest.raises(BudgetExceededError) as caught:
        build(model_path(MODEL), target="cortex-m4", output=tmp_path, budgets=Budgets(max_ram_bytes=60_000))
    assert caught.value.fix.startswith("With --patches auto it needs ")
    assert caught.value.exit_code is ExitCode.BUDGET_EXCEEDED


def test_a_linux_board_has_no_use_for_it(tmp_path: Path) -> None:
    with pytest.raises(WrongValueError, match="Leave --patches and --interface out"):
        build(model_path(MODEL), target="rpi4", output=tmp_path, thrift=THRIFTY)


def test_the_command_takes_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "build",
        str(model_path("autoencoder_example")),
        "--target",
        "cortex-m4",
        "--patches",
        "auto",
    ]
    with pytest.raises(SystemExit) as left:
        main([*arguments, "--interface", "integer", "--output", str(tmp_path)])
    assert left.value.code == ExitCode.DONE
    shown = capsys.readouterr()
    assert "peak" in shown.out
    assert "Inputs and outputs are integers" in shown.err
