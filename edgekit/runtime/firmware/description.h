#ifndef EDGEKIT_DESCRIPTION_H
#define EDGEKIT_DESCRIPTION_H

#include <stdint.h>

/* Returns whether all of the model's description could be written to an open file. */
int write_description(int32_t file);

#endif
