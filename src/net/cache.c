/* cache.c - see cache.h. */
#include "net/cache.h"
