"""From a float32 flatbuffer and samples to an int8 flatbuffer, in the process that calls."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_quantizer import model_modifier, params_generator, qtyping, recipe, recipe_manager
from ai_edge_quantizer.algorithm_manager import AlgorithmName

from edgekit.quantize.flatbuffer import FLOAT32, name_of, read, write
from edgekit.quantize.leftovers import FloatOperator, float_operators, quantize_unread, read_integers
from edgekit.quantize.observe import observe
from edgekit.quantize.options import Interface
from edgekit.quantize.prepare import prepare
from edgekit.quantize.ranges import ranges
from edgekit.quantize.stand_ins import disguise, unmask

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from edgekit.quantize.options import Quantization

    Progress = Callable[[str, float | None], None]

_OBSERVING = 0.9  # the share of the time that is taken by running the float model


@dataclasses.dataclass(frozen=True)
class NotFinite:
    """The float model computed an infinity or NaN: where, and for which sample."""

    tensor: str
    sample: int


@dataclasses.dataclass(frozen=True)
class LeftInFloat:
    """Operators for which there is no integer form."""

    operators: tuple[FloatOperator, ...]


def to_int8(
    flatbuffer: bytes,
    inputs: Sequence[NDArray[np.float32]],
    options: Quantization,
    progress: Progress,
) -> bytes | NotFinite | LeftInFloat:
    """The int8 flatbuffer, or why there is none. `inputs` has one array an input, [samples, ...]."""
    model = read(flatbuffer)
    prepare(model)
    true_codes = disguise(model)
    tensors = model.subgraphs[0].tensors
    activations = _activations(model)

    def quantized(least: NDArray[np.float32], greatest: NDArray[np.float32]) -> Any:
        seen = {
            name_of(tensors[index]): {
                "min": _of_rank(tensors[index], low),
                "max": _of_rank(tensors[index], high),
            }
            for index, low, high in zip(activations, least, greatest, strict=True)
        }
        result = _quantize(model, seen, options.interface)
        unmask(result, true_codes)
        read_integers(result)
        quantize_unread(result)
        return result

    # Which operators stay in float does not depend on the ranges: ask before the samples are run.
    any_range = np.ones(len(activations), np.float32)
    if left := float_operators(quantized(-any_range, any_range)):
        return LeftInFloat(tuple(left))

    def tick(share: float) -> None:
        progress("running the float model on the samples", share * _OBSERVING)

    observed = observe(flatbuffer, activations, inputs, tick)
    if (bad := observed.first_not_finite()) is not None:
        sample, index = bad
        return NotFinite(name_of(tensors[index]), sample)
    progress("quantizing", _OBSERVING)
    return write(quantized(*ranges(observed, options.ranges)))


def _quantize(model: Any, seen: dict[str, dict[str, NDArray[np.float32]]], interface: Interface) -> Any:
    planner = params_generator.ParamsGenerator(model)
    plan = planner.generate_quantization_parameters(_recipe(interface), seen, enable_progress_bar=False)
    return read(bytes(model_modifier.ModelModifier(model).modify_model(plan, enable_progress_bar=False)))


def _recipe(interface: Interface) -> Any:
    """int8 activations and int8 weights per channel, for all operators and, if asked for, the edges."""
    manager = recipe_manager.RecipeManager()
    manager.load_quantization_recipe(recipe.static_wi8_ai8())
    if interface is Interface.FLOAT:
        for edge in (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT):
            manager.add_quantization_config(".*", edge, algorithm_key=AlgorithmName.NO_QUANTIZE)
    return manager


def _activations(model: Any) -> list[int]:
    """Float tensors of the main subgraph that are fed to it or computed in it, in the order of execution."""
    graph = model.subgraphs[0]
    written = [index for operator in graph.operators for index in operator.outputs]
    return [index for index in (*graph.inputs, *written) if graph.tensors[index].type == FLOAT32]


def _of_rank(tensor: Any, value: np.float32) -> NDArray[np.float32]:
    """One value as an array of as many axes as the tensor has."""
    return np.full((1,) * (0 if tensor.shape is None else len(tensor.shape)), value)
