/* For a program that is run by `python -m edgekit.testing.mcu_bench`: marks around what is measured, and checks. */
#ifndef EDGEKIT_MCU_BENCH_H
#define EDGEKIT_MCU_BENCH_H

#include "semihosting.h"

__attribute__((noinline)) void edgekit_step_mark(uint32_t step);
void edgekit_step_mark(uint32_t step) { __asm__ volatile("" ::"r"(step)); }

/* Count the instructions of a statement under a label, which is a string. */
#define BENCH(label, statement)                \
  do {                                         \
    edgekit_step_mark(0);                      \
    statement;                                 \
    edgekit_step_mark(1);                      \
    host_print("bench: " label "\n");          \
  } while (0)

/* End the program with exit code 3 unless two arrays are equal; say where they are not. */
static inline void bench_expect(const char *label, const int8_t *actual, const int8_t *expected, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (actual[i] != expected[i]) {
      host_print(label);
      host_print(": element ");
      host_print_hex((uint32_t)i);
      host_print(" is ");
      host_print_hex((uint32_t)actual[i]);
      host_print(" instead of ");
      host_print_hex((uint32_t)expected[i]);
      host_print("\n");
      host_exit(3);
    }
  }
}

/* A generator of reproducible values. */
static inline int8_t bench_random(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return (int8_t)(*state >> 24);
}

#endif
