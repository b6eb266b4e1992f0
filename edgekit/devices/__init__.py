"""Machines that run bundles: this one, one over SSH, an emulated one. `device.py` says what they share."""
