"""EdgeKit: build an int8 model for an ARM Linux board, deploy it, prove it bit-exact, see where time goes."""

from __future__ import annotations

__version__ = "0.1.0"
