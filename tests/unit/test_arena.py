"""The arena planner: what lives at the same time shares no byte, and nothing takes more than it must."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.artifacts import Buffer, DType, KernelCall
from edgekit.codegen.arena import ALIGNMENT, Allocation, align, place, plan_memory


def _buffer(name: str, size: int, **more: Any) -> Buffer:
    return Buffer(name=name, shape=(size,), dtype=DType.INT8, tensor=0, **more)


def _call(index: int, reads: tuple[str, ...], write: str, in_place: tuple[int, ...] = ()) -> KernelCall:
    return KernelCall(
        kernel=f"k{index}", operator=index, kind="ADD", reads=reads, writes=(write,), in_place=in_place
    )


def _chain(*sizes: int, in_place: bool = False) -> tuple[list[KernelCall], dict[str, Buffer]]:
    """t0 -> t1 -> … : each call reads the buffer before it."""
    calls = [_call(i, (f"t{i}", "c0"), f"t{i + 1}", (0,) if in_place else ()) for i in range(len(sizes) - 1)]
    return calls, {f"t{i}": _buffer(f"t{i}", size) for i, size in enumerate(sizes)}


_allocations = st.lists(
    st.tuples(st.integers(1, 5000), st.integers(0, 12), st.integers(0, 6)), min_size=1, max_size=24
).map(
    lambda rows: [
        Allocation(f"a{i}", size, first, first + more) for i, (size, first, more) in enumerate(rows)
    ]
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(_allocations)
def test_what_lives_at_the_same_time_does_not_share_a_byte(allocations: list[Allocation]) -> None:
    placed = place(allocations)
    for one in allocations:
        start = placed.offsets[one.name]
        assert start % ALIGNMENT == 0
        assert start + one.size_bytes <= placed.size_bytes
        for other in allocations:
            if other is not one and one.meets(other):
                apart = placed.offsets[other.name]
                assert start + one.size_bytes <= apart or apart + other.size_bytes <= start


@settings(max_examples=100, deadline=None, derandomize=True)
@given(_allocations)
def test_the_arena_is_no_larger_than_everything_side_by_side(allocations: list[Allocation]) -> None:
    assert place(allocations).size_bytes <= sum(align(a.size_bytes) for a in allocations)


def test_a_chain_needs_only_the_largest_neighbours() -> None:
    calls, buffers = _chain(640, 1280, 640, 64)
    plan = plan_memory(calls, buffers, ["t0"], ["t3"], {})
    assert plan.arena_bytes == 1280 + 640


def test_an_elementwise_chain_works_in_one_buffer() -> None:
    calls, buffers = _chain(640, 640, 640, in_place=True)
    plan = plan_memory(calls, buffers, ["t0"], ["t2"], {})
    assert plan.arena_bytes == 640
    assert plan.offsets["t0"] == plan.offsets["t1"] == plan.offsets["t2"]


def test_a_value_that_is_needed_later_is_not_written_over() -> None:
    calls, buffers = _chain(640, 640, 640, in_place=True)
    calls.append(_call(2, ("t0", "t2"), "t3"))
    buffers["t3"] = _buffer("t3", 640)
    plan = plan_memory(calls, buffers, ["t0"], ["t3"], {})
    assert plan.offsets["t0"] != plan.offsets["t1"]


def test_an_output_is_not_written_over_by_a_later_step() -> None:
    calls, buffers = _chain(640, 640, 640, in_place=True)
    plan = plan_memory(calls, buffers, ["t0"], ["t1", "t2"], {})
    assert plan.offsets["t1"] != plan.offsets["t2"]


def test_a_smaller_result_does_not_work_in_place() -> None:
    calls, buffers = _chain(640, 320, in_place=True)
    plan = plan_memory(calls, buffers, ["t0"], ["t1"], {})
    assert plan.offsets["t0"] != plan.offsets["t1"]


def test_two_different_inputs_of_one_allocation_forbid_working_in_place() -> None:
    buffers = {"t0": _buffer("t0", 64), "t1": _buffer("t1", 64, alias_of="t0"), "t2": _buffer("t2", 64)}
    plan = plan_memory([_call(0, ("t0", "t1"), "t2", (0,))], buffers, ["t0"], ["t2"], {})
    assert plan.offsets["t2"] != plan.offsets["t0"]


def test_an_alias_lies_inside_its_source() -> None:
    calls, buffers = _chain(640, 640)
    buffers["w"] = _buffer("w", 100, alias_of="t1", alias_offset_bytes=37)
    plan = plan_memory(calls, buffers, ["t0"], ["w"], {})
    assert plan.offsets["w"] == plan.offsets["t1"] + 37


def test_an_alias_keeps_its_source_alive() -> None:
    calls, buffers = _chain(640, 640, 640)
    buffers["w"] = _buffer("w", 640, alias_of="t0")
    plan = plan_memory(calls, buffers, ["t0"], ["w", "t2"], {})
    assert plan.offsets["t0"] not in (plan.offsets["t1"], plan.offsets["t2"])


def test_state_lies_outside_the_arena() -> None:
    calls, buffers = _chain(640, 640)
    buffers["state:a"] = _buffer("state:a", 100, is_state=True)
    buffers["state:b"] = _buffer("state:b", 30, is_state=True)
    calls.append(_call(1, ("t1",), "state:a"))
    plan = plan_memory(calls, buffers, ["t0"], ["t1"], {})
    assert (plan.offsets["state:a"], plan.offsets["state:b"]) == (0, 128)
    assert plan.state_bytes == 158
    assert plan.arena_bytes == 1280


def test_a_state_does_not_take_the_memory_of_an_operand() -> None:
    buffers = {"t0": _buffer("t0", 64), "state:a": _buffer("state:a", 64, is_state=True)}
    plan = plan_memory([_call(0, ("t0",), "state:a", (0,))], buffers, ["t0"], ["t0"], {})
    assert (plan.state_bytes, plan.arena_bytes, plan.offsets["state:a"]) == (64, 64, 0)


def test_scratch_memory_lives_for_one_call() -> None:
    calls, buffers = _chain(640, 640, 640)
    plan = plan_memory(calls, buffers, ["t0"], ["t2"], {"k0": (256,), "k1": (512, 64)})
    assert set(plan.workspaces) == {(0, 0), (1, 0), (1, 1)}
    assert plan.arena_bytes == 640 + 640 + 512 + 64


def test_a_model_without_memory_still_has_an_arena() -> None:
    assert plan_memory([], {}, [], [], {}).arena_bytes == ALIGNMENT


@st.composite
def _networks(
    draw: st.DrawFn,
) -> tuple[list[KernelCall], dict[str, Buffer], list[str], dict[str, tuple[int]]]:
    """Calls on earlier results and windows on them, some of which may work in place; outputs; scratch."""
    buffers = {"t0": _buffer("t0", 128), "t1": _buffer("t1", 64)}
    calls: list[KernelCall] = []
    for index in range(draw(st.integers(1, 10))):
        if draw(st.booleans()):
            source = draw(st.sampled_from(sorted(buffers)))
            size = draw(st.sampled_from([buffers[source].size_bytes, 32]))
            start = draw(st.integers(0, buffers[source].size_bytes - size))
            window = _buffer(f"w{index}", size, alias_of=source, alias_offset_bytes=start)
            buffers[window.name] = window
        known = sorted(buffers)
        reads = tuple(draw(st.lists(st.sampled_from(known), min_size=1, max_size=3)))
        in_place = tuple(draw(st.sets(st.integers(0, len(reads) - 1))))
        result = _buffer(f"t{index + 2}", draw(st.sampled_from([32, 64, 128])))
        buffers[result.name] = result
        calls.append(_call(index, reads, result.name, in_place))
    computed = [call.writes[0] for call in calls]
    outputs = draw(st.lists(st.sampled_from(computed), min_size=1, max_size=2, unique=True))
    scratch = {call.kernel: (draw(st.sampled_from([64, 200])),) for call in calls if draw(st.booleans())}
    return calls, buffers, outputs, scratch


@settings(max_examples=150, deadline=None, derandomize=True)
@given(_networks())
def test_every_value_is_whole_when_it_is_read(
    network: tuple[list[KernelCall], dict[str, Buffer], list[str], dict[str, tuple[int]]],
) -> None:
    calls, buffers, outputs, scratch = network
    plan = plan_memory(calls, buffers, ["t0", "t1"], outputs, scratch)
    memory: list[object] = [None] * plan.arena_bytes

    def place_of(name: str) -> slice:
        return slice(plan.offsets[name], plan.offsets[name] + buffers[name].size_bytes)

    def expected(name: str) -> list[object]:
        """What a buffer's bytes are, wherever they lie: bytes of the buffer that it is a window on."""
        size, start = buffers[name].size_bytes, 0
        while (source := buffers[name].alias_of) is not None:
            start += buffers[name].alias_offset_bytes
            name = source
        return [(name, start + i) for i in range(size)]

    for name in ("t0", "t1"):
        memory[place_of(name)] = expected(name)
    for index, call in enumerate(calls):
        for slot, size in enumerate(scratch.get(call.kernel, ())):
            start = plan.workspaces[index, slot]
            memory[start : start + size] = ["scratch"] * size
        assert all(memory[place_of(read)] == expected(read) for read in call.reads)
        memory[place_of(call.writes[0])] = expected(call.writes[0])
        for slot, size in enumerate(scratch.get(call.kernel, ())):
            start = plan.workspaces[index, slot]
            assert memory[start : start + size] == ["scratch"] * size
        for read in call.reads:
            # A kernel may have written all of its result before it reads the last of an operand.
            written_over = memory[place_of(read)] != expected(read)
            in_place = any(call.reads[i] == read for i in call.in_place)
            assert not written_over or (in_place and place_of(read) == place_of(call.writes[0]))
    assert all(memory[place_of(output)] == expected(output) for output in outputs)
