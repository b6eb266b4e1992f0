"""Blocks of samples, with made-up work on a made-up clock."""

from __future__ import annotations

import time
from itertools import chain, repeat
from typing import TYPE_CHECKING

import pytest

from edgekit.measurement import TURNS, Block, one_round
from edgekit.measurement.blocks import BLOCK_SECONDS, SAMPLE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable

MICROSECOND = 1e-6


class Machine:
    """A clock that moves only while work is done, and who worked when."""

    def __init__(self) -> None:
        self.now = 0.0
        self.log: list[str] = []

    def clock(self) -> float:
        return self.now

    def block(self, durations: Iterable[float], name: str = "work") -> Block:
        """Work whose invocations take so long, one after the other."""
        lasting = iter(durations)

        def work() -> None:
            self.now += next(lasting)
            self.log.append(name)

        return Block(work, clock=self.clock)


@pytest.mark.parametrize("once", [0.3, 4.0, 90.0, 400.0, 30_000.0])
def test_samples_are_long_beside_the_clock_and_a_block_is_long_beside_a_sample(once: float) -> None:
    block = Machine().block(repeat(once * MICROSECOND))
    block.calibrate()
    sample = block.batch * once * MICROSECOND
    assert sample >= SAMPLE_SECONDS
    assert block.batch == 1 or sample < 2 * SAMPLE_SECONDS
    assert block.samples == 1 or block.samples * sample == pytest.approx(BLOCK_SECONDS, rel=0.5)
    times = block.times()
    assert len(times) == block.samples
    assert times == pytest.approx([once * MICROSECOND] * len(times))


def test_a_cold_start_makes_no_sample_too_short() -> None:
    block = Machine().block(chain([0.02, 0.001], repeat(4 * MICROSECOND)))
    block.calibrate()
    assert block.batch * 4 * MICROSECOND >= SAMPLE_SECONDS


def test_the_first_invocations_of_a_block_are_not_timed() -> None:
    machine = Machine()
    block = machine.block(chain(repeat(0.001, 4), [0.5], repeat(0.001)))
    block.calibrate()
    assert len(machine.log) == 4
    assert max(block.times()) == pytest.approx(0.001)  # the slow one came first


def test_interruptions_in_less_than_half_of_the_samples_do_not_count() -> None:
    block = Machine().block(chain(repeat(0.001, 4), repeat(0.001, 3), [0.2] * 4, repeat(0.001)))
    block.calibrate()
    assert block.samples == 10
    assert block.typical() == pytest.approx(0.001)


def test_a_round_takes_everybody_s_samples_of_all_turns_together() -> None:
    machine = Machine()
    quiet = machine.block(repeat(0.001), "quiet")
    # One of its three blocks is disturbed throughout: four calls calibrate, and a block has two and five.
    disturbed = machine.block(chain(repeat(0.002, 4 + 2 + 5), repeat(0.1, 7), repeat(0.002)), "disturbed")
    for block in (quiet, disturbed):
        block.calibrate()
    assert one_round([quiet, disturbed], [(0, 1), (1, 0), (0, 1)]) == pytest.approx([0.001, 0.002])
    assert TURNS == 3


def test_turns_come_in_the_order_that_is_asked_for() -> None:
    machine = Machine()
    blocks = [machine.block(repeat(0.01), name) for name in "ab"]
    one_round(blocks, [(0, 1), (1, 0)])
    assert "".join(machine.log) == "aabbbbaa"  # of each block one invocation more than is timed


def test_who_settles_waits_before_the_work_and_not_in_its_time() -> None:
    machine = Machine()
    settling = 0.001
    block = Block(lambda: machine.log.append("work"), clock=machine.clock, settling_seconds=settling)
    began = time.perf_counter()
    assert block.times() == [0.0]
    assert time.perf_counter() - began >= settling
    assert machine.log == ["work"] * 2
