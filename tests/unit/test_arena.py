"""The arena planner: what lives at the same time shares no byte, and nothing takes more than it must."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.artifacts import Buffer, DType, KernelCall, Peak
from edgekit.codegen.arena import ALIGNMENT, BARE, LINUX, Alignment, Kernels, placement, plan_memory
from edgekit.codegen.arena.placement import Allocation, place
from edgekit.schedule.lead import Step, lead_of_steps

if TYPE_CHECKING:
    from edgekit.artifacts import MemoryPlan


NOTHING = Kernels({})  # is known: no scratch memory, no leads


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
    placed = place(allocations, alignment=ALIGNMENT)
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
    aligned = sum(-(-a.size_bytes // ALIGNMENT) * ALIGNMENT for a in allocations)
    assert place(allocations, alignment=ALIGNMENT).size_bytes <= aligned


def test_a_chain_needs_only_the_largest_neighbours() -> None:
    calls, buffers = _chain(640, 1280, 640, 64)
    plan = plan_memory(calls, buffers, ["t0"], ["t3"], NOTHING)
    assert plan.arena_bytes == 1280 + 640


def test_an_elementwise_chain_works_in_one_buffer() -> None:
    calls, buffers = _chain(640, 640, 640, in_place=True)
    plan = plan_memory(calls, buffers, ["t0"], ["t2"], NOTHING)
    assert plan.arena_bytes == 640
    assert plan.offsets["t0"] == plan.offsets["t1"] == plan.offsets["t2"]


def test_a_value_that_is_needed_later_is_not_written_over() -> None:
    calls, buffers = _chain(640, 640, 640, in_place=True)
    calls.append(_call(2, ("t0", "t2"), "t3"))
    buffers["t3"] = _buffer("t3", 640)
    plan = plan_memory(calls, buffers, ["t0"], ["t3"], NOTHING)
    assert plan.offsets["t0"] != plan.offsets["t1"]


def test_an_output_is_not_written_over_by_a_later_step() -> None:
    calls, buffers = _chain(640, 640, 640, in_place=True)
    plan = plan_memory(calls, buffers, ["t0"], ["t1", "t2"], NOTHING)
    assert plan.offsets["t1"] != plan.offsets["t2"]


def test_a_smaller_result_does_not_work_in_place() -> None:
    calls, buffers = _chain(640, 320, in_place=True)
    plan = plan_memory(calls, buffers, ["t0"], ["t1"], NOTHING)
    assert plan.offsets["t0"] != plan.offsets["t1"]


def test_two_different_inputs_of_one_allocation_forbid_working_in_place() -> None:
    buffers = {"t0": _buffer("t0", 64), "t1": _buffer("t1", 64, alias_of="t0"), "t2": _buffer("t2", 64)}
    plan = plan_memory([_call(0, ("t0", "t1"), "t2", (0,))], buffers, ["t0"], ["t2"], NOTHING)
    assert plan.offsets["t2"] != plan.offsets["t0"]


def test_an_alias_lies_inside_its_source() -> None:
    calls, buffers = _chain(640, 640)
    buffers["w"] = _buffer("w", 100, alias_of="t1", alias_offset_bytes=37)
    plan = plan_memory(calls, buffers, ["t0"], ["w"], NOTHING)
    assert plan.offsets["w"] == plan.offsets["t1"] + 37


def test_an_alias_keeps_its_source_alive() -> None:
    calls, buffers = _chain(640, 640, 640)
    buffers["w"] = _buffer("w", 640, alias_of="t0")
    plan = plan_memory(calls, buffers, ["t0"], ["w", "t2"], NOTHING)
    assert plan.offsets["t0"] not in (plan.offsets["t1"], plan.offsets["t2"])


def test_state_lies_outside_the_arena() -> None:
    calls, buffers = _chain(640, 640)
    buffers["state:a"] = _buffer("state:a", 100, is_state=True)
    buffers["state:b"] = _buffer("state:b", 30, is_state=True)
    calls.append(_call(1, ("t1",), "state:a"))
    plan = plan_memory(calls, buffers, ["t0"], ["t1"], NOTHING)
    assert (plan.offsets["state:a"], plan.offsets["state:b"]) == (0, 128)
    assert plan.state_bytes == 158
    assert plan.arena_bytes == 1280


def test_a_state_does_not_take_the_memory_of_an_operand() -> None:
    buffers = {"t0": _buffer("t0", 64), "state:a": _buffer("state:a", 64, is_state=True)}
    plan = plan_memory([_call(0, ("t0",), "state:a", (0,))], buffers, ["t0"], ["t0"], NOTHING)
    assert (plan.state_bytes, plan.arena_bytes, plan.offsets["state:a"]) == (64, 64, 0)


def test_scratch_memory_lives_for_one_call() -> None:
    calls, buffers = _chain(640, 640, 640)
    plan = plan_memory(calls, buffers, ["t0"], ["t2"], Kernels({"k0": (256,), "k1": (512, 64)}))
    assert set(plan.workspaces) == {(0, 0), (1, 0), (1, 1)}
    assert plan.arena_bytes == 640 + 640 + 512 + 64


def test_a_model_without_memory_still_has_an_arena() -> None:
    assert plan_memory([], {}, [], [], NOTHING).arena_bytes == ALIGNMENT


@dataclasses.dataclass(frozen=True)
class _Network:
    """Calls on earlier results and windows on them.

    Some kernels have a lead, that of their steps; `in_place` are kernels that may work on the spot.
    """

    calls: list[KernelCall]
    buffers: dict[str, Buffer]
    outputs: list[str]
    scratch: dict[str, tuple[int]]
    steps: dict[str, list[Step]]
    in_place: set[str]

    def plan(self, alignment: Alignment) -> MemoryPlan:
        leads = {kernel: lead_of_steps(steps) for kernel, steps in self.steps.items()}
        kernels = Kernels(self.scratch, leads, self.in_place)
        given = (self.calls, self.buffers, ["t0", "t1"], self.outputs, kernels)
        return plan_memory(*given, alignment=alignment)


@st.composite
def _steps(draw: st.DrawFn, operand: int, result: int) -> list[Step]:
    """Some steps of a kernel: what is used, in any order, and what is written, from first to last."""
    ends = [*sorted(draw(st.sets(st.integers(1, result - 1), max_size=4))), result]
    lowest = st.one_of(st.none(), st.integers(0, operand - 1))
    return [Step(draw(lowest), end) for end in ends]


def test_a_result_starts_as_far_below_its_operand_as_its_kernel_leads() -> None:
    calls, buffers = _chain(640, 640)
    plan = plan_memory(calls, buffers, ["t0"], ["t1"], Kernels({}, {"k0": 130}), alignment=BARE)
    assert (plan.offsets["t1"], plan.offsets["t0"], plan.arena_bytes) == (0, 132, 640 + 132)


def test_windows_count_from_where_they_start() -> None:
    """The operand is the upper half of what is used up, the result the lower half of what is begun."""
    calls, buffers = _chain(640, 640)
    buffers["t0"] = _buffer("t0", 640, alias_of="a", alias_offset_bytes=640)
    buffers["t1"] = _buffer("t1", 640, alias_of="b")
    buffers |= {"a": _buffer("a", 1280), "b": _buffer("b", 1280)}
    plan = plan_memory(calls, buffers, ["a"], ["b"], Kernels({}, {"k0": 0}), alignment=BARE)
    assert (plan.offsets["t0"], plan.offsets["t1"], plan.arena_bytes) == (640, 0, 1280)


def test_a_kernel_that_works_on_the_spot_may_make_less_than_it_uses_up() -> None:
    calls, buffers = _chain(640, 320)
    plan = plan_memory(calls, buffers, ["t0"], ["t1"], Kernels({}, in_place={"k0"}))
    assert (plan.offsets["t0"], plan.offsets["t1"], plan.arena_bytes) == (0, 0, 640)


def test_a_chain_of_leads_slides_downwards() -> None:
    calls, buffers = _chain(*[640] * 5)
    plan = plan_memory(
        calls, buffers, ["t0"], ["t4"], Kernels({}, {f"k{i}": 40 for i in range(4)}), alignment=BARE
    )
    assert plan.arena_bytes == 640 + 4 * 40
    assert plan.bound_bytes == 640 + 40


def test_the_peak_is_the_call_that_needs_most_and_what_lives_in_it() -> None:
    calls, buffers = _chain(64, 640, 1280, 64)
    plan = plan_memory(calls, buffers, ["t0"], ["t3"], Kernels({"k1": (100,)}))
    assert plan.peak == Peak(
        call=1, needed_bytes=640 + 1280 + 100, buffers={"t2": 1280, "t1": 640}, scratch_bytes=100
    )
    assert plan.bound_bytes == 640 + 1280 + 100
    assert plan_memory([], {}, [], [], NOTHING).peak is None


def test_the_same_calls_are_planned_alike() -> None:
    calls, buffers = _chain(640, 100, 300, 640, 200, 500)
    kernels = Kernels({}, {f"k{i}": 60 for i in range(5)})
    plans = [plan_memory(calls, buffers, ["t0"], ["t5"], kernels) for _ in range(2)]
    assert plans[0] == plans[1]


@st.composite
def _networks(draw: st.DrawFn) -> _Network:
    buffers = {"t0": _buffer("t0", 128), "t1": _buffer("t1", 64)}
    calls: list[KernelCall] = []
    steps = {}
    for index in range(draw(st.integers(1, 10))):
        if draw(st.booleans()):
            source = draw(st.sampled_from(sorted(buffers)))
            size = draw(st.sampled_from([buffers[source].size_bytes, 32]))
            start = draw(st.integers(0, buffers[source].size_bytes - size))
            window = _buffer(f"w{index}", size, alias_of=source, alias_offset_bytes=start)
            buffers[window.name] = window
        # Mostly what was computed last, so that operands are used up.
        known = st.one_of(st.just(list(buffers)[-1]), st.sampled_from(sorted(buffers)))
        reads = tuple(draw(st.lists(known, min_size=1, max_size=3)))
        in_place = tuple(draw(st.sets(st.integers(0, len(reads) - 1))))
        result = _buffer(f"t{index + 2}", draw(st.sampled_from([32, 64, 128])))
        if draw(st.integers(0, 3)):
            steps[f"k{index}"] = draw(_steps(buffers[reads[0]].size_bytes, result.size_bytes))
        buffers[result.name] = result
        calls.append(_call(index, reads, result.name, in_place))
    computed = [call.writes[0] for call in calls]
    outputs = draw(st.lists(st.sampled_from(computed), min_size=1, max_size=2, unique=True))
    scratch = {call.kernel: (draw(st.sampled_from([64, 200])),) for call in calls if draw(st.booleans())}
    in_place_kernels = draw(st.sets(st.sampled_from([call.kernel for call in calls])))
    return _Network(calls, buffers, outputs, scratch, steps, in_place_kernels)


class _Machine:
    """An arena in which every byte is marked with what it is of."""

    def __init__(self, network: _Network, plan: MemoryPlan) -> None:
        self._network = network
        self._plan = plan
        self._memory: list[object] = [None] * plan.arena_bytes
        for name in ("t0", "t1"):
            self._write(name, 0, network.buffers[name].size_bytes)

    def run(self) -> None:
        for index, call in enumerate(self._network.calls):
            self._call(index, call)
        assert all(self._is_whole(output) for output in self._network.outputs)

    def _call(self, index: int, call: KernelCall) -> None:
        scratch = [
            byte
            for slot, size in enumerate(self._network.scratch.get(call.kernel, ()))
            for byte in range(self._plan.workspaces[index, slot], self._plan.workspaces[index, slot] + size)
        ]
        assert all(self._is_whole(read) for read in call.reads)
        for byte in scratch:
            self._memory[byte] = "scratch"
        whole = Step(0, self._network.buffers[call.writes[0]].size_bytes)
        done = 0
        in_place = self._may_be_on_the_spot(call, 0)
        for step in self._network.steps.get(call.kernel, [whole]):
            if call.kernel in self._network.steps:
                assert in_place or self._is_whole(call.reads[0], step.lowest_read)
            self._write(call.writes[0], done, step.written_end)
            done = step.written_end
            self._check_operands(call)
        assert all(self._memory[byte] == "scratch" for byte in scratch)
        assert self._is_whole(call.writes[0])

    def _check_operands(self, call: KernelCall) -> None:
        """A kernel may have written all of its result before it reads the last of another operand."""
        for position, read in enumerate(call.reads):
            is_stepped = position == 0 and call.kernel in self._network.steps
            assert is_stepped or self._may_be_on_the_spot(call, position) or self._is_whole(read)

    def _may_be_on_the_spot(self, call: KernelCall, position: int) -> bool:
        """Whether an operand lies just where the result does, and may."""
        read = call.reads[position]
        kernel_may = position == 0 and call.kernel in self._network.in_place and call.reads.count(read) == 1
        sizes = {self._network.buffers[name].size_bytes for name in (read, call.writes[0])}
        call_may = len(sizes) == 1 and any(call.reads[i] == read for i in call.in_place)
        same = self._plan.offsets[read] == self._plan.offsets[call.writes[0]]
        return same and (kernel_may or call_may)

    def _is_whole(self, name: str, start: int | None = 0) -> bool:
        """Whether a buffer's bytes from `start` are its own; nothing is asked of it from None."""
        size, first = self._network.buffers[name].size_bytes, self._plan.offsets[name]
        begin = size if start is None else start
        return self._memory[first + begin : first + size] == self._bytes_of(name)[begin:]

    def _write(self, name: str, start: int, end: int) -> None:
        first = self._plan.offsets[name]
        self._memory[first + start : first + end] = self._bytes_of(name)[start:end]

    def _bytes_of(self, name: str) -> list[object]:
        """What a buffer's bytes are, wherever they lie: bytes of the buffer that it is a window on."""
        buffers = self._network.buffers
        size, start = buffers[name].size_bytes, 0
        while (source := buffers[name].alias_of) is not None:
            start += buffers[name].alias_offset_bytes
            name = source
        return [(name, start + i) for i in range(size)]


@pytest.mark.parametrize("alignment", [LINUX, BARE])
@settings(max_examples=80, deadline=None, derandomize=True)
@given(_networks())
def test_every_value_is_whole_when_it_is_read(alignment: Alignment, network: _Network) -> None:
    _Machine(network, network.plan(alignment)).run()


def test_where_all_is_alive_at_once_the_search_looks_at_few_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look takes as long as there are pairs: hundreds of them would be minutes here."""
    looks = []
    fit = placement._Puzzle.fit

    def counted(puzzle: Any, order: Any, limit: int | None = None) -> Any:
        looks.append(order)
        return fit(puzzle, order, limit)

    monkeypatch.setattr(placement._Puzzle, "fit", counted)
    together = [Allocation(str(i), 100 + 7 * i % 50, 0, 200 + i) for i in range(320)]
    apart = sum(-(-item.size_bytes // 64) * 64 for item in together)
    assert apart - 64 < place(together, alignment=64).size_bytes <= apart
    assert len(looks) < 50
