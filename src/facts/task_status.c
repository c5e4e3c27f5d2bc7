/* task_status: see task_status.h. A host may have 5,000 processes, and this is read of
 * each: what is looked for is compared by its length first, and the reading ends with the
 * last of it. */
#include "facts/task_status.h"

#include "base/ckd.h"
#include "base/own.h"

enum field_kind { FIELD_NUMBER, FIELD_KB, FIELD_SECOND };

static struct weir_str chomp_kb(struct weir_str s)
{
	if (weir_str_ends(s, " kB"))
		s.n -= 3;
	return s;
}

/* Of "real effective saved filesystem" the second. */
static struct weir_str second_word(struct weir_str s)
{
	struct weir_str word = { s.p, 0 };

	for (int i = 0; i < 2; i++)
		(void)weir_str_word(&s, &word);
	return word;
}

/* What is missing or no number stays unknown: the second is looked at by itself. */
static void parse_uids(struct weir_str value, struct weir_count *out)
{
	struct weir_str word;

	for (size_t i = 0; i < WEIR_TASK_UIDS && weir_str_word(&value, &word); i++)
		(void)weir_count_parse(word, &out[i]);
}

static int parse_field(struct weir_str value, enum field_kind kind,
                       struct weir_count *out)
{
	uint64_t n;

	*out = (struct weir_count){ 0 };
	if (kind == FIELD_KB && !weir_str_ends(value, " kB"))
		return WEIR_GARBLED;
	if (kind == FIELD_KB)
		value = chomp_kb(value);
	if (kind == FIELD_SECOND)
		value = second_word(value);
	if (weir_parse_u64(value, &n) < 0 ||
	    (kind == FIELD_KB && ckd_mul(&n, n, UINT64_C(1024))) || n > WEIR_COUNT_MAX)
		return WEIR_GARBLED;
	*out = WEIR_COUNT(n);
	return 0;
}

int weir_task_status_parse(struct weir_str text, struct weir_task_status *out,
                           struct weir_err *err)
{
	struct weir_task_status got = { .name = weir_str(text.p, 0),
		                        .ns_pids = weir_str(text.p, 0) };
	const struct {
		struct weir_str name; /* its length first: most lines are of others */
		enum field_kind kind;
		struct weir_count *slot;
	} fields[] = {
		{ weir_strz("Pid"), FIELD_NUMBER, &got.pid },
		{ weir_strz("Tgid"), FIELD_NUMBER, &got.tgid },
		{ weir_strz("PPid"), FIELD_NUMBER, &got.ppid },
		{ weir_strz("Uid"), FIELD_SECOND, &got.uid },
		{ weir_strz("Gid"), FIELD_SECOND, &got.gid },
		{ weir_strz("HugetlbPages"), FIELD_KB, &got.hugetlb_bytes },
		{ weir_strz("VmPin"), FIELD_KB, &got.pinned_bytes },
		{ weir_strz("Kthread"), FIELD_NUMBER, &got.kthread },
	};
	struct weir_str line, name, value;
	size_t nr_left = WEIR_NELEM(fields);
	int result = 0;

	/* what is looked for stands in the first half, and each once */
	while ((nr_left || !got.has_memory) && weir_str_line(&text, &line)) {
		if (!weir_str_split(line, ':', &name, &value))
			continue;
		if (weir_str_eq(name, "Name")) /* blanks in front of a name are its own */
			got.name = weir_str_skip(value, weir_str_starts(value, "\t"));
		if (weir_str_eq(name, "NStgid"))
			got.ns_pids = value;
		if (weir_str_eq(name, "VmSize"))
			got.has_memory = true;
		if (!got.has_memory && weir_str_eq(name, "Threads"))
			(void)weir_count_parse(weir_str_trim(value), &got.threads);
		for (size_t i = 0; i < WEIR_NELEM(fields); i++) {
			if (name.n != fields[i].name.n ||
			    memcmp(name.p, fields[i].name.p, name.n) != 0)
				continue;
			nr_left -= nr_left > 0;
			if (fields[i].slot == &got.uid)
				parse_uids(value, got.uids);
			if (parse_field(weir_str_trim(value), fields[i].kind,
			                fields[i].slot) != 0 &&
			    !result)
				result = weir_err_set(err, WEIR_GARBLED,
				                      "no plausible value: '%.*s'",
				                      WEIR_STR_ARG(line));
			break;
		}
	}
	*out = got;
	return result;
}
