"""BATCH_MATMUL against the reference."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.lower.operators import matmul
from edgekit.lower.rules import input_is_int8
from edgekit.testing.tflite_builder import ModelBuilder, spec
from tests.unit.operators.harness import assert_matches_oracle, assert_refused, every_int8

Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Product:
    """A product of matrices. `left` and `right` are shapes before adjoining, as the maths has them."""

    left: Shape = (2, 3, 4)
    right: Shape = (2, 4, 5)
    adj_x: bool = False
    adj_y: bool = False
    scales: tuple[float, float, float] = (0.02, 0.03, 0.1)
    zero_points: tuple[int, int, int] = (5, -7, 1)
    constant: str = ""  # "left" or "right"
    dtype: str = "int8"
    output: Shape | None = None

    def output_shape(self) -> Shape:
        """The shape of the output."""
        batch = np.broadcast_shapes(self.left[:-2], self.right[:-2])
        return self.output or (*batch, self.left[-2], self.right[-1])

    def add_to(self, model: ModelBuilder) -> None:
        """Add the operator, with inputs of its own."""
        factors = [
            self._factor(model, name, _turn(shape) if adjoined else shape, number)
            for number, (name, shape, adjoined) in enumerate(
                (("left", self.left, self.adj_x), ("right", self.right, self.adj_y))
            )
        ]
        output = spec(self.output_shape(), self.dtype, self.scales[2], self.zero_points[2])
        model.op("BATCH_MATMUL", factors, output, adj_x=self.adj_x, adj_y=self.adj_y)

    def _factor(self, model: ModelBuilder, name: str, shape: Shape, number: int) -> int:
        quantization = (self.scales[number], self.zero_points[number])
        if self.constant == name:
            values = np.random.default_rng(number).integers(-128, 128, shape).astype(np.int8)
            return model.constant(values, *quantization)
        return model.input(shape, self.dtype, *quantization)

    def build(self) -> bytes:
        """A model of this operator."""
        model = ModelBuilder()
        self.add_to(model)
        return model.build()


def _turn(shape: Shape) -> Shape:
    return (*shape[:-2], shape[-1], shape[-2])


def assert_products_match(*cases: Product) -> None:
    """Compare products side by side in one model: output i is that of case i."""
    model = ModelBuilder()
    for case in cases:
        case.add_to(model)
    assert_matches_oracle(model.build())


_BROADCASTS: tuple[tuple[Shape, Shape], ...] = (
    ((3, 4), (4, 5)),
    ((2, 3, 4), (2, 4, 16)),
    ((2, 3, 4), (4, 5)),
    ((3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (1, 3, 4, 5)),
    ((2, 1, 3, 3, 4), (1, 3, 1, 4, 8)),
    ((1, 1, 1), (1, 1, 1)),
)


@pytest.mark.parametrize("constant", ["", "left", "right"])
def test_every_broadcast(constant: str) -> None:
    assert_products_match(*(Product(left=a, right=b, constant=constant) for a, b in _BROADCASTS))


@pytest.mark.parametrize("constant", ["", "left", "right"])
def test_every_adjoint(constant: str) -> None:
    cases = (
        Product(adj_x=adj_x, adj_y=adj_y, constant=constant, right=(batch, 4, 5))
        for adj_x in (False, True)
        for adj_y in (False, True)
        for batch in (1, 2)
    )
    assert_products_match(*cases)


@pytest.mark.parametrize("adj_y", [False, True])
def test_one_symmetric_constant_matrix_is_a_dense_layer(adj_y: bool) -> None:
    layer = Product(constant="right", zero_points=(5, 0, 1), adj_y=adj_y)
    assert_products_match(
        dataclasses.replace(layer, right=(4, 5)),
        dataclasses.replace(layer, right=(1, 4, 20)),
        dataclasses.replace(layer, right=(1, 1, 1, 4, 3), left=(2, 3, 4)),
    )


def test_zero_points_at_both_ends() -> None:
    ends = ((-128, -128, 127), (127, 127, -128), (-128, 127, 0), (127, -128, 0))
    assert_products_match(*(Product(zero_points=zero_points) for zero_points in ends))


def test_scales_from_nothing_to_left_shifts() -> None:
    outputs = (1e12, 2.0**31, 2.0**20, 2.0, 1.0, 0.3, 2.0**-20, 2.0**-29)
    assert_products_match(*(Product(scales=(1.0, 1.0, scale)) for scale in outputs))


def test_long_sums() -> None:
    assert_products_match(
        Product(left=(1, 3000), right=(3000, 1), zero_points=(-128, -128, 0), scales=(1.0, 1.0, 2.0**19)),
        Product(left=(1, 300), right=(300, 16), scales=(0.01, 0.01, 0.5)),
    )


@st.composite
def any_product(draw: st.DrawFn) -> Product:
    """Any small product."""
    rows, depth, columns = (draw(st.integers(1, 20)) for _ in range(3))
    batch = draw(st.lists(st.integers(1, 3), max_size=3))
    thinned = [draw(st.sampled_from([1, size])) for size in batch]
    cut = draw(st.integers(0, len(batch)))
    zero_point, scale = st.integers(-128, 127), st.floats(0.001, 1.0)
    return Product(
        left=(*batch, rows, depth),
        right=(*thinned[cut:], depth, columns),
        adj_x=draw(st.booleans()),
        adj_y=draw(st.booleans()),
        constant=draw(st.sampled_from(["", "left", "right"])),
        scales=(draw(scale), draw(scale), draw(scale)),
        zero_points=(draw(zero_point), draw(st.sampled_from([0, 0, -128, 11])), draw(zero_point)),
    )


@settings(max_examples=10, deadline=None, derandomize=True)
@given(any_product())
def test_any_product(case: Product) -> None:
    assert_matches_oracle(case.build())


@pytest.mark.full
@settings(max_examples=300, deadline=None)
@given(any_product())
def test_many_products(case: Product) -> None:
    assert_matches_oracle(case.build())


# --------------------------------------------------------------------------------- refusals


def test_other_types_are_refused() -> None:
    assert_refused(Product(dtype="int16", zero_points=(0, 0, 0)).build(), input_is_int8)
    model = ModelBuilder()
    factors = [model.input((2, 3), scale=0.1), model.input((3, 2), "int16", 0.1)]
    model.op("BATCH_MATMUL", factors, spec((2, 2), scale=0.1), adj_x=False, adj_y=False)
    assert_refused(model.build(), matmul.both_factors_are_int8)


def test_matrices_that_do_not_fit_are_refused() -> None:
    for left, right in (((3, 4), (5, 6)), ((2, 3, 4), (3, 4, 5)), ((4,), (4, 5))):
        model = ModelBuilder()
        factors = [model.input(left, scale=0.1), model.input(right, scale=0.1)]
        model.op("BATCH_MATMUL", factors, spec((3, 5), scale=0.1), adj_x=False, adj_y=False)
        assert_refused(model.build(), matmul.matrices_fit)


def test_an_output_of_another_shape_is_refused() -> None:
    assert_refused(Product(output=(2, 5, 3)).build(), matmul.product_shape_follows)


def test_enormous_factors_are_refused() -> None:
    for scales in ((1.0, 1.0, 1e-12), (1e30, 1e30, 1e30)):
        assert_refused(Product(scales=scales).build(), matmul.scales_are_in_proportion)


@pytest.mark.parametrize("is_constant", [False, True])
def test_the_product_of_the_factors_scales_is_not_rounded_to_float32(is_constant: bool) -> None:
    # Where float32 has few bits left, the rounding would show in every second output.
    model = ModelBuilder()
    x = model.input((256, 1), scale=1e-38)
    one = np.array([[99]], np.int8)
    y = model.constant(one, scale=2.0**-18) if is_constant else model.input((1, 1), scale=2.0**-18)
    model.op("BATCH_MATMUL", [x, y], spec((256, 1), scale=4.26e-42), adj_x=False, adj_y=False)
    frame = (every_int8((256, 1)),) if is_constant else (every_int8((256, 1)), one)
    assert_matches_oracle(model.build(), [frame])
