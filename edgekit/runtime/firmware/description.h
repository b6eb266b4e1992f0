#ifndef EDGEKIT_DESCRIPTION_H
#define EDGEKIT_DESCRIPTION_H

#include "edgekit.h"

/* Returns whether all of a model's description could be written to an open file. */
int write_description(int32_t file, const edgekit_model *model);

#endif
