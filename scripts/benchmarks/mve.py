"""What compilers make of the kernels for cores with MVE, on whole models and the emulated Cortex-M55.

A model is built once. Its sources are then compiled several ways, with the inner loops of convolutions,
depthwise ones and matrix products as shipped (assembly), or in C, or by intrinsics. Executed instructions are
counted, the golden vectors checked, and the vector instructions in the kernels' objects counted too.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import sys
import tempfile
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import edgekit
from benchmarks.circumstances import circumstances
from benchmarks.contenders import given, trained
from edgekit.cli.output import table
from edgekit.devices.emulated.microcontroller.image import Compiler, Part, Source, build_image
from edgekit.devices.emulated.microcontroller.image_run import run_image
from edgekit.devices.emulated.microcontroller.machine import machine_of
from edgekit.devices.emulated.microcontroller.model_image import bundle_sources, header_folders, image_sources
from edgekit.devices.emulated.tools import run_tool
from edgekit.devices.frames import load_golden, pack_frames
from edgekit.errors import EdgeKitError
from edgekit.measurement import geometric_mean
from edgekit.target import load_target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.contenders import Contender
    from edgekit.artifacts import Bundle
    from edgekit.devices.emulated.microcontroller.image_run import ImageRun
    from edgekit.devices.emulated.microcontroller.machine import Place
    from edgekit.target import Target

_CPU = "cortex-m55"
# Convolutions, depthwise ones and matrix products, in different shares.
_MODELS = (
    "anomaly_detection",
    "image_classification",
    "keyword_spotting",
    "keyword_spotting_mobilenetv2",
    "rock_paper_scissors",
    "visual_wake_words",
)
_KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")  # of operators, that the kernels are for
_KERNELS = (
    "convolution",
    "depthwise",
    "dense",
)  # whose shipped files are called "convolution_mve.c" and so on
_OTHERS = Path(__file__).parent / "mve_kernels"
# At -O3 it would call a copy of edgekit_step_mark, which is not seen.
_GCC_FLAGS = ("-fno-ipa-cp-clone",)
_WRONG_ANSWER = 3
_PRODUCTS = re.compile(r"\bv(?:mla|mul)\w*\.")
_PREDICATED = re.compile(r"\b[dw]lstp\.")


class Loops(StrEnum):
    """What the inner loops are written in."""

    ASSEMBLY = "assembly"  # as shipped
    TWINS = "C twins"  # the same files, told that there is no MVE
    BLOCKS = "C in blocks"  # mve_kernels/blocks: C written to be vectorized
    INTRINSICS = "intrinsics"  # mve_kernels/intrinsics


@dataclasses.dataclass(frozen=True)
class Way:
    """How the sources of a model are compiled."""

    loops: Loops
    compiler: Compiler
    optimization: str = "-O3"

    @property
    def name(self) -> str:
        """For tables: "intrinsics, clang -O3"."""
        compiler = "clang" if self.compiler is Compiler.ZIG else "GCC"
        return f"{self.loops}, {compiler} {self.optimization}"


SHIPPED = Way(Loops.ASSEMBLY, Compiler.GCC, "-O2")
WAYS = (
    SHIPPED,
    Way(Loops.ASSEMBLY, Compiler.ZIG),
    *(
        Way(loops, compiler)
        for loops in (Loops.TWINS, Loops.BLOCKS, Loops.INTRINSICS)
        for compiler in (Compiler.ZIG, Compiler.GCC)
    ),
    Way(Loops.BLOCKS, Compiler.ZIG, "-O2"),  # at -O3 it unrolls what it might have vectorized
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class VectorUse:
    """How often instructions stand in a kernel's object file, its outer loops included."""

    products: int  # of vectors
    predicated_loops: int  # that count elements down, and need no code for what is left over


@dataclasses.dataclass(frozen=True, kw_only=True)
class MveRow:
    """A model, compiled one way."""

    model: str
    way: str
    compiler: str
    instructions: int  # of one invocation
    by_kind: Mapping[str, int]  # of those, in the operators of a kind
    code_bytes: int
    exact: bool
    vectors: Mapping[str, VectorUse]  # by kernel


def main(argv: Sequence[str]) -> int:
    """Measure and show; exits with 3 if an answer was not the oracle's."""
    parser = argparse.ArgumentParser(prog="scripts/bench-mve", description=__doc__)
    parser.add_argument("--model", type=Path, action="append", default=[], help="an int8 .tflite of yours")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help=f"by default {', '.join(_MODELS)}"
    )
    parser.add_argument(
        "--toolchain",
        metavar="PREFIX",
        help="another GCC, by what its programs begin with: /opt/gcc-14/bin/arm-none-eabi",
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    try:
        contenders = [] if options.model and not options.only else trained(options.only or _MODELS)
        contenders += [given(path) for path in options.model]
        with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as work:
            rows = [
                row
                for contender in contenders
                for row in measure(contender, Path(work), toolchain=options.toolchain)
            ]
    except EdgeKitError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if options.json:
        print(json.dumps(document(rows), indent=2))
    else:
        show(rows)
    return 0 if all(row.exact for row in rows) else _WRONG_ANSWER


def measure(
    contender: Contender, work: Path, *, toolchain: str | None = None, ways: Sequence[Way] = WAYS
) -> list[MveRow]:
    """Build a model and run what each way makes of it.

    Args:
        contender: the model.
        work: a folder for builds.
        toolchain: what GCC's programs begin with; by default "arm-none-eabi".
        ways: how to compile it.
    """
    target = load_target(_CPU)
    bundle = edgekit.build(contender.path, target=target, output=work)
    place = machine_of(target)
    place = dataclasses.replace(place, toolchain=toolchain or place.toolchain)
    rows = []
    for way in ways:
        print(f"{contender.name}: {way.name}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(dir=work) as folder:
            rows.append(_measured(contender.name, bundle, way, target, place, Path(folder)))
    return rows


def _measured(name: str, bundle: Bundle, way: Way, target: Target, place: Place, folder: Path) -> MveRow:
    sources = bundle_sources(bundle)
    library = Source(path=_OTHERS / "aeabi.c", part=Part.CODE)
    image = build_image(
        [*(with_loops(source, way.loops) for source in image_sources(sources)), library],
        _with_flags(target),
        folder,
        includes=[*header_folders(sources), _OTHERS],
        optimization=way.optimization,
        compiler=way.compiler,
        place=place,
    )
    golden = load_golden(bundle.path, bundle.manifest)
    assert golden.outputs is not None, name
    done = run_image(image.path, target, pack_frames(golden.inputs), len(golden.inputs[0]), count=True)
    return MveRow(
        model=name,
        way=way.name,
        compiler=image.compiler + (f" ({_clang_version()})" if way.compiler is Compiler.ZIG else ""),
        instructions=done.executed[0],
        by_kind=_by_kind(bundle, done),
        code_bytes=image.code_bytes,
        exact=done.outputs == pack_frames(golden.outputs),
        vectors=_vectors(folder, place),
    )


def with_loops(source: Source, loops: Loops) -> Source:
    """A source as it is, or if it is one of the kernels, with inner loops of another kind."""
    kernel = source.path.stem.removesuffix("_mve")
    if source.path.stem == kernel or kernel not in _KERNELS or loops is Loops.ASSEMBLY:
        return source
    if loops is Loops.TWINS:
        return dataclasses.replace(source, defines=(*source.defines, "EK_HAS_MVE=0"))
    return dataclasses.replace(source, path=_OTHERS / loops.name.lower() / f"{kernel}.c")


def vector_use(disassembly: str) -> VectorUse:
    """What objdump shows of a kernel's object file, counted."""
    return VectorUse(
        products=len(_PRODUCTS.findall(disassembly)), predicated_loops=len(_PREDICATED.findall(disassembly))
    )


def _with_flags(target: Target) -> Target:
    assert target.microcontroller is not None
    flags = (*target.microcontroller.compiler_flags, *_GCC_FLAGS)
    return dataclasses.replace(
        target,
        microcontroller=dataclasses.replace(target.microcontroller, compiler_flags=flags),
    )


def _by_kind(bundle: Bundle, done: ImageRun) -> dict[str, int]:
    kinds = {operator["index"]: operator["kind"] for operator in bundle.manifest["operators"]}
    found: Counter[str] = Counter()
    for step, executed in zip(done.description.operators, done.steps_executed[0], strict=True):
        found[kinds[step.index]] += executed
    return {kind: found[kind] for kind in _KINDS if kind in found}


def _vectors(folder: Path, place: Place) -> dict[str, VectorUse]:
    objdump = (f"{place.toolchain}-objdump", "-d", "--no-show-raw-insn", "-m", "armv8.1-m.main")
    found = {}
    for kernel in _KERNELS:
        for path in (*folder.glob(f"*-{kernel}.o"), *folder.glob(f"*-{kernel}_mve.o")):
            found[kernel] = vector_use(
                run_tool(*objdump, path.name, purpose="Disassembling a kernel", directory=folder)
            )
    return found


def _clang_version() -> str:
    words = (sys.executable, "-m", "ziglang", "cc", "--version")
    return run_tool(*words, purpose="Asking clang's version").splitlines()[0]


def ratios(rows: Sequence[MveRow]) -> dict[str, dict[str, float]]:
    """Instructions of each way / of the shipped one, in geometric mean: in all, and by kind of operators."""
    shipped = {row.model: row for row in rows if row.way == SHIPPED.name}
    found: dict[str, dict[str, float]] = {}
    for way in dict.fromkeys(row.way for row in rows):
        pairs = [(row, shipped[row.model]) for row in rows if row.way == way]
        each = {"all": [row.instructions / ours.instructions for row, ours in pairs]}
        for kind in _KINDS:
            each[kind] = [
                row.by_kind[kind] / ours.by_kind[kind] for row, ours in pairs if kind in ours.by_kind
            ]
        found[way] = {name: geometric_mean(values) for name, values in each.items() if values}
    return found


def document(rows: Sequence[MveRow]) -> dict[str, Any]:
    """One JSON document."""
    return {
        "suite": "mve",
        "ratios": ratios(rows),
        "exact": all(row.exact for row in rows),
        **circumstances(),
        "models": [dataclasses.asdict(row) for row in rows],
    }


def show(rows: Sequence[MveRow]) -> None:
    """Print a table of whole models, one of the kinds of operators, and one of the kernels' instructions."""
    ways = list(dict.fromkeys(row.way for row in rows))
    models = list(dict.fromkeys(row.model for row in rows))
    cells = {
        (row.model, row.way): f"{row.instructions:,}" + ("" if row.exact else " NOT EXACT") for row in rows
    }
    table(
        ("instructions", *models),
        [(way, *(cells[model, way] for model in models)) for way in ways],
        right=range(1, len(models) + 1),
    )
    found = ratios(rows)
    table(
        ("of the shipped way's, geometric mean", "model", *_KINDS),
        [(way, *(_ratio(found[way].get(name)) for name in ("all", *_KINDS))) for way in ways],
        right=range(1, len(_KINDS) + 2),
    )
    used = {(row.way, kernel): use for row in rows for kernel, use in row.vectors.items()}
    table(
        ("products of vectors, tail-predicated loops", *_KERNELS),
        [(way, *(_use(used.get((way, kernel))) for kernel in _KERNELS)) for way in ways],
        right=range(1, len(_KERNELS) + 1),
    )
    print("; ".join(dict.fromkeys(row.compiler for row in rows)), end="; instructions are not time. ")
    print(" ".join(f"{name}: {value}." for name, value in circumstances().items()))


def _count(row: MveRow) -> str:
    return f"{row.instructions:,}" + ("" if row.exact else " NOT EXACT")


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _use(use: VectorUse | None) -> str:
    return "" if use is None else f"{use.products}, {use.predicated_loops}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
