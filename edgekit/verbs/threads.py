"""Checking how many threads a verb is asked to use."""

from __future__ import annotations

from edgekit.errors import WrongValueError


def check_threads(threads: int) -> None:
    """Refuse a number of threads that nothing can run with.

    Raises:
        WrongValueError: it is below 1.
    """
    if threads < 1:
        raise WrongValueError(
            f"A model cannot be run by {threads} threads.",
            why="The thread that calls is one of them, so there is at least 1.",
            fix="Use --threads 1 or more; more than the device has cores does not help.",
        )


def refuse_to_count(threads: int) -> None:
    """Refuse to count the instructions of more threads than one.

    Raises:
        WrongValueError: it is not 1.
    """
    if threads != 1:
        raise WrongValueError(
            f"Instructions of {threads} threads cannot be counted.",
            why="The emulator counts one thread; how several wait for each other is not its to tell.",
            fix="Leave --threads out, or time them on a board: --host.",
        )
