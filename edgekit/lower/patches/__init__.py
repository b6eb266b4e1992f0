"""Running a network's first layers band by band, so that what is between them never exists as a whole.

A band is some rows of the last of these layers. What a layer makes beyond what the next one needs now is
kept in a buffer of a few rows, so that nothing is computed twice: a band costs calls and the moving of those
rows, no products. `rows` counts the rows, `rewrite` makes the calls, `choose` says which layers, in what
bands. Source of the idea: Lin, Chen, Cai, Gan and Han, "MCUNetV2: Memory-Efficient Patch-based Inference for
Tiny Deep Learning" (2021), whose patches overlap and are computed again.
"""

from __future__ import annotations

from edgekit.lower.patches.choose import in_bands

__all__ = ["in_bands"]
