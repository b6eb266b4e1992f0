/* Start-up code of a 32-bit RISC-V core in machine mode: reset and traps. Control registers (Zicsr) are there on every
 * core that takes interrupts, and yet no part of what the compiler is told of the core.
 */
#include "semihosting.h"
#include "startup.h"

/* No access to this many bytes below the stack, also in machine mode: one physical memory protection region. */
#define GUARD_BYTES 0x10000u

static void guard_stack(void) {
  const uint32_t begin = (uint32_t)(uintptr_t)image_stack_begin - GUARD_BYTES;
  const uint32_t region = (begin >> 2) | ((GUARD_BYTES >> 3) - 1); /* a naturally aligned power of two */
  const uint32_t locked = 0x98;
  __asm__ volatile(".option arch, +zicsr\ncsrw pmpaddr0, %0\ncsrw pmpcfg0, %1" ::"r"(region), "r"(locked));
}

__attribute__((used, noreturn)) static void start(void) {
  guard_stack();
  prepare_memory();
  host_exit((uint32_t)main());
}

__attribute__((used, noreturn)) static void report_trap(uint32_t cause, uint32_t address, uint32_t value) {
  const uint32_t stack = (uint32_t)(uintptr_t)image_stack_begin;
  if (value < stack && value >= stack - GUARD_BYTES) {
    host_print("the stack overflowed\n");
    host_exit(EXIT_STACK_OVERFLOW);
  }
  host_print("trap ");
  host_print_hex(cause);
  host_print(" at ");
  host_print_hex(address);
  host_print("\n");
  host_exit(EXIT_FAULT);
}

__attribute__((naked, aligned(4), used)) static void trap(void) {
  __asm__ volatile(
      ".option arch, +zicsr\n"
      "la sp, image_fault_stack_end\n"
      "csrr a0, mcause\n"
      "csrr a1, mepc\n"
      "csrr a2, mtval\n"
      "j report_trap\n");
}

/* The first bytes of the image, where the core starts. */
__attribute__((naked, section(".vectors"), used)) void reset(void);
__attribute__((naked, section(".vectors"), used)) void reset(void) {
  __asm__ volatile(
      ".option arch, +zicsr\n"
      "la sp, image_stack_end\n"
      "la t0, trap\n"
      "csrw mtvec, t0\n"
      "j start\n");
}
