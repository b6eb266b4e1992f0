/*
 * Copies. Words are moved four at a time: by any address where the core has DSP instructions, as it then has loads and
 * stores of unaligned words too; elsewhere only between aligned ones.
 */
#include "dsp.h"
#include "elementwise.h"

static EK_NOINLINE void copy_row(const int8_t *from, int8_t *to, int32_t bytes) {
  if (EK_HAS_DSP || (((uintptr_t)from | (uintptr_t)to) & 3u) == 0) {
    for (; bytes >= 16; bytes -= 16, from += 16, to += 16) {
      const void *const in = __builtin_assume_aligned(from, EK_HAS_DSP ? 1 : 4);
      void *const out = __builtin_assume_aligned(to, EK_HAS_DSP ? 1 : 4);
      const uint32_t a = ek_load_word(in), b = ek_load_word((const int8_t *)in + 4);
      const uint32_t c = ek_load_word((const int8_t *)in + 8), d = ek_load_word((const int8_t *)in + 12);
      ek_store_word(out, a);
      ek_store_word((int8_t *)out + 4, b);
      ek_store_word((int8_t *)out + 8, c);
      ek_store_word((int8_t *)out + 12, d);
    }
  }
  for (; bytes > 0; bytes--) {
    *to++ = *from++;
  }
}

void ek_copy(const ek_copy_layer *layer, const void *in, void *out) {
  const int8_t *from = (const int8_t *)in + layer->begin;
  int8_t *to = out;
  for (int32_t row = layer->rows; row > 0; row--, from += layer->step, to += layer->row_bytes) {
    copy_row(from, to, layer->row_bytes);
  }
}
