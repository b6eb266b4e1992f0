/*
 * Depthwise convolution with 3x3 windows, four channels at a time, for cores with DSP instructions.
 *
 * Two rows of the input at a time are widened into planes, one for each of the four channels: int16 pairs of neighbouring
 * columns, so that a SMLAD multiplies two taps (depthwise_3x3_tile.h). They push the oldest two rows out; the rest is
 * what windows read, two rows of them, or one where they move by two. Weights are widened once for each channel, and
 * doubled: what sums to twice the accumulator needs no shift before it is scaled (requantize.h).
 *
 * Channels do not mix, and are the outermost loop: so the output may start where the input does. Rows are widened before
 * outputs take their place. Where channels are no multiple of four, the last planes hold those before again, and only
 * new ones are computed.
 */
#include "depthwise.h"
#include "depthwise_3x3_tile.h"

enum { EK_PLANES = 4, EK_ROWS_BY_1 = 4, EK_ROWS_BY_2 = 3 };

/* Four channels of a layer. */
typedef struct ek_block {
  const ek_depthwise_layer *layer;
  const int8_t *in; /* the first of the channels */
  uint32_t *planes;
  int32_t plane_words;
  uint32_t padding; /* four bytes */
} ek_block;

/* Where a row is read, and from there to the next column; for a row outside the input, padding again and again. */
typedef struct ek_source {
  const int8_t *at;
  int32_t step;
} ek_source;

static ek_source source_of(const ek_block *block, int32_t y) {
  const ek_depthwise_layer *const layer = block->layer;
  const ek_source padding = {(const int8_t *)&block->padding, 0};
  const ek_source row = {block->in + y * layer->width * layer->channels, layer->channels};
  return y < 0 || y >= layer->height ? padding : row;
}

/* Push pairs of two rows into a plane. */
EK_INLINE void push_pair(uint32_t *to, int32_t rows, uint32_t upper, uint32_t lower) {
  const uint32_t first = to[2], second = to[rows - 1];
  to[0] = first;
  if (rows == EK_ROWS_BY_1) {
    to[1] = second;
  }
  to[rows - 2] = upper;
  to[rows - 1] = lower;
}

/* Push two columns of two rows of four channels into the planes. */
EK_INLINE void push(uint32_t *to, int32_t plane_words, int32_t rows, const uint32_t *upper, const uint32_t *lower) {
  const uint32_t upper_low = ek_pkhbt(upper[0], upper[1]), upper_high = ek_pkhtb(upper[1], upper[0]);
  const uint32_t lower_low = ek_pkhbt(lower[0], lower[1]), lower_high = ek_pkhtb(lower[1], lower[0]);
  push_pair(to, rows, ek_sxtb16(upper_low), ek_sxtb16(lower_low));
  to += plane_words;
  push_pair(to, rows, ek_sxtb16_ror8(upper_low), ek_sxtb16_ror8(lower_low));
  to += plane_words;
  push_pair(to, rows, ek_sxtb16(upper_high), ek_sxtb16(lower_high));
  to += plane_words;
  push_pair(to, rows, ek_sxtb16_ror8(upper_high), ek_sxtb16_ror8(lower_high));
}

/* Push rows `y` and the next into the planes. */
EK_INLINE void push_rows(const ek_block *block, int32_t y, int32_t rows) {
  const ek_depthwise_layer *const layer = block->layer;
  ek_source upper = source_of(block, y), lower = source_of(block, y + 1);
  uint32_t *to = block->planes;
  int32_t left = layer->width;
  if (layer->pad_left != 0) {
    const uint32_t first_upper[] = {block->padding, ek_load_word(upper.at)};
    const uint32_t first_lower[] = {block->padding, ek_load_word(lower.at)};
    push(to, block->plane_words, rows, first_upper, first_lower);
    upper.at += upper.step, lower.at += lower.step, to += rows, left--;
  }
  for (; left > 0; left -= 2, to += rows) {
    uint32_t two_upper[] = {ek_load_word(upper.at), block->padding};
    uint32_t two_lower[] = {ek_load_word(lower.at), block->padding};
    if (left > 1) {
      two_upper[1] = ek_load_word(upper.at + upper.step);
      two_lower[1] = ek_load_word(lower.at + lower.step);
    }
    push(to, block->plane_words, rows, two_upper, two_lower);
    upper.at += 2 * upper.step, lower.at += 2 * lower.step;
  }
}

static EK_NOINLINE void push_rows_by_1(const ek_block *block, int32_t y) { push_rows(block, y, EK_ROWS_BY_1); }

static EK_NOINLINE void push_rows_by_2(const ek_block *block, int32_t y) { push_rows(block, y, EK_ROWS_BY_2); }

static void fill_table(const ek_depthwise_layer *layer, const uint32_t *weights, const ek_channel *channel,
                       ek_table_3x3 *table) {
  table->twice_bias = channel->twice_bias;
  for (int32_t i = 0; i < 3; i++) {
    const uint32_t left = ek_sxtb16(weights[i]), right = ek_sxtb16_ror8(weights[i]);
    table->left[i] = ek_sadd16(left, left);
    table->right[i] = ek_sadd16(right, right);
  }
  table->multiplier = channel->multiplier;
  table->rounding = channel->rounding;
  table->shift = channel->right;
  table->next = 2 * layer->channels;
}

/* A row of outputs of the planes from `first` on, or two; `below` is the distance to the second, if it is wanted. */
EK_INLINE void compute(const ek_block *block, ek_table_3x3 *table, int32_t first, int32_t stride, int8_t *out,
                       int32_t below) {
  const ek_depthwise_layer *const layer = block->layer;
  const uint32_t *plane = block->planes + first * block->plane_words;
  const int32_t full = layer->out_width / 2, is_odd = layer->out_width % 2, channels = layer->channels;
  for (int32_t lane = first; lane < EK_PLANES; lane++, table++, plane += block->plane_words) {
    const uint32_t *pairs = plane;
    int8_t *to = out + lane;
    int32_t count = full, beside = channels;
    if (count == 0) {
      count = 1, beside = 0;
    }
    for (;;) {
      table->beside = beside;
      table->below = below;
      table->below_beside = below + beside;
      to = stride == 1 ? ek_tiles_by_1(table, pairs, count, to) : ek_tiles_by_2(table, pairs, count, to);
      if (is_odd == 0 || beside == 0) {
        break;
      }
      pairs += (stride == 1 ? EK_ROWS_BY_1 : 2 * EK_ROWS_BY_2) * count;
      count = 1, beside = 0;
    }
  }
}

static EK_NOINLINE void compute_by_1(const ek_block *block, ek_table_3x3 *table, int32_t first, int8_t *out,
                                     int32_t below) {
  compute(block, table, first, 1, out, below);
}

static EK_NOINLINE void compute_by_2(const ek_block *block, ek_table_3x3 *table, int32_t first, int8_t *out) {
  compute(block, table, first, 2, out, 0);
}

/* All outputs of four channels, of which the first are computed already. */
static void compute_block(const ek_block *block, ek_table_3x3 *table, int32_t first, int8_t *out) {
  const ek_depthwise_layer *const layer = block->layer;
  const int32_t row_bytes = layer->out_width * layer->channels;
  int32_t y = -layer->pad_top, left = layer->out_height;
  if (layer->stride == 1) {
    push_rows_by_1(block, y);
    for (; left > 0; left -= 2, out += 2 * row_bytes) {
      y += 2;
      push_rows_by_1(block, y);
      compute_by_1(block, table, first, out, left > 1 ? row_bytes : 0);
    }
    return;
  }
  y--;
  push_rows_by_2(block, y);
  for (; left > 0; left--, out += row_bytes) {
    y += 2;
    push_rows_by_2(block, y);
    compute_by_2(block, table, first, out);
  }
}

void ek_depthwise_3x3(const ek_depthwise_layer *layer, const int8_t *in, const int32_t *weights, const int32_t *channels,
                      int8_t *out, void *scratch) {
  ek_table_3x3 *const tables = scratch;
  const int32_t rows = layer->stride == 1 ? EK_ROWS_BY_1 : EK_ROWS_BY_2;
  const uint32_t padding = (uint32_t)layer->pad_value & 0xffffu;
  const int32_t out_bytes = layer->out_height * layer->out_width * layer->channels;
  ek_block block = {layer, in, (uint32_t *)(tables + EK_PLANES), rows * layer->row_words,
                    (padding & 0xffu) * 0x01010101u};
  for (int32_t image = layer->images; image > 0; image--) {
    for (int32_t c = 0; c < layer->channels; c += EK_PLANES) {
      const int32_t start = c + EK_PLANES <= layer->channels ? c : layer->channels - EK_PLANES;
      const int32_t first = c - start;
      for (int32_t lane = first; lane < EK_PLANES; lane++) {
        fill_table(layer, (const uint32_t *)weights + 3 * (start + lane),
                   (const ek_channel *)(const void *)channels + start + lane, tables + lane);
      }
      for (int32_t i = 0; i < EK_PLANES * block.plane_words; i++) {
        block.planes[i] = padding * 0x10001u;
      }
      block.in = in + start;
      compute_block(&block, tables + first, first, out + start);
    }
    in += layer->height * layer->width * layer->channels;
    ek_clamp(out, out + out_bytes, layer->low, layer->high);
    out += out_bytes;
  }
}
