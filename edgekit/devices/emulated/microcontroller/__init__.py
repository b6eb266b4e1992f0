"""Emulated microcontrollers: a bare-metal image made and run under QEMU, its instructions counted."""
