"""The arithmetic of values: `(x * scale - mean) / std` in double precision, rounded once to float32."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.samples.errors import SamplesDoNotFitError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.samples.preprocessing import Preprocessing

_BLOCK = 1 << 20  # elements that are held in double precision at once


def normalized(raw: NDArray[Any], preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Raw values as the model takes them. `mean` and `std` of several numbers run along the last axis.

    Raises:
        SamplesDoNotFitError: there are as many means or deviations, but not as many channels.
    """
    mean, std = np.array(preprocessing.mean), np.array(preprocessing.std)
    channels = raw.shape[-1] if raw.ndim else 1
    for name, numbers in (("mean", mean), ("std", std)):
        if len(numbers) not in (1, channels):
            raise SamplesDoNotFitError(
                f"{name!r} has {len(numbers)} numbers.",
                why=f"The values have {channels} channel{'s' * (channels != 1)}.",
                fix=f"Give {name!r} one number, or one for each channel.",
            )
    out = np.empty(raw.shape, np.float32)
    rows, into = raw.reshape(-1, channels), out.reshape(-1, channels)
    step = max(1, _BLOCK // max(1, channels))
    # What overflows becomes infinite, which the linter names together with its sample.
    with np.errstate(over="ignore", invalid="ignore"):
        for first in range(0, len(rows), step):
            block = rows[first : first + step].astype(np.float64)
            into[first : first + step] = (block * preprocessing.scale - mean) / std
    return out
