"""Which bundle fits which machine, and which release comes before which: no device needed."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.artifacts import Bundle
from edgekit.deploy import Layout, Release, choose_bundle
from edgekit.deploy.errors import NoFittingBuildError, UnclearBuildError, with_outcome
from edgekit.deploy.fit import check_fit, misfit
from edgekit.deploy.releases import Survey, free_kib, make_record, parse_digests
from edgekit.devices.probe import MachineFacts, parse_facts
from edgekit.errors import BundleWrongDeviceError, ConnectionLostError, DeviceDiskFullError

PI_5 = dataclasses.replace(
    parse_facts("@@ kernel\nLinux 6.6 aarch64"), cpu_features=("asimd", "asimddp", "fp"), glibc="2.36"
)
PI_4 = dataclasses.replace(PI_5, cpu_features=("asimd", "fp"))
BONE = dataclasses.replace(
    parse_facts("@@ kernel\nLinux 5.10 armv7l"), cpu_features=("neon", "vfpv3"), glibc="2.31"
)


def manifest(
    name: str, architecture: str, *features: str, model: str = "kws", glibc: str = "2.17"
) -> dict[str, Any]:
    return {
        "model": {"name": model},
        "target": {"name": name, "architecture": architecture, "features": list(features), "glibc": glibc},
    }


def bundle(folder: Path, description: dict[str, Any], *, age: int) -> Bundle:
    path = folder / description["model"]["name"] / description["target"]["name"]
    path.mkdir(parents=True)
    (path / "manifest.json").touch()
    os.utime(path / "manifest.json", (10**9 - age, 10**9 - age))
    return Bundle(path=path, manifest=description)


@pytest.mark.parametrize(
    ("target", "machine", "problem"),
    [
        (manifest("rpi4", "aarch64", "+neon"), PI_4, None),
        (manifest("rpi4", "aarch64", "+neon"), PI_5, None),
        (manifest("rpi5", "aarch64", "+neon", "+dotprod"), PI_5, None),
        (manifest("rpi5", "aarch64", "+neon", "+dotprod"), PI_4, "lacks: dotprod"),
        (manifest("rpi4", "aarch64", "+neon"), BONE, "for aarch64; the device's programs are armv7"),
        (manifest("bone", "armv7", "+neon", "+vfp3"), BONE, None),
        (manifest("bone", "armv7", "+neon", "+vfp4"), BONE, "lacks: vfp4"),
        (manifest("new", "aarch64", glibc="2.38"), PI_4, "needs glibc 2.38; the device has 2.36"),
        (manifest("new", "aarch64", glibc="2.4"), PI_4, None),  # 2.4 is older than 2.36
        (manifest("odd", "aarch64", "+unheard-of", "-neon"), PI_4, None),
    ],
)
def test_a_bundle_fits_a_machine_or_the_reason_is_said(
    target: dict[str, Any], machine: MachineFacts, problem: str | None
) -> None:
    found = misfit(target, machine)
    assert found is None if problem is None else problem in (found or "")


def test_a_32_bit_system_on_a_64_bit_kernel_is_named_as_the_reason() -> None:
    mixed = dataclasses.replace(BONE, kernel_architecture="aarch64")
    assert "a 32-bit system on a 64-bit kernel" in (misfit(manifest("rpi4", "aarch64"), mixed) or "")


def test_what_the_machine_does_not_say_counts_as_fitting() -> None:
    silent = dataclasses.replace(PI_4, cpu_features=None, glibc=None)
    assert misfit(manifest("rpi5", "aarch64", "+dotprod", glibc="2.40"), silent) is None


def test_a_bundle_that_does_not_fit_is_refused_in_words() -> None:
    with pytest.raises(BundleWrongDeviceError, match=r"bundle for rpi4 does not fit pi@bone:22") as caught:
        check_fit(manifest("rpi4", "aarch64"), BONE, "pi@bone:22")
    assert caught.value.exit_code == 5


# ------------------------------------------------------------------------------- choosing


def test_the_newest_of_the_fitting_builds_is_taken(tmp_path: Path) -> None:
    old = bundle(tmp_path, manifest("generic-aarch64", "aarch64"), age=20)
    new = bundle(tmp_path, manifest("rpi4", "aarch64", "+neon"), age=10)
    newer_but_unfit = bundle(tmp_path, manifest("bone", "armv7"), age=0)
    assert choose_bundle([old, new, newer_but_unfit], PI_4, "the Pi") is new


def test_builds_of_two_models_are_listed_and_not_guessed(tmp_path: Path) -> None:
    builds = [
        bundle(tmp_path, manifest("rpi4", "aarch64", model=model), age=age)
        for age, model in enumerate(("kws", "vww"))
    ]
    with pytest.raises(UnclearBuildError, match=r"(?s)Several builds fit.*kws/rpi4.*vww/rpi4") as caught:
        choose_bundle(builds, PI_4, "the Pi")
    assert caught.value.exit_code == 2


def test_two_builds_of_the_same_moment_are_listed_and_not_guessed(tmp_path: Path) -> None:
    builds = [bundle(tmp_path, manifest(name, "aarch64"), age=5) for name in ("rpi3", "rpi4")]
    with pytest.raises(UnclearBuildError):
        choose_bundle(builds, PI_4, "the Pi")


def test_without_a_fitting_build_each_one_s_reason_is_said(tmp_path: Path) -> None:
    builds = [bundle(tmp_path, manifest("bone", "armv7"), age=1)]
    with pytest.raises(NoFittingBuildError, match=r"(?s)kws/bone: It is for armv7.*edgekit build") as caught:
        choose_bundle(builds, PI_4, "the Pi")
    assert caught.value.exit_code == 5


# ------------------------------------------------------------------------------- releases


def release(name: str, previous: str | None = None, failed: str | None = None) -> Release:
    return Release(
        id=name,
        deployed_by="ann@laptop",
        deployed_at="2026-11-22T04:00:00+00:00",
        target="rpi4",
        library="libkws.so",
        digest="0" * 64,
        golden_frames=10,
        previous=previous,
        files={"libkws.so": "1" * 64},
        failed=failed,
        altered=None,
    )


def survey(*releases: Release, current: str | None = None) -> Survey:
    return Survey(current=current, lock_owner=None, free_kib=None, releases=releases)


def before(found: Survey, name: str) -> str | None:
    release = found.before(name)
    return release.id if release is not None else None


def test_before_a_release_comes_what_it_took_over_from() -> None:
    assert before(survey(release("1"), release("2"), release("3", previous="1")), "3") == "1"


def test_where_that_is_gone_or_failed_the_next_older_good_one_comes() -> None:
    assert before(survey(release("1"), release("3", previous="2")), "3") == "1"
    failed = release("2", failed="crashed")
    assert before(survey(release("1"), failed, release("3", previous="2")), "3") == "1"


def test_before_the_first_release_comes_none() -> None:
    assert before(survey(release("1"), release("2")), "1") is None
    assert before(survey(release("1", previous="1x")), "1") is None


def test_a_record_is_one_line() -> None:
    assert make_record(release("1", previous="line\nbreak")).count(b"\n") == 1


@pytest.mark.parametrize(
    ("df", "kib"),
    [
        ("Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/root 100 40 60 40% /\n", 60),
        ("Filesystem ...\n/dev/a b 100 40 x 40% /\n", None),
        ("Filesystem ...\n/dev/a b 100 40 60 40% /media/a disk\n", 60),
        ("Filesystem ...\noverlay 0 0 7 - /\n", 7),
        ("", None),
    ],
)
def test_free_space_is_read_from_df(df: str, kib: int | None) -> None:
    assert free_kib(df) == kib


def test_digests_are_read_from_sha256sum_in_both_of_its_modes() -> None:
    assert parse_digests("aa  one\nbb *two three\n\n") == {"one": "aa", "two three": "bb"}


@pytest.mark.parametrize(
    ("model", "folder"), [("kws", "kws"), ("a/b c", "a_b_c"), ("..", "_.."), ("", "_"), ("é", "_")]
)
def test_a_model_s_folder_stays_below_the_root(model: str, folder: str) -> None:
    assert Layout.of(model, "root/").directory == f"root/{folder}"


@pytest.mark.parametrize(
    ("root", "folder"), [("~/models", "models/kws"), ("/srv/", "/srv/kws"), ("~/", "./kws"), ("/", "//kws")]
)
def test_a_root_is_absolute_or_from_the_home_directory(root: str, folder: str) -> None:
    assert Layout.of("kws", root).directory == folder


@given(st.text(min_size=1))
def test_no_model_name_leads_out_of_the_root(model: str) -> None:
    name = Layout.of(model, "root").directory.removeprefix("root/")
    assert "/" not in name
    assert not name.startswith(".")


def test_an_outcome_is_added_to_the_reason_and_the_kind_of_error_stays() -> None:
    error = with_outcome(ConnectionLostError("Lost.", why="Cut.", fix="Mend it."), "Old serves.")
    assert type(error) is ConnectionLostError
    assert str(error) == "Lost.\n  why: Cut. Old serves.\n  fix: Mend it."
    assert with_outcome(DeviceDiskFullError("Full.", why="W.", fix="F."), "x").exit_code == 5
