"""Image networks with random weights: shapes that people deploy, made here since no package has them."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import network_maker
from benchmarks.network_maker import NetworkMaker
from edgekit.paths import cache_directory
from edgekit.testing import tflite_builder

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.network_maker import Value

_SEED = 2026


def network_path(name: str) -> Path:
    """The .tflite file of a network in `NETWORKS`, from the cache; made on first use, in some seconds."""
    sources = [Path(str(module.__file__)) for module in (network_maker, tflite_builder)] + [Path(__file__)]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    kept = cache_directory("bench-networks", digest, f"{name}.tflite")
    if not kept.exists():
        maker = NetworkMaker(_SEED)
        NETWORKS[name](maker)
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            fresh = Path(folder) / kept.name
            fresh.write_bytes(maker.build())
            fresh.replace(kept)
    return kept


def mobilenet_v1(maker: NetworkMaker, *, width: float, side: int, classes: int) -> Value:
    """MobileNet (Howard et al., 2017, table 1)."""
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
    x = maker.convolution(maker.image(side), round(32 * width), kernel=3, stride=2)
    for channels, stride in blocks:
        x = maker.depthwise(x, stride)
        x = maker.convolution(x, round(channels * width), kernel=1)
    return maker.softmax(maker.dense(maker.mean(x), classes))


def mobilenet_v2(maker: NetworkMaker) -> Value:
    """MobileNetV2 (Sandler et al., 2018, table 2), width 1.0, 224x224."""
    blocks = [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ]
    x = maker.convolution(maker.image(224), 32, kernel=3, stride=2)
    for expansion, channels, repeats, first_stride in blocks:
        for repeat in range(repeats):
            x = _inverted_residual(maker, x, expansion, channels, first_stride if repeat == 0 else 1)
    x = maker.convolution(x, 1280, kernel=1)
    return maker.softmax(maker.dense(maker.mean(x), 1000))


def _inverted_residual(maker: NetworkMaker, x: Value, expansion: int, channels: int, stride: int) -> Value:
    y = maker.convolution(x, expansion * x.channels, kernel=1) if expansion > 1 else x
    y = maker.convolution(maker.depthwise(y, stride), channels, kernel=1, activation="NONE")
    return maker.add(x, y) if stride == 1 and channels == x.channels else y


def resnet18(maker: NetworkMaker) -> Value:
    """ResNet-18 (He et al., 2015, table 1), 224x224."""
    x = maker.convolution(maker.image(224), 64, kernel=7, stride=2, activation="RELU")
    x = maker.max_pool(x, kernel=3, stride=2)
    for channels, first_stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        for stride in (first_stride, 1):
            y = maker.convolution(x, channels, kernel=3, stride=stride, activation="RELU")
            y = maker.convolution(y, channels, kernel=3, activation="NONE")
            if stride != 1:
                x = maker.convolution(x, channels, kernel=1, stride=stride, activation="NONE")
            x = maker.add(x, y, activation="RELU")
    return maker.softmax(maker.dense(maker.mean(x), 1000))


NETWORKS: dict[str, Callable[[NetworkMaker], Value]] = {
    "mobilenet_v1_0.25_96": lambda maker: mobilenet_v1(maker, width=0.25, side=96, classes=2),
    "mobilenet_v1_1.0_224": lambda maker: mobilenet_v1(maker, width=1.0, side=224, classes=1000),
    "mobilenet_v2_1.0_224": mobilenet_v2,
    "resnet18_224": resnet18,
}
