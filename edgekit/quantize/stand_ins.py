"""Operators that ai-edge-quantizer leaves in float although their integer form is known.

It plans a quantization by what an operator asks of the scales around it, so that another operator, which asks
the same, can stand in for one that it does not know. It runs none of them: ranges are noted before,
with the model as it is. Afterwards each operator gets its own code back; its options were never touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgekit.quantize.flatbuffer import CODES, KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

_SAME_SCALE = "RESHAPE"  # one tensor goes in, and what comes out has its scale
_STAND_INS: Mapping[str, str] = {
    "EXPAND_DIMS": _SAME_SCALE,
    "SQUEEZE": _SAME_SCALE,
    "RELU6": _SAME_SCALE,  # its integer kernels clamp, and scale nothing
    "REDUCE_MAX": "REDUCE_MIN",
    "MINIMUM": "MAXIMUM",
    "SPLIT_V": "UNPACK",  # one tensor goes in, several with its scale come out
    "LEAKY_RELU": "HARD_SWISH",  # any scale goes in, any comes out
    "PRELU": "MUL",  # as LEAKY_RELU; a constant is the second factor
    "L2_NORMALIZATION": "TANH",  # what comes out has scale 1/128 and zero point 0
}


def disguise(model: Any) -> dict[int, int]:
    """Put the stand-ins' codes in place, and return the true ones by their position in the list of codes."""
    true_codes = {}
    for position, code in enumerate(model.operatorCodes):
        stand_in = _STAND_INS.get(KINDS.get(code.builtinCode, ""))
        if stand_in is not None:
            true_codes[position] = code.builtinCode
            code.builtinCode = CODES[stand_in]
    return true_codes


def unmask(model: Any, true_codes: Mapping[int, int]) -> None:
    """Give the operators their own codes back. The quantizer adds codes behind those that there were."""
    for position, code in true_codes.items():
        model.operatorCodes[position].builtinCode = code
