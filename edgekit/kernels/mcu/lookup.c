/* Functions of an int8 as tables. */
#include "elementwise.h"

void ek_lookup(const ek_lookup_layer *layer, const int8_t *in, const int8_t *table, int8_t *out) {
  const int8_t *const zero = table - INT8_MIN;
  const int8_t *const end = out + layer->count;
  while (out != end) {
    *out++ = zero[*in++];
  }
}
