"""edgekit run: feed inputs to a build on a device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgekit.cli.options import (
    EXISTING_FILE,
    PATH,
    device_options,
    json_option,
    probe_options,
    target_option,
    threads_option,
)
from edgekit.cli.output import emit_json, note, progress, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from edgekit.devices.choice import DeviceChoice

_SHOWN = 8  # values of an output in a table


@click.command(
    "run",
    epilog="\b\nExamples:\n  edgekit run portrait.npy --host pi.local\n"
    "  edgekit run inputs.npz --output scores.npz --bundle build/kws/rpi4 --emulated\n"
    "  edgekit run frames.npy --target cortex-m4\n"
    "  edgekit run frames.npy --target nucleo-f446re --probe",
)
@click.argument("inputs", nargs=-1, required=True, type=EXISTING_FILE, metavar="INPUT...")
@click.option("--bundle", type=PATH, metavar="DIR", help="The build to run; by default this project's.")
@click.option("--output", type=PATH, metavar="FILE", help="A .npz, or for one output a .npy, to write.")
@target_option
@device_options
@probe_options
@click.option("--deployed", is_flag=True, help="Run the release that serves there, not a copy of the build.")
@threads_option
@json_option
def command(
    inputs: tuple[Path, ...],
    bundle: Path | None,
    output: Path | None,
    target: str | None,
    device: DeviceChoice,
    deployed: bool,
    threads: int,
    as_json: bool,
) -> None:
    """Run a build on INPUT files: .npy for one tensor each, in order, or .npz by tensor name or position.

    Each has its tensor's shape and type exactly; one more leading axis gives several frames, which
    run in sequence, so that a streaming model carries its state.
    """
    from edgekit.evaluate import load_tensors, save_tensors
    from edgekit.verbs.builds import build_root
    from edgekit.verbs.run import run

    tensors = load_tensors(inputs)
    with progress(quiet=as_json) as show:
        outputs = run(
            tensors,
            bundle,
            device=device,
            builds=build_root(Path.cwd()),
            target=target,
            deployed=deployed,
            threads=threads,
            progress=show,
        )
    if output is not None:
        save_tensors(output, outputs)
    if as_json:
        emit_json({"output": output, "outputs": {name: _document(a) for name, a in outputs.items()}})
    else:
        _show(outputs)
        if output is not None:
            note(f"written to {output}")


def _document(array: NDArray[Any]) -> dict[str, Any]:
    return {"shape": array.shape, "dtype": str(array.dtype), "values": array}


def _show(outputs: Mapping[str, NDArray[Any]]) -> None:
    rows = []
    for name, array in outputs.items():
        flat = array.reshape(-1)
        values = " ".join(f"{value:g}" for value in flat[:_SHOWN].tolist())
        more = " …" if flat.size > _SHOWN else ""
        shape = "x".join(str(size) for size in array.shape) or "scalar"
        rows.append((name, array.dtype, shape, int(flat.argmax()), f"{values}{more}"))
    table(("output", "type", "shape", "largest at", "values"), rows, right=(3,))
