/*
 * Gathers what output pixels of a convolution read, runs of bytes in several rows of the input, into one run a
 * pixel, padding included, so that kernels for rows of convolution compute the pixels of several rows as one.
 */
#include <immintrin.h>
#include <stdint.h>

#define EK_GATHER_TARGET target("avx512f")
#define EK_GATHER_INLINE static inline __attribute__((always_inline, EK_GATHER_TARGET))

/* Vectors of 16 bytes are copied whole: up to 15 bytes after both ends are read and written. */
EK_GATHER_INLINE int8_t *ek_copy(int8_t *to, const int8_t *from, int32_t bytes) {
  int32_t at = 0;
  for (; at + 64 <= bytes; at += 64) _mm512_storeu_si512(to + at, _mm512_loadu_si512(from + at));
  for (; at < bytes; at += 16) {
    _mm_storeu_si128((__m128i_u *)(to + at), _mm_loadu_si128((const __m128i_u *)(from + at)));
  }
  return to + bytes;
}

EK_GATHER_INLINE int8_t *ek_fill(int8_t *to, int8_t value, int32_t bytes) {
  for (int32_t at = 0; at < bytes; at += 16) {
    _mm_storeu_si128((__m128i_u *)(to + at), _mm_set1_epi8(value));
  }
  return to + bytes;
}

EK_GATHER_INLINE int32_t ek_within(int32_t value, int32_t low, int32_t high) {
  return value < low ? low : value > high ? high : value;
}

/*
 * Write `count` patches of `patch_bytes` to `patches`, from pixel number `first` of an output that is `out_width` wide.
 * `x` is [height][width][channels]; what lies outside of it counts as `pad_value`. Vectors are copied whole, in
 * ascending order: up to 15 bytes past a run are read, and up to 15 past the last patch written; what lies between the
 * runs and the end of a patch is arbitrary.
 */
void ek_gather_padded_patches(const int8_t *x, int8_t *patches, int32_t first, int32_t count, int32_t out_width,
                              int32_t height, int32_t width, int32_t channels, int32_t kernel_h, int32_t kernel_w,
                              int32_t stride_h, int32_t stride_w, int32_t dilation_h, int32_t pad_top,
                              int32_t pad_left, int32_t pad_value, int32_t patch_bytes);

__attribute__((EK_GATHER_TARGET)) void ek_gather_padded_patches(
    const int8_t *x, int8_t *patches, int32_t first, int32_t count, int32_t out_width, int32_t height,
    int32_t width, int32_t channels, int32_t kernel_h, int32_t kernel_w, int32_t stride_h, int32_t stride_w,
    int32_t dilation_h, int32_t pad_top, int32_t pad_left, int32_t pad_value, int32_t patch_bytes) {
  int32_t column = first % out_width, top = first / out_width * stride_h - pad_top;
  for (; count > 0; count--) {
    const int32_t left = column * stride_w - pad_left;
    const int32_t begin = ek_within(0, left, left + kernel_w), end = ek_within(width, begin, left + kernel_w);
    int8_t *to = patches;
    for (int32_t ky = 0; ky < kernel_h; ky++) {
      const int32_t y = top + ky * dilation_h;
      if (y < 0 || y >= height) {
        to = ek_fill(to, (int8_t)pad_value, kernel_w * channels);
        continue;
      }
      if (begin > left) to = ek_fill(to, (int8_t)pad_value, (begin - left) * channels);
      to = ek_copy(to, x + ((intptr_t)y * width + begin) * channels, (end - begin) * channels);
      if (end < left + kernel_w) to = ek_fill(to, (int8_t)pad_value, (left + kernel_w - end) * channels);
    }
    patches += patch_bytes;
    if (++column == out_width) {
      column = 0;
      top += stride_h;
    }
  }
}
