"""Searching the candidates of every kernel for the fastest on a device, and using what was found.

tasks (schedule/tasks.py) -> strategy.py proposes -> build.py builds libraries of candidates, in parallel
-> measure.py runs them on a device, firmware.py on an emulated microcontroller -> the store
-> lookup.py answers `schedule`
"""
