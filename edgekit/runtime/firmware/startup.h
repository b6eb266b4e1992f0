/* What the start-up code of every core shares. The image_... are the linker script's (linker_script.py). */
#ifndef EDGEKIT_STARTUP_H
#define EDGEKIT_STARTUP_H

#include <stdint.h>

extern uint32_t image_data_load[], image_data_begin[], image_data_end[], image_bss_begin[], image_bss_end[];
extern uint32_t image_stack_begin[], image_stack_end[];

/* Exit codes of an image, beside those of its main. */
enum { EXIT_FAULT = 70, EXIT_STACK_OVERFLOW = 71 };

int main(void);

/* Writable memory as C wants it: initialised data copied out of flash, the rest zero. */
static inline void prepare_memory(void) {
  const uint32_t *source = image_data_load;
  for (uint32_t *word = image_data_begin; word < image_data_end; word++)
    *word = *source++;
  for (uint32_t *word = image_bss_begin; word < image_bss_end; word++)
    *word = 0;
}

#endif
