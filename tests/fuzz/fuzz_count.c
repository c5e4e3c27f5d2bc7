/* count: arithmetic against wider numbers: known exactly when the result is in range. */
#include "facts/fact.h"

#include "fuzz.h"

__extension__ typedef __int128 wide;

static void same(struct weir_count got, bool known, wide want)
{
	known = known && want >= 0 && want <= (wide)WEIR_COUNT_MAX;
	must(got.known == known && got.n == (known ? (uint64_t)want : 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_count a = { 0 }, b = { 0 }, parsed = { 0 };
	uint64_t v[2], n;
	int r = weir_count_parse(weir_str((const char *)data, size), &parsed);

	must(r == 0 || r == WEIR_GARBLED);
	must(parsed.known == (r == 0) && parsed.n <= WEIR_COUNT_MAX);
	if (size < sizeof(v) + 1)
		return 0;
	memcpy(v, data, sizeof(v));
	if (data[16] & 1)
		a = WEIR_COUNT(v[0]);
	if (data[16] & 2)
		b = WEIR_COUNT(v[1]);
	n = v[1] >> (data[16] >> 2); /* of any magnitude */
	same(weir_count_add(a, b), a.known && b.known, (wide)a.n + b.n);
	same(weir_count_sub(a, b), a.known && b.known, (wide)a.n - b.n);
	if (a.n <= UINT64_MAX / 2) /* or the product leaves 128 signed bits */
		same(weir_count_mul(a, n), a.known, (wide)a.n * n);
	return 0;
}
