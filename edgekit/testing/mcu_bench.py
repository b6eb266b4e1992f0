"""Run C on an emulated microcontroller and count: `python -m edgekit.testing.mcu_bench MAIN.c KERNEL.c ...`.

MAIN.c includes "mcu_bench.h" and has a `main` that returns 0; `BENCH("label", call(...))` in it is counted.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.devices.emulated.microcontroller.execute import execute
from edgekit.devices.emulated.microcontroller.image import (
    OPTIMIZATION,
    WARNINGS,
    Compiler,
    Part,
    Source,
    build_image,
)
from edgekit.errors import EdgeKitError
from edgekit.target import load_target

if TYPE_CHECKING:
    from collections.abc import Sequence

_LABEL = "bench: "


def main(argv: Sequence[str]) -> int:
    """Compile, run, print; the exit code is the program's."""
    parser = argparse.ArgumentParser(prog="python -m edgekit.testing.mcu_bench", description=__doc__)
    parser.add_argument("main", type=Path, help="the program; its bytes are not counted")
    parser.add_argument("kernels", type=Path, nargs="*", help="C files whose bytes are counted")
    parser.add_argument("--target", default="cortex-m4")
    parser.add_argument("-I", dest="includes", type=Path, action="append", default=[])
    parser.add_argument("-O", dest="optimization", default=OPTIMIZATION.removeprefix("-O"))
    parser.add_argument("--compiler", type=Compiler, default=Compiler.GCC, choices=list(Compiler))
    parser.add_argument("--keep", type=Path, help="a folder for the objects and image.elf")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="edgekit-mcu-bench-") as scratch:
        try:
            return _run(options, options.keep or Path(scratch))
        except EdgeKitError as error:
            print(error, file=sys.stderr)  # noqa: T201
            return error.exit_code


def _run(options: argparse.Namespace, directory: Path) -> int:
    directory.mkdir(parents=True, exist_ok=True)
    sources = [Source(path=options.main.absolute(), part=Part.HARNESS)]
    sources += [Source(path=path.absolute(), part=Part.CODE) for path in options.kernels]
    kernels = Path(__file__).resolve().parents[1] / "kernels" / "mcu"
    target = load_target(options.target)
    image = build_image(
        sources,
        target,
        directory.absolute(),
        includes=[Path(__file__).resolve().parent, kernels, *(path.absolute() for path in options.includes)],
        optimization=f"-O{options.optimization}",
        compiler=options.compiler,
        warnings=WARNINGS,
    )
    done = execute(image.path, target, directory, count=True)
    labels = [line.removeprefix(_LABEL) for line in done.printed.splitlines() if line.startswith(_LABEL)]
    rest = [line for line in done.printed.splitlines() if not line.startswith(_LABEL)]
    lines = [f"{target.name}, {image.compiler} -O{options.optimization}, {done.emulator}", *rest]
    lines += [
        f"{count:12,} instructions  {label}"
        for label, count in zip(labels, done.intervals[::2], strict=False)
    ]
    lines += [f"{image.code_bytes:12,} bytes of code and constants"]
    lines += [f"{size:12,} bytes         {name}" for name, size in sorted(image.symbols.items())]
    print("\n".join(lines))  # noqa: T201
    return done.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
