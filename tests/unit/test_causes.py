"""The causes of a slow model, each from a made-up profile."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from edgekit.devices.probe import MachineFacts, parse_facts
from edgekit.devices.runner import MultiplyRate, ProfileSamples, ReadRate, Roofline
from edgekit.measurement import MachineState, parse_state
from edgekit.profile import Basis, Cause
from edgekit.profile.causes import Situation, rank
from edgekit.profile.report import make_profile

FACTS, STATE = parse_facts(""), parse_state("")
# 10 GB/s whatever the size: 10 bytes a nanosecond.
ROOFLINE = Roofline(
    read=(ReadRate(bytes=1 << 20, bytes_per_second=1e10),),
    multiply=MultiplyRate(instruction="sdot", macs_per_second=1e11),
)


def operator(index: int, kind: str, macs: int, size: int = 10, elements: int = 0) -> dict[str, Any]:
    return {
        "index": index,
        "kind": kind,
        "kernel": f"op{index}",
        "macs": macs,
        "output": "t",
        "bytes": size,
        "elements": elements,
    }


def situation(
    operators: list[dict[str, Any]],
    times_ns: list[int],
    *,
    total_of_all_threads: int | None = None,
    target: dict[str, Any] | None = None,
    facts: MachineFacts = FACTS,
    state: MachineState = STATE,
    tuned_share: float = 1.0,
) -> Situation:
    manifest = {
        "engine": "edgekit",
        "model": {"name": "m"},
        "target": {"name": "t", "architecture": "x86_64", "cpu": "native", "features": []} | (target or {}),
        "macs": sum(entry["macs"] for entry in operators),
        "memory": {"weight_bytes": 1000, "arena_bytes": 1000},
        "operators": operators,
        "tuning": {"tuned_share": tuned_share},
    }

    def samples(total: int) -> ProfileSamples:
        steps = tuple((time,) * 20 for time in times_ns)
        return ProfileSamples(runs=20, total_ns=(total,) * 20, step_ns=steps)

    alone, threads = samples(sum(times_ns)), 1 if total_of_all_threads is None else 4
    profile = make_profile(
        manifest,
        alone if total_of_all_threads is None else samples(total_of_all_threads),
        threads=threads,
        one_thread=None if total_of_all_threads is None else alone,
        device="d",
        machine=facts,
        before=state,
        after=state,
    )
    return Situation(manifest=manifest, profile=profile, roofline=ROOFLINE)


def found(described: Situation) -> dict[str, Cause]:
    causes = rank(described)
    assert len({cause.name for cause in causes}) == len(causes)
    return {cause.name: cause for cause in causes}


CONV = [operator(0, "CONV_2D", 1000)]


def test_nothing_stands_out_of_an_even_and_tuned_model() -> None:
    assert found(situation(CONV, [1000])) == {}


def test_idle_cores_are_worth_what_was_measured() -> None:
    cause = found(situation(CONV, [1000], total_of_all_threads=250))["one thread"]
    assert (cause.worth_share, cause.worth_ns, cause.basis) == (0.75, 750, Basis.MEASURED)
    assert "--threads 4" in cause.fix


def test_threads_that_do_not_help_are_no_cause() -> None:
    assert "one thread" not in found(situation(CONV, [1000], total_of_all_threads=995))


def test_threads_that_help_within_the_spread_are_no_cause() -> None:
    described = situation(CONV, [1000], total_of_all_threads=900)
    assert "one thread" in found(described)
    wide = dataclasses.replace(described.profile.total, p75_ns=1000.0)
    profile = dataclasses.replace(described.profile, total=wide)
    assert "one thread" not in found(dataclasses.replace(described, profile=profile))


def test_a_throttled_clock_is_worth_what_it_lacks() -> None:
    hot = dataclasses.replace(STATE, clocks_mhz=(600.0,), clock_max_mhz=1500.0, throttled=True)
    cause = found(situation(CONV, [1000], state=hot))["throttled"]
    assert cause.worth_share == pytest.approx(0.6)
    assert cause.basis is Basis.ESTIMATE
    assert "600 of 1500 MHz" in cause.words


def test_a_throttled_clock_that_cannot_be_read_is_of_unknown_worth() -> None:
    cause = found(situation(CONV, [1000], state=dataclasses.replace(STATE, throttled=True)))["throttled"]
    assert (cause.worth_share, cause.basis) == (None, Basis.UNKNOWN)


def test_a_clock_that_the_governor_keeps_low_is_no_throttling() -> None:
    slow = dataclasses.replace(STATE, clocks_mhz=(600.0,), clock_max_mhz=1500.0, governor="powersave")
    assert "'performance'" in found(situation(CONV, [1000], state=slow))["low clock"].fix


A72 = {"name": "rpi4", "architecture": "aarch64", "cpu": "cortex-a72", "features": ["+neon"]}


def test_a_cpu_without_dot_products_needs_another_board() -> None:
    facts = dataclasses.replace(FACTS, cpu_features=("asimd",))
    cause = found(situation(CONV, [1000], target=A72, facts=facts))["no dot products"]
    assert "This CPU has no dot product" in cause.words
    assert cause.basis is Basis.ESTIMATE


def test_a_build_that_leaves_dot_products_unused_needs_another_target() -> None:
    facts = dataclasses.replace(FACTS, cpu_features=("asimd", "asimddp"))
    half = [operator(0, "CONV_2D", 1000), operator(1, "SOFTMAX", 0)]
    whole = found(situation(CONV, [1000], target=A72, facts=facts))["no dot products"].worth_share
    part = found(situation(half, [500, 500], target=A72, facts=facts))["no dot products"]
    assert whole is not None
    assert part.worth_share == pytest.approx(whole / 2)  # only half of the time is spent on products
    assert "rpi5" in part.fix


def test_a_build_with_dot_products_has_them() -> None:
    target = {**A72, "cpu": "cortex-a76", "features": ["+neon", "+dotprod"]}
    facts = dataclasses.replace(FACTS, cpu_features=("asimd", "asimddp"))
    assert "no dot products" not in found(situation(CONV, [1000], target=target, facts=facts))


def test_a_32_bit_system_on_a_64_bit_cpu() -> None:
    target = {"architecture": "armv7", "cpu": "generic", "features": ["+neon"]}
    mixed = dataclasses.replace(FACTS, architecture="armv7", kernel_architecture="aarch64")
    assert (
        "64-bit system" in found(situation(CONV, [1000], target=target, facts=mixed))["32-bit userland"].fix
    )
    old = dataclasses.replace(FACTS, architecture="armv7", kernel_architecture="armv7l")
    assert "32-bit userland" not in found(situation(CONV, [1000], target=target, facts=old))


def test_untuned_operators_are_of_unknown_worth_and_told_last() -> None:
    described = situation(CONV, [1000], tuned_share=0.25, total_of_all_threads=500)
    assert [cause.name for cause in rank(described)] == ["one thread", "untuned operators"]
    assert "75%" in found(described)["untuned operators"].words


def test_an_operator_whose_bytes_take_all_its_time_is_memory_bound() -> None:
    operators = [operator(0, "FULLY_CONNECTED", 500, size=4000), operator(1, "CONV_2D", 500, size=10)]
    cause = found(situation(operators, [500, 500]))["memory"]
    assert cause.worth_share == pytest.approx(0.4)  # 4000 bytes take 400 of 1000 ns
    assert "FULLY_CONNECTED" in cause.words
    assert "CONV_2D" not in cause.words


def test_an_operator_of_few_products_and_much_time_is_out_of_proportion() -> None:
    operators = [operator(0, "CONV_2D", 900), operator(1, "DEPTHWISE_CONV_2D", 100)]
    cause = found(situation(operators, [500, 500]))["out of proportion"]
    assert cause.worth_share == pytest.approx(0.4)
    assert "DEPTHWISE_CONV_2D (1): 50.0% of the time for 10.0% of the products" in cause.words


def test_operators_without_products_are_named() -> None:
    operators = [operator(0, "CONV_2D", 900), operator(1, "SOFTMAX", 0), operator(2, "SOFTMAX", 0)]
    cause = found(situation(operators, [800, 100, 100]))["no products"]
    assert cause.worth_share == pytest.approx(0.2)
    assert "SOFTMAX (2)" in cause.words


def test_requantizing_weighs_where_sums_are_short() -> None:
    facts = dataclasses.replace(FACTS, cpu_features=("asimd", "asimddp"))
    short = [operator(0, "CONV_2D", 900, elements=100)]
    long = [operator(0, "CONV_2D", 90_000, elements=100)]
    shares = [
        found(situation(net, [1000], target=A72, facts=facts)).get("requantizing") for net in (short, long)
    ]
    assert shares[0] is not None
    assert shares[0].basis is Basis.ESTIMATE
    assert shares[0].worth_share == pytest.approx(150 / (150 + 0.209 * 900))
    assert shares[1] is None  # too little to be told


@pytest.mark.parametrize(
    ("features", "kind", "per_product", "per_element"),
    [
        (("avx512_vnni",), "CONV_2D", 0.024, 0.67),
        (("avx512_vnni", "amx_int8"), "CONV_2D", 0.00077, 0.144),
        (("avx512_vnni", "amx_int8"), "DEPTHWISE_CONV_2D", 0.045, 0.67),  # no tiles there
    ],
)
def test_requantizing_weighs_by_the_instructions_that_multiply_there(
    features: tuple[str, ...], kind: str, per_product: float, per_element: float
) -> None:
    facts = dataclasses.replace(FACTS, cpu_features=features)
    cause = found(situation([operator(0, kind, 900, elements=100)], [1000], facts=facts))["requantizing"]
    scaling = per_element * 100
    assert cause.worth_share == pytest.approx(scaling / (scaling + per_product * 900))


def test_requantizing_is_not_guessed_on_other_cpus() -> None:
    facts = dataclasses.replace(FACTS, cpu_features=("avx2",))
    assert "requantizing" not in found(
        situation([operator(0, "CONV_2D", 900, elements=100)], [1000], facts=facts)
    )


def test_a_working_set_reads_at_the_rate_of_the_next_larger_one_measured() -> None:
    rates = Roofline(
        read=(ReadRate(bytes=10, bytes_per_second=3), ReadRate(bytes=20, bytes_per_second=2)), multiply=None
    )
    assert [rates.read_rate(size) for size in (5, 10, 11, 20, 1000)] == [3, 3, 2, 2, 2]
