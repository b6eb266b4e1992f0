"""The boards that EdgeKit builds for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.target import list_targets, load_target

if TYPE_CHECKING:
    from edgekit.target import Target


def targets(name: str | None = None) -> tuple[Target, ...]:
    """All shipped targets by name, or the one of this name (or file).

    Raises:
        UnknownTargetError: there is no such target; names the nearest one.
        UnreadableSettingsError, UnknownKeyError, MissingKeyError, WrongTypeError, WrongValueError:
            a target file is not valid.
    """
    return list_targets() if name is None else (load_target(name),)
