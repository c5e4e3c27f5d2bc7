/* size: see size.h. */
#include "base/size.h"

#include "base/ckd.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static const char units[] = "KMGTPE";

/* 0 for no such letter, else the shift: K 10, M 20, ... */
static unsigned int unit_shift(char c)
{
	const char *at;

	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	at = c ? strchr(units, c) : NULL;
	return at ? 10U * (unsigned int)(at - units + 1) : 0;
}

int weir_parse_size(struct weir_str s, uint64_t *out_bytes)
{
	unsigned int shift = 0;
	uint64_t n;
	int r;

	if (s.n > 2 && weir_str_ends(s, "kB")) {
		shift = 10;
		s.n -= 2;
	} else if (s.n > 1 && (shift = unit_shift(s.p[s.n - 1])) > 0) {
		s.n -= 1;
	}
	r = weir_parse_u64(s, &n);
	if (r < 0)
		return r;
	if (ckd_mul(&n, n, UINT64_C(1) << shift))
		return -ERANGE;
	*out_bytes = n;
	return 0;
}

struct weir_str weir_format_size(uint64_t bytes, char *out, size_t cap)
{
	unsigned int u = 0;
	int n;

	while (bytes && bytes % 1024 == 0 && u < sizeof(units) - 1) {
		bytes /= 1024;
		u++;
	}
	n = u ? snprintf(out, cap, "%" PRIu64 "%c", bytes, units[u - 1])
	      : snprintf(out, cap, "%" PRIu64, bytes);
	assert(n > 0 && (size_t)n < cap);
	return weir_str(out, (size_t)n);
}

const char *weir_format_human(uint64_t bytes, char *out, size_t cap)
{
	unsigned int u = 0;
	uint64_t unit = 1, whole, tenth;
	int n;

	while (u < sizeof(units) - 1 && bytes / unit >= 1024) {
		unit <<= 10;
		u++;
	}
	whole = bytes / unit;
	tenth = unit > 1 ? bytes % unit * 10 / unit : 0; /* < 2^60 * 10: fits */
	if (!u)
		n = snprintf(out, cap, "%" PRIu64, whole);
	else if (whole >= 100 || !tenth)
		n = snprintf(out, cap, "%" PRIu64 "%c", whole, units[u - 1]);
	else
		n = snprintf(out, cap, "%" PRIu64 ".%" PRIu64 "%c", whole, tenth,
		             units[u - 1]);
	assert(n > 0 && (size_t)n < cap);
	(void)n; /* only asserted */
	return out;
}
