"""report.json: what a build costs, operator by operator, for people and for scripts."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def make_report(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Rows a step, sums a kind of operator, memory and sizes. Shares are of all MACs, from 0 to 1."""
    macs = manifest["macs"]
    by_kind: dict[str, dict[str, int]] = defaultdict(lambda: {"steps": 0, "macs": 0})
    for step in manifest["operators"]:
        by_kind[step["kind"]]["steps"] += 1
        by_kind[step["kind"]]["macs"] += step["macs"]
    return {
        "schema_version": 1,
        "model": manifest["model"]["name"],
        "target": manifest["target"]["name"],
        "macs": macs,
        "memory": manifest["memory"],
        "operators": [
            {**step, "macs_share": step["macs"] / macs if macs else 0.0} for step in manifest["operators"]
        ],
        "by_kind": dict(by_kind),
        "golden": manifest["golden"],
    }
