/* span: see span.h. */
#include "base/span.h"

#include "base/own.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static const struct {
	char unit;
	uint64_t seconds;
} units[] = { { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };

int weir_parse_span(struct weir_str s, uint64_t *out_seconds)
{
	uint64_t n;
	int r;

	for (size_t i = 0; s.n && i < WEIR_NELEM(units); i++) {
		if (s.p[s.n - 1] != units[i].unit)
			continue;
		r = weir_parse_u64(weir_str(s.p, s.n - 1), &n);
		if (r < 0)
			return r;
		if (!n)
			return -EBADMSG;
		if (n > UINT32_MAX)
			return -ERANGE;
		*out_seconds = n * units[i].seconds;
		return 0;
	}
	return -EBADMSG;
}

const char *weir_format_span(uint64_t seconds, char *out, size_t cap)
{
	size_t i = 0;
	int n;

	while (i + 1 < WEIR_NELEM(units) && seconds < units[i].seconds)
		i++;
	n = snprintf(out, cap, "%" PRIu64 "%c", seconds / units[i].seconds,
	             units[i].unit);
	assert(n > 0 && (size_t)n < cap);
	(void)n; /* only asserted */
	return out;
}
