/*
 * Gathers what output pixels of a convolution read, runs of bytes in several rows of the input, into one run a
 * pixel, so that kernels for rows of convolution read no padding between short runs.
 */
#include "row.h"

enum { EK_GATHERED = 16 };

/* Copy one vector and go on to the next. Compilers do not find the instructions that add a stride of their own. */
EK_NEON static inline __attribute__((always_inline)) void ek_copy_vector(const int8_t **from, int64_t from_stride,
                                                                         int8_t **to, int64_t to_stride) {
#ifdef __aarch64__
  int8x16_t bytes;
  __asm__ volatile("ld1 {%[bytes].16b}, [%[from]], %[from_stride]\n\t"
                   "st1 {%[bytes].16b}, [%[to]], %[to_stride]"
                   : [bytes] "=w"(bytes), [from] "+r"(*from), [to] "+r"(*to)
                   : [from_stride] "r"(from_stride), [to_stride] "r"(to_stride)
                   : "memory");
#else
  vst1q_s8(*to, vld1q_s8(*from));
  *from += from_stride;
  *to += to_stride;
#endif
}

/*
 * Write `pixels` patches of `patch_bytes` to `patches`, each of `segments` runs of `length` bytes, `segment_stride`
 * apart in `x`. Vectors are copied whole, in ascending order: up to 15 bytes past a run are read, and up to 15 past
 * the last patch written; what lies between the runs and the end of a patch is arbitrary.
 */
void ek_gather_patches(const int8_t *x, int8_t *patches, int32_t pixels, int32_t pixel_stride, int32_t segments,
                       int32_t segment_stride, int32_t length, int32_t patch_bytes);

EK_NEON void ek_gather_patches(const int8_t *x, int8_t *patches, int32_t pixels, int32_t pixel_stride,
                               int32_t segments, int32_t segment_stride, int32_t length, int32_t patch_bytes) {
  for (int32_t pixel = 0; pixel < pixels; pixel++) {
    const int8_t *run = x;
    int8_t *to = patches;
    if (length <= EK_GATHERED) {
      for (int32_t segment = 0; segment < segments; segment++) ek_copy_vector(&run, segment_stride, &to, length);
    } else {
      for (int32_t segment = 0; segment < segments; segment++) {
        for (int32_t i = 0; i < length; i += EK_GATHERED) vst1q_s8(to + i, vld1q_s8(run + i));
        run += segment_stride;
        to += length;
      }
    }
    x += pixel_stride;
    patches += patch_bytes;
  }
}
