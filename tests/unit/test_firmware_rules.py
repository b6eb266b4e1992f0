"""Rules of embedded C, in every kernel and in whole models: no warning of either compiler, no recursion, no
arrays of variable length, no heap, and nothing called that a core without a C library lacks."""

from __future__ import annotations

import re
import subprocess
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

import pytest

from edgekit.kernels import kernel_folder
from edgekit.testing.firmware import WARNINGS, firmware_code, write_sources
from edgekit.testing.models import model_path
from edgekit.testing.random_nets import random_net
from tests.unit.test_firmware_sources import compilers, printed_net

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KERNELS = sorted(kernel_folder("mcu").glob("*.c"))
# All that a firmware must have beside the sources: memcpy and its like, and the compiler's own library.
GIVEN = re.compile(
    r"memcpy|memmove|memset|edgekit_step_mark|__aeabi_\w+|__(?!indirect_call)[a-z]+[sd][if]\w*"
)
BY_POINTER = {"ek_depthwise_planes"}  # they call any function of their own file so, and no other
_NODE = re.compile(r'node: \{ title: "([^"]+)" label: "([^"]*)"')
_EDGE = re.compile(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"')


def broken_rules(folder: Path, gcc: list[str], sources: list[str]) -> list[str]:
    """What sources break, by GCC's graph of who calls whom; it makes no loops of recursion here."""
    optimized = ["-O2", "-fno-optimize-sibling-calls", "-fcallgraph-info=su"]
    strict = [*WARNINGS, *optimized, "-ffreestanding", "-DEDGEKIT_STEPS", "-Iinclude"]
    calls: dict[str, set[str]] = {}
    broken = []
    for number, source in enumerate(sources):
        done = subprocess.run(
            [*gcc, *strict, "-c", source, "-o", f"{number}.o"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            broken.append(done.stderr)
            continue
        graph = (folder / f"{number}.ci").read_text()
        nodes = _NODE.findall(graph)
        here = {name for name, label in nodes if "bytes (" in label}  # defined, not only called
        broken += [f"{name} takes more stack as it runs" for name, label in nodes if "dynamic" in label]
        calls |= {name: set() for name in here}
        for caller, callee in _EDGE.findall(graph):
            by_pointer = callee == "__indirect_call" and caller in BY_POINTER
            calls[caller] |= here - {caller} if by_pointer else {callee}
    try:
        TopologicalSorter(calls).prepare()
    except CycleError as error:
        broken.append(f"recursion: {' '.join(error.args[1])}")
    called = set().union(*calls.values()) - set(calls)
    return broken + [f"{name} is called" for name in sorted(called) if not GIVEN.fullmatch(name)]


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m55"])
def test_every_kernel_follows_the_rules(core: str, tmp_path: Path) -> None:
    """Kernels without vectors on the one, all on the other: what neither has is there in plain C."""
    sources = [str(path) for path in KERNELS if core == "cortex-m55" or "mve" not in path.stem]
    assert len(sources) > 15
    commands = compilers(core)
    assert broken_rules(tmp_path, commands["gcc"], sources) == []
    clang = [*commands["clang"], *WARNINGS, "-ffreestanding", "-O2", "-c"]
    subprocess.run([*clang, *sources], cwd=tmp_path, check=True)


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m55"])
@pytest.mark.parametrize("level", ["-Og", "-Os", "-O3"])
def test_every_kernel_assembles_as_users_optimize(level: str, core: str, tmp_path: Path) -> None:
    """Operands in assembly get the registers that the compiler has left, and these differ."""
    gcc = [*compilers(core)["gcc"], *WARNINGS, "-ffreestanding", level, "-c"]
    subprocess.run([*gcc, *map(str, KERNELS)], cwd=tmp_path, check=True)


NETS: dict[str, Callable[[], bytes]] = {
    "keyword_spotting": lambda: model_path("keyword_spotting").read_bytes(),
    "okay_nabu": lambda: model_path("okay_nabu").read_bytes(),  # streaming
    "printed": printed_net,
    "random": lambda: random_net(3).flatbuffer,
}


@pytest.mark.parametrize(
    ("name", "core"),
    [
        ("keyword_spotting", "cortex-m55"),
        ("okay_nabu", "cortex-m4"),
        ("printed", "cortex-m0plus"),
        ("random", "riscv32imc"),
    ],
)
def test_a_whole_model_follows_the_rules(name: str, core: str, tmp_path: Path) -> None:
    files = firmware_code(NETS[name](), core, name).files
    write_sources(tmp_path, files)
    sources = [path for path in files if path.endswith(".c")]
    assert broken_rules(tmp_path, compilers(core)["gcc"], sources) == []


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("int f(int n); int f(int n) { return n > 0 ? f(n - 1) : 0; }", "recursion: f f"),
        (
            "int f(int n); int f(int n) { volatile char v[n]; v[0] = 1; return v[0]; }",
            "f takes more stack as it runs",
        ),
        ("void *malloc(unsigned); void *f(void); void *f(void) { return malloc(4); }", "malloc is called"),
        ("int f(int (*g)(void)); int f(int (*g)(void)) { return g(); }", "__indirect_call is called"),
        ("signed char f(int n); signed char f(int n) { return n; }", "Werror=conversion"),
    ],
)
def test_what_breaks_a_rule_is_found(code: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "wrong.c").write_text(code)
    (broken,) = broken_rules(tmp_path, compilers("cortex-m4")["gcc"], ["wrong.c"])
    assert words in broken
