"""A whole build, from a file to a bundle: reproducible, free of a runtime, complete or absent."""

from __future__ import annotations

import dataclasses
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from edgekit.errors import BudgetExceededError, ExitCode, UnknownCpuError, UnsupportedModelError
from edgekit.pipeline import compile_model
from edgekit.project import Budgets
from edgekit.target import load_target
from edgekit.testing.models import model_path
from edgekit.testing.tflite_builder import ModelBuilder, spec

if TYPE_CHECKING:
    from pathlib import Path

    from edgekit.artifacts import Bundle

LINUX_TARGETS = ("host", "rpi4", "rpi5", "beaglebone-black")


@pytest.fixture(scope="module")
def speech() -> Path:
    """A small trained model."""
    return model_path("tflite_micro_speech")


# What the pool of threads takes from the C library.
_FOR_THREADS = {
    "__errno_location", "__sched_cpucount", "clock_gettime", "free", "posix_memalign", "pthread_create",
    "pthread_join", "sched_getaffinity", "sched_yield", "sigfillset", "sigprocmask", "syscall",
}  # fmt: skip


def _library(bundle: Bundle) -> bytes:
    name = next(name for name in bundle.manifest["files"] if name.startswith("lib"))
    content: bytes = (bundle.path / name).read_bytes()
    return content


@pytest.mark.parametrize("target", LINUX_TARGETS)
def test_a_library_exports_one_symbol_and_needs_at_most_the_c_library(
    target: str, speech: Path, tmp_path: Path
) -> None:
    library = _library(compile_model(speech, load_target(target), tmp_path))
    assert b"tvm" not in library.lower()
    elf: Any = ELFFile(io.BytesIO(library))  # its sections have the types of their contents
    symbols = list(elf.get_section_by_name(".dynsym").iter_symbols())[1:]
    assert [s.name for s in symbols if s["st_shndx"] != "SHN_UNDEF"] == ["edgekit_model_get"]
    needed = {s.name for s in symbols if s["st_shndx"] == "SHN_UNDEF"}
    assert needed - _FOR_THREADS <= {"memcpy", "memset", "memmove"}
    # Before glibc 2.34 they were in a library of their own, which a model must not need.
    weak = {s.name for s in symbols if s["st_info"]["bind"] == "STB_WEAK"}
    assert {name for name in needed if name.startswith("pthread")} <= weak
    tags = list(elf.get_section_by_name(".dynamic").iter_tags())
    assert {tag.needed for tag in tags if tag.entry.d_tag == "DT_NEEDED"} <= {"libc.so.6"}
    assert not [tag for tag in tags if tag.entry.d_tag == "DT_TEXTREL"]


def test_two_builds_give_the_same_bytes(speech: Path, tmp_path: Path) -> None:
    one, two = (compile_model(speech, load_target("rpi4"), tmp_path / n) for n in ("one", "two"))
    files = sorted(path.name for path in one.path.iterdir())
    assert files == sorted(path.name for path in two.path.iterdir())
    assert [f for f in files if (one.path / f).read_bytes() != (two.path / f).read_bytes()] == []


def test_the_dump_shows_the_value_after_every_stage(speech: Path, tmp_path: Path) -> None:
    compile_model(speech, load_target("host"), tmp_path / "build", dump=tmp_path / "dump")
    assert [path.name for path in sorted((tmp_path / "dump").iterdir())] == [
        "01-ingest.txt", "02-lower.txt", "03-schedule.txt", "04-codegen.txt", "05-package.txt",
    ]  # fmt: skip
    scheduled = (tmp_path / "dump" / "03-schedule.txt").read_text()
    assert "prim_func" in scheduled
    assert "op002_fully_connected:4: array int32" in scheduled  # packed


@pytest.mark.parametrize(
    ("budgets", "words"),
    [(Budgets(max_ram_bytes=100), "RAM"), (Budgets(max_flash_bytes=1000), "flash")],
)
def test_a_build_over_its_budget_is_refused_and_leaves_nothing(
    budgets: Budgets, words: str, speech: Path, tmp_path: Path
) -> None:
    with pytest.raises(BudgetExceededError, match=words) as refusal:
        compile_model(speech, load_target("host"), tmp_path, budgets=budgets)
    assert refusal.value.exit_code is ExitCode.BUDGET_EXCEEDED
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_cpu_is_refused(speech: Path, tmp_path: Path) -> None:
    target = dataclasses.replace(load_target("rpi4"), cpu="cortex-a7222")
    with pytest.raises(UnknownCpuError, match="cortex-a72"):
        compile_model(speech, target, tmp_path)


def test_an_unsupported_operator_is_refused_by_name(tmp_path: Path) -> None:
    model = ModelBuilder()
    x = model.input((1, 4), scale=0.5)
    model.op("FLOOR", [x], [spec((1, 4), scale=0.5, name="cut")])
    path = tmp_path / "floor.tflite"
    path.write_bytes(model.build())
    with pytest.raises(UnsupportedModelError, match=r"FLOOR.*cut") as refusal:
        compile_model(path, load_target("host"), tmp_path / "build")
    assert refusal.value.exit_code is ExitCode.MODEL


def test_weights_that_are_equal_are_stored_once(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    model = ModelBuilder()
    x = model.input((1, 64), scale=0.5)
    weights = rng.integers(-127, 128, (64, 64)).astype(np.int8)
    for _ in range(2):
        w = model.constant(weights, scale=0.01)
        x = model.op("FULLY_CONNECTED", [x, w], [spec((1, 64), scale=0.5)])
    path = tmp_path / "twins.tflite"
    path.write_bytes(model.build())
    bundle = compile_model(path, load_target("host"), tmp_path / "build")
    assert 4096 <= bundle.manifest["memory"]["weight_bytes"] < 2 * 4096


def test_a_model_that_the_oracle_cannot_run_is_built_and_says_that_nothing_checked_it(tmp_path: Path) -> None:
    """TFLite Micro has no QUANTIZE from float32 to uint8; EdgeKit has."""
    model = ModelBuilder()
    x = model.input((1, 4), "float32")
    model.op("QUANTIZE", [x], [spec((1, 4), "uint8", scale=0.5, zero_point=3)])
    path = tmp_path / "float_to_uint8.tflite"
    path.write_bytes(model.build())
    golden = compile_model(path, load_target("host"), tmp_path / "build").manifest["golden"]
    assert (golden["checked"], golden["oracle"]) == (False, None)
    assert "QUANTIZE" in golden["unchecked"]
