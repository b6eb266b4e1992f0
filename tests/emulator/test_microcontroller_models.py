"""A model runs on every emulated core by the verbs that people use, and its failures are told."""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

import edgekit
from edgekit.cli.main import main
from edgekit.deploy.errors import NoFittingBuildError, NoReleaseError, UnclearBuildError
from edgekit.devices.choice import DeviceChoice
from edgekit.devices.emulated.microcontroller.device import microcontroller
from edgekit.devices.frames import load_golden, pack_frames
from edgekit.errors import ExitCode, NotEmulatedError, RunnerFailedError, WrongValueError
from edgekit.evaluate import verify_bundle
from edgekit.package import read_bundle
from edgekit.testing.models import ALL, model_path
from edgekit.testing.tiny_model import tiny_flatbuffer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgekit.artifacts import Bundle

pytestmark = pytest.mark.emulator

CORES = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "riscv32imc")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.tflite"
    path.write_bytes(tiny_flatbuffer())
    return path


@pytest.fixture(scope="module")
def built(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return edgekit.build(model, target="cortex-m4", output=tmp_path_factory.mktemp("build"))


@pytest.fixture
def broken(built: Bundle, tmp_path: Path) -> Callable[..., Bundle]:
    """The build with a line of C before a step, and a manifest that knows of it."""

    def breaking(line: str, step: int = 1) -> Bundle:
        folder = tmp_path / "broken"
        shutil.copytree(built.path, folder)
        source = folder / "src/tiny.c"
        mark = f"  EDGEKIT_STEP({step});"
        source.write_text(source.read_text().replace(mark, f"{line}\n{mark}"))
        manifest = json.loads((folder / "manifest.json").read_bytes())
        manifest["files"]["src/tiny.c"]["sha256"] = hashlib.sha256(source.read_bytes()).hexdigest()
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return read_bundle(folder)

    return breaking


def silent(_stage: str, _share: float | None) -> None:
    """Progress that nobody watches."""


def run_cli(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    code = left.value.code
    assert isinstance(code, int)
    return code


@pytest.mark.parametrize("core", CORES)
def test_every_core_gives_the_oracle_s_bytes_and_its_memory_is_what_was_planned(
    core: str, model: Path, tmp_path: Path
) -> None:
    bundle = edgekit.build(model, target=core, output=tmp_path)
    with microcontroller(bundle, silent) as board:
        found = verify_bundle(bundle, board, progress=silent)
        done = board.invoke(bytes(3 * 8), count=True)
        image = board.image
    assert image.static_bytes == 0
    assert (found.equal, found.frames, found.streaming, found.operators_compared) == (True, 100, True, 2)
    assert found.device == f"emulated {core}"
    assert len(done.executed) == len(done.steps_executed) == 3
    for whole, steps in zip(done.executed, done.steps_executed, strict=True):
        assert all(count > 0 for count in steps)
        assert sum(steps) < whole < sum(steps) + 40
    planned = bundle.manifest["memory"]
    assert done.memory.arena_bytes == planned["arena_bytes"]
    assert done.memory.state_bytes == planned["state_bytes"]
    assert 0 < done.memory.stack_bytes < 200
    # The image has the package's code, a call before each step and after the last, and what main.c copies by.
    marks = 16 * (len(done.steps_executed[0]) + 1)
    copying = sum(image.symbols.get(name, 0) for name in ("memcpy", "memmove", "memset"))
    assert 0 <= image.code_bytes - planned["code_bytes"] <= marks + copying
    assert 0 <= image.weight_bytes - planned["weight_bytes"] < 8


# Every model in the full run; the two of CI have their peaks at a convolution's patch and in a stream.
TRAINED = [
    name if name in ("keyword_spotting", "hey_jarvis") else pytest.param(name, marks=pytest.mark.full)
    for name in ALL
]


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m55"])
@pytest.mark.parametrize("name", TRAINED)
def test_a_trained_model_touches_all_of_the_arena_that_it_asks_for(
    name: str, core: str, tmp_path: Path
) -> None:
    bundle = edgekit.build(model_path(name), target=core, output=tmp_path)
    golden = load_golden(bundle.path, bundle.manifest)
    with microcontroller(bundle, silent) as board:
        done = board.invoke(pack_frames(golden.inputs))
    assert golden.outputs is not None
    assert done.outputs == pack_frames(golden.outputs)
    planned = bundle.manifest["memory"]
    assert (done.memory.arena_bytes, done.memory.state_bytes) == (
        planned["arena_bytes"],
        planned["state_bytes"],
    )


def test_a_core_that_is_only_compiled_for_says_so(model: Path, tmp_path: Path) -> None:
    edgekit.build(model, target="cortex-m85", output=tmp_path)
    with pytest.raises(NotEmulatedError, match="cortex-m85 cannot be emulated"):
        edgekit.verify(builds=tmp_path)


def test_the_command_verifies_with_one_document(built: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli("verify", str(built.path), "--target", "cortex-m4", "--json") == ExitCode.DONE
    found = json.loads(capsys.readouterr().out)
    assert (found["passes"], found["device"], found["model"]) == (True, "emulated cortex-m4", "tiny")


def test_the_command_counts_and_speaks_of_no_time(built: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli("profile", str(built.path), "--json") == ExitCode.DONE
    found = json.loads(capsys.readouterr().out)
    assert found["unit"] == "instructions"
    assert "mps2-an386" in found["profile"]["emulator"]
    assert "arm-none-eabi-gcc" in found["profile"]["emulator"]
    steps = found["profile"]["steps"]
    assert [step["kind"] for step in steps] == ["MAXIMUM", "RELU", "ASSIGN_VARIABLE"]
    planned = built.manifest["memory"]
    measured = found["profile"]["memory"]
    assert (measured["arena_bytes"], measured["state_bytes"]) == (
        planned["arena_bytes"],
        planned["state_bytes"],
    )
    assert 0 < measured["stack_bytes"] < 200
    assert "time" not in json.dumps(found)


def test_inputs_of_one_s_own_run_there(built: Bundle) -> None:
    golden = load_golden(built.path, built.manifest)
    assert golden.outputs is not None
    (given,), (answers,) = golden.inputs, golden.outputs
    found = edgekit.run({"0": given[:5]}, built.path)
    np.testing.assert_array_equal(next(iter(found.values())), answers[:5])


def test_a_wrong_output_is_exit_code_3_and_names_the_operator(
    broken: Callable[..., Bundle], capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = broken("  ((int8_t *)arena)[8] ^= 4; /* of MAXIMUM's output */")
    assert run_cli("verify", str(wrong.path), "--json") == ExitCode.OUTPUTS_DIFFER
    found = json.loads(capsys.readouterr().out)
    assert found["equal"] is False
    operator = found["operator_difference"]
    assert (operator["kind"], operator["coordinates"]) == ("MAXIMUM", [0, 0])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("  ((int8_t *)arena)[TINY_ARENA_BYTES] = 0;", "the model wrote outside its arena"),
        ("  ((int8_t *)state)[-1] = 0;", "the model wrote outside its state"),
        ("  return -7;", "the model returned an error"),
        ("  *(volatile int *)0xf0000000 = 0;", "fault at 0x"),
        ("  volatile int8_t large[20000]; large[0] = 1;", "the stack overflowed"),
    ],
)
def test_what_goes_wrong_is_told(line: str, words: str, broken: Callable[..., Bundle]) -> None:
    with pytest.raises(RunnerFailedError, match="The model failed on the emulated cortex-m4") as failed:
        edgekit.verify(broken(line).path)
    assert words in failed.value.why


def test_a_model_that_answers_by_what_its_memory_held_is_told(broken: Callable[..., Bundle]) -> None:
    """The place of MAXIMUM's output, which is written later, goes into the input."""
    leaking = broken("  ((int8_t *)arena)[0] = ((int8_t *)arena)[8];", step=0)
    with pytest.raises(RunnerFailedError, match="answers by what its memory held before"):
        edgekit.verify(leaking.path)


def test_options_that_mean_nothing_there_are_refused(built: Bundle) -> None:
    with pytest.raises(WrongValueError, match=r"cannot run on pi\.local"):
        edgekit.verify(built.path, device=DeviceChoice(host="pi.local"))
    with pytest.raises(WrongValueError, match="runs a model by one thread"):
        edgekit.verify(built.path, threads=2)
    with pytest.raises(WrongValueError, match="2 threads cannot be counted"):
        edgekit.profile(built.path, threads=2)
    with pytest.raises(NoReleaseError, match="Nothing is deployed on emulated cortex-m4"):
        edgekit.verify(built.path, deployed=True)


def test_a_target_chooses_among_builds(built: Bundle, model: Path, tmp_path: Path) -> None:
    with pytest.raises(NoFittingBuildError, match="There is no build for cortex-m5") as missing:
        edgekit.verify(builds=built.path.parents[1], target="cortex-m5")
    assert missing.value.fix == "Did you mean 'cortex-m4'?"
    shutil.copytree(built.path.parents[1], tmp_path, dirs_exist_ok=True)
    shutil.copy(model, tmp_path / "other.tflite")
    edgekit.build(tmp_path / "other.tflite", target="cortex-m4", output=tmp_path)
    with pytest.raises(UnclearBuildError):
        edgekit.verify(builds=tmp_path, target="cortex-m4")
