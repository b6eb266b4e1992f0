"""Profile: where a built model's time goes on a device, and how EdgeKit stands beside LiteRT there."""

from __future__ import annotations

from edgekit.measurement import Timing
from edgekit.profile.causes import Basis, Cause
from edgekit.profile.count import check_emulated, count_bundle
from edgekit.profile.count_firmware import count_firmware
from edgekit.profile.explain import Explanation, OperatorLimit, explain_bundle
from edgekit.profile.race import (
    InstructionRace,
    Race,
    Winner,
    count_race,
    race_bundle,
    refuse_uncountable,
)
from edgekit.profile.report import InstructionProfile, InstructionStep, Profile, StepProfile
from edgekit.profile.run import profile_bundle

__all__ = [
    "Basis",
    "Cause",
    "Explanation",
    "InstructionProfile",
    "InstructionRace",
    "InstructionStep",
    "OperatorLimit",
    "Profile",
    "Race",
    "StepProfile",
    "Timing",
    "Winner",
    "check_emulated",
    "count_bundle",
    "count_firmware",
    "count_race",
    "explain_bundle",
    "profile_bundle",
    "race_bundle",
    "refuse_uncountable",
]
