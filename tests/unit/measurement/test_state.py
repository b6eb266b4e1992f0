"""What is made of the words of machines we know; layouts are those of their kernels."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgekit.devices.local import LocalDevice
from edgekit.measurement import parse_state, read_state

PI_4 = """
@@ cores
4
@@ clocks
1500000
1500000
600000
1500000
@@ cpuinfo-clocks
@@ clock-max
1800000
@@ governor
ondemand
@@ temperature
gpu-thermal 40000
cpu-thermal 48199
@@ throttled
throttled=0x50000
@@ cooling
pwm-fan 2
@@ throttle-count
@@ load
0.52 0.58 0.59 1/189 12345
@@ stat
cpu  100 1 20 1000 5 0 3 0 0 0
"""

LAPTOP = """
@@ cores
8
@@ clocks
@@ cpuinfo-clocks
cpu MHz		: 2400.000
cpu MHz		: 3100.500
@@ throttle-count
17
@@ cooling
Processor 0
Processor 3
"""


def test_a_raspberry_pi_4() -> None:
    state = parse_state(PI_4)
    assert state.cores == 4
    assert state.clocks_mhz == (1500.0, 1500.0, 600.0, 1500.0)
    assert (state.clock_mhz, state.clock_max_mhz, state.governor) == (1500.0, 1800.0, "ondemand")
    assert state.temperature_c == 48.199
    assert state.throttled is False  # since the start, but not now; and a fan is no throttling
    assert state.throttle_events is None
    assert state.load_average == 0.52
    assert state.cpu_time is not None
    assert (state.cpu_time.busy, state.cpu_time.stolen, state.cpu_time.total) == (124, 0, 1129)


def test_a_laptop_tells_its_clocks_in_cpuinfo_and_its_throttling_by_the_kernel_s_cooling() -> None:
    state = parse_state(LAPTOP)
    assert state.clocks_mhz == (2400.0, 3100.5)
    assert state.throttled is True
    assert state.throttle_events == 17
    assert (state.governor, state.temperature_c, state.load_average) == (None, None, None)


def test_the_firmware_says_that_it_throttles_now() -> None:
    assert parse_state(PI_4.replace("0x50000", "0x50004")).throttled is True


def test_what_is_absent_is_none_and_never_invented() -> None:
    state = parse_state("")
    assert [getattr(state, name) for name in type(state).__dataclass_fields__] == [None] * 9
    assert state.clock_mhz is None


@given(st.text())
def test_odd_words_are_no_error(text: str) -> None:
    parse_state(f"@@ clocks\n{text}\n@@ stat\ncpu {text}\n@@ cooling\n{text}\n@@ load\n{text}\n")


def test_this_machine_has_a_state() -> None:
    before, after = read_state(LocalDevice()), read_state(LocalDevice())
    assert before.cores is not None
    assert before.load_average is not None
    assert before.cpu_time is not None
    assert after.cpu_time is not None
    assert after.cpu_time.total >= before.cpu_time.total
