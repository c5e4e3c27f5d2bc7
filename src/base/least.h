/* least: the smaller of two counts, and a difference that ends at 0. */
#ifndef WEIR_BASE_LEAST_H
#define WEIR_BASE_LEAST_H

#include <stdint.h>

static inline uint64_t weir_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* @a without @b, and not below 0. */
static inline uint64_t weir_less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

#endif
