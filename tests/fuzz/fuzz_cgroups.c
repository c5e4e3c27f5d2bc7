/* cgroups: the files of one value; a size's name is the same after a round. */
#include "facts/cgroups.h"

#include "fuzz.h"

static void check_size(struct weir_str text)
{
	char name[WEIR_CGROUP_SIZE_NAME_MAX];
	uint64_t n;

	if (weir_cgroup_size_parse(text, &n) < 0)
		return;
	must(n && (n & (n - 1)) == 0);
	must(weir_str_eq(text, weir_cgroup_size_name(n, name, sizeof(name))));
}

static void check_limit(struct weir_str text, uint64_t page_bytes)
{
	struct weir_count n = { 0 };
	int r = weir_cgroup_limit_parse(text, page_bytes, &n);

	must(r == 0 || r == WEIR_GARBLED);
	must(n.known == (r == 0));
	must(n.n == WEIR_CGROUP_UNLIMITED || n.n <= WEIR_COUNT_MAX - page_bytes + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_str text = weir_str((const char *)data, size);
	struct weir_count n = { 0 };
	struct weir_misc misc;
	struct weir_err err = { 0 };
	int r;

	check_size(text);
	for (uint64_t page = 1024; page <= UINT64_C(1) << 34; page <<= 1)
		check_limit(text, page);
	r = weir_cgroup_events_parse(text, &n);
	must(r == 0 ? n.known && n.n <= WEIR_COUNT_MAX : r == WEIR_GARBLED && !n.known);
	r = weir_misc_parse(text, &misc, &err);
	must(r == 0 || (r == WEIR_GARBLED && err.msg[0]));
	must(misc.sev.n <= WEIR_COUNT_MAX && (misc.sev.known || !misc.sev.n));
	must(misc.sev_es.n <= WEIR_COUNT_MAX && (misc.sev_es.known || !misc.sev_es.n));
	must(misc.tdx.n <= WEIR_COUNT_MAX && (misc.tdx.known || !misc.tdx.n));
	return 0;
}
