"""The integer reference: TFLite Micro's interpreter, run apart from this process.

The meaning of an int8 model is what this interpreter computes. It ends its process on models that
it does not like, so it works in one of its own (`worker.py`), which is started again when it dies.
"""

from __future__ import annotations

from edgekit.oracle.client import (
    operator_outputs,
    oracle_available,
    oracle_intermediates,
    oracle_version,
    run_oracle,
)

__all__ = ["operator_outputs", "oracle_available", "oracle_intermediates", "oracle_version", "run_oracle"]
