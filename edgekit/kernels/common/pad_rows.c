/*
 * The padded copy of an input plane, row by row.
 *
 * Runs of bytes are copied and filled in blocks, the last of which may overlap the one before it. They are too short
 * for the C library: calling it takes more instructions than a row.
 */
#include "row.h"

enum { EK_BLOCK = 64, EK_SMALL_BLOCK = 16 };

#define EK_PAD_INLINE static inline __attribute__((always_inline))

EK_PAD_INLINE void ek_copy(int8_t *to, const int8_t *from, int32_t bytes) {
  int32_t at = 0;
  for (; at + EK_BLOCK <= bytes; at += EK_BLOCK) {
    __builtin_memcpy(to + at, from + at, EK_BLOCK);
    EK_OPAQUE(at); /* or the compiler would call the C library after all */
  }
  for (; at + EK_SMALL_BLOCK <= bytes; at += EK_SMALL_BLOCK) {
    __builtin_memcpy(to + at, from + at, EK_SMALL_BLOCK);
    EK_OPAQUE(at);
  }
  if (bytes >= EK_SMALL_BLOCK) {
    const int32_t last = bytes - EK_SMALL_BLOCK;
    if (at < bytes) __builtin_memcpy(to + last, from + last, EK_SMALL_BLOCK);
  } else {
    for (; at < bytes; at++) {
      to[at] = from[at];
      EK_OPAQUE(at);
    }
  }
}

EK_PAD_INLINE void ek_fill(int8_t *to, int8_t value, int32_t bytes) {
  int8_t block[EK_BLOCK];
  __builtin_memset(block, value, EK_BLOCK);
  int32_t at = 0;
  for (; at + EK_BLOCK <= bytes; at += EK_BLOCK) {
    __builtin_memcpy(to + at, block, EK_BLOCK);
    EK_OPAQUE(at);
  }
  for (; at + EK_SMALL_BLOCK <= bytes; at += EK_SMALL_BLOCK) {
    __builtin_memcpy(to + at, block, EK_SMALL_BLOCK);
    EK_OPAQUE(at);
  }
  if (bytes >= EK_SMALL_BLOCK) {
    if (at < bytes) __builtin_memcpy(to + (bytes - EK_SMALL_BLOCK), block, EK_SMALL_BLOCK);
  } else {
    for (; at < bytes; at++) {
      to[at] = value;
      EK_OPAQUE(at);
    }
  }
}

/*
 * Write rows `first` to `end` of a padded plane, `row_bytes` each. Its rows from `top` on are those of `x`, of which
 * there are `x_rows`, `x_row_bytes` apart: `copied` bytes of each, from `left` on. All else is `value`.
 */
void ek_pad_rows(const int8_t *x, int8_t *plane, int32_t first, int32_t end, int32_t row_bytes, int32_t top,
                 int32_t x_rows, int32_t x_row_bytes, int32_t left, int32_t copied, int32_t value);

void ek_pad_rows(const int8_t *x, int8_t *plane, int32_t first, int32_t end, int32_t row_bytes, int32_t top,
                 int32_t x_rows, int32_t x_row_bytes, int32_t left, int32_t copied, int32_t value) {
  /* What is to be filled since the last bytes of `x`: the end of a row and the start of the next are one run. */
  int8_t *filled = plane + first * row_bytes;
  for (int32_t y = first; y < end; y++) {
    if (y < top || y >= top + x_rows) continue;
    int8_t *row = plane + y * row_bytes + left;
    ek_fill(filled, (int8_t)value, (int32_t)(row - filled));
    ek_copy(row, x + (y - top) * x_row_bytes, copied);
    filled = row + copied;
  }
  int8_t *stop = plane + end * row_bytes;
  ek_fill(filled, (int8_t)value, (int32_t)(stop - filled));
}
