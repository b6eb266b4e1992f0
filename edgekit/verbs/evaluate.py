"""Score models and builds on labelled data, and compare what they answer."""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from edgekit.deploy.errors import UnclearBuildError
from edgekit.devices.probe import probe
from edgekit.errors import WrongValueError
from edgekit.evaluate import (
    Evaluation,
    FloatSubject,
    OracleSubject,
    Scoring,
    Subject,
    assess,
    material,
    read_labels,
)
from edgekit.evaluate.errors import UnlikeModelsError
from edgekit.ingest import is_quantized, read_float, read_tflite
from edgekit.samples import Preprocessing, read_samples
from edgekit.verbs.builds import find_bundles
from edgekit.verbs.connect import connected, refuse_probe
from edgekit.verbs.evaluated_build import BuildSubject, Host, refuse_idle_hosts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from edgekit.artifacts import Bundle
    from edgekit.devices.choice import DeviceChoice

    Progress = Callable[[str, float | None], None]

_SAVED_MODEL = "saved_model.pb"  # what makes a folder a SavedModel
_DEFAULT_SCORING = Scoring()
_DEFAULT_PREPROCESSING = Preprocessing()


@dataclasses.dataclass(frozen=True)
class _Input:
    """An input of a model, as `read_samples` wants it: the first axis of its shape is the batch."""

    name: str
    shape: tuple[int, ...]


def evaluate(
    models: Sequence[Path | str] = (),
    *,
    data: Path | str,
    labels: Path | str | None = None,
    targets: Sequence[str] = (),
    devices: Sequence[DeviceChoice] = (),
    builds: Path | str = "build",
    preprocessing: Preprocessing = _DEFAULT_PREPROCESSING,
    signature: str | None = None,
    scoring: Scoring = _DEFAULT_SCORING,
    limit: int | None = None,
    limits: Mapping[str, int] = MappingProxyType({}),
    cost: bool = True,
    tolerance: float | None = None,
    plots: Path | str | None = None,
    progress: Progress = lambda _stage, _share: None,
) -> Evaluation:
    """Score models and builds on the same data, and set them beside the first of them.

    A float model answers by LiteRT, a quantized one by the reference interpreter, both on this machine; a
    build on the device that it is for. A latency that was measured and instructions that were counted under
    emulation are told apart, and never compared.

    Args:
        models: model files (or a SavedModel's folder), and bundles' folders or those of several; the first is
            what the others are held against. By default all builds in `builds`.
        data: samples, as `edgekit.samples.read_samples` takes them.
        labels: a .npy with one label a sample, in place of the data's: integers are classes, floats numbers.
        targets: after `models`, the builds in `builds` for these.
        devices: hosts, which share the samples of the builds that fit them; or the emulated board. By default
            a build runs on this machine if it can, else emulated.
        builds: root of the build folders.
        preprocessing: what is done to raw samples, unless a build says what was done to those that it was
            calibrated with: then that.
        signature: the one to take of a SavedModel that has several.
        scoring: how answers are understood: task, output, top-k, threshold.
        limit: so many samples, lying evenly among the data; by default all.
        limits: the same for one of the models, builds or targets, by its name.
        cost: measure what an invocation of each build costs, too.
        tolerance: the share of samples (0 to 1) that may be answered unlike the first does; that more are
            is an answer and no exception: see `Evaluation.passes`.
        plots: a folder for confusion matrices and ROC curves, as PNG and SVG.
        progress: called with each stage and the share done (0 to 1, or None).

    Returns:
        For each its scores (if there are labels), its agreement with the first, and its cost.

    Raises:
        WrongValueError: a value that cannot be used, or options that do not go together (exit code 2).
        SamplesError: the data cannot be read, or does not fit the model (2).
        LabelsDoNotFitError: the labels cannot be read, or do not fit the samples or the model (2).
        UnlikeModelsError, UnclearOutputError, StatefulModelError: these models cannot be evaluated so (2).
        NotFiniteError: a model answers NaN or infinity (7).
        UnreadableModelError, UnsupportedModelError, ConversionFailedError: a model file cannot be read (7).
        SignatureNotFoundError: a SavedModel has no such signature, or several and none is named (2).
        MissingExtraError: scikit-learn, matplotlib or what reads the model is not installed (8).
        OracleMissingError, LiteRtMissingError: what answers for a model file is not installed here (8).
        BundleUnreadableError, BundleVersionError, BundleAlteredError: a bundle cannot be used (2).
        BundleWrongDeviceError: no build is for a device that was named (5).
        DeviceError: a device cannot be reached, or the model does not run there (5).
        PlotsUnwritableError: the plots cannot be written (2).
    """
    _check_numbers(limit, limits, tolerance)
    with ExitStack() as stack:
        hosts = []
        for choice in devices:
            refuse_probe(choice)
            if choice.host is not None:
                device = stack.enter_context(connected(choice, progress=progress))
                hosts.append(Host(device, probe(device)))
        emulated = any(choice.emulated for choice in devices)
        subjects = _subjects(
            models,
            targets,
            Path(builds),
            lambda path, name: _model(path, name, signature),
            lambda bundle, name: BuildSubject(bundle, name, tuple(hosts), emulated, cost),
        )
        refuse_idle_hosts([each for each in subjects if isinstance(each, BuildSubject)], hosts)
        preprocessed = preprocessing_for(subjects, preprocessing)
        samples = read_samples(data, _tensors(subjects[0]), preprocessed, progress)
        given = read_labels(Path(labels)) if labels is not None else None
        return assess(
            subjects,
            material(samples, given, limit),
            scoring,
            limits=limits,
            tolerance=tolerance,
            plots=Path(plots) if plots is not None else None,
            progress=progress,
        )


def _check_numbers(limit: int | None, limits: Mapping[str, int], tolerance: float | None) -> None:
    for number in (limit, *limits.values()):
        if number is not None and number < 1:
            raise WrongValueError(
                f"{number} samples cannot be evaluated.",
                why="It takes at least one.",
                fix="Use --limit 1 or more, or leave it out for all samples.",
            )
    if tolerance is not None and not 0 <= tolerance <= 1:
        raise WrongValueError(
            f"A tolerance of {tolerance:g} cannot be held to.",
            why="It is a share of the samples, from 0 to 1.",
            fix="Write 0.01 for one sample in a hundred, or --tolerance 1%.",
        )


def _subjects(
    models: Sequence[Path | str],
    targets: Sequence[str],
    builds: Path,
    model_subject: Callable[[Path, str], Subject],
    build_subject: Callable[[Bundle, str], BuildSubject],
) -> list[Subject]:
    """What the names mean, in their order; each with a name of its own."""
    found: list[Path | Bundle] = []
    for model in map(Path, models):
        found += [model] if _is_model(model) else find_bundles(model, builds)
    for target in targets:
        found += _of_one_model(find_bundles(None, builds, target), builds)
    if not models and not targets:
        found += _of_one_model(find_bundles(None, builds), builds)
    return [
        model_subject(each, name) if isinstance(each, Path) else build_subject(each, name)
        for each, name in zip(found, _names(found), strict=True)
    ]


def _is_model(path: Path) -> bool:
    return not path.is_dir() or (path / _SAVED_MODEL).exists()


def _model(path: Path, name: str, signature: str | None) -> Subject:
    if is_quantized(path):
        return OracleSubject(read_tflite(path), name)
    return FloatSubject(read_float(path, signature=signature), name)


def preprocessing_for(subjects: Sequence[Subject], otherwise: Preprocessing) -> Preprocessing:
    """What was done to the samples that the builds were calibrated with; where none was, `otherwise`.

    Raises:
        UnlikeModelsError: they were not preprocessed alike.
    """
    known = {
        each.name: each.preprocessing
        for each in subjects
        if isinstance(each, BuildSubject) and each.preprocessing is not None
    }
    for name, found in known.items():
        if found != next(iter(known.values())):
            raise UnlikeModelsError(
                f"{next(iter(known))} and {name} cannot be given the same samples.",
                why="They were calibrated with raw samples that were not preprocessed alike.",
                fix="Build both with the same [preprocess] table, or evaluate one at a time.",
            )
    return next(iter(known.values()), otherwise)


def _of_one_model(bundles: Sequence[Bundle], builds: Path) -> Sequence[Bundle]:
    names = sorted({str(bundle.manifest["model"]["name"]) for bundle in bundles})
    if len(names) > 1:
        raise UnclearBuildError(
            f"Builds of several models are in {builds}.",
            why=f"They are of: {', '.join(names)}.",
            fix=f"Name the folder of one: {builds / names[0]}.",
        )
    return bundles


def _names(found: Sequence[Path | Bundle]) -> list[str]:
    """The shortest way to tell them apart: file names and targets, else models too, else paths."""
    ways: tuple[Callable[[Path | Bundle], str], ...] = (
        lambda each: each.name if isinstance(each, Path) else str(each.manifest["target"]["name"]),
        lambda each: (
            str(each) if isinstance(each, Path) else "{model[name]}/{target[name]}".format(**each.manifest)
        ),
    )
    for way in ways:
        names = [way(each) for each in found]
        if len(set(names)) == len(names):
            return names
    return [str(each if isinstance(each, Path) else each.path) for each in found]


def _tensors(subject: Subject) -> list[_Input]:
    # Of a tensor without batch, the whole is one sample.
    return [
        _Input(form.name, form.shape if form.shape[:1] == (1,) else (1, *form.shape))
        for form in subject.inputs
    ]
