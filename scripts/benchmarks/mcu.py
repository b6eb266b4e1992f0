"""The microcontroller suite: executed instructions, flash, RAM and stack, beside TFLite Micro with CMSIS-NN.

Instructions are counted by a QEMU plugin from the model's call to its return, marks between the operators
included (two or three instructions each). They are not time. TFLite Micro's figures are those of tflm.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import edgekit
from benchmarks.mcu_result import McuBar, McuRow
from benchmarks.stimulus import fnv, stimulus
from benchmarks.tflm import TFLM
from edgekit.devices.emulated.microcontroller.device import microcontroller
from edgekit.devices.frames import load_golden, pack_frames
from edgekit.ingest import read_tflite
from edgekit.ingest.integer_interface import with_integer_interface
from edgekit.oracle import run_oracle
from edgekit.search.thrift import LAVISH, THRIFTY
from edgekit.target import load_target

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.contenders import Contender
    from edgekit.artifacts import Bundle, Graph
    from edgekit.devices.emulated.microcontroller.device import Microcontroller
    from edgekit.devices.emulated.microcontroller.image_run import ImageRun
    from edgekit.search.thrift import Thrift

# Only the M4's flash and RAM were measured for TFLite Micro.
BARS = {
    "cortex-m4": McuBar(
        geomean=2.0,
        worst=1.4,
        code_share=0.25,
        ram_geomean=0.75,
        ram_worst=1.0,
        patched_ram={"visual_wake_words": 0.5},
        stack_bytes=1024,
    ),
    "cortex-m55": McuBar(geomean=1.25, worst=1.0, stack_bytes=1024),
}
CPUS = tuple(BARS)


def measure(contender: Contender, cpu: str, work: Path, thrift: Thrift = LAVISH) -> McuRow:
    """Build a model for a core, run it there on TFLite Micro's input and on its golden vectors, and compare.

    Args:
        contender: the model.
        cpu: a target for microcontrollers that is emulated.
        work: a folder for builds.
        thrift: what may be done to the model for the sake of memory.
    """
    bundle = edgekit.build(contender.path, target=load_target(cpu), output=work, thrift=thrift)
    flatbuffer = contender.path.read_bytes()
    model = read_tflite(flatbuffer, name=contender.name)
    graph = (with_integer_interface(model) if bundle.manifest["interface"] == "integer" else model).graph
    frames = stimulus(graph)
    types = [graph.tensors[index].dtype.value for index in graph.outputs]
    with microcontroller(bundle, lambda _stage, _share: None) as board:
        done = board.invoke(_packed(frames), count=True)
        image = board.image
        exact = done.outputs == _packed(run_oracle(flatbuffer, frames, types)) and _is_golden(board, bundle)
        # In a run of its own: writing files takes instructions.
        found = _hash(graph, board.invoke(_packed(frames), steps_from=0))
    # A file of somebody's may have the name of a shipped model.
    theirs = TFLM.get(contender.name) if contender.trained else None
    memory = done.memory
    return McuRow(
        name=contender.name,
        cpu=cpu,
        trained=contender.trained,
        macs=bundle.manifest["macs"],
        instructions=done.executed[-1],
        code_bytes=bundle.manifest["memory"]["code_bytes"],
        weight_bytes=bundle.manifest["memory"]["weight_bytes"],
        arena_bytes=memory.arena_bytes,
        state_bytes=memory.state_bytes,
        static_bytes=image.static_bytes,
        stack_bytes=memory.stack_bytes,
        exact=exact and (theirs is None or found == theirs.fnv),
        fnv=found,
        tflm=theirs,
        emulator=done.emulator,
        compiler=image.compiler,
    )


def measure_patched(contenders: Sequence[Contender], cpu: str, work: Path) -> list[McuRow]:
    """Those of the models that have a bar with `--patches auto`, built so."""
    barred = BARS[cpu].patched_ram if cpu in BARS else {}
    return [
        measure(contender, cpu, work, THRIFTY)
        for contender in contenders
        if contender.trained and contender.name in barred
    ]


def _packed(frames: list[tuple[np.ndarray, ...]]) -> bytes:
    return pack_frames([np.stack(column) for column in zip(*frames, strict=True)])


def _is_golden(board: Microcontroller, bundle: Bundle) -> bool:
    """Whether the bundle's golden vectors come out, every byte."""
    golden = load_golden(bundle.path, bundle.manifest)
    if golden.outputs is None:
        return False
    return board.invoke(pack_frames(golden.inputs)).outputs == pack_frames(golden.outputs)


def _hash(graph: Graph, done: ImageRun) -> str | None:
    """The hash of what the last FULLY_CONNECTED gave, in all frames; None without one."""
    last = max((o.index for o in graph.operators if o.kind == "FULLY_CONNECTED"), default=None)
    sizes = [sum(tensor.bytes for tensor in step.outputs) for step in done.description.operators]
    places = [i for i, step in enumerate(done.description.operators) if step.index == last]
    if not places:
        return None
    start, size = sum(sizes[: places[0]]), sizes[places[0]]
    frames = range(0, len(done.steps), sum(sizes))
    return fnv(b"".join(done.steps[at + start : at + start + size] for at in frames))
