/* rates: how fast memory is filled and scrubbed, of each size and node, over the last
 * seconds. Pure: times and sums in. */
#ifndef WEIR_DAEMON_RATES_H
#define WEIR_DAEMON_RATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR_RATES_MAX    256U /* sizes and nodes; what is beyond has no rate */
#define WEIR_RATE_SPAN_NS UINT64_C(5000000000)
#define WEIR_RATE_SAMPLES 8U

enum { WEIR_RATE_FILL, WEIR_RATE_SCRUB, WEIR_RATE_KINDS };

struct weir_rate_sample {
	uint64_t at_ns, done[WEIR_RATE_KINDS];
};

struct weir_rate_place {
	uint64_t page_bytes;
	int node;
	uint64_t done[WEIR_RATE_KINDS];                    /* by jobs that have ended */
	struct weir_rate_sample sample[WEIR_RATE_SAMPLES]; /* oldest first */
	size_t nr_samples;
};

struct weir_rates {
	struct weir_rate_place v[WEIR_RATES_MAX];
	size_t nr;
};

struct weir_rate {
	uint64_t per_s[WEIR_RATE_KINDS], done[WEIR_RATE_KINDS];
};

/* A job has ended that did so many bytes. */
void weir_rates_add(struct weir_rates *rates, uint64_t page_bytes, int node, bool scrub,
                    uint64_t bytes);

/* @filling, @scrubbing: done by jobs that run now. */
void weir_rates_see(struct weir_rates *rates, uint64_t page_bytes, int node,
                    uint64_t now_ns, uint64_t filling, uint64_t scrubbing,
                    struct weir_rate *out);

#endif
