"""Why a model is not faster: one small rule for each cause, with what the cause is worth.

What a cause is worth is the share of one invocation's time, with one thread, that would be saved if it
were not there. It is measured, or an estimate whose formula stands in its rule.
"""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from edgekit.devices.runner import Roofline
    from edgekit.profile.report import Profile, StepProfile

_WORTH_TELLING = 0.02  # of the whole time
_MEMORY_BOUND = 0.7  # of an operator's time: what reading its bytes alone would take
_OUT_OF_PROPORTION = 2.0  # times slower for its products than the whole model
_LOW_CLOCK = 0.95  # of the highest

# Executed instructions per product and per requantized element of our kernels: those of NEON counted for
# 1x1 convolutions with 512 input channels (6 instructions scale 4 sums); those of AVX512-VNNI read off the
# kernel's code (43 instructions scale and narrow 64 sums; 3 of every 2 instructions around a vpdpbusd).
# AMX's instructions take very different times: in their place stand nanoseconds, from products of 3136 x 64
# by 64 x 64 and of 196 x 2304 by 2304 x 256. Depthwise kernels have no use for tiles, and interleave their
# taps: 7 instructions and 6 vpdpbusd for 288 products of a 3x3 filter.
_COSTS = {
    "mlal": (0.209, 1.5),
    "dot": (0.072, 1.5),
    "vnni": (0.024, 0.67),
    "vnni depthwise": (0.045, 0.67),
    "amx": (0.00077, 0.144),
}
# How many times the instructions of 64-bit ARM without sdot the same networks execute: geometric means of
# keyword_spotting, image_classification and visual_wake_words (`edgekit profile --emulated`, November 2026).
_INSTRUCTIONS_WITH_DOT = 0.48
_INSTRUCTIONS_32_BIT = 1.54
_ARMV8_0 = frozenset({"generic", "cortex-a35", "cortex-a53", "cortex-a57", "cortex-a72", "cortex-a73"})
_ARM = ("aarch64", "armv7")


class Basis(StrEnum):
    """How it is known what a cause is worth."""

    MEASURED = "measured"
    ESTIMATE = "estimate"
    UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cause:
    """Something that makes the model slower than it might be."""

    name: str
    worth_share: float | None  # of one invocation's time with one thread, from 0 to 1; None: unknown
    worth_ns: float | None
    basis: Basis
    words: str
    fix: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Situation:
    """All that a rule may look at."""

    manifest: Mapping[str, Any]
    profile: Profile  # with all cores' threads, and with one beside it, if there are several
    roofline: Roofline

    @property
    def features(self) -> frozenset[str]:
        """The CPU's features by the kernel's names."""
        return frozenset(self.profile.machine.cpu_features or ())

    @property
    def total_ns(self) -> float:
        """Of one invocation with one thread."""
        return (self.profile.one_thread or self.profile.total).median_ns

    def steps(self) -> Iterator[tuple[StepProfile, Mapping[str, Any], float]]:
        """Each step, its entry in the manifest, and its share of the time with one thread."""
        times = [(step.one_thread or step.time).median_ns for step in self.profile.steps]
        whole = sum(times) or 1.0
        for step, entry, time in zip(self.profile.steps, self.manifest["operators"], times, strict=True):
            yield step, entry, time / whole

    @property
    def read_rate(self) -> float:
        """Bytes a second, for a working set of all weights and activations."""
        memory = self.manifest["memory"]
        return self.roofline.read_rate(memory["weight_bytes"] + memory["arena_bytes"])

    def memory_share(self, entry: Mapping[str, Any]) -> float:
        """Of the whole time: reading and writing an operator's bytes once, at the measured rate."""
        return 1e9 * entry["bytes"] / self.read_rate / self.total_ns if self.total_ns else 0.0

    def cause(self, name: str, worth: float | None, basis: Basis, words: str, fix: str) -> Cause | None:
        """A cause, unless it is worth too little to be told."""
        if worth is not None and worth < _WORTH_TELLING:
            return None
        in_ns = None if worth is None else worth * self.total_ns
        return Cause(name=name, worth_share=worth, worth_ns=in_ns, basis=basis, words=words, fix=fix)


def rank(situation: Situation) -> tuple[Cause, ...]:
    """All causes, the one that is worth most first, those of unknown worth last."""
    found = [cause for rule in RULES for cause in rule(situation) if cause is not None]
    return tuple(sorted(found, key=lambda cause: (cause.worth_share is None, -(cause.worth_share or 0.0))))


def one_thread(situation: Situation) -> Iterator[Cause | None]:
    """Cores lie idle. Measured: 1 - time with all cores / time with one, if that is beyond their spread."""
    profile = situation.profile
    if profile.one_thread is None or profile.total.p75_ns >= profile.one_thread.p25_ns:
        return
    worth = 1 - profile.total.median_ns / profile.one_thread.median_ns
    yield situation.cause(
        "one thread",
        worth,
        Basis.MEASURED,
        f"With {profile.threads} threads it takes {profile.total.median_ns / 1e3:,.1f} us instead of "
        f"{profile.one_thread.median_ns / 1e3:,.1f} us.",
        f"Invoke it with {profile.threads} threads: --threads {profile.threads}, or a pool in C.",
    )


def slow_clock(situation: Situation) -> Iterator[Cause | None]:
    """The clock is held down or has not risen. Estimate: 1 - clock / highest clock, both read there."""
    state = situation.profile.after
    if state.clock_mhz is None or state.clock_max_mhz is None:
        if state.throttled:
            yield situation.cause(
                "throttled",
                None,
                Basis.UNKNOWN,
                "The device holds its clock down, and does not tell how far.",
                "Cool it, and give it a supply that is strong enough.",
            )
        return
    share = state.clock_mhz / state.clock_max_mhz
    if share >= _LOW_CLOCK:
        return
    why = "by temperature or supply voltage" if state.throttled else f"by the governor {state.governor!r}"
    yield situation.cause(
        "throttled" if state.throttled else "low clock",
        1 - share,
        Basis.ESTIMATE,
        f"The clock is at {state.clock_mhz:.0f} of {state.clock_max_mhz:.0f} MHz, held {why}.",
        "Cool it, and give it a supply that is strong enough."
        if state.throttled
        else "Set the governor 'performance'.",
    )


def no_dot_products(situation: Situation) -> Iterator[Cause | None]:
    """ARM without sdot. Estimate: share of the time that is spent on products x (1 - 0.48).

    The figure is how many times the instructions of a Cortex-A72 three networks take on a Cortex-A76.
    """
    target = situation.manifest["target"]
    if target["architecture"] not in _ARM or "+dotprod" in target["features"]:
        return
    multiplying = sum(share for step, _, share in situation.steps() if step.macs)
    worth = multiplying * (1 - _INSTRUCTIONS_WITH_DOT)
    if "asimddp" not in situation.features:
        words = "This CPU has no dot product instructions."
        fix = "A core with them is a Cortex-A55, A75, A76 or later: a Raspberry Pi 5, for example."
    elif target["architecture"] == "aarch64" and target["cpu"] in _ARMV8_0:
        words = f"The CPU has dot product instructions, and the build for {target['name']} does not use them."
        fix = "Build for a target like this device: rpi5, rock5b, or one of your own with +dotprod."
    else:
        return
    yield situation.cause("no dot products", worth, Basis.ESTIMATE, words, fix)


def userland_of_32_bits(situation: Situation) -> Iterator[Cause | None]:
    """32-bit programs on a 64-bit CPU. Estimate: 1 - 1 / 1.54.

    The figure is how many times the instructions of aarch64 three networks take on armv7.
    """
    is_64_bit = situation.profile.machine.is_mixed or "asimd" in situation.features
    if situation.manifest["target"]["architecture"] != "armv7" or not is_64_bit:
        return
    yield situation.cause(
        "32-bit userland",
        1 - 1 / _INSTRUCTIONS_32_BIT,
        Basis.ESTIMATE,
        "The CPU is a 64-bit one, and its system is a 32-bit one: half of the vector registers.",
        "Install a 64-bit system on the board, and build for its 64-bit target.",
    )


def untuned(situation: Situation) -> Iterator[Cause | None]:
    """Kernels that nobody measured. What that is worth is not known before they are."""
    tuning = situation.manifest["tuning"]
    missing = 1 - tuning["tuned_share"]
    if missing < _WORTH_TELLING:
        return
    by_nearest = sum(tuning.get("nearest_by", {}).values())
    nearest = f"; those of {by_nearest:.0%} by a similar one's" if by_nearest else ""
    yield situation.cause(
        "untuned operators",
        None,
        Basis.UNKNOWN,
        f"The kernels of {missing:.0%} of the products were not chosen by measurements of their own shape"
        f"{nearest}.",
        "edgekit tune, then build again.",
    )


def memory_bound(situation: Situation) -> Iterator[Cause | None]:
    """Operators that wait for memory. Measured: their bytes, each once, at the rate measured there.

    An operator counts if that takes 70 % of its time or more; the cause is worth what it takes.
    """
    bound = [
        (step, min(share, situation.memory_share(entry)))
        for step, entry, share in situation.steps()
        if share and situation.memory_share(entry) >= _MEMORY_BOUND * share
    ]
    if not bound:
        return
    rate = situation.read_rate / 1e9
    yield situation.cause(
        "memory",
        sum(least for _, least in bound),
        Basis.MEASURED,
        f"At {rate:.1f} GB/s, measured for so much data, memory bounds {_names(step for step, _ in bound)}.",
        "Fewer or smaller weights and activations; faster arithmetic would change nothing here.",
    )


def out_of_proportion(situation: Situation) -> Iterator[Cause | None]:
    """Operators that multiply at less than half of the model's rate. Measured: time beyond that rate."""
    slow: dict[str, list[tuple[float, float]]] = {}
    for step, _, share in situation.steps():
        proportion = step.macs / situation.manifest["macs"] if step.macs else 0.0
        if step.macs and share > _OUT_OF_PROPORTION * proportion:
            slow.setdefault(step.kind, []).append((share, proportion))
    for kind, steps in slow.items():
        share, proportion = (sum(column) for column in zip(*steps, strict=True))
        yield situation.cause(
            "out of proportion",
            share - proportion,
            Basis.MEASURED,
            f"{kind} ({len(steps)}): {share:.1%} of the time for {proportion:.1%} of the products.",
            "edgekit tune may help; few channels, few pixels or a depthwise form keep vectors empty.",
        )


def without_products(situation: Situation) -> Iterator[Cause | None]:
    """Operators that multiply nothing. Measured: their time."""
    steps = [(step, share) for step, _, share in situation.steps() if not step.macs]
    yield situation.cause(
        "no products",
        sum(share for _, share in steps),
        Basis.MEASURED,
        f"Data is moved, looked up or pooled: {_names(step for step, share in steps if share)}.",
        "Float inputs and outputs cost a QUANTIZE and a DEQUANTIZE: a model with int8 edges has neither.",
    )


def requantizing(situation: Situation) -> Iterator[Cause | None]:
    """Scaling sums back to int8. Estimate per operator: share x e E / (e E + m M).

    E are its elements and M its products, e and m our kernels' executed instructions for one of each.
    """
    worth = 0.0
    for step, entry, share in situation.steps():
        costs = _costs(situation, step.kind)
        if step.macs and costs is not None:
            per_product, per_element = costs
            scaling = per_element * entry["elements"]
            worth += share * scaling / (scaling + per_product * step.macs)
    yield situation.cause(
        "requantizing",
        worth,
        Basis.ESTIMATE,
        "Every sum is scaled back to int8, exactly; that weighs where sums have few products.",
        "Fewer layers that have more input channels each.",
    )


RULES: tuple[Callable[[Situation], Iterator[Cause | None]], ...] = (
    one_thread,
    slow_clock,
    no_dot_products,
    userland_of_32_bits,
    untuned,
    memory_bound,
    out_of_proportion,
    without_products,
    requantizing,
)


def _costs(situation: Situation, kind: str) -> tuple[float, float] | None:
    """Of one product and one element; None: not known for this CPU."""
    target = situation.manifest["target"]
    if target["architecture"] in _ARM:
        return _COSTS["dot" if "+dotprod" in target["features"] else "mlal"]
    if "avx512_vnni" not in situation.features:
        return None
    if kind == "DEPTHWISE_CONV_2D":
        return _COSTS["vnni depthwise"]
    return _COSTS["amx" if "amx_int8" in situation.features else "vnni"]


def _names(steps: Iterator[StepProfile]) -> str:
    """Kinds of operators with their number: "CONV_2D (3), ADD"."""
    kinds: dict[str, int] = {}
    for step in steps:
        kinds[step.kind] = kinds.get(step.kind, 0) + 1
    return ", ".join(kind if count == 1 else f"{kind} ({count})" for kind, count in kinds.items())
