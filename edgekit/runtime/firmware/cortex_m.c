/* Start-up code of every Cortex-M: vectors, reset, faults. EDGEKIT_TRAP_UNALIGNED makes a core that allows unaligned
 * words refuse them, as a Cortex-M0+ does.
 */
#include "semihosting.h"
#include "startup.h"

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define CCR REGISTER(0xE000ED14u)   /* configuration and control */
#define CFSR REGISTER(0xE000ED28u)  /* what went wrong */
#define CPACR REGISTER(0xE000ED88u) /* which coprocessors may be used */

enum { CCR_UNALIGN_TRP = 1u << 3, CPACR_FPU = 0xFu << 20, CFSR_UNALIGNED = 1u << 24, CFSR_STKOF = 1u << 20 };

static void reset(void) {
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
  CPACR |= CPACR_FPU;
  __asm__ volatile("dsb\nisb" ::: "memory");
#endif
#ifdef EDGEKIT_TRAP_UNALIGNED
  CCR |= CCR_UNALIGN_TRP;
#endif
  prepare_memory();
  host_exit((uint32_t)main());
}

__attribute__((used)) static void report_fault(uint32_t stack_pointer) {
  const uint32_t why = CFSR;
  /* Nothing lies below the stack, so a push that overflows it faults; ARMv8-M's limit register is not used. */
  if (stack_pointer < (uint32_t)(uintptr_t)image_stack_begin || (why & CFSR_STKOF) != 0) {
    host_print("the stack overflowed\n");
    host_exit(EXIT_STACK_OVERFLOW);
  }
  const uint32_t *frame = (const uint32_t *)(uintptr_t)stack_pointer;
  host_print((why & CFSR_UNALIGNED) != 0 ? "unaligned access at " : "fault at ");
  host_print_hex(frame[6]); /* pushed by the core: r0-r3, r12, lr, then the program counter */
  host_print(", CFSR ");
  host_print_hex(why);
  host_print("\n");
  host_exit(EXIT_FAULT);
}

/* On a stack of its own: the program's may be the reason, and holds what the core pushed. */
__attribute__((naked)) static void fault(void) {
  __asm__ volatile(
      "mrs r0, msp\n"
      "ldr r1, =image_fault_stack_end\n"
      "mov sp, r1\n"
      "bl report_fault\n"
      ".ltorg\n");
}

typedef union vector {
  void (*handler)(void);
  uint32_t *stack;
} vector;

__attribute__((section(".vectors"), used)) static const vector vectors[16] = {
    {.stack = image_stack_end}, {.handler = reset},
    {.handler = fault}, {.handler = fault}, {.handler = fault}, {.handler = fault}, {.handler = fault}, {.handler = fault},
};
