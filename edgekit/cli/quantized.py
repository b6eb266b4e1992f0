"""How people see what a quantized model was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgekit.cli.output import note

if TYPE_CHECKING:
    from collections.abc import Mapping


def source_rows(record: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Rows of a table: the origin of a model, and the samples; none of a model that came quantized.

    `record` is a manifest's entry "quantization".
    """
    if record is None:
        return []
    origin = record["origin"]
    made = ", ".join(f"{name} {version}" for name, version in sorted(origin["converter"].items()))
    signature = f", signature {origin['signature']}" if origin["signature"] else ""
    return [
        ("made of", f"{origin['file_name']}{signature}{f' by {made}' if made else ''}"),
        ("quantized", f"{record['weights']}, ranges {record['ranges']} of {record['samples']:,} samples"),
    ]


def show_findings(record: Mapping[str, Any] | None) -> None:
    """Tell what the linter found about the samples, on stderr."""
    for found in record["findings"] if record is not None else ():
        note(f"samples: {found['what']}\n  why: {found['why']}\n  fix: {found['fix']}")
