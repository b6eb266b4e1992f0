"""What a suite found: rows, a table for people, and one JSON document."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from edgekit.cli.output import table
from edgekit.measurement import Ratio, Verdict, geometric_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One model on one CPU."""

    name: str
    cpu: str
    threads: int
    trained: bool | None
    macs: int
    unit: str  # "us" or "instructions"
    edgekit: float
    litert: float
    ratio: Ratio  # LiteRT / EdgeKit: over 1 where EdgeKit takes less
    exact: bool  # every output byte of every golden vector is the oracle's
    more: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # what only this suite knows


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bar:
    """What a CPU's rows have to reach."""

    geomean: float
    worst: float  # no row's interval may lie wholly under it

    def shortfalls(self, rows: Sequence[Row]) -> list[str]:
        """What is not reached, in words."""
        where = f"{rows[0].cpu}, {rows[0].threads} thread{'s' if rows[0].threads > 1 else ''}"
        mean = geometric_mean([row.ratio.middle for row in rows])
        missed = []
        if mean < self.geomean:
            missed.append(f"{where}: the geometric mean is {mean:.3f}, and {self.geomean} is asked for")
        missed += [
            f"{where}: {row.name} is at {row.ratio.middle:.3f}, and {self.worst} is the least allowed"
            for row in rows
            if row.ratio.high < self.worst
        ]
        missed += [
            f"{where}: the measurement of {row.name} is INVALID, so it shows nothing"
            for row in rows
            if row.more.get("verdict") == Verdict.INVALID
        ]
        return missed


class OnCpu(Protocol):
    """A row of any suite."""

    @property
    def cpu(self) -> str:
        """What it was measured on."""
        ...


AnyRow = TypeVar("AnyRow", bound=OnCpu)


def by_cpu(rows: Sequence[AnyRow]) -> dict[str, list[AnyRow]]:
    """Rows of one CPU together, in their order."""
    groups: dict[str, list[AnyRow]] = {}
    for row in rows:
        groups.setdefault(row.cpu, []).append(row)
    return groups


def document(suite: str, rows: Sequence[Row], circumstances: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON document of a run. The mean and the worst ratio are over all rows; `cpus` parts them."""
    return {
        "suite": suite,
        **_summary(rows),
        "cpus": {cpu: _summary(group) for cpu, group in by_cpu(rows).items()},
        **circumstances,
        "models": [_entry(row) for row in rows],
    }


def show(rows: Sequence[Row]) -> None:
    """Print a table a CPU, and what it comes to."""
    for cpu, group in by_cpu(rows).items():
        unit = group[0].unit
        headers = ["model", "MACs", f"EdgeKit {unit}", f"LiteRT {unit}", "ratio", "exact"]
        if is_timed := unit == "us":
            headers += ["95 %", "EdgeKit is", "measurement"]
        table(headers, [_cells(row, is_timed=is_timed) for row in group], right=range(1, 5))
        summary = _summary(group)
        print(
            f"{cpu}, {group[0].threads} thread{'s' if group[0].threads > 1 else ''}: LiteRT / EdgeKit "
            f"{summary['geomean_ratio']:.3f} in geometric mean, {summary['worst_ratio']:.3f} at worst"
        )
        if any(row.trained is False for row in group):
            print("* random weights")
        print()


def _summary(rows: Sequence[Row]) -> dict[str, float]:
    ratios = [row.ratio.middle for row in rows]
    return {"geomean_ratio": geometric_mean(ratios), "worst_ratio": min(ratios)}


def _entry(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "cpu": row.cpu,
        "threads": row.threads,
        "ratio": row.ratio.middle,
        "ratio_low": row.ratio.low,
        "ratio_high": row.ratio.high,
        "exact": row.exact,
        "trained": row.trained,
        "macs": row.macs,
        f"edgekit_{row.unit}": row.edgekit,
        f"litert_{row.unit}": row.litert,
        **row.more,
    }


def _cells(row: Row, *, is_timed: bool) -> tuple[str, ...]:
    digits = ",.1f" if is_timed else ",.0f"
    cells = (
        row.name + ("*" if row.trained is False else ""),
        f"{row.macs:,}",
        format(row.edgekit, digits),
        format(row.litert, digits),
        f"{row.ratio.middle:.3f}",
        "yes" if row.exact else "NO",
    )
    if not is_timed:
        return cells
    interval = f"{row.ratio.low:.2f} to {row.ratio.high:.2f}"
    return (*cells, interval, str(row.ratio.verdict), row.more["verdict"])
