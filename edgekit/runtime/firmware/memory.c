/* The functions that a compiler calls for itself, where there is no C library. Whole words where both sides are aligned.
 * Compiled with -fno-tree-loop-distribute-patterns, since GCC would find a memcpy in the loop of memcpy and call it.
 */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);

typedef uint32_t __attribute__((may_alias)) word;

static int are_aligned(const void *a, const void *b) { return (((uintptr_t)a | (uintptr_t)b) & 3u) == 0; }

void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
  uint8_t *target = to;
  const uint8_t *source = from;
  if (are_aligned(to, from)) {
    for (; bytes >= 4; bytes -= 4, target += 4, source += 4)
      *(word *)(void *)target = *(const word *)(const void *)source;
  }
  for (; bytes > 0; bytes--)
    *target++ = *source++;
  return to;
}

void *memmove(void *to, const void *from, size_t bytes) {
  if ((uintptr_t)to <= (uintptr_t)from || (uintptr_t)to >= (uintptr_t)from + bytes) {
    uint8_t *target = to;
    const uint8_t *source = from;
    if (are_aligned(to, from)) {
      for (; bytes >= 4; bytes -= 4, target += 4, source += 4)
        *(word *)(void *)target = *(const word *)(const void *)source;
    }
    for (; bytes > 0; bytes--)
      *target++ = *source++;
    return to;
  }
  uint8_t *target = (uint8_t *)to + bytes;
  const uint8_t *source = (const uint8_t *)from + bytes;
  for (; bytes > 0; bytes--)
    *--target = *--source;
  return to;
}

void *memset(void *to, int value, size_t bytes) {
  uint8_t *target = to;
  const uint8_t byte = (uint8_t)value;
  if (are_aligned(to, to)) {
    const word four = byte * 0x01010101u;
    for (; bytes >= 4; bytes -= 4, target += 4)
      *(word *)(void *)target = four;
  }
  for (; bytes > 0; bytes--)
    *target++ = byte;
  return to;
}
