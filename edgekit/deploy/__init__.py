"""Deploy: put a bundle on a device as a release, serve it, take it back, say what is there.

On the device, in the user's home and without root, `<root>/<model>/` holds

    releases/<id>/          complete releases: the bundle's files, golden vectors, deployment.json
    current                 a symbolic link to the release that serves, switched atomically
    staging-<id>/           a release on its way, or on its way out: litter once its deploy is dead
    lock                    a symbolic link whose text says who deploys; see lock.py

A release appears in `releases/` by one rename, after its digests and golden outputs were checked on
the device, and leaves it by one rename.
"""

from __future__ import annotations

from edgekit.deploy.choose import choose_bundle
from edgekit.deploy.layout import DEFAULT_ROOT, Layout
from edgekit.deploy.releases import Release
from edgekit.deploy.rollback import Rollback, rollback
from edgekit.deploy.rollout import Deployment, deploy
from edgekit.deploy.status import Status, deployed_models, status

__all__ = [
    "DEFAULT_ROOT",
    "Deployment",
    "Layout",
    "Release",
    "Rollback",
    "Status",
    "choose_bundle",
    "deploy",
    "deployed_models",
    "rollback",
    "status",
]
