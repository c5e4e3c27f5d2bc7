/* confidential: see confidential.h. */
#include "facts/confidential.h"

#include "base/own.h"
#include "base/size.h"

#include <stddef.h>

#define AMD_DIR "/sys/module/kvm_amd/parameters/"
#define MM_DIR  "/sys/kernel/mm/"

void weir_csv_done(struct weir_csv *csv)
{
	free(csv->v);
	*csv = (struct weir_csv){ 0 };
}

void weir_confidential_done(struct weir_confidential *conf)
{
	weir_csv_done(&conf->csv);
}

#define MEMORY(field) offsetof(struct weir_csv_memory, field)
#define CSV(field)    offsetof(struct weir_csv, field)

static const struct {
	const char *name;
	size_t at;
} node_fields[] = {
	{ "total", MEMORY(total) },
	{ "total cma size", MEMORY(total) },
	{ "csv3 cma used", MEMORY(used) },
	{ "free", MEMORY(free) },
	{ "csv3 shared size", MEMORY(shared) },
}, all_fields[] = {
	{ "npt table", CSV(npt) },
	{ "csv3 private memory", CSV(private_memory) },
	{ "meta data", CSV(meta_data) },
};

static struct weir_count *count_at(void *base, size_t at)
{
	return (struct weir_count *)(void *)((char *)base + at);
}

/* Where the number of this line belongs, in the part of the file that @memory stands
 * for; NULL for a line that is not known. */
static struct weir_count *find_slot(struct weir_str name, struct weir_csv_memory *memory,
                                    struct weir_csv *csv)
{
	for (size_t i = 0; i < WEIR_NELEM(node_fields); i++)
		if (weir_str_eq(name, node_fields[i].name))
			return count_at(memory, node_fields[i].at);
	for (size_t i = 0; memory == &csv->all && i < WEIR_NELEM(all_fields); i++)
		if (weir_str_eq(name, all_fields[i].name))
			return count_at(csv, all_fields[i].at);
	return NULL;
}

/* "       512 MiB" */
static int parse_mib(struct weir_str s, struct weir_count *out)
{
	struct weir_str number, unit;
	struct weir_count n = { 0 };

	if (!weir_str_word(&s, &number) || weir_count_parse(number, &n) != 0 ||
	    !weir_str_word(&s, &unit) || !weir_str_eq(unit, "MiB") || weir_str_trim(s).n)
		return WEIR_GARBLED;
	n = weir_count_mul(n, WEIR_MIB);
	if (!n.known)
		return WEIR_GARBLED;
	*out = n;
	return 0;
}

/* "Node3" */
static bool is_node(struct weir_str name, unsigned int *node)
{
	uint64_t n;

	if (!weir_str_starts(name, "Node") ||
	    weir_parse_u64(weir_str_skip(name, 4), &n) < 0 || n > WEIR_NODE_MAX)
		return false;
	*node = (unsigned int)n;
	return true;
}

static int add_node(struct weir_csv *csv, unsigned int node, struct weir_csv_memory **out)
{
	int r;

	for (size_t i = 0; i < csv->nr; i++)
		if (csv->v[i].node == node) {
			*out = &csv->v[i].memory;
			return 0;
		}
	r = weir_grow(&csv->v, &csv->cap, csv->nr, sizeof(*csv->v));
	if (r < 0)
		return r;
	csv->v[csv->nr].node = node;
	*out = &csv->v[csv->nr++].memory;
	return 0;
}

/* One line; *memory says which part of the file it is in, NULL before the first. */
static int parse_line(struct weir_str line, struct weir_csv *csv,
                      struct weir_csv_memory **memory, struct weir_err *err)
{
	struct weir_str name, value;
	struct weir_count *slot;
	unsigned int node;

	if (!weir_str_split(line, ':', &name, &value))
		return 0;
	name = weir_str_trim(name);
	if (is_node(name, &node))
		return add_node(csv, node, memory);
	if (weir_str_eq(name, "All Nodes")) {
		*memory = &csv->all;
		return 0;
	}
	slot = *memory ? find_slot(name, *memory, csv) : NULL;
	if (!slot)
		return 0;
	*slot = (struct weir_count){ 0 };
	if (parse_mib(value, slot) != 0)
		return weir_err_set(err, WEIR_GARBLED, "no plausible value: '%.*s'",
		                    WEIR_STR_ARG(weir_str_trim(line)));
	return 0;
}

/* Of used and free each form shows one; they and the total are rounded to MiB alike. */
static void complete(struct weir_csv_memory *m)
{
	if (!m->used.known)
		m->used = weir_count_sub(m->total, m->free);
	if (!m->free.known)
		m->free = weir_count_sub(m->total, m->used);
}

int weir_csv_parse(struct weir_str text, struct weir_csv *out, struct weir_err *err)
{
	struct weir_csv_memory *memory = NULL;
	struct weir_str line;
	int r, result = 0;

	*out = (struct weir_csv){ 0 };
	while (weir_str_line(&text, &line)) {
		r = parse_line(line, out, &memory, result ? NULL : err);
		if (r < 0) {
			weir_csv_done(out);
			return r;
		}
		result = result ? result : r;
	}
	for (size_t i = 0; i < out->nr; i++)
		complete(&out->v[i].memory);
	complete(&out->all);
	out->known = memory != NULL;
	if (!out->known && !result)
		result = weir_err_set(err, WEIR_GARBLED, "no node in it");
	return result;
}

/* Y, N, 1 or 0: bool and int parameters, of which kvm_amd has had both. */
static struct weir_count read_parameter(struct weir_reader *rd, const char *path)
{
	struct weir_str text, word;
	struct weir_err err;
	char shown[32];

	if (!weir_reader_text(rd, WEIR_SMALL_MAX, &text, "%s", path))
		return (struct weir_count){ 0 };
	word = weir_str_trim(text);
	if (weir_str_eq(word, "Y") || weir_str_eq(word, "1"))
		return WEIR_COUNT(1);
	if (weir_str_eq(word, "N") || weir_str_eq(word, "0"))
		return WEIR_COUNT(0);
	weir_reader_parsed(rd,
	                   weir_err_set(&err, WEIR_GARBLED, "neither yes nor no: '%s'",
	                                weir_str_show(word, shown, sizeof(shown))),
	                   path, &err);
	return (struct weir_count){ 0 };
}

/* Looked at, never opened: opening it is a request to the security processor's driver. */
static struct weir_count read_device(struct weir_reader *rd, const char *path)
{
	struct weir_str text, line;

	if (!weir_reader_text(rd, WEIR_SMALL_MAX, &text, "%s", path))
		return (struct weir_count){ 0 };
	while (weir_str_line(&text, &line))
		if (weir_str_eq(line, "type char"))
			return WEIR_COUNT(1);
	return WEIR_COUNT(0);
}

/* A kernel has one of the files: the first that is there is taken. */
static void read_csv(struct weir_reader *rd, struct weir_csv *out)
{
	static const char *const paths[] = {
		MM_DIR "csv3/free_size",
		MM_DIR "csv3_cma/mem_info",
		MM_DIR "csv3_cma/free_size",
	};

	for (size_t i = 0; !out->known && i < WEIR_NELEM(paths); i++) {
		struct weir_str text;
		struct weir_err err;

		if (weir_reader_text(rd, WEIR_SMALL_MAX, &text, "%s", paths[i]))
			weir_reader_parsed(rd, weir_csv_parse(text, out, &err), paths[i],
			                   &err);
	}
}

/* Hexadecimal with 0x, unlike its neighbours (smr_size_show()). */
static struct weir_count read_smr_size(struct weir_reader *rd)
{
	static const char path[] = MM_DIR "csv3/smr_size";
	struct weir_str text;
	struct weir_err err;
	uint64_t n;

	if (!weir_reader_text(rd, WEIR_SMALL_MAX, &text, "%s", path))
		return (struct weir_count){ 0 };
	text = weir_str_trim(text);
	if (weir_str_starts(text, "0x") && weir_parse_hex(text, &n) == 0 && n &&
	    n <= WEIR_COUNT_MAX)
		return WEIR_COUNT(n);
	weir_reader_parsed(rd,
	                   weir_err_set(&err, WEIR_GARBLED, "no plausible size: '%.*s'",
	                                WEIR_STR_ARG(text)),
	                   path, &err);
	return (struct weir_count){ 0 };
}

void weir_confidential_read(struct weir_reader *rd, struct weir_confidential *out)
{
	*out = (struct weir_confidential){ 0 };
	out->sev = read_parameter(rd, AMD_DIR "sev");
	out->sev_es = read_parameter(rd, AMD_DIR "sev_es");
	out->sev_snp = read_parameter(rd, AMD_DIR "sev_snp");
	out->tdx = read_parameter(rd, "/sys/module/kvm_intel/parameters/tdx");
	out->dev_sev = read_device(rd, "/@/stat/dev/sev/@");
	read_csv(rd, &out->csv);
	out->csv_smr_bytes = read_smr_size(rd);
}
