"""Boards with a debug probe: an image linked for their own memory, programmed and run by OpenOCD."""
