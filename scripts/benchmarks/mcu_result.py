"""What the microcontroller suite found: rows, what they must reach, a table, and one JSON document."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from benchmarks.result import by_cpu
from edgekit.cli.output import table
from edgekit.measurement import geometric_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.tflm import Tflm


@dataclasses.dataclass(frozen=True, kw_only=True)
class McuRow:
    """One model on one core. All bytes and instructions were found in this run, but those of `tflm`."""

    name: str
    cpu: str
    trained: bool | None
    macs: int
    instructions: int  # of one invocation
    code_bytes: int  # of flash: code and constants of the model and what it calls, without weights or marks
    weight_bytes: int
    arena_bytes: int  # up to the last byte that was written, inputs and outputs included
    state_bytes: int
    static_bytes: int
    stack_bytes: int
    exact: bool  # every output byte of this input and of every golden vector is the oracle's
    fnv: str | None  # of the last FULLY_CONNECTED's outputs
    tflm: Tflm | None  # None: a model that it was not measured with
    emulator: str
    compiler: str

    @property
    def ram_bytes(self) -> int:
        """All the memory that the model needs, but for the stack."""
        return self.arena_bytes + self.state_bytes + self.static_bytes

    @property
    def ratio(self) -> float | None:
        """TFLite Micro's instructions / ours; None where its are not known."""
        theirs = self.tflm and self.tflm.instructions(self.cpu)
        return theirs / self.instructions if theirs else None

    @property
    def code_share(self) -> float | None:
        """Our code / TFLite Micro's."""
        return self.code_bytes / self.tflm.text_bytes if self.tflm else None

    @property
    def ram_share(self) -> float | None:
        """Our memory / TFLite Micro's arena, which holds its variables too."""
        return self.ram_bytes / self.tflm.arena_bytes if self.tflm else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class McuBar:
    """What the rows of a core have to reach; None is not asked for."""

    geomean: float
    worst: float
    stack_bytes: int
    code_share: float | None = None
    ram_geomean: float | None = None
    ram_worst: float | None = None
    patched_ram: Mapping[str, float] = dataclasses.field(default_factory=dict)  # by model

    def shortfalls(self, rows: Sequence[McuRow]) -> list[str]:
        """What is not reached, in words."""
        return [f"{rows[0].cpu}: {words}" for words in self._missed(rows)]

    def patched_shortfalls(self, rows: Sequence[McuRow]) -> list[str]:
        """What models built with `--patches auto` do not reach, in words."""
        return [
            f"{row.cpu}: {row.name}'s RAM with --patches auto is {row.ram_share:.3f} of TFLite Micro's, "
            f"and {self.patched_ram[row.name]} is the most allowed"
            for row in rows
            if row.ram_share is not None and row.ram_share > self.patched_ram[row.name]
        ]

    def _missed(self, rows: Sequence[McuRow]) -> Iterator[str]:
        summary = summarize(rows)
        mean = summary["geomean_ratio"]
        if mean is not None and mean < self.geomean:
            yield f"the geometric mean is {mean:.3f}, and {self.geomean} is asked for"
        ram = summary["geomean_ram_share"]
        if self.ram_geomean is not None and ram is not None and ram > self.ram_geomean:
            yield f"RAM is {ram:.3f} of TFLite Micro's in geometric mean, and {self.ram_geomean} is asked for"
        for row in rows:
            if row.ratio is not None and row.ratio < self.worst:
                yield f"{row.name} is at {row.ratio:.3f}, and {self.worst} is the least allowed"
            yield from self._overweight(row)

    def _overweight(self, row: McuRow) -> Iterator[str]:
        limits = (
            ("code", row.code_share, self.code_share),
            ("RAM", row.ram_share, self.ram_worst),
        )
        for what, share, limit in limits:
            if share is not None and limit is not None and share > limit:
                yield f"{row.name}'s {what} is {share:.3f} of TFLite Micro's, and {limit} is the most allowed"
        if row.stack_bytes > self.stack_bytes:
            yield f"{row.name} takes {row.stack_bytes:,} bytes of stack, and {self.stack_bytes:,} are allowed"


def summarize(rows: Sequence[McuRow]) -> dict[str, float | None]:
    """What the rows with figures of TFLite Micro's come to; None where there are none."""
    ratios = [row.ratio for row in rows if row.ratio is not None]
    codes = [row.code_share for row in rows if row.code_share is not None]
    rams = [row.ram_share for row in rows if row.ram_share is not None]
    return {
        "geomean_ratio": geometric_mean(ratios) if ratios else None,
        "worst_ratio": min(ratios, default=None),
        "worst_code_share": max(codes, default=None),
        "geomean_ram_share": geometric_mean(rams) if rams else None,
        "worst_ram_share": max(rams, default=None),
        "worst_stack_bytes": max(row.stack_bytes for row in rows),
    }


def document(
    rows: Sequence[McuRow], circumstances: Mapping[str, Any], patched: Sequence[McuRow] = ()
) -> dict[str, Any]:
    """The JSON document of a run, in the form of the other suites; those built in bands are on their own."""
    return {
        "suite": "mcu",
        **summarize(rows),
        "cpus": {cpu: summarize(group) for cpu, group in by_cpu(rows).items()},
        **circumstances,
        "models": [_entry(row) for row in rows],
        "patched": [_entry(row) for row in patched],
    }


def show(rows: Sequence[McuRow], patched: Sequence[McuRow] = ()) -> None:
    """Print a table a core, and what it comes to; then what was built with `--patches auto`."""
    headers = ("model", "MACs", "instructions", "TFLM", "ratio", "code", "of TFLM", "RAM", "of TFLM", "stack")
    for cpu, group in by_cpu(rows).items():
        table((*headers, "exact"), [_cells(row) for row in group], right=range(1, len(headers)))
        found = summarize(group)
        if found["geomean_ratio"] is not None:
            print(
                f"{cpu}: TFLite Micro with CMSIS-NN / EdgeKit {found['geomean_ratio']:.3f} in geometric "
                f"mean, {found['worst_ratio']:.3f} at worst; RAM {found['geomean_ram_share']:.3f} of its in "
                f"geometric mean, {found['worst_ram_share']:.3f} at worst; code "
                f"{found['worst_code_share']:.3f} at worst"
            )
        print(f"{group[0].emulator}; {group[0].compiler}; instructions are not time\n")
    for row in patched:
        print(
            f"{row.cpu}, {row.name} with --patches auto: {row.ram_bytes:,} bytes of RAM, "
            f"{_share(row.ram_share)} of TFLite Micro's; {row.instructions:,} instructions; "
            f"{'exact' if row.exact else 'NOT EXACT'}\n"
        )


def _entry(row: McuRow) -> dict[str, Any]:
    known = (
        {}
        if row.tflm is None
        else {
            "tflm_instructions": row.tflm.instructions(row.cpu),
            "tflm_text_bytes": row.tflm.text_bytes,
            "tflm_arena_bytes": row.tflm.arena_bytes,
        }
    )
    entry = {
        field.name: getattr(row, field.name) for field in dataclasses.fields(row) if field.name != "tflm"
    }
    shares = {"ratio": row.ratio, "code_share": row.code_share, "ram_share": row.ram_share}
    return {**entry, "ram_bytes": row.ram_bytes, **shares, **known}


def _cells(row: McuRow) -> tuple[str, ...]:
    theirs = row.tflm and row.tflm.instructions(row.cpu)
    return (
        row.name,
        f"{row.macs:,}",
        f"{row.instructions:,}",
        f"{theirs:,}" if theirs else "",
        _share(row.ratio),
        f"{row.code_bytes:,}",
        _share(row.code_share),
        f"{row.ram_bytes:,}",
        _share(row.ram_share),
        f"{row.stack_bytes:,}",
        "yes" if row.exact else "NO",
    )


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
