"""What keeps a well-formed model from being built: one finding a reason, with the place it is about."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgekit.errors import UnsupportedModelError
from edgekit.ingest.parsed import ParsedOperator

if TYPE_CHECKING:
    from edgekit.ingest.parsed import ParsedTensor


@dataclasses.dataclass(frozen=True)
class Finding:
    """One reason. `subject` is the operator or tensor at fault; None is the model as a whole."""

    place: str  # the model, and its subgraph if it is not the first
    subject: ParsedOperator | ParsedTensor | None
    why: str
    fix: str
    detail: str = ""  # what to say of the subject: " of shape [1, 2]"

    @property
    def operator(self) -> int | None:
        """The operator's index, if one is at fault."""
        return self.subject.index if isinstance(self.subject, ParsedOperator) else None

    @property
    def what(self) -> str:
        """The sentence that names the place."""
        subject = "" if self.subject is None else f": {self.subject}"
        return f"{self.place}{subject}{self.detail} cannot be built"

    def error(self) -> UnsupportedModelError:
        """The finding as an exception."""
        return UnsupportedModelError(self.what, why=self.why, fix=self.fix)


def unsupported(place: str, why: str, fix: str) -> UnsupportedModelError:
    """The error for something well-formed at `place` that EdgeKit cannot build."""
    return Finding(place, None, why, fix).error()
