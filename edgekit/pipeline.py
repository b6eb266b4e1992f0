"""The stages in the order data flows; read this first."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from edgekit.artifacts import QuantizedModel
from edgekit.codegen import generate, resolve_host_cpu
from edgekit.codegen.firmware import compile_firmware, describe_firmware, write_firmware
from edgekit.dump import Dump
from edgekit.errors import CalibrationMissingError, WrongValueError
from edgekit.ingest import is_quantized, macs, read_float, read_tflite
from edgekit.lower import lower
from edgekit.lower.patches import in_bands
from edgekit.package import package_bundle, package_litert
from edgekit.package.budgets import check_budgets, check_litert_budgets
from edgekit.package.firmware import package_firmware
from edgekit.package.firmware.budgets import check_code_fits, check_fits, check_instructions, ram_limit
from edgekit.profile.count_firmware import count_firmware
from edgekit.project import Budgets
from edgekit.quantize import Quantization, quantize
from edgekit.samples import Preprocessing, lint, read_samples, require_usable
from edgekit.schedule import schedule
from edgekit.search.lookup import StoreLookup
from edgekit.search.thrift import LAVISH, THRIFTY, Attempt, attempt_until_it_fits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgekit.artifacts import Bundle, Code
    from edgekit.search.thrift import Thrift
    from edgekit.store import Records
    from edgekit.target import Target

    Progress = Callable[[str, float | None], None]


_NO_BUDGETS = Budgets()
_AS_IT_IS, _DEFAULT_CHOICES = Preprocessing(), Quantization()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Calibration:
    """What a float model is quantized with."""

    samples: Path | str  # as `read_samples` takes them: a file, a folder, "module:function"
    preprocessing: Preprocessing = _AS_IT_IS
    choices: Quantization = _DEFAULT_CHOICES
    signature: str | None = None  # the one to build, of a SavedModel that has several


def quantize_model(
    path: Path,
    calibration: Calibration,
    *,
    name: str | None = None,
    dump: Path | None = None,
    progress: Progress = lambda _stage, _share: None,
) -> QuantizedModel:
    """From a trained float model and samples to a full-integer model, which the chains below take."""
    show = Dump(dump / "quantize" if dump is not None else None)
    progress("reading the float model", None)
    if is_quantized(path):
        raise WrongValueError(
            f"{path.name} is not quantized again.",
            why="Its tensors have scales already, and calibration chooses those.",
            fix="Leave the samples out (--calibration), or give the float model that it was made of.",
        )
    model = show("float", read_float(path, name=name, signature=calibration.signature))
    progress("reading the samples", None)
    preprocessing = calibration.preprocessing
    samples = show("samples", read_samples(calibration.samples, model.inputs, preprocessing, progress))
    findings = show("lint", lint(samples, preprocessing, model.inputs, model.outputs))
    require_usable(findings)
    made = show("quantize", quantize(model, samples, calibration.choices, progress))
    record = dataclasses.replace(
        made.record,
        preprocessing=preprocessing.table(),
        findings=tuple(
            {"fault": each.fault.value, "what": each.what, "why": each.why, "fix": each.fix}
            for each in findings
        ),
    )
    return dataclasses.replace(read_tflite(made.flatbuffer, name=model.name), quantization=record)


def read_model(model: Path | QuantizedModel, *, name: str | None = None) -> QuantizedModel:
    """A full-integer model: one that was read or made before, under another name if one is given, or a file.

    Raises:
        CalibrationMissingError: it is a float model, which `quantize_model` makes integers of.
        UnreadableModelError, UnsupportedModelError: as `read_tflite`.
    """
    if isinstance(model, QuantizedModel):
        return model if name is None else dataclasses.replace(model, name=name)
    if not is_quantized(model):
        raise CalibrationMissingError(
            f"{model.name} computes in float32, and no samples were given to quantize it with.",
            why="A device gets integers alone, and their ranges come of what the model computes on samples.",
            fix="Give a hundred or more samples like those that it was trained with: --calibration WHERE.",
        )
    return read_tflite(model, name=name)


def compile_model(
    source: Path | QuantizedModel,
    target: Target,
    directory: Path,
    *,
    name: str | None = None,
    budgets: Budgets = _NO_BUDGETS,
    records: Sequence[Records] = (),
    dump: Path | None = None,
    progress: Progress = lambda _stage, _share: None,
) -> Bundle:
    """From a full-integer model to a complete bundle in `directory` / <model> / <target>.

    `records` of tuning choose the schedules, the earlier ones first among equals. With `dump`, the value
    after every stage is written there.
    """
    show = Dump(dump)
    progress("reading the model", 0.0)
    model = show("ingest", read_model(source, name=name))
    progress("lowering to integer kernels", 0.05)
    lowered = show("lower", lower(model))
    progress("scheduling", 0.2)
    resolved = resolve_host_cpu(target)
    tuned = show("schedule", schedule(lowered, resolved, StoreLookup(records, resolved)))
    progress("generating code", 0.4)
    code = show("codegen", generate(model, tuned))
    check_budgets(code, budgets)
    progress("asking the oracle and packaging", 0.8)
    folder = directory / model.name / target.name
    bundle = show("package", package_bundle(model, code, target, directory=folder))
    progress("done", 1.0)
    return bundle


def make_firmware(
    source: Path | QuantizedModel,
    target: Target,
    directory: Path,
    *,
    name: str | None = None,
    budgets: Budgets = _NO_BUDGETS,
    thrift: Thrift = LAVISH,
    records: Sequence[Records] = (),
    dump: Path | None = None,
    progress: Progress = lambda _stage, _share: None,
) -> Bundle:
    """From a full-integer model to a package of C sources for a microcontroller, in the same place.

    `thrift` says what may be done to the model for the sake of memory.
    """

    attempt = planning(target, records)
    show = Dump(dump)
    progress("reading the model", 0.0)
    file = show("ingest", read_model(source, name=name))
    progress("lowering, scheduling and planning memory", 0.05)
    limit = ram_limit(target, budgets)
    made = attempt_until_it_fits(file, thrift, limit, attempt)
    show("lower", made.lowered)
    show("schedule", made.tuned)
    model = made.model

    def others(form: QuantizedModel, bands: bool) -> Attempt:
        return made if form is file and not bands else attempt(form, bands)

    least = None
    if limit is not None and made.ram_bytes > limit and thrift == LAVISH:
        least = attempt_until_it_fits(file, THRIFTY, limit, others).ram_bytes
    check_fits(model, made.firmware.needs, target, budgets, with_patches_bytes=least)
    progress("writing C and compiling it", 0.5)
    sources = show("sources", write_firmware(made.firmware))
    code = show("codegen", compile_firmware(sources, target))
    check_code_fits(model, sources, code, target, budgets)
    progress("asking the oracle and packaging", 0.8)
    if budgets.max_instructions is not None:
        check_instructions(model, _executed(model, code, target, progress), budgets)
    folder = directory / model.name / target.name
    bundle = show("package", package_firmware(model, code, target, directory=folder))
    progress("done", 1.0)
    return bundle


def planning(target: Target, records: Sequence[Records] = ()) -> Callable[[QuantizedModel, bool], Attempt]:
    """What plans a form of a model for a microcontroller: it takes the form, and whether it runs in bands."""

    def attempt(form: QuantizedModel, bands: bool) -> Attempt:
        lowered = in_bands(lower(form)) if bands else lower(form)
        tuned = schedule(lowered, target, StoreLookup(records, target))
        return Attempt(form, lowered, tuned, describe_firmware(form, tuned))

    return attempt


def _executed(model: QuantizedModel, code: Code, target: Target, progress: Progress) -> dict[int, int]:
    """Instructions of one invocation by operator, counted on the emulated target."""
    with TemporaryDirectory(prefix="edgekit-") as folder:
        draft = package_firmware(model, code, target, directory=Path(folder) / "draft")
        steps = count_firmware(draft, progress=progress).steps
    return {step.index: step.instructions for step in steps}


def wrap_for_litert(
    source: Path | QuantizedModel,
    target: Target,
    directory: Path,
    *,
    name: str | None = None,
    budgets: Budgets = _NO_BUDGETS,
    dump: Path | None = None,
    progress: Progress = lambda _stage, _share: None,
) -> Bundle:
    """From a full-integer model to a bundle in the same place whose engine is LiteRT: nothing is compiled."""
    show = Dump(dump)
    progress("reading the model", 0.0)
    model = show("ingest", read_model(source, name=name))
    check_litert_budgets(model, budgets)
    progress("asking LiteRT and packaging", 0.3)
    products = {operator.index: macs(model.graph, operator) for operator in model.graph.operators}
    folder = directory / model.name / target.name
    bundle = show("package", package_litert(model, products, target, directory=folder))
    progress("done", 1.0)
    return bundle
