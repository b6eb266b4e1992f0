"""What a build may cost at most, held against what it does cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.errors import BudgetExceededError

if TYPE_CHECKING:
    from edgekit.artifacts import Code
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
