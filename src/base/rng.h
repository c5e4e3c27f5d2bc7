/* rng: random numbers that are the same everywhere for the same seed (splitmix64). For
 * tests and benchmarks; no decision of the product is random. */
#ifndef WEIR_BASE_RNG_H
#define WEIR_BASE_RNG_H

#include <stdint.h>

struct weir_rng {
	uint64_t state;
};

static inline void weir_rng_seed(struct weir_rng *rng, uint64_t seed)
{
	rng->state = seed;
}

static inline uint64_t weir_rng_next(struct weir_rng *rng)
{
	uint64_t z = rng->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* A number below @n, which is above 0. The bias of the remainder does not matter here. */
static inline uint64_t weir_rng_below(struct weir_rng *rng, uint64_t n)
{
	return weir_rng_next(rng) % n;
}

#endif
