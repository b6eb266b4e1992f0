"""Where threads wait for each other: nothing may be read or written that another still works on."""

from __future__ import annotations

import itertools
import re

import pytest

from edgekit.codegen.invocation import MOST_THREADS, KernelLine, StepLines, invocation_source
from edgekit.runtime import runtime_file


def _steps(shared: str) -> list[StepLines]:
    """A step for each letter: S is a shared kernel, A one that the first thread runs alone."""
    return [
        StepLines(f"step {i}", [KernelLine(f"kernel{i}", ["a"], letter == "S")])
        for i, letter in enumerate(shared)
    ]


def _events(source: str, *, observed: bool) -> list[str]:
    """What threads do, in order: S and A (kernels), | (all meet), o (the first thread looks)."""
    body = source[source.index("int invoke_part") :].split("\n}\n", maxsplit=1)[0]
    events = []
    for line in body.splitlines():
        if "meet(team)" in line and ("observer" not in line or observed):
            events.append("|")
        elif "observer(context" in line:
            events.append("o")
        elif match := re.match(r"  (if \(first\) )?kernel", line):
            events.append("A" if match[1] else "S")
    return [event for event in events if observed or event != "o"]


@pytest.mark.parametrize("observed", [False, True])
def test_threads_meet_between_all_calls_that_are_not_both_of_the_first_thread(observed: bool) -> None:
    for letters in itertools.product("SA", repeat=4):
        if "S" not in letters:
            continue
        events = _events(invocation_source(_steps("".join(letters))), observed=observed)
        work = [event for event in events if event != "o"]
        for first, second in itertools.pairwise(work):
            assert "|" in (first, second) or (first, second) == ("A", "A"), letters
        assert work[-1] != "S", letters
        assert observed or "||" not in "".join(work), letters


def test_the_first_thread_looks_only_while_the_others_wait() -> None:
    for letters in itertools.product("SA", repeat=4):
        if "S" not in letters:
            continue
        events = "".join(_events(invocation_source(_steps("".join(letters))), observed=True))
        assert "So" not in events, letters
        assert "oS" not in events, letters


def test_a_net_without_shared_kernels_is_run_by_the_first_thread_alone() -> None:
    source = invocation_source(_steps("AA"))
    assert "barrier" not in source
    assert "return team->thread == 0 ? invoke(" in source


def test_pools_have_no_more_threads_than_shares_are_counted_for() -> None:
    assert f"MOST_THREADS = {MOST_THREADS}," in runtime_file("edgekit_pool.c").read_text()
