"""The linker script of an image: where everything lies, and which flash bytes are the model's."""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgekit.devices.emulated.microcontroller.machine import Place

_VECTOR_BYTES = 64
# Sections are told apart by the names of the object files (see image.py). `.model_code` takes what no other
# names: the compiler's own helpers are there because the model calls them, and count as its code.
_SCRIPT = Template("""\
MEMORY
{
  VECTORS (r) : ORIGIN = $vectors_origin, LENGTH = $vector_bytes
  FLASH (rx) : ORIGIN = $flash_origin, LENGTH = $flash_bytes
  RAM (rwx) : ORIGIN = $ram_origin, LENGTH = $ram_bytes
}
SECTIONS
{
  .vectors : { KEEP(*(.vectors)) } >VECTORS
  .harness : {
    *harness-*.o(.text .text.* .rodata .rodata.* .srodata .srodata.*)
    . = ALIGN(8);
  } >FLASH
  .model_weights : { *weights-*.o(.rodata .rodata.* .srodata .srodata.* .edgekit.*) . = ALIGN(8); } >FLASH
  .model_code : { *(.text .text.* .rodata .rodata.* .srodata .srodata.* .edgekit.*) . = ALIGN(8); } >FLASH

  /* At the very start of the memory: what overflows it touches nothing. */
  .stack (NOLOAD) : {
    image_stack_begin = .;
    . += $stack_bytes;
    image_stack_end = .;
    . += 512;
    image_fault_stack_end = .;
  } >RAM
  .data : {
    image_data_begin = .;
    *harness-*.o(.data .data.* .sdata .sdata.*)
    . = ALIGN(8);
    image_model_data_begin = .;
    *(.data .data.* .sdata .sdata.*)
    . = ALIGN(8);
    image_data_end = .;
  } >RAM AT>FLASH
  image_data_load = LOADADDR(.data);
  .bss (NOLOAD) : {
    image_bss_begin = .;
    *harness-*.o(.bss .bss.* .sbss .sbss.* COMMON)
    . = ALIGN(8);
    image_model_bss_begin = .;
    *(.bss .bss.* .sbss .sbss.* COMMON)
    . = ALIGN(8);
    image_bss_end = .;
  } >RAM
  /DISCARD/ : { *(.ARM.exidx* .ARM.extab* .eh_frame*) }
}
""")


def linker_script(place: Place, stack_bytes: int) -> str:
    """A script for GNU ld with a stack of so many bytes, a multiple of 8, at the start of the RAM."""
    flash, ram = place.flash, place.ram
    # With the vectors at its start, the rest of the flash follows them.
    taken = _VECTOR_BYTES if place.reset_vectors is None else 0
    return _SCRIPT.substitute(
        vectors_origin=f"{place.reset_vectors or flash.origin:#010x}",
        vector_bytes=_VECTOR_BYTES,
        flash_origin=f"{flash.origin + taken:#010x}",
        flash_bytes=flash.bytes - taken,
        ram_origin=f"{ram.origin:#010x}",
        ram_bytes=ram.bytes,
        stack_bytes=stack_bytes,
    )
