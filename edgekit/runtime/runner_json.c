/*
 * runner_json.c: the few kinds of JSON value that the runner prints.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "runner.h"

void json_string(const char *text) {
  putchar('"');
  for (const char *at = text; *at != '\0'; at++) {
    const unsigned char byte = (unsigned char)*at;
    if (byte == '"' || byte == '\\') {
      printf("\\%c", byte);
    } else if (byte < 0x20) {
      printf("\\u%04x", byte);
    } else {
      putchar(byte);
    }
  }
  putchar('"');
}

void json_tensor(const edgekit_tensor *tensor) {
  printf("{\"name\": ");
  json_string(tensor->name);
  printf(", \"dtype\": \"%s\", \"shape\": [", type_name(tensor->type));
  for (uint32_t i = 0; i < tensor->rank; i++) {
    printf("%s%" PRId32, i == 0 ? "" : ", ", tensor->shape[i]);
  }
  printf("], \"bytes\": %zu, \"arena_offset\": %zu, \"scale\": %.9g, \"zero_point\": %" PRId32 "}",
         tensor->bytes, tensor->arena_offset, (double)tensor->scale, tensor->zero_point);
}

void json_tensors(const edgekit_tensor *tensors, uint32_t count) {
  putchar('[');
  for (uint32_t i = 0; i < count; i++) {
    printf("%s", i == 0 ? "" : ", ");
    json_tensor(&tensors[i]);
  }
  putchar(']');
}

static void json_float(float value) {
  if (isnan(value)) {
    printf("\"nan\"");
  } else if (isinf(value)) {
    printf("\"%sinf\"", value < 0 ? "-" : "");
  } else {
    printf("%.9g", (double)value);
  }
}

void json_element(edgekit_type type, const unsigned char *bytes) {
  /* Elements are copied out: nothing promises that a frame read from a file is aligned. */
  union {
    int16_t i16;
    int32_t i32;
    int64_t i64;
    float f32;
  } value;
  memcpy(&value, bytes, type_bytes(type));
  switch (type) {
    case EDGEKIT_INT8:
      printf("%d", (int)(signed char)bytes[0]);
      break;
    case EDGEKIT_INT16:
      printf("%d", (int)value.i16);
      break;
    case EDGEKIT_INT32:
      printf("%" PRId32, value.i32);
      break;
    case EDGEKIT_INT64:
      printf("%" PRId64, value.i64);
      break;
    case EDGEKIT_FLOAT32:
      json_float(value.f32);
      break;
    case EDGEKIT_UINT8:
    case EDGEKIT_BOOL:
    default:
      printf("%d", (int)bytes[0]);
      break;
  }
}

int json_end(void) {
  putchar('\n');
  if (fflush(stdout) != 0 || ferror(stdout)) {
    fprintf(stderr, "edgekit-runner: cannot write the answer to stdout\n");
    return EXIT_FAILED;
  }
  return 0;
}
