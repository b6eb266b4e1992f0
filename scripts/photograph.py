"""Write a photograph of a person as the visual-wake-words model takes it: one .npy file, 1x96x96x3 floats.

The picture is NASA's portrait of the astronaut Eileen Collins (public domain), which scikit-image
carries as test data. The package is downloaded for that one file; it is not installed.

usage: photograph.py OUTPUT.npy
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from edgekit.packaged import PackagedFile, fetch

_SIDE = 96
_PORTRAIT = PackagedFile(
    package="scikit-image",
    version="0.26.0",
    path="skimage/data/astronaut.png",
    digest="88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
)


def main(output: Path) -> None:
    """Shrink the portrait and write it."""
    picture = Image.open(fetch(_PORTRAIT)).convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    np.save(output, np.asarray(picture, dtype=np.float32)[np.newaxis])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
