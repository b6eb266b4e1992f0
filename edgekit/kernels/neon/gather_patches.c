/*
 * Gathers what output pixels of a convolution read, runs of bytes in several rows of the input, into one run a
 * pixel, so that kernels for rows of convolution read no padding between short runs.
 */
#include "row.h"

enum { EK_GATHERED = 16 };

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
    for (int32_t segment = 0; segment < segments; segment++) {
      vst1q_s8(to, vld1q_s8(run));
      for (int32_t i = EK_GATHERED; i < length; i += EK_GATHERED) vst1q_s8(to + i, vld1q_s8(run + i));
      run += segment_stride;
      to += length;
    }
    x += pixel_stride;
    patches += patch_bytes;
  }
}
