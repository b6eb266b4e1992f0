"""The main job from Python: build a trained model, prove it, feed it, see where its work goes.

usage: example.py [TARGET] [HOST]
  TARGET   what to build for; this machine by default (`edgekit targets` lists them)
  HOST     a board to reach over SSH; without it, this machine or the emulated board
"""

from __future__ import annotations

import sys
import tempfile

import numpy as np

import edgekit


def main(target: str = "host", host: str | None = None) -> None:
    """Build the keyword-spotting recipe for a target, and run it there."""
    recipe = edgekit.load_recipe("keyword-spotting")
    model = edgekit.fetch_model(recipe)

    found = edgekit.inspect(model)
    print(f"{recipe.description}: {found.macs:,} multiply-accumulates")

    with tempfile.TemporaryDirectory() as folder:
        bundle = edgekit.build(model, target=target, output=folder)
        memory = bundle.manifest["memory"]
        print(f"library {memory['library_bytes']:,} bytes, arena {memory['arena_bytes']:,} bytes")

        device = edgekit.DeviceChoice(host=host)
        verification = edgekit.verify(bundle.path, device=device)
        print(f"{verification.frames} golden vectors on {verification.device}: equal {verification.equal}")

        # One second of silence: 50 frames of 10 bins. Replace it by a spectrogram of yours.
        silence = np.zeros((1, 50, 10, 1), dtype=np.float32)
        (scores,) = edgekit.run({"0": silence}, bundle.path, device=device).values()
        best = int(np.argmax(scores))
        print(f"silence sounds like {recipe.labels[best]!r}")


if __name__ == "__main__":
    main(*sys.argv[1:])
