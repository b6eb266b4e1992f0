"""What all tests share."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# The same examples every time, and no deadline: a test that fails on a slow machine says nothing.
settings.register_profile(
    "edgekit", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("edgekit")
