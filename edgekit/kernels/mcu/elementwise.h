/* Operators on single elements by kernels that all layers share: what a layer is, and the functions. */
#ifndef EK_ELEMENTWISE_H
#define EK_ELEMENTWISE_H

#include <stdint.h>

/* A sum of two tensors: (a * first + b * second + offset) >> shift, clamped. Nothing overflows for any a and b. */
typedef struct ek_sum_layer {
  int32_t first;
  int32_t second;
  int32_t offset;
  int32_t count;
  int8_t shift;
  int8_t low;
  int8_t high;
} ek_sum_layer;

/* Elements are read before those in their place are written: `out` may be either operand. */
void ek_sum(const ek_sum_layer *layer, const int8_t *a, const int8_t *b, int8_t *out);

/* A function of int8 as a table, which begins with the entry of -128. */
typedef struct ek_lookup_layer {
  int32_t count;
} ek_lookup_layer;

/* `out` may be `in`. */
void ek_lookup(const ek_lookup_layer *layer, const int8_t *in, const int8_t *table, int8_t *out);

/* From float32 to int8, and back. */
typedef struct ek_quantize_layer {
  int32_t count;
  int32_t scale_bits; /* the float32 as an integer */
  int8_t zero_point;
} ek_quantize_layer;

/* round(x / scale) + zero_point, halves away from zero, clamped; NaN is zero_point. `out` may start where `in` does. */
void ek_quantize(const ek_quantize_layer *layer, const float *in, int8_t *out);

/* (x - zero_point) * scale. */
void ek_dequantize(const ek_quantize_layer *layer, const int8_t *in, float *out);

/* Rows of bytes to where they lie side by side. */
typedef struct ek_copy_layer {
  int32_t rows;
  int32_t row_bytes;
  int32_t begin; /* of the first row */
  int32_t step;  /* to the next */
} ek_copy_layer;

/* `out` may lie below `in`. */
void ek_copy(const ek_copy_layer *layer, const void *in, void *out);

#endif
