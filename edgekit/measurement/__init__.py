"""Measurement that can be believed: interleaved ratios, a steady start, the machine's state, a verdict."""

from __future__ import annotations

from edgekit.measurement.blocks import TURNS, Block, one_round
from edgekit.measurement.ratio import Ratio, Standing, geometric_mean, paired_ratio, round_ratios
from edgekit.measurement.state import MachineState, parse_state, read_state
from edgekit.measurement.timing import Timing, summarize
from edgekit.measurement.verdict import Assessment, Evidence, Reason, Verdict, judge
from edgekit.measurement.warm_up import WarmUp, is_steady, warm_up

__all__ = [
    "TURNS",
    "Assessment",
    "Block",
    "Evidence",
    "MachineState",
    "Ratio",
    "Reason",
    "Standing",
    "Timing",
    "Verdict",
    "WarmUp",
    "geometric_mean",
    "is_steady",
    "judge",
    "one_round",
    "paired_ratio",
    "parse_state",
    "read_state",
    "round_ratios",
    "summarize",
    "warm_up",
]
