/*
 * Gathers what output pixels of a convolution read, runs of bytes in several rows of the input, into one run a
 * pixel, padding included, so that kernels for rows of convolution compute the pixels of several rows as one.
 */
#include <immintrin.h>
#include <stdint.h>

#define EK_GATHER_TARGET target("avx512f")
#define EK_GATHER_INLINE static inline __attribute__((always_inline, EK_GATHER_TARGET))

/* Vectors are copied whole: up to 63 bytes after both ends are read and written, 15 if VECTOR is 16, and so on. */
EK_GATHER_INLINE int8_t *ek_copy(int8_t *to, const int8_t *from, int32_t bytes, const int VECTOR) {
  for (int32_t at = 0; at < bytes; at += VECTOR) {
    if (VECTOR == 64) _mm512_storeu_si512(to + at, _mm512_loadu_si512(from + at));
    if (VECTOR == 32) {
      _mm256_storeu_si256((__m256i_u *)(to + at), _mm256_loadu_si256((const __m256i_u *)(from + at)));
    }
    if (VECTOR == 16) {
      _mm_storeu_si128((__m128i_u *)(to + at), _mm_loadu_si128((const __m128i_u *)(from + at)));
    }
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

/* What is gathered: an input [height][width][channels], and how a filter moves over it. */
typedef struct ek_windows {
  const int8_t *x;
  int32_t height, width, channels;
  int32_t kernel_h, kernel_w;
  int32_t dilation_h;
  int8_t pad_value;
} ek_windows;

/* A patch that lies within the input. */
EK_GATHER_INLINE void ek_gather_inner(const ek_windows from, int32_t top, int32_t left, int8_t *to, const int VECTOR) {
  const intptr_t row = (intptr_t)from.width * from.channels;
  const int8_t *x = from.x + top * row + left * from.channels;
  for (int32_t ky = 0; ky < from.kernel_h; ky++) {
    to = ek_copy(to, x, from.kernel_w * from.channels, VECTOR);
    x += from.dilation_h * row;
  }
}

/* Any patch. */
EK_GATHER_INLINE void ek_gather_edge(const ek_windows from, int32_t top, int32_t left, int8_t *to) {
  const int32_t begin = ek_within(0, left, left + from.kernel_w);
  const int32_t end = ek_within(from.width, begin, left + from.kernel_w), channels = from.channels;
  for (int32_t ky = 0; ky < from.kernel_h; ky++) {
    const int32_t y = top + ky * from.dilation_h;
    if (y < 0 || y >= from.height) {
      to = ek_fill(to, from.pad_value, from.kernel_w * channels);
      continue;
    }
    if (begin > left) to = ek_fill(to, from.pad_value, (begin - left) * channels);
    to = ek_copy(to, from.x + ((intptr_t)y * from.width + begin) * channels, (end - begin) * channels, 16);
    if (end < left + from.kernel_w) to = ek_fill(to, from.pad_value, (left + from.kernel_w - end) * channels);
  }
}

/*
 * Write `count` patches of `patch_bytes` to `patches`, from pixel number `first` of an output that is `out_width` wide.
 * `x` is [height][width][channels]; what lies outside of it counts as `pad_value`. Vectors are copied whole, in
 * ascending order: up to 63 bytes past a run are read, and up to 63 past the last patch written; what lies between the
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
  const ek_windows from = {x, height, width, channels, kernel_h, kernel_w, dilation_h, (int8_t)pad_value};
  const int32_t run = kernel_w * channels, bottom = (kernel_h - 1) * dilation_h + 1;
  int32_t column = first % out_width, top = first / out_width * stride_h - pad_top;
  for (; count > 0; count--) {
    const int32_t left = column * stride_w - pad_left;
    if (top < 0 || top + bottom > height || left < 0 || left + kernel_w > width) {
      ek_gather_edge(from, top, left, patches);
    } else if (run <= 16) {
      ek_gather_inner(from, top, left, patches, 16);
    } else if (run <= 32) {
      ek_gather_inner(from, top, left, patches, 32);
    } else {
      ek_gather_inner(from, top, left, patches, 64);
    }
    patches += patch_bytes;
    if (++column == out_width) {
      column = 0;
      top += stride_h;
    }
  }
}
