"""Going back to an earlier release, and saying what is there."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from edgekit.deploy import Layout, rollback, status
from edgekit.deploy.errors import NoReleaseError
from edgekit.deploy.releases import survey
from edgekit.errors import OutputsDifferError
from tests.contract.releases import FOLDER, MODEL, assert_tidy, deploy_quietly, serving

if TYPE_CHECKING:
    from pathlib import Path

    from edgekit.artifacts import Bundle
    from edgekit.deploy import Rollback
    from edgekit.devices.device import Device
    from edgekit.devices.local import LocalDevice


def roll_back(device: Device, to: str | None = None) -> Rollback:
    return rollback(MODEL, device, to=to, progress=lambda _stage, _share: None)


# -------------------------------------------------------------------------------- rollback


def test_a_rollback_goes_to_what_served_before_and_says_what_it_left(
    here: LocalDevice, home: Path, good: Bundle
) -> None:
    ids = [deploy_quietly(good, here).release.id for _ in range(3)]
    done = roll_back(here)
    assert (done.left, done.release.id) == (ids[2], ids[1])
    assert serving(home) == ids[1]
    assert roll_back(here).release.id == ids[0]
    with pytest.raises(NoReleaseError, match="no release to go back to") as caught:
        roll_back(here)
    assert caught.value.exit_code == 5
    assert serving(home) == ids[0]
    assert_tidy(home)


def test_a_rollback_after_a_rollback_and_a_deploy_does_not_go_to_what_was_left(
    here: LocalDevice, good: Bundle
) -> None:
    first, left = (deploy_quietly(good, here).release.id for _ in range(2))
    roll_back(here)
    deploy_quietly(good, here)
    assert left > first
    assert roll_back(here).release.id == first


def test_a_rollback_to_a_named_release(here: LocalDevice, home: Path, good: Bundle) -> None:
    ids = [deploy_quietly(good, here).release.id for _ in range(3)]
    assert roll_back(here, to=ids[0]).release.id == ids[0]
    assert roll_back(here, to=ids[2]).left == ids[0]
    assert serving(home) == ids[2]


def test_a_rollback_to_a_release_that_is_not_there_names_the_nearest(here: LocalDevice, good: Bundle) -> None:
    name = deploy_quietly(good, here).release.id
    with pytest.raises(NoReleaseError, match=f"Did you mean '{name}'") as caught:
        roll_back(here, to=name[:-1])
    assert caught.value.exit_code == 5


def test_a_rollback_to_what_serves_already_is_refused(here: LocalDevice, good: Bundle) -> None:
    name = deploy_quietly(good, here).release.id
    with pytest.raises(NoReleaseError, match="serves already"):
        roll_back(here, to=name)


def test_a_rollback_where_nothing_was_deployed_makes_nothing_there(here: LocalDevice, home: Path) -> None:
    with pytest.raises(NoReleaseError, match="There is no release in"):
        roll_back(here)
    assert list(home.iterdir()) == []


def test_a_rollback_to_a_release_that_rotted_is_stopped_by_its_golden_check(
    here: LocalDevice, home: Path, good: Bundle, wrong: Bundle
) -> None:
    first, second = (deploy_quietly(good, here).release.id for _ in range(2))
    library = home / FOLDER / "releases" / first / "libtiny.so"
    shutil.copyfile(wrong.path / "libtiny.so", library)
    with pytest.raises(OutputsDifferError) as caught:
        roll_back(here)
    assert caught.value.exit_code == 3
    assert serving(home) == second


# ---------------------------------------------------------------------------------- status


def test_status_says_which_files_are_not_as_deployed(here: LocalDevice, home: Path, good: Bundle) -> None:
    deploy_quietly(good, here)
    (home / FOLDER / "current" / "libtiny.so").write_bytes(b"rot")
    (home / FOLDER / "current" / "edgekit.h").unlink()
    (state,) = status(here)
    assert not state.is_intact
    assert state.releases[0].altered == ("edgekit.h", "libtiny.so")


def test_status_of_a_device_without_releases_is_empty(here: LocalDevice) -> None:
    assert status(here) == ()
    (state,) = status(here, model="never")
    assert (state.current, state.releases) == (None, ())


@pytest.mark.parametrize("content", ["{broken", "", "[]", '"text"', "7\n"])
def test_a_record_that_cannot_be_read_does_not_hide_the_others(
    here: LocalDevice, home: Path, good: Bundle, content: str
) -> None:
    first, second = (deploy_quietly(good, here).release.id for _ in range(2))
    (home / FOLDER / "releases" / first / "deployment.json").write_text(content)
    (state,) = status(here)
    assert [release.id for release in state.releases] == [second]
    with_records_only = survey(here, Layout.of(MODEL))
    assert [release.id for release in with_records_only.releases] == [second]
