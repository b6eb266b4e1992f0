"""The order of operators: least peak memory of all that keep every value, and every state, what it is."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.artifacts import Buffer, DType, KernelCall
from edgekit.codegen.arena import LINUX, Kernels, arrange, order, plan_memory
from edgekit.codegen.arena.order import in_least_order

if TYPE_CHECKING:
    from collections.abc import Sequence

NOTHING = Kernels({})


def _buffer(name: str, size: int, **more: Any) -> Buffer:
    return Buffer(name=name, shape=(size,), dtype=DType.INT8, **more)


def _call(operator: int, reads: tuple[str, ...], write: str) -> KernelCall:
    return KernelCall(kernel=f"k{operator}", operator=operator, kind="ADD", reads=reads, writes=(write,))


def _two_branches() -> tuple[list[KernelCall], dict[str, Buffer]]:
    """t0 -> wide -> narrow, and t0 -> small; in the model's order both wide tensors live beside "small"."""
    calls = [
        _call(0, ("t0",), "small"),
        _call(1, ("t0",), "wide"),
        _call(2, ("wide",), "narrow"),
        _call(3, ("small", "narrow"), "sum"),
    ]
    sizes = {"t0": 100, "small": 300, "wide": 1000, "narrow": 20, "sum": 20}
    return calls, {name: _buffer(name, size) for name, size in sizes.items()}


def _operators(calls: Sequence[KernelCall]) -> list[int]:
    return [call.operator for call in calls]


def test_the_branch_that_leaves_least_behind_runs_first() -> None:
    calls, buffers = _two_branches()
    ordered = in_least_order(calls, buffers, ["t0"], ["sum"], NOTHING)
    assert _operators(ordered) == [1, 2, 0, 3]


def test_an_order_that_cannot_be_bettered_stays() -> None:
    calls, buffers = _two_branches()
    buffers["small"] = _buffer("small", 20)
    assert in_least_order(calls, buffers, ["t0"], ["sum"], NOTHING) == tuple(calls)


def test_a_networks_calls_are_arranged_by_the_smaller_arena() -> None:
    calls, buffers = _two_branches()
    arranged = arrange(calls, buffers, ["t0"], ["sum"], NOTHING)
    before = plan_memory(calls, buffers, ["t0"], ["sum"], NOTHING, alignment=LINUX)
    assert _operators(arranged.calls) == [1, 2, 0, 3]
    assert arranged.plan.arena_bytes < before.arena_bytes


def test_scratch_memory_counts() -> None:
    """Alike but for scratch memory: the operator that needs much runs before "small" is there."""
    calls, buffers = _two_branches()
    buffers["wide"] = _buffer("wide", 20)
    ordered = in_least_order(calls, buffers, ["t0"], ["sum"], Kernels({"k2": (2000,)}))
    assert _operators(ordered).index(2) < _operators(ordered).index(0)


def test_what_reads_a_state_runs_before_what_writes_it() -> None:
    calls, buffers = _two_branches()
    buffers["state"] = _buffer("state", 300, is_state=True)
    buffers["read"] = _buffer("read", 300, alias_of="state")
    # Better orders would run operator 1 first, but it writes what operator 0 reads.
    calls[0] = _call(0, ("read",), "small")
    calls[1] = _call(1, ("t0",), "state")
    calls.insert(2, _call(4, ("t0",), "wide"))
    ordered = _operators(in_least_order(calls, buffers, ["t0"], ["sum"], NOTHING))
    assert ordered.index(0) < ordered.index(1)


def test_calls_of_one_operator_stay_together() -> None:
    calls, buffers = _two_branches()
    buffers["half"] = _buffer("half", 20)
    calls[1:3] = [_call(1, ("t0",), "wide"), _call(1, ("wide",), "half"), _call(2, ("half",), "narrow")]
    ordered = in_least_order(calls, buffers, ["t0"], ["sum"], NOTHING)
    assert _operators(ordered)[:2] == [1, 1]


@st.composite
def _branching(draw: st.DrawFn, *, most: int) -> tuple[list[KernelCall], dict[str, Buffer], list[str]]:
    buffers = {"t0": _buffer("t0", 64)}
    calls = []
    for index in range(draw(st.integers(2, most))):
        reads = draw(st.lists(st.sampled_from(sorted(buffers)), min_size=1, max_size=2, unique=True))
        name = f"t{index + 1}"
        buffers[name] = _buffer(name, draw(st.sampled_from([1, 10, 100, 1000])))
        calls.append(_call(index, tuple(reads), name))
    read = {name for call in calls for name in call.reads}
    return calls, buffers, [call.writes[0] for call in calls if call.writes[0] not in read]


def _peak(calls: Sequence[KernelCall], buffers: dict[str, Buffer], outputs: list[str]) -> int | None:
    """Bytes at once at most; None if something is read before it is there."""
    there, most = {"t0"}, 0
    for index, call in enumerate(calls):
        if not there.issuperset(call.reads):
            return None
        there.add(call.writes[0])
        most = max(most, sum(buffers[name].size_bytes for name in there))
        needed = {name for later in calls[index + 1 :] for name in later.reads} | set(outputs)
        there &= needed
    return most


@settings(max_examples=60, deadline=None, derandomize=True)
@given(_branching(most=6))
def test_no_order_has_a_lower_peak(network: tuple[list[KernelCall], dict[str, Buffer], list[str]]) -> None:
    calls, buffers, outputs = network
    peaks = [_peak(each, buffers, outputs) for each in permutations(calls)]
    found = _peak(in_least_order(calls, buffers, ["t0"], outputs, NOTHING), buffers, outputs)
    assert found == min(peak for peak in peaks if peak is not None)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(_branching(most=12))
def test_where_orders_are_too_many_the_one_found_is_no_worse(
    network: tuple[list[KernelCall], dict[str, Buffer], list[str]],
) -> None:
    calls, buffers, outputs = network
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order, "_MOST_STEPS", 3)
        ordered = in_least_order(calls, buffers, ["t0"], outputs, NOTHING)
    before, after = _peak(calls, buffers, outputs), _peak(ordered, buffers, outputs)
    assert before is not None
    assert after is not None
    assert after <= before
