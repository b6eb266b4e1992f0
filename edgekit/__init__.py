"""EdgeKit: build an int8 model for an ARM Linux board, deploy it, prove it bit-exact, see where time goes.

Every verb of the command line is one function here. Names are imported when they are first used,
so that `import edgekit` costs nothing.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgekit.artifacts import Bundle as Bundle
    from edgekit.artifacts import Engine as Engine
    from edgekit.deploy import Deployment as Deployment
    from edgekit.deploy import Rollback as Rollback
    from edgekit.deploy import Status as Status
    from edgekit.devices.choice import DeviceChoice as DeviceChoice
    from edgekit.errors import EdgeKitError as EdgeKitError
    from edgekit.evaluate import Evaluation as Evaluation
    from edgekit.evaluate import Scoring as Scoring
    from edgekit.evaluate import Verification as Verification
    from edgekit.pipeline import Calibration as Calibration
    from edgekit.profile import Explanation as Explanation
    from edgekit.profile import InstructionProfile as InstructionProfile
    from edgekit.profile import InstructionRace as InstructionRace
    from edgekit.profile import Profile as Profile
    from edgekit.profile import Race as Race
    from edgekit.recipe import Recipe as Recipe
    from edgekit.recipe import fetch_model as fetch_model
    from edgekit.recipe import load_recipe as load_recipe
    from edgekit.search.tuning import TuneReport as TuneReport
    from edgekit.target import Target as Target
    from edgekit.target import list_targets as list_targets
    from edgekit.target import load_target as load_target
    from edgekit.verbs.bench import bench as bench
    from edgekit.verbs.build import build as build
    from edgekit.verbs.build_fastest import Choice as Choice
    from edgekit.verbs.build_fastest import build_fastest as build_fastest
    from edgekit.verbs.deploy import deploy as deploy
    from edgekit.verbs.device import device_down as device_down
    from edgekit.verbs.device import device_status as device_status
    from edgekit.verbs.device import device_up as device_up
    from edgekit.verbs.doctor import doctor as doctor
    from edgekit.verbs.evaluate import evaluate as evaluate
    from edgekit.verbs.explain import explain as explain
    from edgekit.verbs.init import init as init
    from edgekit.verbs.inspect import Inspection as Inspection
    from edgekit.verbs.inspect import inspect as inspect
    from edgekit.verbs.profile import profile as profile
    from edgekit.verbs.quantize import quantize as quantize
    from edgekit.verbs.rollback import rollback as rollback
    from edgekit.verbs.run import run as run
    from edgekit.verbs.status import status as status
    from edgekit.verbs.targets import targets as targets
    from edgekit.verbs.tune import tune as tune
    from edgekit.verbs.verify import verify as verify

__version__ = "0.1.0"

# Public name -> the module that defines it.
_PUBLIC = {
    "Bundle": "edgekit.artifacts",
    "Calibration": "edgekit.pipeline",
    "Choice": "edgekit.verbs.build_fastest",
    "Deployment": "edgekit.deploy",
    "DeviceChoice": "edgekit.devices.choice",
    "EdgeKitError": "edgekit.errors",
    "Engine": "edgekit.artifacts",
    "Evaluation": "edgekit.evaluate",
    "Explanation": "edgekit.profile",
    "Inspection": "edgekit.verbs.inspect",
    "InstructionProfile": "edgekit.profile",
    "InstructionRace": "edgekit.profile",
    "Profile": "edgekit.profile",
    "Race": "edgekit.profile",
    "Recipe": "edgekit.recipe",
    "Rollback": "edgekit.deploy",
    "Scoring": "edgekit.evaluate",
    "Status": "edgekit.deploy",
    "Target": "edgekit.target",
    "TuneReport": "edgekit.search.tuning",
    "Verification": "edgekit.evaluate",
    "bench": "edgekit.verbs.bench",
    "build": "edgekit.verbs.build",
    "build_fastest": "edgekit.verbs.build_fastest",
    "deploy": "edgekit.verbs.deploy",
    "device_down": "edgekit.verbs.device",
    "device_status": "edgekit.verbs.device",
    "device_up": "edgekit.verbs.device",
    "doctor": "edgekit.verbs.doctor",
    "evaluate": "edgekit.verbs.evaluate",
    "explain": "edgekit.verbs.explain",
    "fetch_model": "edgekit.recipe",
    "init": "edgekit.verbs.init",
    "inspect": "edgekit.verbs.inspect",
    "list_targets": "edgekit.target",
    "load_recipe": "edgekit.recipe",
    "load_target": "edgekit.target",
    "profile": "edgekit.verbs.profile",
    "quantize": "edgekit.verbs.quantize",
    "run": "edgekit.verbs.run",
    "rollback": "edgekit.verbs.rollback",
    "status": "edgekit.verbs.status",
    "targets": "edgekit.verbs.targets",
    "tune": "edgekit.verbs.tune",
    "verify": "edgekit.verbs.verify",
}

__all__ = [  # noqa: PLE0604  # the names are those of the table
    "__version__",
    *_PUBLIC,
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'edgekit' has no attribute {name!r}")
    value = getattr(importlib.import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(ModuleType):
    """Keeps `edgekit.deploy` and `edgekit.profile` the verbs.

    Stages have the names of verbs. Python's import system sets an imported submodule as an
    attribute of its package, and so would put the stage `edgekit.deploy` in the place of the function.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _PUBLIC and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
