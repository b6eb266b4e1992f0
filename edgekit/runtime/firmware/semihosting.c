/* See semihosting.h. */
#include "semihosting.h"

enum { SYS_OPEN = 0x01, SYS_CLOSE = 0x02, SYS_WRITE0 = 0x04, SYS_WRITE = 0x05, SYS_READ = 0x06, SYS_EXIT_EXTENDED = 0x20 };
enum { STOPPED_BY_ITSELF = 0x20026 }; /* ADP_Stopped_ApplicationExit */

static int32_t host_call(uint32_t operation, const void *parameters) {
#if defined(__riscv)
  register uint32_t a0 __asm__("a0") = operation;
  register const void *a1 __asm__("a1") = parameters;
  /* The three instructions, all of 4 bytes and within one page, are how the host knows the call. */
  __asm__ volatile(
      ".balign 16\n.option push\n.option norvc\n"
      "slli x0, x0, 0x1f\nebreak\nsrai x0, x0, 7\n.option pop"
      : "+r"(a0)
      : "r"(a1)
      : "memory");
  return (int32_t)a0;
#else
  register uint32_t r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = parameters;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return (int32_t)r0;
#endif
}

static size_t length_of(const char *words) {
  size_t length = 0;
  while (words[length] != '\0')
    length++;
  return length;
}

int32_t host_open(const char *name, uint32_t mode) {
  const uint32_t block[3] = {(uint32_t)(uintptr_t)name, mode, (uint32_t)length_of(name)};
  return host_call(SYS_OPEN, block);
}

int host_read(int32_t handle, void *data, size_t bytes) {
  const uint32_t block[3] = {(uint32_t)handle, (uint32_t)(uintptr_t)data, (uint32_t)bytes};
  return host_call(SYS_READ, block) == 0; /* the number of bytes that did not come */
}

int host_write(int32_t handle, const void *data, size_t bytes) {
  const uint32_t block[3] = {(uint32_t)handle, (uint32_t)(uintptr_t)data, (uint32_t)bytes};
  return host_call(SYS_WRITE, block) == 0;
}

void host_close(int32_t handle) {
  const uint32_t block[1] = {(uint32_t)handle};
  (void)host_call(SYS_CLOSE, block);
}

void host_print(const char *words) { (void)host_call(SYS_WRITE0, words); }

void host_print_hex(uint32_t value) {
  char words[11];
  words[0] = '0';
  words[1] = 'x';
  for (uint32_t i = 0; i < 8; i++)
    words[2 + i] = "0123456789abcdef"[(value >> (28 - 4 * i)) & 15];
  words[10] = '\0';
  host_print(words);
}

__attribute__((noreturn)) void host_exit(uint32_t code) {
  const uint32_t block[2] = {STOPPED_BY_ITSELF, code};
  (void)host_call(SYS_EXIT_EXTENDED, block);
  for (;;) {
  }
}
