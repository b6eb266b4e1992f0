"""The frozen values that travel from stage to stage.

In the order they come to be: `float_model`, `graph`, `lowered`, `tuned`, `code`, `bundle`. A stage takes
one of these and gives the next; nothing here does any of its work. Arrays inside them are read-only. Values
that hold TVM objects (`LoweredModule`, `TunedModule`) name them `Any`: only `lower`, `schedule` and `codegen`
may know that TVM exists.
"""

from __future__ import annotations

from edgekit.artifacts.bundle import (
    Bundle,
    Engine,
    Golden,
)
from edgekit.artifacts.code import (
    Code,
    FirmwareBuild,
    FirmwareNeeds,
    FirmwareSources,
    MemoryPlan,
    Peak,
    PlacedBlock,
    Step,
    steps_of,
)
from edgekit.artifacts.float_model import (
    FloatModel,
    FloatTensor,
    ModelOrigin,
)
from edgekit.artifacts.graph import (
    DType,
    Graph,
    Operator,
    Quantization,
    QuantizationRecord,
    QuantizedModel,
    Tensor,
    Variable,
)
from edgekit.artifacts.lowered import (
    Buffer,
    KernelCall,
    LoweredModule,
    root_of,
    state_name,
)
from edgekit.artifacts.tuned import (
    SHARE_BEGIN,
    SHARE_END,
    SHARED,
    UNTUNED,
    Origin,
    SharedKernel,
    TunedModule,
    Tuning,
)

__all__ = [
    "SHARED",
    "SHARE_BEGIN",
    "SHARE_END",
    "UNTUNED",
    "Buffer",
    "Bundle",
    "Code",
    "DType",
    "Engine",
    "FirmwareBuild",
    "FirmwareNeeds",
    "FirmwareSources",
    "FloatModel",
    "FloatTensor",
    "Golden",
    "Graph",
    "KernelCall",
    "LoweredModule",
    "MemoryPlan",
    "ModelOrigin",
    "Operator",
    "Origin",
    "Peak",
    "PlacedBlock",
    "Quantization",
    "QuantizationRecord",
    "QuantizedModel",
    "SharedKernel",
    "Step",
    "Tensor",
    "TunedModule",
    "Tuning",
    "Variable",
    "root_of",
    "state_name",
    "steps_of",
]
