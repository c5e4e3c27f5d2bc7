/* cpu: see cpu.h. */
#include "facts/cpu.h"

#include "base/own.h"

#define CPUINFO "/proc/cpuinfo"

#define AT(field) offsetof(struct weir_cpu, field)

static const struct {
	const char *name;
	size_t at;
} flags[] = {
	{ "pdpe1gb", AT(pdpe1gb) },
	{ "pse", AT(pse) },
	{ "sme", AT(sme) },
	{ "sev", AT(sev) },
	{ "sev_es", AT(sev_es) },
	{ "sev_snp", AT(sev_snp) },
	{ "tdx_host_platform", AT(tdx_host) },
	{ "hypervisor", AT(hypervisor) },
};

static struct weir_count *slot(struct weir_cpu *cpu, size_t i)
{
	return (struct weir_count *)(void *)((char *)cpu + flags[i].at);
}

/* @is_cut: the last word may be the beginning of a longer one, and more may follow. */
static void parse_flags(struct weir_str value, bool is_cut, struct weir_cpu *out)
{
	struct weir_str word;

	for (size_t i = 0; !is_cut && i < WEIR_NELEM(flags); i++)
		*slot(out, i) = WEIR_COUNT(0);
	while (weir_str_word(&value, &word) && !(is_cut && !value.n))
		for (size_t i = 0; i < WEIR_NELEM(flags); i++)
			if (weir_str_eq(word, flags[i].name))
				*slot(out, i) = WEIR_COUNT(1);
}

static int copy_text(struct weir_str value, char *out, size_t cap, struct weir_err *err)
{
	value = weir_str_trim(value);
	if (!value.n || value.n >= cap || memchr(value.p, '\0', value.n))
		return weir_err_set(err, WEIR_GARBLED, "no plausible name: '%.*s'",
		                    WEIR_STR_ARG(value));
	(void)weir_str_show(value, out, cap);
	return 0;
}

/* The lines that are looked for; of each the first, which is the first processor's. */
enum { VENDOR = 1 << 0, MODEL = 1 << 1, FLAGS = 1 << 2 };

static unsigned int which(struct weir_str key)
{
	key = weir_str_trim(key);
	if (weir_str_eq(key, "vendor_id"))
		return VENDOR;
	if (weir_str_eq(key, "model name"))
		return MODEL;
	return weir_str_eq(key, "flags") ? FLAGS : 0;
}

static int parse_line(unsigned int what, struct weir_str value, bool is_cut,
                      struct weir_cpu *out, struct weir_err *err)
{
	if (what == FLAGS)
		parse_flags(value, is_cut, out);
	else if (what == VENDOR && !is_cut)
		return copy_text(value, out->vendor, sizeof(out->vendor), err);
	else if (what == MODEL && !is_cut)
		return copy_text(value, out->model, sizeof(out->model), err);
	return 0;
}

int weir_cpu_parse(struct weir_str text, struct weir_cpu *out, struct weir_err *err)
{
	const char *end = text.p + text.n;
	struct weir_str line, key, value;
	unsigned int what, seen = 0;
	int r, result = 0;

	*out = (struct weir_cpu){ 0 };
	while (weir_str_line(&text, &line)) {
		if (!weir_str_split(line, ':', &key, &value))
			continue;
		what = which(key);
		if (!what || (seen & what))
			continue;
		seen |= what;
		r = parse_line(what, value, line.p + line.n == end, out,
		               result ? NULL : err);
		result = result ? result : r;
	}
	return result;
}

void weir_cpu_read(struct weir_reader *rd, struct weir_cpu *out)
{
	struct weir_str text;
	struct weir_err err;

	*out = (struct weir_cpu){ 0 };
	if (weir_reader_head(rd, WEIR_CPUINFO_HEAD, &text, CPUINFO))
		weir_reader_parsed(rd, weir_cpu_parse(text, out, &err), CPUINFO, &err);
}
