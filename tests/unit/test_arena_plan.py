"""What a manifest tells of an arena: every block, the steps that take it, and how full it is in each."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner

from edgekit.artifacts import Code, KernelCall, MemoryPlan, PlacedBlock, steps_of
from edgekit.cli.inspect_command import command
from edgekit.errors import BundleUnreadableError, ExitCode
from edgekit.ingest import read_tflite
from edgekit.package.arena_plan import bytes_in_use, plan_of
from edgekit.testing.models import model_path
from edgekit.testing.tflite_builder import ModelBuilder, spec
from edgekit.verbs.build import build
from edgekit.verbs.inspect import inspect

if TYPE_CHECKING:
    from pathlib import Path

    from edgekit.artifacts import Bundle


def call(operator: int) -> KernelCall:
    return KernelCall(kernel="k", operator=operator, kind="RELU", reads=(), writes=())


# Three calls of two operators: the first of them has two.
CALLS = (call(4), call(4), call(7))
BLOCKS = (
    PlacedBlock("t0", 0, 40, -1, 0),
    PlacedBlock("t1:rows", 16, 32, 0, 1),  # partly over t0, which is used up
    PlacedBlock("workspace:1:0", 60, 8, 1, 1),
    PlacedBlock("t2", 0, 12, 2, 3),
)


@pytest.fixture
def code() -> Code:
    plan = MemoryPlan(arena_bytes=68, state_bytes=0, offsets={}, workspaces={}, blocks=BLOCKS)
    return Code(files={}, plan=plan, steps=steps_of(CALLS), code_bytes=0, weight_bytes=0)


def test_bytes_that_two_share_count_once_and_the_fullest_call_of_a_step_counts(code: Code) -> None:
    assert bytes_in_use(code.plan, code.steps) == [48, 12]


def test_blocks_are_told_in_steps_with_the_names_of_tensors(code: Code) -> None:
    model = ModelBuilder()
    x = model.input((1, 40), scale=0.1, name="given")
    y = model.op("RELU", [x], spec((1, 40), scale=0.1, name="between"))
    model.op("RELU", [y], spec((1, 12), scale=0.1, name="left"))
    read = read_tflite(model.build(), name="net")
    given, between, left = (read.graph.tensors[index].name for index in range(3))
    told = plan_of(read, code)
    assert [(each["name"], each["first_step"], each["last_step"], each["rows_only"]) for each in told] == [
        (given, -1, 0, False),
        (between, 0, 0, True),
        ("scratch", 0, 0, False),
        (left, 1, 2, False),
    ]
    assert [(each["offset"], each["bytes"]) for each in told] == [(0, 40), (16, 32), (60, 8), (0, 12)]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return build(model_path("keyword_spotting"), target="cortex-m4", output=tmp_path_factory.mktemp("build"))


def test_a_bundle_s_blocks_end_where_its_arena_does(bundle: Bundle) -> None:
    found = inspect(bundle.path)
    memory = found.memory
    assert memory is not None
    assert (found.name, memory.target) == ("keyword_spotting", "cortex-m4")
    assert max(block.offset + block.bytes for block in memory.blocks) == memory.arena_bytes
    peak = bundle.manifest["memory"]["peak"]
    assert memory.steps[peak["step"]].kind == peak["kind"]
    for number, step in enumerate(memory.steps):
        taken = np.zeros(memory.arena_bytes, np.bool_)
        for block in memory.blocks:
            if block.first_step <= number <= block.last_step:
                taken[block.offset : block.offset + block.bytes] = True
        assert step.arena_bytes <= taken.sum() <= memory.arena_bytes
        assert step.arena_bytes > 0
    given = [block for block in memory.blocks if block.first_step == -1]
    left = [block for block in memory.blocks if block.last_step == len(memory.steps)]
    tensors = bundle.manifest["tensors"]
    assert [block.name for block in given] == [tensor["name"] for tensor in tensors["inputs"]]
    assert [block.name for block in left] == [tensor["name"] for tensor in tensors["outputs"]]


def copy_of(bundle: Bundle, folder: Path) -> Path:
    shutil.copytree(bundle.path, folder)
    return folder


def shown(*words: str) -> str:
    result = CliRunner().invoke(command, list(words))
    assert result.exit_code == ExitCode.DONE, result.output
    return result.output


def test_the_command_draws_the_arena_of_a_bundle(bundle: Bundle) -> None:
    arena = bundle.manifest["memory"]["arena_bytes"]
    output = shown(str(bundle.path))
    assert f"the arena for cortex-m4: {arena:,} bytes" in output
    last_words = [line.split()[-1] for line in output.splitlines() if line.strip()]
    pictures = [word for word in last_words if "█" in word and set(word) <= set("█▒·")]
    assert len(pictures) == len(bundle.manifest["operators"])
    assert all(len(picture) == 48 for picture in pictures)
    document: dict[str, Any] = json.loads(shown(str(bundle.path), "--json"))
    assert document["memory"]["blocks"] == bundle.manifest["plan"]
    assert document["memory"]["arena_bytes"] == arena


def test_steps_of_bands_that_look_alike_are_one_row(bundle: Bundle, tmp_path: Path) -> None:
    copy = copy_of(bundle, tmp_path / "copy")
    first = {**bundle.manifest["operators"][0], "arena_bytes": 1}
    always = {**bundle.manifest["plan"][0], "first_step": -1, "last_step": 9}
    scratch = [{**always, "name": "scratch", "first_step": step, "last_step": step} for step in (0, 2)]
    banded = {**bundle.manifest, "operators": [first] * 3, "plan": [always, *scratch]}
    (copy / "manifest.json").write_text(json.dumps(banded))
    lines = shown(str(copy)).splitlines()
    made = [line for line in lines if "█" in line and "held" not in line]
    assert [line.split("  ")[0].strip() for line in made] == ["0 and 1 like it"]
    (told,) = [line for line in lines if " scratch " in line]
    assert "0 and 1 like it" in told


def test_a_model_s_file_has_no_plan() -> None:
    assert inspect(model_path("keyword_spotting")).memory is None


def test_a_manifest_without_a_plan_is_read_and_one_with_a_damaged_plan_is_not(
    bundle: Bundle, tmp_path: Path
) -> None:
    copy = copy_of(bundle, tmp_path / "copy")
    older = {key: value for key, value in bundle.manifest.items() if key != "plan"}
    (copy / "manifest.json").write_text(json.dumps(older))
    assert inspect(copy).memory is None
    damaged = {**bundle.manifest, "plan": [{**bundle.manifest["plan"][0], "offset": "0"}]}
    (copy / "manifest.json").write_text(json.dumps(damaged))
    with pytest.raises(BundleUnreadableError, match=r"plan\[0\].offset is not of type int"):
        inspect(copy)
