"""What EdgeKit's integer engine refuses whatever the operator: types, floats, shapes, exotic storage.

Each rule yields one `Finding` for every violation, so that a build can stop at the first
and `inspect` can list them all. Rules that depend on one operator's arithmetic belong to `lower`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.artifacts import DType
from edgekit.ingest.costs import activation_peak_bytes, tensor_bytes
from edgekit.ingest.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from edgekit.ingest.parsed import ParsedModel, ParsedOperator, ParsedSubgraph, ParsedTensor

    Rule = Callable[[str, ParsedSubgraph], Iterator[Finding]]

MAX_TENSOR_BYTES = 256 << 20
MAX_AXES = 6
MAX_PEAK_BYTES = 1 << 30

_QUANTIZE_FULLY = (
    "Quantize the model to full integer: `edgekit quantize` does it with the float model and samples, "
    "or in TensorFlow converter.representative_dataset with "
    "converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]."
)
_CONTROL_FLOW = frozenset({"IF", "WHILE", "CALL", "STABLEHLO_WHILE", "STABLEHLO_CASE"})
# Operators that only move values: floats may pass through them at the edges of an integer model.
_MOVES = frozenset(
    {
        "CONCATENATION", "EXPAND_DIMS", "GATHER", "PACK", "PAD", "RESHAPE", "SHAPE", "SLICE", "SPLIT",
        "SPLIT_V", "SQUEEZE", "STRIDED_SLICE", "TRANSPOSE", "UNPACK",
    }
)  # fmt: skip
_FLOAT_EDGES = frozenset({"QUANTIZE", "DEQUANTIZE"}) | _MOVES
_STATE_OPERATORS = frozenset({"VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"})
# Operators whose integers need no scale.
_SCALELESS = _MOVES | _STATE_OPERATORS | {"ARG_MAX"}
_SVDF_STATE = 4  # the position of SVDF's state among its inputs

_REFUSED_TYPES: Mapping[str, tuple[str, str]] = {
    "FLOAT16": (
        "The weights are stored as 16-bit floats, and the network computes in float.",
        f"Do not set supported_types = [tf.float16]. {_QUANTIZE_FULLY}",
    ),
    "BFLOAT16": ("It holds 16-bit floats; EdgeKit's engine computes in integers.", _QUANTIZE_FULLY),
    "STRING": (
        "Text cannot be processed on the device by a network.",
        "Move the text processing out of the model, and give it numbers.",
    ),
    "INT4": (
        "Weights of four bits are not supported.",
        "Quantize the weights to 8 bits: leave out the 4-bit option of the quantizer's recipe.",
    ),
}
_OTHER_TYPE = (
    "EdgeKit computes with int8 and uint8, with int16, int32, int64, bool and float32 at the edges.",
    "Cast it to one of those before exporting the model, or leave that part out of the model.",
)


def find_unsupported(model: ParsedModel) -> Iterator[Finding]:
    """Every reason, the most telling first, why no operator of `model` can be built as it is."""
    if "COMPRESSION_METADATA" in model.metadata:
        yield Finding(
            model.name,
            None,
            "Its constants are compressed for TFLite Micro.",
            "Use the model from before compression.",
        )
    for rule in RULES:
        for graph in model.subgraphs if rule in _RULES_OF_ALL_SUBGRAPHS else (model.main,):
            yield from rule(model.place(graph), graph)


def operators_are_builtin(place: str, graph: ParsedSubgraph) -> Iterator[Finding]:
    """Custom operators have no published meaning; control flow has no fixed cost."""
    for operator in graph.operators:
        if operator.kind == "CUSTOM":
            flex = operator.custom_name.startswith("Flex")
            yield Finding(
                place,
                operator,
                "It is a TensorFlow operator carried along as a custom one."
                if flex
                else "It is a custom operator, whose meaning only its author's code knows.",
                "Convert the model without SELECT_TF_OPS, with layers that TFLite has built in."
                if flex
                else "Replace it by builtin operators, or cut the model before it and do that step yourself.",
            )
        elif operator.kind in _CONTROL_FLOW:
            yield Finding(
                place,
                operator,
                "It branches or loops at run time; EdgeKit plans time and memory when it builds.",
                "Unroll the loop or fix the branch before exporting (for a Keras RNN: unroll=True).",
            )


def weights_match_activations(place: str, graph: ParsedSubgraph) -> Iterator[Finding]:
    """Float arithmetic is refused, with the kind of quantization that the model has instead."""
    for operator in graph.operators:
        if operator.kind == "CUSTOM" or operator.kind in _CONTROL_FLOW:
            continue
        inputs = [graph.tensors[index] for index in operator.inputs if index is not None]
        outputs = [graph.tensors[index] for index in operator.outputs]
        if operator.kind == "DEQUANTIZE" and inputs and inputs[0].data is not None:
            yield _dequantized_weights(place, operator, inputs[0])
        elif operator.kind not in _FLOAT_EDGES and any(t.dtype == "FLOAT32" for t in (*inputs, *outputs)):
            yield _float_operator(place, operator, inputs)


def _dequantized_weights(place: str, operator: ParsedOperator, weights: ParsedTensor) -> Finding:
    return Finding(
        place,
        operator,
        f"It unpacks the {weights.dtype.lower()} weights {weights} to compute in float: "
        "the model is compressed, not quantized.",
        _QUANTIZE_FULLY,
    )


def _float_operator(place: str, operator: ParsedOperator, inputs: list[ParsedTensor]) -> Finding:
    weights = next((t for t in inputs if t.data is not None and t.dtype in ("INT8", "UINT8", "INT4")), None)
    floats = next((t for t in inputs if t.dtype == "FLOAT32"), None)
    if weights is not None and floats is not None:
        why = (
            f"It is hybrid (dynamic-range quantized): {weights} is {weights.dtype.lower()}, "
            f"and {floats} is float32."
        )
    else:
        why = "It computes in float32" + (f" on {floats}." if floats is not None else ".")
    return Finding(place, operator, why, _QUANTIZE_FULLY)


def types_are_known(place: str, graph: ParsedSubgraph) -> Iterator[Finding]:
    """Element types that EdgeKit has no arithmetic for are refused."""
    known = {dtype.name for dtype in DType}
    for tensor in graph.tensors:
        if tensor.dtype not in known:
            why, fix = _REFUSED_TYPES.get(tensor.dtype, _OTHER_TYPE)
            yield Finding(place, tensor, why, fix, detail=f" of type {tensor.dtype.lower()}")


def constants_are_plain(place: str, graph: ParsedSubgraph) -> Iterator[Finding]:
    """Sparse tensors, data outside the flatbuffer and custom quantization schemes are refused."""
    for tensor in graph.tensors:
        if tensor.is_sparse:
            yield Finding(
                place,
                tensor,
                "It is stored as a sparse tensor.",
                "Convert the pruned model without EXPERIMENTAL_SPARSITY: the zeros may stay.",
            )
        if tensor.is_outside:
            yield Finding(
                place,
                tensor,
                "Its values are stored behind the flatbuffer, as is done for models of over 2 GB.",
                "Export a smaller model, with its constants inside the flatbuffer.",
            )
        if tensor.quantization is not None and tensor.quantization.has_details:
            yield Finding(
                place,
                tensor,
                "It has a custom or blockwise quantization scheme.",
                "Quantize the model with a scale and a zero point per tensor or per channel.",
            )


def shapes_are_fixed(place: str, graph: ParsedSubgraph) -> Iterator[Finding]:
    """Sizes must be known, apart from the batch, for which the shape's own value is taken."""
    for tensor in graph.tensors:
        if -1 in tensor.signature[1:] or any(size < 0 for size in tensor.shape):
            shown = list(tensor.signature or tensor.shape)
            yield Finding(
                place,
                tensor,
                "A size that is only known at run time (-1) leaves time and memory unknown.",
                "Export the model with fixed sizes: Input(shape=..., batch_size=1) in Keras, or "
                "tf.function's input_signature without None.",
                detail=f" of shape {shown}",
            )
        elif 0 in tensor.shape:
            yield Finding(
                place,
                tensor,
                "It holds no element.",
                "Remove the layer that makes an empty tensor.",
                detail=f" of shape {list(tensor.shape)}",
            )
        elif len(tensor.shape) > MAX_AXES or tensor_bytes(tensor) > MAX_TENSOR_BYTES:
            yield Finding(
                place,
                tensor,
                f"EdgeKit takes tensors of at most {MAX_AXES} axes and {MAX_TENSOR_BYTES >> 20} MiB.",
                "Make the input smaller, or split the layer.",
                detail=f" of shape {list(tensor.shape)}",
            )


def activations_have_one_scale(place: str, graph: ParsedSubgraph) -> Iterator[Finding]:
    """Only constants may be quantized per channel."""
    for tensor in graph.tensors:
        if tensor.data is None and tensor.quantization is not None and len(tensor.quantization.scales) > 1:
            yield Finding(
                place,
                tensor,
                "It is computed at run time and has a scale per channel; only weights may.",
                "Quantize the activations per tensor.",
            )


def activations_fit(place: str, graph: ParsedSubgraph) -> Iterator[Finding]:
    """What must be in memory at once has a limit, far beyond any board that EdgeKit knows."""
    peak = activation_peak_bytes(graph)
    if peak > MAX_PEAK_BYTES:
        yield Finding(
            place,
            None,
            f"Its inputs, outputs and activations need {peak >> 20:,} MiB at once; "
            f"EdgeKit takes at most {MAX_PEAK_BYTES >> 20:,}.",
            "Make the input smaller, or split the network.",
        )


def integers_have_a_scale(place: str, graph: ParsedSubgraph) -> Iterator[Finding]:
    """Arithmetic on small integers needs to know what they stand for."""
    for operator in graph.operators:
        if operator.kind in _SCALELESS or operator.kind == "CUSTOM":
            continue
        for index in (*operator.inputs, *operator.outputs):
            tensor = None if index is None else graph.tensors[index]
            if tensor is None or tensor.dtype not in ("INT8", "UINT8", "INT16"):
                continue
            if tensor.quantization is None or not tensor.quantization.scales:
                yield Finding(
                    place,
                    operator,
                    f"Its {tensor} is {tensor.dtype.lower()} and has no scale.",
                    "Export the model with the quantization parameters of all its tensors.",
                )


def handles_stay_handles(place: str, graph: ParsedSubgraph) -> Iterator[Finding]:
    """A variable's handle goes from VAR_HANDLE to the operators that read and assign it, nowhere else."""
    for operator in graph.operators:
        handles = {index for index in operator.inputs[:1] if index is not None}
        if operator.kind == "VAR_HANDLE":
            handles = set(operator.outputs)
        elif operator.kind not in _STATE_OPERATORS:
            handles = set()
        for index in (*operator.inputs, *operator.outputs):
            if index is not None and (graph.tensors[index].dtype == "RESOURCE") != (index in handles):
                yield Finding(
                    place,
                    operator,
                    f"Its {graph.tensors[index]} is a variable's handle out of place."
                    if graph.tensors[index].dtype == "RESOURCE"
                    else f"Its {graph.tensors[index]} is not a variable's handle.",
                    "Export the model with its variables used where they are made.",
                )
    for index in (*graph.inputs, *graph.outputs):
        if graph.tensors[index].dtype == "RESOURCE":
            yield Finding(
                place,
                graph.tensors[index],
                "A variable's handle cannot enter or leave the network.",
                "Keep the state inside the model, or make it a plain input and output.",
            )


def variable_tensors_are_states(place: str, graph: ParsedSubgraph) -> Iterator[Finding]:
    """A variable tensor is the state of one SVDF; other state is kept in resource variables."""
    owners: dict[int, ParsedOperator] = {}
    for operator in graph.operators:
        for position, index in enumerate((*operator.inputs, *operator.outputs)):
            if index is None or not graph.tensors[index].is_variable:
                continue
            is_state = operator.kind == "SVDF" and position == _SVDF_STATE
            if not is_state or index in owners or graph.tensors[index].data is not None:
                yield Finding(
                    place,
                    operator,
                    f"Its {graph.tensors[index]} is a variable tensor, "
                    "which only one SVDF may have, for its state.",
                    "Keep the state in tf.Variable (resource variables), and export the model again.",
                )
            owners[index] = operator


def edges_are_computed(place: str, graph: ParsedSubgraph) -> Iterator[Finding]:
    """A network has inputs and outputs, and computes each of its outputs."""
    if not graph.inputs:
        yield Finding(
            place,
            None,
            "It has no input: there is nothing to feed it, and so nothing that would prove its answers.",
            "Export it with its inputs.",
        )
    if not graph.outputs:
        yield Finding(
            place, None, "It has no output: there is nothing to compute.", "Export it with its outputs."
        )
    for index in graph.outputs:
        tensor = graph.tensors[index]
        if index in graph.inputs:
            kind = "an input"
        elif tensor.data is not None:
            kind = "a constant"
        elif tensor.is_variable:
            kind = "a state"
        else:
            continue
        yield Finding(
            place,
            tensor,
            f"It is an output and {kind} at once: nothing computes it.",
            "Leave that output out of the model.",
        )


# In the order in which they tell a user most about the model.
RULES: tuple[Rule, ...] = (
    operators_are_builtin,
    weights_match_activations,
    types_are_known,
    constants_are_plain,
    shapes_are_fixed,
    activations_fit,
    activations_have_one_scale,
    integers_have_a_scale,
    handles_stay_handles,
    variable_tensors_are_states,
    edges_are_computed,
)
# Subgraphs that initialise variables hold constants, and must be readable too.
_RULES_OF_ALL_SUBGRAPHS = (types_are_known, constants_are_plain)
