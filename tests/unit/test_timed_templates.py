"""Shipped times are those of today's kernels: what a template makes is pinned beside its version.

Versions are raised by hand, and records of an older kernel would go on deciding if somebody forgot. Counts
are counted again (tests/emulator/test_shipped_counts.py); times cannot be, on another machine. So who changes
what is pinned either raises the version and measures anew (scripts/fill-store), or takes the new pin
over as it is (pytest --update-golden) and so says that the kernels are as fast as before.

Pinned are the kernels that a template makes of a few layers, and the C of the micro-kernels that they call,
without comments and white space. Compilers are not: a new one may change the speed of everything.
"""

from __future__ import annotations

import functools
import hashlib
import re
from typing import TYPE_CHECKING

import pytest

from edgekit.ingest import read_tflite
from edgekit.kernels import kernel_folder
from edgekit.lower import lower
from edgekit.paths import data_directory
from edgekit.schedule import apply_choice, candidates, jobs
from edgekit.schedule.cpu import cpu_class
from edgekit.search.lookup import VERSIONS
from edgekit.store import Source, read_text
from edgekit.store.shipped import SHIPPED_NAME
from store_filling.models import layers_model
from store_filling.shapes import Layer
from store_filling.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from edgekit.schedule.template import Job

LAYERS = (
    Layer(32, 32, 3, 16, (3, 3)),
    Layer(96, 96, 3, 8, (3, 3), 2),
    Layer(16, 16, 32, 64, (3, 3), 2, clamps=False),
    Layer(7, 7, 128, 128, (3, 3)),
    Layer(24, 24, 16, 32),
    Layer(1, 1, 64, 12, clamps=False),
    Layer(12, 12, 32, 0, (3, 3)),
    Layer(12, 12, 24, 0, (3, 3), 2),
    Layer(12, 12, 20, 0, (5, 5), clamps=False),
)
TIMED = {
    (record.template, record.cpu_class)
    for record in read_text(data_directory("tuning") / SHIPPED_NAME)
    if record.source is not Source.EMULATOR
}
KERNELS = kernel_folder("common").parent
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
LOCAL_INCLUDE = re.compile(r'#include "([^"]+)"')
CALLED = re.compile(r'"(ek_\w+)"')
DEFINED = re.compile(r"\b(ek_\w+)(##)?")  # what follows ## is put together by a macro


@pytest.mark.parametrize("template", sorted({template for template, _ in TIMED}))
def test_a_timed_template_makes_what_its_version_says(
    template: str, golden: Callable[[str, str], None]
) -> None:
    kernels = kernels_of(template)
    assert kernels, f"no layer here is one for {template}"
    lines = [f"{digest(*kernels)}  kernels"]
    lines += [f"{digest(code(path))}  {path.relative_to(KERNELS)}" for path in files_of(kernels)]
    claim = f"{template}, as fast as when records of version {VERSIONS[template]} were measured:"
    golden(f"{template}.txt", "\n".join([claim, *lines, ""]))


def test_comments_and_layout_are_no_change_but_a_number_is(tmp_path: Path) -> None:
    texts = ("int a = 1; /* one */\n", "int  a =\n  1; // uno\n", "int a = 2;\n")
    first, same, other = (digest(code(written(tmp_path / "a.c", text))) for text in texts)
    assert first == same != other


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def kernels_of(template: str) -> list[str]:
    """The kernels of the first and of the last point of a template's space, for every layer that it fits."""
    found = []
    for name in sorted(name for timed, name in TIMED if timed == template):
        cpu = cpu_class(TARGETS[name]())
        for job in layer_jobs():
            points = [choice for choice in candidates(job, cpu) if choice.template == template]
            for choice in dict.fromkeys([*points[:1], *points[-1:]]):
                function = apply_choice(job, cpu, choice).function
                found.append(str(function.without_attr("global_symbol").script()))
    return found


@functools.cache
def layer_jobs() -> tuple[Job, ...]:
    return tuple(jobs(lower(read_tflite(layers_model(LAYERS), name="layers"))).values())


def files_of(kernels: Iterable[str]) -> list[Path]:
    """The sources of the micro-kernels that kernels call, and the headers of these."""
    called = sorted({name for kernel in kernels for name in CALLED.findall(kernel)})
    return sorted({path for name in called for path in with_headers(source_of(name))})


def source_of(function: str) -> Path:
    """The source that defines a micro-kernel."""
    (source,) = (path for path in sources() if defines(path, function))
    return source


@functools.cache
def sources() -> tuple[Path, ...]:
    """What is linked into libraries for x86."""
    return tuple(path for name in ("common", "x86") for path in kernel_folder(name).glob("*.c"))


def defines(path: Path, function: str) -> bool:
    names = DEFINED.findall(path.read_text(encoding="utf-8"))
    return any(function.startswith(name) if pasted else function == name for name, pasted in names)


def with_headers(path: Path) -> set[Path]:
    """A file and all that it includes of ours."""
    found, waiting = set(), [path]
    while waiting:
        here = waiting.pop()
        found.add(here)
        included = LOCAL_INCLUDE.findall(here.read_text(encoding="utf-8"))
        waiting += {(here.parent / name).resolve() for name in included} - found
    return found


def code(path: Path) -> str:
    """What of a file reaches the compiler, more or less: without comments and white space."""
    return "".join(COMMENT.sub(" ", path.read_text(encoding="utf-8")).split())


def digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]
