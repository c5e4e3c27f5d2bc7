/* meminfo: see meminfo.h. One table says which line is which fact. */
#include "facts/meminfo.h"

#include "base/ckd.h"
#include "base/own.h"

#include <stddef.h>

#define AT(field) offsetof(struct weir_meminfo, field)

static const struct {
	const char *name;
	size_t at;
} fields[] = {
	{ "MemTotal", AT(total) },
	{ "MemFree", AT(free) },
	{ "MemAvailable", AT(available) },
	{ "Buffers", AT(buffers) },
	{ "Cached", AT(cached) },
	{ "FilePages", AT(file_pages) },
	{ "Active(anon)", AT(active_anon) },
	{ "Inactive(anon)", AT(inactive_anon) },
	{ "Active(file)", AT(active_file) },
	{ "Inactive(file)", AT(inactive_file) },
	{ "Unevictable", AT(unevictable) },
	{ "Mlocked", AT(mlocked) },
	{ "Dirty", AT(dirty) },
	{ "Writeback", AT(writeback) },
	{ "AnonPages", AT(anon) },
	{ "Mapped", AT(mapped) },
	{ "Shmem", AT(shmem) },
	{ "SReclaimable", AT(slab_reclaimable) },
	{ "SUnreclaim", AT(slab_unreclaimable) },
	{ "KernelStack", AT(kernel_stack) },
	{ "PageTables", AT(page_tables) },
	{ "SwapTotal", AT(swap_total) },
	{ "SwapFree", AT(swap_free) },
	{ "CommitLimit", AT(commit_limit) },
	{ "Committed_AS", AT(committed) },
	{ "AnonHugePages", AT(anon_huge) },
	{ "HardwareCorrupted", AT(hardware_corrupted) },
	{ "CmaTotal", AT(cma_total) },
	{ "CmaFree", AT(cma_free) },
	{ "HugePages_Total", AT(huge_total) },
	{ "HugePages_Free", AT(huge_free) },
	{ "HugePages_Rsvd", AT(huge_reserved) },
	{ "HugePages_Surp", AT(huge_surplus) },
	{ "Hugepagesize", AT(huge_size) },
	{ "Hugetlb", AT(hugetlb) },
};

/* "  1024 kB" in bytes, or "  12" as a count. */
static int parse_value(struct weir_str s, struct weir_count *out)
{
	struct weir_str number, unit;
	struct weir_count n = { 0 };

	if (!weir_str_word(&s, &number) || weir_count_parse(number, &n) != 0)
		return WEIR_GARBLED;
	if (weir_str_word(&s, &unit)) {
		if (!weir_str_eq(unit, "kB") || weir_str_trim(s).n)
			return WEIR_GARBLED;
		n = weir_count_mul(n, 1024);
		if (!n.known)
			return WEIR_GARBLED;
	}
	*out = n;
	return 0;
}

/* "Node 3 MemTotal" -> "MemTotal" */
static struct weir_str without_node(struct weir_str key)
{
	struct weir_str rest = key, word;

	if (!weir_str_starts(key, "Node "))
		return key;
	(void)weir_str_word(&rest, &word);
	(void)weir_str_word(&rest, &word);
	return weir_str_trim(rest);
}

int weir_meminfo_parse(struct weir_str text, struct weir_meminfo *out,
                       struct weir_err *err)
{
	struct weir_str line, key, value;
	int result = 0;

	*out = (struct weir_meminfo){ 0 };
	while (weir_str_line(&text, &line)) {
		if (!weir_str_split(line, ':', &key, &value))
			continue;
		key = without_node(key);
		for (size_t i = 0; i < WEIR_NELEM(fields); i++) {
			struct weir_count *slot =
				(struct weir_count *)(void *)((char *)out + fields[i].at);

			if (!weir_str_eq(key, fields[i].name))
				continue;
			if (parse_value(value, slot) == 0 || result)
				break;
			result = weir_err_set(err, WEIR_GARBLED,
			                      "no plausible value: '%.*s'",
			                      WEIR_STR_ARG(weir_str_trim(line)));
			break;
		}
	}
	return result;
}
