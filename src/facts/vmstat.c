/* vmstat: see vmstat.h. One table says which line is which fact. */
#include "facts/vmstat.h"

#include "base/own.h"

#include <stddef.h>

#define AT(field) offsetof(struct weir_vmstat, field)

static const struct {
	const char *name;
	size_t at;
} fields[] = {
	{ "htlb_buddy_alloc_success", AT(htlb_alloc_success) },
	{ "htlb_buddy_alloc_fail", AT(htlb_alloc_fail) },
	{ "compact_stall", AT(compact_stall) },
	{ "compact_fail", AT(compact_fail) },
	{ "compact_success", AT(compact_success) },
	{ "compact_migrate_scanned", AT(compact_migrate_scanned) },
	{ "compact_free_scanned", AT(compact_free_scanned) },
	{ "compact_isolated", AT(compact_isolated) },
	{ "compact_daemon_wake", AT(compact_daemon_wake) },
	{ "cma_alloc_success", AT(cma_alloc_success) },
	{ "cma_alloc_fail", AT(cma_alloc_fail) },
	{ "nr_free_cma", AT(free_cma) },
	{ "nr_foll_pin_acquired", AT(pin_acquired) },
	{ "nr_foll_pin_released", AT(pin_released) },
	{ "pgmigrate_success", AT(migrate_success) },
	{ "pgmigrate_fail", AT(migrate_fail) },
	{ "thp_fault_alloc", AT(thp_fault_alloc) },
	{ "thp_fault_fallback", AT(thp_fault_fallback) },
	{ "oom_kill", AT(oom_kill) },
};

static struct weir_count *find(struct weir_vmstat *v, struct weir_str key)
{
	for (size_t i = 0; i < WEIR_NELEM(fields); i++)
		if (weir_str_eq(key, fields[i].name))
			return (struct weir_count *)(void *)((char *)v + fields[i].at);
	return NULL;
}

int weir_vmstat_parse(struct weir_str text, struct weir_vmstat *out, struct weir_err *err)
{
	struct weir_str line, key;
	int result = 0;

	*out = (struct weir_vmstat){ 0 };
	while (weir_str_line(&text, &line)) {
		struct weir_str rest = line;
		struct weir_count *slot = weir_str_word(&rest, &key) ? find(out, key)
		                                                     : NULL;

		if (slot && weir_count_parse(weir_str_trim(rest), slot) != 0 && !result)
			result = weir_err_set(err, WEIR_GARBLED,
			                      "no plausible count: '%.*s'",
			                      WEIR_STR_ARG(line));
	}
	return result;
}
