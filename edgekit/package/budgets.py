"""What a build may cost at most, held against what it does cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.errors import BudgetExceededError, WrongValueError

if TYPE_CHECKING:
    from edgekit.artifacts import Code, QuantizedModel
    from edgekit.project import Budgets


def check_budgets(code: Code, budgets: Budgets) -> None:
    """Refuse code that needs more memory than it may.

    Raises:
        BudgetExceededError: with every figure that is over its budget.
    """
    ram = code.plan.arena_bytes + code.plan.state_bytes
    flash = sum(len(content) for content in code.files.values())
    over = [
        f"{what} needs {used:,} bytes, {used - most:,} over its budget of {most:,}"
        for what, used, most in (
            ("RAM (arena and state)", ram, budgets.max_ram_bytes),
            ("flash (the library)", flash, budgets.max_flash_bytes),
        )
        if most is not None and used > most
    ]
    if over:
        raise BudgetExceededError(
            f"The build is over its budget: {'; '.join(over)}.",
            why=f"Weights take {code.weight_bytes:,} bytes and code {code.code_bytes:,}.",
            fix="Raise the budget, or make the model's largest activations or layers smaller "
            "(`edgekit inspect` lists them).",
        )


def check_litert_budgets(model: QuantizedModel, budgets: Budgets) -> None:
    """Refuse a model for LiteRT whose file is larger than it may be. LiteRT's own size is not counted.

    Raises:
        WrongValueError: there is a budget of RAM, which LiteRT allocates as it likes.
        BudgetExceededError: the file is over its budget.
    """
    if budgets.max_ram_bytes is not None:
        raise WrongValueError(
            "A budget of RAM cannot be held with LiteRT.",
            why="LiteRT allocates its memory on the device, and nothing tells how much before.",
            fix="Leave --max-ram out, or use EdgeKit's own engine, which plans every byte.",
        )
    flash, most = len(model.flatbuffer), budgets.max_flash_bytes
    if most is not None and flash > most:
        raise BudgetExceededError(
            f"The build is over its budget: flash (the model file) needs {flash:,} bytes, "
            f"{flash - most:,} over its budget of {most:,}.",
            why="LiteRT reads the model file as it is; LiteRT's own size is not in this figure.",
            fix="Raise the budget, or make the largest layers smaller (`edgekit inspect` lists them).",
        )
