"""The convolutions of networks that people deploy, as shapes: what a store needs to know of them.

Tables are those of the papers, in TensorFlow's form (SAME padding).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclasses.dataclass(frozen=True)
class Layer:
    """A convolution of an int8 plane [1, height, width, channels], SAME padding; `filters` 0 is depthwise.

    `clamps` is whether its output's lowest value is its zero point, as after ReLU and ReLU6.
    """

    height: int
    width: int
    channels: int
    filters: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    clamps: bool = True

    @property
    def out_size(self) -> tuple[int, int]:
        """Height and width of its output."""
        return -(-self.height // self.stride), -(-self.width // self.stride)


class _Net:
    """A plane on its way through a network."""

    def __init__(self, height: int, width: int, channels: int) -> None:
        self.height, self.width, self.channels = height, width, channels
        self.layers: list[Layer] = []

    def convolution(self, filters: int, kernel: int = 1, stride: int = 1, *, clamps: bool = True) -> _Net:
        return self.rectangular(filters, (kernel, kernel), stride, clamps=clamps)

    def rectangular(self, filters: int, kernel: tuple[int, int], stride: int, *, clamps: bool = True) -> _Net:
        self._add(Layer(self.height, self.width, self.channels, filters, kernel, stride, clamps))
        self.channels = filters
        return self

    def depthwise(self, kernel: int = 3, stride: int = 1, *, clamps: bool = True) -> _Net:
        self._add(Layer(self.height, self.width, self.channels, 0, (kernel, kernel), stride, clamps))
        return self

    def dense(self, features: int, *, clamps: bool = False) -> _Net:
        self.height = self.width = 1
        return self.convolution(features, clamps=clamps)

    def beside(self, layer: Layer) -> _Net:
        self.layers.append(layer)
        return self

    def pooled(self, stride: int) -> _Net:
        self.height, self.width = -(-self.height // stride), -(-self.width // stride)
        return self

    def _add(self, layer: Layer) -> None:
        self.layers.append(layer)
        self.height, self.width = layer.out_size


def _ds_cnn() -> _Net:
    """MLPerf Tiny's keyword spotting."""
    net = _Net(49, 10, 1).rectangular(64, (10, 4), 2)
    for _ in range(4):
        net.depthwise().convolution(64)
    return net.dense(12)


def _autoencoder() -> _Net:
    """MLPerf Tiny's anomaly detection."""
    net = _Net(1, 1, 640)
    for features in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        net.dense(features, clamps=True)
    return net.dense(640)


def _mobilenet_v1(width: float, side: int, classes: int) -> _Net:
    blocks = [
        (64, 1),
        (128, 2),
        (128, 1),
        (256, 2),
        (256, 1),
        (512, 2),
        *[(512, 1)] * 5,
        (1024, 2),
        (1024, 1),
    ]
    net = _Net(side, side, 3).convolution(round(32 * width), 3, 2)
    for channels, stride in blocks:
        net.depthwise(3, stride).convolution(round(channels * width))
    return net.dense(classes)


def _inverted_residual(
    net: _Net, expanded: int, channels: int, kernel: int, stride: int, *, clamps: bool, squeeze: int = 0
) -> None:
    """Expand, filter depthwise, squeeze, project. Without `clamps` a HARD_SWISH follows."""
    if expanded != net.channels:
        net.convolution(expanded, clamps=clamps)
    net.depthwise(kernel, stride, clamps=clamps)
    if squeeze:
        net.beside(Layer(1, 1, expanded, squeeze))
        net.beside(Layer(1, 1, squeeze, expanded, clamps=False))
    net.convolution(channels, clamps=False)


def _mobilenet_v2() -> _Net:
    net = _Net(224, 224, 3).convolution(32, 3, 2)
    blocks = [
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
        (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ]  # fmt: skip
    for expansion, channels, repeats, first_stride in blocks:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            _inverted_residual(net, expansion * net.channels, channels, 3, stride, clamps=True)
    return net.convolution(1280).dense(1000)


def _mobilenet_v3_large() -> _Net:
    """Howard et al., 2019, table 1: kernel, expanded, out, squeeze, is HARD_SWISH, stride."""
    net = _Net(224, 224, 3).convolution(16, 3, 2, clamps=False)
    blocks = [
        (3, 16, 16, 0, False, 1), (3, 64, 24, 0, False, 2), (3, 72, 24, 0, False, 1),
        (5, 72, 40, 24, False, 2), (5, 120, 40, 32, False, 1), (5, 120, 40, 32, False, 1),
        (3, 240, 80, 0, True, 2), (3, 200, 80, 0, True, 1), (3, 184, 80, 0, True, 1),
        (3, 184, 80, 0, True, 1), (3, 480, 112, 120, True, 1), (3, 672, 112, 168, True, 1),
        (5, 672, 160, 168, True, 2), (5, 960, 160, 240, True, 1), (5, 960, 160, 240, True, 1),
    ]  # fmt: skip
    for kernel, expanded, channels, squeeze, swish, stride in blocks:
        _inverted_residual(net, expanded, channels, kernel, stride, clamps=not swish, squeeze=squeeze)
    net.convolution(960, clamps=False).pooled(7).convolution(1280, clamps=False)
    return net.dense(1000)


def _mobilenet_v3_small() -> _Net:
    """Howard et al., 2019, table 2."""
    net = _Net(224, 224, 3).convolution(16, 3, 2, clamps=False)
    blocks = [
        (3, 16, 16, 8, False, 2), (3, 72, 24, 0, False, 2), (3, 88, 24, 0, False, 1),
        (5, 96, 40, 24, True, 2), (5, 240, 40, 64, True, 1), (5, 240, 40, 64, True, 1),
        (5, 120, 48, 32, True, 1), (5, 144, 48, 40, True, 1), (5, 288, 96, 72, True, 2),
        (5, 576, 96, 144, True, 1), (5, 576, 96, 144, True, 1),
    ]  # fmt: skip
    for kernel, expanded, channels, squeeze, swish, stride in blocks:
        _inverted_residual(net, expanded, channels, kernel, stride, clamps=not swish, squeeze=squeeze)
    net.convolution(576, clamps=False).pooled(7).convolution(1024, clamps=False)
    return net.dense(1000)


def _efficientnet_lite0() -> _Net:
    net = _Net(224, 224, 3).convolution(32, 3, 2)
    blocks = [
        (1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3),
        (6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3),
    ]  # fmt: skip
    for expansion, channels, repeats, first_stride, kernel in blocks:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            _inverted_residual(net, expansion * net.channels, channels, kernel, stride, clamps=True)
    return net.convolution(1280).dense(1000)


def _residual(net: _Net, blocks: list[tuple[int, int]]) -> _Net:
    for channels, stride in blocks:
        if stride != 1:
            net.beside(Layer(net.height, net.width, net.channels, channels, stride=stride, clamps=False))
        net.convolution(channels, 3, stride).convolution(channels, 3, clamps=False)
    return net


def _resnet8() -> _Net:
    """MLPerf Tiny's image classification."""
    return _residual(_Net(32, 32, 3).convolution(16, 3), [(16, 1), (32, 2), (64, 2)]).dense(10)


def _resnet18() -> _Net:
    blocks = [(64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1)]
    return _residual(_Net(224, 224, 3).convolution(64, 7, 2).pooled(2), blocks).dense(1000)


NETWORKS: dict[str, Callable[[], _Net]] = {
    "mlperf-tiny-kws": _ds_cnn,
    "mlperf-tiny-vww": lambda: _mobilenet_v1(0.25, 96, 2),
    "mlperf-tiny-ic": _resnet8,
    "mlperf-tiny-ad": _autoencoder,
    "mobilenet-v1": lambda: _mobilenet_v1(1.0, 224, 1000),
    "mobilenet-v2": _mobilenet_v2,
    "mobilenet-v3-large": _mobilenet_v3_large,
    "mobilenet-v3-small": _mobilenet_v3_small,
    "efficientnet-lite0": _efficientnet_lite0,
    "resnet-18": _resnet18,
}


def layers(names: list[str]) -> Iterator[Layer]:
    """The distinct layers of networks."""
    yield from dict.fromkeys(layer for name in names for layer in NETWORKS[name]().layers)
