/* What clang calls in place of memcpy and memset, and has in a library that GCC's linker does not know. */
#include <stddef.h>

void *memcpy(void *to, const void *from, size_t count);
void *memset(void *to, int value, size_t count);

#define EK_COPY(name)                                                                                        \
  void name(void *to, const void *from, size_t count);                                                       \
  void name(void *to, const void *from, size_t count) { memcpy(to, from, count); }
#define EK_SET(name)                                                                                         \
  void name(void *to, size_t count, int value);                                                              \
  void name(void *to, size_t count, int value) { memset(to, value, count); }
#define EK_CLEAR(name)                                                                                       \
  void name(void *to, size_t count);                                                                         \
  void name(void *to, size_t count) { memset(to, 0, count); }

EK_COPY(__aeabi_memcpy)
EK_COPY(__aeabi_memcpy4)
EK_COPY(__aeabi_memcpy8)
EK_SET(__aeabi_memset)
EK_SET(__aeabi_memset4)
EK_SET(__aeabi_memset8)
EK_CLEAR(__aeabi_memclr)
EK_CLEAR(__aeabi_memclr4)
EK_CLEAR(__aeabi_memclr8)
