"""What all tests share."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Callable

# The same examples every time, and no deadline: a test that fails on a slow machine says nothing.
settings.register_profile(
    "edgekit", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("edgekit")


# What whoever runs the tests has tuned decides nothing here.
os.environ["EDGEKIT_TUNING_STORE"] = str(Path(tempfile.gettempdir()) / f"edgekit-no-store-{os.getpid()}")


def pytest_addoption(parser: pytest.Parser) -> None:
    """--update-golden rewrites the golden files instead of comparing with them."""
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden with what comes out")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with tests/golden/<test file>/<name>; review changes of those files like code."""

    def compare(name: str, actual: str) -> None:
        path = Path(__file__).parent / "golden" / request.path.stem / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(actual, encoding="utf-8")
        assert path.is_file(), f"{path} is missing: run pytest --update-golden and review it"
        assert actual == path.read_text(encoding="utf-8")

    return compare
