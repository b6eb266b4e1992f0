"""What TFLite Micro with CMSIS-NN takes for the same models and inputs: figures that were measured once.

TFLite Micro of August 2026 with CMSIS-NN 7.0, compiled with -O3 by arm-none-eabi-gcc 12.2, was run by QEMU
7.2 on mps2-an386 (Cortex-M4) and mps3-an547 (Cortex-M55, with MVE). Instructions are those executed by one
`Invoke()`, the tenth of a streaming model, read from SysTick under `-icount shift=0`: it ticks every 40
instructions on the M4's machine and every 31.25 on the M55's, so that figures are that coarse. Flash is
`.text` of the whole M4 image with only the int8 kernels registered, with about 1 KB of the program around
it, and without the weights; RAM is `arena_used_bytes()` on the M4. The input is that of stimulus.py. M4,
M55 and the `tflite-micro` wheel on x86-64 gave the same bytes for every model.

CMSIS-NN's kernels for the convolutions of keyword_spotting, compiled and counted as EdgeKit's are, were
found to take 7.78 of the 7.86 million instructions: 2.27 a MAC, and 8.33 in the depthwise ones.

TFLite Micro is not built here: its sources are in no package. `fnv` ties a run of ours to theirs: it is the
hash of what the last FULLY_CONNECTED gave for this input (a softmax saturates on noise), in all ten
invocations of a streaming model, and must come out the same.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Tflm:
    """One model by TFLite Micro with CMSIS-NN."""

    cortex_m4: int  # instructions
    cortex_m55: int
    text_bytes: int
    arena_bytes: int
    fnv: str  # FNV-1a of 32 bits, its bytes in little-endian order

    def instructions(self, cpu: str) -> int | None:
        """What it executes on a CPU; None where that was not measured."""
        return {"cortex-m4": self.cortex_m4, "cortex-m55": self.cortex_m55}.get(cpu)


TFLM: Mapping[str, Tflm] = {
    "anomaly_detection": Tflm(675_560, 302_500, 47_936, 5_616, "43fee7df"),
    "audio_example1": Tflm(2_529_920, 1_051_468, 56_128, 12_116, "6b1d2443"),
    "autoencoder_example": Tflm(111_560, 86_031, 36_576, 2_080, "d27a37bf"),
    "fingerprint_signature_generator": Tflm(21_250_640, 11_079_937, 52_704, 95_556, "6fa62ff2"),
    "image_classification": Tflm(29_879_280, 4_813_718, 55_136, 54_996, "ab5e155b"),
    "image_example1": Tflm(7_086_520, 2_251_781, 49_536, 71_248, "a88cf895"),
    "keyword_spotting": Tflm(7_863_240, 1_793_906, 58_560, 22_944, "9aa002ad"),
    "keyword_spotting_alexa": Tflm(15_693_360, 3_015_718, 64_096, 53_588, "6dca20b2"),
    "keyword_spotting_mobilenetv2": Tflm(11_195_360, 3_440_437, 69_536, 114_692, "4fc07a68"),
    "keyword_spotting_on_off_v3": Tflm(20_519_120, 3_819_656, 64_096, 95_924, "a22d190b"),
    "keyword_spotting_pacman_v3": Tflm(20_038_800, 3_712_593, 64_096, 84_100, "0b103e7d"),
    "keyword_spotting_with_transfer_learning": Tflm(11_200_960, 3_443_406, 69_536, 114_692, "cb5cade5"),
    "rock_paper_scissors": Tflm(23_050_640, 5_980_562, 49_856, 136_784, "78039f7b"),
    "tflite_micro_magic_wand": Tflm(602_960, 241_437, 49_856, 5_184, "4a2df2d1"),
    "tflite_micro_speech": Tflm(2_306_640, 844_125, 44_192, 8_868, "a3a13a08"),
    "visual_wake_words": Tflm(25_605_600, 6_821_562, 58_528, 165_344, "2dbbc21f"),
    "alexa": Tflm(171_040, 53_906, 71_840, 18_340, "fd37d166"),
    "hey_jarvis": Tflm(161_720, 53_062, 71_840, 17_604, "6a52e6a0"),
    "hey_mycroft": Tflm(175_040, 57_406, 71_840, 19_636, "addf5f9d"),
    "okay_nabu": Tflm(254_440, 84_875, 73_568, 20_628, "d9129e00"),
}
