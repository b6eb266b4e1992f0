"""RELU, RELU6, LEAKY_RELU, HARD_SWISH, LOGISTIC and TANH: tables of the reference's 256 answers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from edgekit.compute import gemmlowp
from edgekit.compute.fixed_point import Multiplier, rounding_divide_by_power_of_two, scale_integers
from edgekit.compute.hard_swish import HardSwish
from edgekit.compute.lookup import inputs_of
from edgekit.lower.quantization import quantize_real
from edgekit.lower.rules import UNARY_INT8, Support, found
from edgekit.lower.tables import lower_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgekit.lower.kernel import Alias, Kernel
    from edgekit.lower.view import OperatorView

_INPUT_BITS = 4  # integer bits of what LOGISTIC and TANH are computed of
_LARGEST_SHIFT = 30  # by which the reference can shift left

# --------------------------------------------------------------------------------------- rules


def rescale_is_possible(view: OperatorView) -> str | None:
    """The input's scale must be less than 2^30 times the output's."""
    ratio = _ratio(view)
    return found(not ratio < 1 << _LARGEST_SHIFT, f"{view.input(0).scale} and {view.output.scale}")


def six_is_representable(view: OperatorView) -> str | None:
    """6 divided by the input's scale must fit 32 bits."""
    scale = view.input(0).scale
    return found(not 6 / scale < (1 << 31) - 256, f"scale {scale}")


def slope_is_usable(view: OperatorView) -> str | None:
    """alpha must be finite, and alpha times the input's scale less than 2^30 times the output's."""
    slope = abs(_ratio(view, view.option("alpha")))
    return found(
        not slope < 1 << _LARGEST_SHIFT, f"alpha {view.option('alpha')}, scale {view.input(0).scale}"
    )


def hard_swish_is_scalable(view: OperatorView) -> str | None:
    """The input's scale must be less than 128 times the output's, and less than 2^20."""
    data, out = view.input(0).scale, view.output.scale
    fits = data < 1 << 20 and HardSwish.of(data, 0, out, 0).output_exponent <= 0
    return found(not fits, f"{data} and {out}")


def output_is_of_a_logistic(view: OperatorView) -> str | None:
    """The output must have scale 1/256 and zero point -128."""
    out = view.output
    return found((out.scale, out.zero_point) != (1 / 256, -128), f"{out.scale} and {out.zero_point}")


def output_is_of_a_tanh(view: OperatorView) -> str | None:
    """The output must have scale 1/128 and zero point 0."""
    out = view.output
    return found((out.scale, out.zero_point) != (1 / 128, 0), f"{out.scale} and {out.zero_point}")


def input_scale_is_moderate(view: OperatorView) -> str | None:
    """The input's scale must be at least 2^-27 and less than 2^30."""
    scale = view.input(0).scale
    return found(not 2.0**-27 <= scale < 2.0**30, f"scale {scale}")


# ------------------------------------------------------------------------------------- lowerings


def lower_relu(view: OperatorView) -> Sequence[Kernel | Alias]:
    """max(x, 0), rescaled (`CalculateReluOpData` and `ReluQuantized` of activations.h)."""
    out = view.output
    scaled = scale_integers(_centered(view), Multiplier.of(_ratio(view))) + out.zero_point
    return _table(view, np.maximum(scaled, out.zero_point))


def lower_relu6(view: OperatorView) -> Sequence[Kernel | Alias]:
    """Stored integers clamped to 0 .. 6 in the input's scale, the output's ignored (`Relu6Quantized`)."""
    data = view.input(0)
    return _table(view, np.clip(inputs_of("int8"), data.zero_point, quantize_real(6.0, data)))


def lower_leaky_relu(view: OperatorView) -> Sequence[Kernel | Alias]:
    """x, or alpha * x below zero (`QuantizeLeakyRelu` of leaky_relu.h)."""
    centered, out = _centered(view), view.output
    slope = _ratio(view, view.option("alpha"))
    kept = scale_integers(centered, Multiplier.of(_ratio(view)))
    scaled = scale_integers(centered, Multiplier.of(abs(slope)))
    scaled = -scaled if slope < 0 else scaled
    return _table(view, np.where(centered >= 0, kept, scaled) + out.zero_point)


def lower_hard_swish(view: OperatorView) -> Sequence[Kernel | Alias]:
    """x * relu6(x + 3) / 6 in 16 bits (`HardSwishPrepare`, and `HardSwish` of hard_swish.h)."""
    data, out = view.input(0), view.output
    return _table(
        view, HardSwish.of(data.scale, data.zero_point, out.scale, out.zero_point)(inputs_of("int8"))
    )


def lower_logistic(view: OperatorView) -> Sequence[Kernel | Alias]:
    """1 / (1 + exp(-x)) (`Logistic` of integer_ops/logistic.h)."""
    scaled, radius = _q4(view)
    result = rounding_divide_by_power_of_two(gemmlowp.logistic(scaled, _INPUT_BITS), 23) - 128
    return _table(view, _saturated(view, result, radius))


def lower_tanh(view: OperatorView) -> Sequence[Kernel | Alias]:
    """tanh(x) (`Tanh` of integer_ops/tanh.h)."""
    scaled, radius = _q4(view)
    result = rounding_divide_by_power_of_two(gemmlowp.tanh(scaled, _INPUT_BITS), 24)
    return _table(view, _saturated(view, result, radius))


def _q4(view: OperatorView) -> tuple[NDArray[np.int64], int]:
    """All inputs in Q4, zero from the radius on, and the radius: the distance that Q4 cannot hold."""
    factor = Multiplier.of(view.input(0).scale * (1 << (31 - _INPUT_BITS)))
    radius = math.floor(((1 << _INPUT_BITS) - 1) * 2.0 ** (31 - _INPUT_BITS - factor.shift))
    centered = _centered(view)
    return scale_integers(np.where(np.abs(centered) < radius, centered, 0), factor), radius


def _saturated(view: OperatorView, result: NDArray[np.int64], radius: int) -> NDArray[np.int64]:
    centered = _centered(view)
    # The lower bound first: with a radius of 0, zero is below it.
    return np.where(centered <= -radius, -128, np.where(centered >= radius, 127, result))


def _table(view: OperatorView, values: NDArray[np.int64]) -> Sequence[Kernel | Alias]:
    return lower_table(view, np.clip(values, -128, 127).astype(np.int8))


def _centered(view: OperatorView) -> NDArray[np.int64]:
    """All inputs less the zero point."""
    return inputs_of("int8") - view.input(0).zero_point


def _ratio(view: OperatorView, alpha: float = 1.0) -> float:
    """alpha * input scale / output scale, in double.

    TFLite Micro had them in float32 until 2026; the interpreter that is the oracle has them in double.
    """
    return view.input(0).scale * alpha / view.output.scale


OPERATORS = {
    "RELU": Support((*UNARY_INT8, rescale_is_possible), lower_relu),
    "RELU6": Support((*UNARY_INT8, six_is_representable), lower_relu6),
    "LEAKY_RELU": Support((*UNARY_INT8, rescale_is_possible, slope_is_usable), lower_leaky_relu),
    "HARD_SWISH": Support((*UNARY_INT8, hard_swish_is_scalable), lower_hard_swish),
    "LOGISTIC": Support((*UNARY_INT8, input_scale_is_moderate, output_is_of_a_logistic), lower_logistic),
    "TANH": Support((*UNARY_INT8, input_scale_is_moderate, output_is_of_a_tanh), lower_tanh),
}
