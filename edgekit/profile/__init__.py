"""Profile: where a built model's time goes on a device, or its instructions on an emulated one."""

from __future__ import annotations

from edgekit.measurement import Timing
from edgekit.profile.count import count_bundle
from edgekit.profile.report import InstructionProfile, InstructionStep, Profile, StepProfile
from edgekit.profile.run import profile_bundle

__all__ = [
    "InstructionProfile",
    "InstructionStep",
    "Profile",
    "StepProfile",
    "Timing",
    "count_bundle",
    "profile_bundle",
]
