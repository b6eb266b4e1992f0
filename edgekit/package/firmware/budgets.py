"""Whether a model fits a microcontroller and its user's budgets; if not, by how much, and what would help."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgekit.errors import BudgetExceededError
from edgekit.package.arena_plan import bytes_in_use
from edgekit.target import TargetKind, list_targets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgekit.artifacts import Code, FirmwareNeeds, Graph, QuantizedModel
    from edgekit.project import Budgets
    from edgekit.target import Target

_KIB = 1024
_NAMED = 3  # operators in a message


@dataclasses.dataclass(frozen=True)
class _Excess:
    """Something of which there is too little: what, who takes it (by operator), and what would help."""

    words: str
    takers: Mapping[int, int]
    unit: str
    fix: str


def check_fits(
    model: QuantizedModel,
    needs: FirmwareNeeds,
    target: Target,
    budgets: Budgets,
    *,
    with_patches_bytes: int | None = None,
) -> None:
    """Refuse a model that needs more RAM than there is, or whose weights alone need more flash.

    `with_patches_bytes` is the RAM that it would need with `--patches auto`, None where that is not known.

    Raises:
        BudgetExceededError: by how much, the three operators that need the most, and what would help.
    """
    excesses = _memory_excess(needs, needs.weight_bytes, "weights alone", target, budgets)
    if excesses and with_patches_bytes is not None and with_patches_bytes < needs.ram_bytes:
        help_first = f"With --patches auto it needs {with_patches_bytes:,} bytes of RAM. {excesses[0].fix}"
        excesses[0] = dataclasses.replace(excesses[0], fix=help_first)
    _refuse(model, excesses)


def check_code_fits(
    model: QuantizedModel, needs: FirmwareNeeds, code: Code, target: Target, budgets: Budgets
) -> None:
    """Refuse code that, with the weights, needs more flash than there is.

    Raises:
        BudgetExceededError: as `check_fits`.
    """
    flash = code.code_bytes + code.weight_bytes
    _refuse(model, _memory_excess(needs, flash, "code and weights", target, budgets))


def check_instructions(model: QuantizedModel, executed: Mapping[int, int], budgets: Budgets) -> None:
    """Refuse a model that executes too many instructions; `executed` are those of its operators.

    Raises:
        BudgetExceededError: as `check_fits`.
    """
    total, most = sum(executed.values()), budgets.max_instructions
    if most is not None and total > most:
        excess = _Excess(
            f"an invocation executes {total:,} instructions, {total - most:,} over the budget of {most:,}",
            executed,
            "instructions",
            "Make these layers smaller, or tune the model (--tune-minutes).",
        )
        _refuse(model, [excess])


def ram_limit(target: Target, budgets: Budgets) -> int | None:
    """The bytes of RAM that a model may need; None where nothing says how many."""
    board = target.microcontroller
    limits = [budgets.max_ram_bytes, board.ram_kib * _KIB if board is not None and board.ram_kib else None]
    return min((limit for limit in limits if limit is not None), default=None)


def _memory_excess(
    needs: FirmwareNeeds, flash: int, of_flash: str, target: Target, budgets: Budgets
) -> list[_Excess]:
    board = target.microcontroller
    assert board is not None, target.name
    excesses, is_board_too_small = [], False
    for needed, what, kib, budget, takers, fix in (
        (
            needs.ram_bytes,
            "RAM (arena and state)",
            board.ram_kib,
            budgets.max_ram_bytes,
            _ram_by_operator(needs),
            _SMALLER_RAM,
        ),
        (
            flash,
            f"flash ({of_flash})",
            board.flash_kib,
            budgets.max_flash_bytes,
            needs.weights,
            _SMALLER_FLASH,
        ),
    ):
        limits = [(kib * _KIB, f"than {target.name} has")] if kib is not None else []
        limits += [(budget, "than the budget")] if budget is not None else []
        if limits and needed > min(limits)[0]:
            most, whose = min(limits)
            words = f"{what} needs {needed:,} bytes, {needed - most:,} more {whose} ({most:,})"
            unit = f"bytes of {what.partition(' ')[0]}"
            excesses.append(_Excess(words, takers, unit, fix))
            is_board_too_small |= kib is not None and needed > kib * _KIB
    fitting = _boards_for(needs.ram_bytes, flash) if is_board_too_small else ""
    if fitting:
        excesses[-1] = dataclasses.replace(excesses[-1], fix=f"{excesses[-1].fix} {fitting}")
    return excesses


_SMALLER_RAM = "Make these operators' tensors smaller: a smaller input, fewer channels, a stride earlier."
_SMALLER_FLASH = "Make these layers smaller: fewer channels, or smaller filters."


def _refuse(model: QuantizedModel, excesses: list[_Excess]) -> None:
    if not excesses:
        return
    raise BudgetExceededError(
        f"{model.name} does not fit: {'; '.join(excess.words for excess in excesses)}.",
        why=" ".join(_blamed(model.graph, excess) for excess in excesses),
        fix=" ".join(dict.fromkeys(excess.fix for excess in excesses)),
    )


def _blamed(graph: Graph, excess: _Excess) -> str:
    largest = sorted(excess.takers.items(), key=lambda item: (-item[1], item[0]))[:_NAMED]
    operators = {operator.index: operator for operator in graph.operators}
    names = [f"{index}: {operators[index].kind} ({size:,})" for index, size in largest]
    return f"The most {excess.unit} are those of {', '.join(names)}."


def _ram_by_operator(needs: FirmwareNeeds) -> dict[int, int]:
    """The most bytes of the arena that are taken at once in each operator that is run."""
    taken: dict[int, int] = {}
    for step, size in zip(needs.steps, bytes_in_use(needs.plan, needs.steps), strict=True):
        taken[step.operator] = max(taken.get(step.operator, 0), size)
    return taken


def _boards_for(ram_bytes: int, flash_bytes: int) -> str:
    """Shipped boards that are large enough, those with the least RAM first."""
    large = [
        (board.ram_kib, target.name)
        for target in list_targets()
        if target.kind is TargetKind.MICROCONTROLLER
        and (board := target.microcontroller) is not None
        and board.ram_kib is not None
        and board.flash_kib is not None
        and board.ram_kib * _KIB >= ram_bytes
        and board.flash_kib * _KIB > flash_bytes
    ]
    names = [name for _, name in sorted(large)][:_NAMED]
    return f"It would fit {', '.join(names)}." if names else ""
