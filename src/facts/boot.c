/* boot: see boot.h. Huge page parameters, which depend on each other, are in boot_huge.c;
 * here is the table of all parameters, and those that stand for themselves.
 *
 * Simplified: hugetlb_cma= given twice in both of its forms (the later one wins here, as
 * in 7.x; before, a node list stayed in force). */
#include "facts/boot.h"

#include "base/ckd.h"
#include "base/own.h"
#include "facts/boot_huge.h"

#include <errno.h>

static struct weir_boot_amount amount(enum weir_boot_unit unit, uint64_t n)
{
	return (struct weir_boot_amount){ unit, n };
}

static int set_cma_node(struct weir_boot_hugetlb_cma *cma, unsigned int node,
                        struct weir_boot_amount size)
{
	size_t at = 0;
	int r;

	while (at < cma->nr_nodes && cma->nodes[at].node < node)
		at++;
	if (at == cma->nr_nodes || cma->nodes[at].node != node) {
		r = weir_grow(&cma->nodes, &cma->cap_nodes, cma->nr_nodes,
		              sizeof(*cma->nodes));
		if (r < 0)
			return r;
		memmove(&cma->nodes[at + 1], &cma->nodes[at],
		        (cma->nr_nodes - at) * sizeof(*cma->nodes));
		cma->nr_nodes++;
	}
	cma->nodes[at] = (struct weir_boot_node_size){ node, size };
	return 0;
}

/* "2G" or "10%". NULL, or why not. */
static const char *take_share(struct weir_str *rest, struct weir_boot_amount *out)
{
	struct weir_str s = *rest;
	uint64_t n;

	if (!weir_memparse(&s, &n) || n > WEIR_COUNT_MAX)
		return weir_boot_too_large;
	if (s.n == rest->n)
		return weir_boot_no_number;
	*out = amount(WEIR_BOOT_BYTES, n);
	if (weir_str_starts(s, "%")) {
		if (n > 100)
			return "it is more than 100 percent";
		s = weir_str_skip(s, 1);
		out->unit = WEIR_BOOT_PERCENT;
	}
	*rest = s;
	return NULL;
}

/* The kernel stops at the first thing it does not understand and keeps what it has; it
 * drops nodes that are not there later, when it reserves. */
static int hugetlb_cma_nodes(struct weir_boot_play *p, struct weir_boot_arg *arg)
{
	struct weir_boot_hugetlb_cma *cma = &p->out->hugetlb_cma;
	struct weir_str s = arg->value;
	struct weir_boot_amount size;
	uint64_t node;

	while (s.n) {
		const char *why = weir_boot_decimal(&s, &node);

		if (!why && !weir_str_starts(s, ":"))
			why = weir_boot_bare_number;
		if (!why) {
			s = weir_str_skip(s, 1);
			why = take_share(&s, &size);
		}
		if (why) {
			arg->note = why;
			break;
		}
		if (!weir_boot_node_is_there(p, node))
			arg->note = weir_boot_no_node;
		else if (set_cma_node(cma, (unsigned int)node, size) < 0)
			return -ENOMEM;
		else
			arg->taken = true;
		if (!weir_str_starts(s, ","))
			break;
		s = weir_str_skip(s, 1);
	}
	if (arg->taken)
		cma->all = (struct weir_boot_amount){ 0 };
	return 0;
}

static int play_hugetlb_cma(struct weir_boot_play *p, struct weir_boot_arg *arg)
{
	struct weir_str rest = arg->value, list = arg->value;
	uint64_t node;

	arg->note = weir_boot_decimal(&list, &node);
	if (arg->note)
		return 0;
	if (weir_str_starts(list, ":") && p->rules->node_lists)
		return hugetlb_cma_nodes(p, arg);
	arg->note = take_share(&rest, &arg->amount);
	if (arg->note)
		return 0;
	p->out->hugetlb_cma.all = arg->amount;
	p->out->hugetlb_cma.nr_nodes = 0;
	arg->taken = true;
	if (weir_str_starts(list, ":"))
		arg->note = "this kernel knows no node lists and reads the first number "
			    "as the size";
	return 0;
}

/* size[@base[-limit]] */
static int play_cma(struct weir_boot_play *p, struct weir_boot_arg *arg)
{
	struct weir_str s = arg->value;
	struct weir_boot_cma got = { .size.known = true };
	bool ok = weir_memparse(&s, &got.size.n);

	if (ok && weir_str_starts(s, "@")) {
		s = weir_str_skip(s, 1);
		got.base.known = true;
		ok = weir_memparse(&s, &got.base.n);
		if (ok && weir_str_starts(s, "-")) {
			s = weir_str_skip(s, 1);
			got.limit.known = true;
			ok = weir_memparse(&s, &got.limit.n);
		}
	}
	if (!ok || got.size.n > WEIR_COUNT_MAX || got.base.n > WEIR_COUNT_MAX ||
	    got.limit.n > WEIR_COUNT_MAX) {
		weir_boot_drop(arg, weir_boot_too_large);
		return 0;
	}
	arg->amount = amount(WEIR_BOOT_BYTES, got.size.n);
	arg->taken = true;
	p->out->cma = got;
	return 0;
}

static int play_movable_node(struct weir_boot_play *p, struct weir_boot_arg *arg)
{
	if (arg->value.n)
		arg->note = "its value is not looked at";
	p->out->movable_node = true;
	arg->taken = true;
	return 0;
}

/* Percent is tried before bytes. 0 % leaves in force the bytes said before. */
static int core(struct weir_boot_arg *arg, struct weir_boot_amount *out)
{
	struct weir_str bytes = arg->value, percent = arg->value;
	uint64_t n;

	if (weir_kernel_number(&percent, &n) && weir_str_starts(percent, "%")) {
		arg->amount = amount(WEIR_BOOT_PERCENT, n);
		if (n > 100)
			arg->note = "it is more than 100 percent, which the kernel takes";
	} else if (weir_memparse(&bytes, &n) && n <= WEIR_COUNT_MAX) {
		arg->amount = amount(WEIR_BOOT_BYTES, n);
	} else {
		weir_boot_drop(arg, weir_boot_too_large);
		return 0;
	}
	arg->taken = true;
	if (n || arg->amount.unit == WEIR_BOOT_BYTES || out->unit != WEIR_BOOT_BYTES)
		*out = arg->amount;
	return 0;
}

/* "mirror" may stand in a list of words, and once said it stays in force. */
static int play_kernelcore(struct weir_boot_play *p, struct weir_boot_arg *arg)
{
	struct weir_str rest = arg->value, word;
	int r;

	while (weir_str_cut(&rest, ',', &word))
		if (weir_str_eq(word, "mirror")) {
			arg->amount = amount(WEIR_BOOT_MIRROR, 0);
			arg->taken = true;
			p->out->kernelcore = arg->amount;
			return 0;
		}
	if (p->out->kernelcore.unit != WEIR_BOOT_MIRROR)
		return core(arg, &p->out->kernelcore);
	r = core(arg, &(struct weir_boot_amount){ 0 });
	weir_boot_drop(arg, "kernelcore=mirror in front of it stays in force");
	return r;
}

static int play_movablecore(struct weir_boot_play *p, struct weir_boot_arg *arg)
{
	return core(arg, &p->out->movablecore);
}

/* kstrtouint() with base 10: a '+' in front and a newline behind are allowed. */
static bool strict_number(struct weir_str s, uint64_t most, uint64_t *out)
{
	if (weir_str_starts(s, "+"))
		s = weir_str_skip(s, 1);
	if (weir_str_ends(s, "\n"))
		s.n--;
	return weir_parse_u64(s, out) == 0 && *out <= most;
}

static int play_csv_mem_percentage(struct weir_boot_play *p, struct weir_boot_arg *arg)
{
	uint64_t most = p->out->csv_percentage_max, n;

	if (!strict_number(arg->value, UINT8_MAX, &n)) {
		p->out->csv_percentage = WEIR_COUNT(0);
		weir_boot_drop(arg,
		               "it is not a number from 0 to 255, which sets 0 percent");
		return 0;
	}
	if (n > most)
		arg->note = "it is cut to the most that the kernel allows";
	n = n > most ? most : n;
	arg->amount = amount(WEIR_BOOT_PERCENT, n);
	arg->taken = true;
	p->out->csv_percentage = WEIR_COUNT(n);
	return 0;
}

static int play_csv_mem_size(struct weir_boot_play *p, struct weir_boot_arg *arg)
{
	struct weir_str rest = arg->value;
	uint64_t n;

	if (!weir_memparse(&rest, &n) || n > WEIR_COUNT_MAX) {
		weir_boot_drop(arg, weir_boot_too_large);
		return 0;
	}
	arg->amount = amount(WEIR_BOOT_BYTES, n);
	arg->taken = true;
	p->out->csv_size_bytes = WEIR_COUNT(n);
	if (!n)
		p->out->csv_percentage = WEIR_COUNT(0);
	return 0;
}

static int play_csv_smcr_size(struct weir_boot_play *p, struct weir_boot_arg *arg)
{
	struct weir_str rest = arg->value;
	uint64_t n, units;

	if (!weir_memparse(&rest, &n) || n > WEIR_COUNT_MAX) {
		weir_boot_drop(arg, weir_boot_too_large);
		return 0;
	}
	if (!n) {
		weir_boot_drop(arg, "0 is no size, which changes nothing");
		return 0;
	}
	units = n / WEIR_CSV_SMCR_UNIT;
	if (units < WEIR_CSV_SMCR_UNITS_MIN) {
		p->out->csv_smcr_bytes = WEIR_COUNT(0);
		weir_boot_drop(arg, "it is less than 512 MiB, which sets 0");
		return 0;
	}
	if (units > WEIR_CSV_SMCR_UNITS_MAX) {
		units = WEIR_CSV_SMCR_UNITS_MAX;
		arg->note = "it is cut to 16 GiB";
	} else if (n % WEIR_CSV_SMCR_UNIT) {
		arg->note = "it is cut to a multiple of 256 MiB";
	}
	arg->amount = amount(WEIR_BOOT_BYTES, units * WEIR_CSV_SMCR_UNIT);
	arg->taken = true;
	p->out->csv_smcr_bytes = WEIR_COUNT(arg->amount.n);
	return 0;
}

static int play_csv_use_hugetlb(struct weir_boot_play *p, struct weir_boot_arg *arg)
{
	uint64_t n = WEIR_CSV_HUGETLB_GUESTS;
	bool bare = arg->value.p == NULL;

	if (!bare && !strict_number(arg->value, UINT32_MAX, &n)) {
		p->out->csv_use_hugetlb = WEIR_COUNT(0);
		weir_boot_drop(arg, "it is not a number, which sets 0");
		return 0;
	}
	arg->amount = amount(WEIR_BOOT_GUESTS, n);
	arg->taken = true;
	p->out->csv_use_hugetlb = WEIR_COUNT(n);
	return 0;
}

enum needs {
	A_VALUE,
	NOTHING,    /* may stand without a value */
	HUGE_PAGES, /* a value, and a kernel that has huge pages */
};

static const struct {
	const char *name;
	int (*play)(struct weir_boot_play *p, struct weir_boot_arg *arg);
	enum needs needs;
} params[] = {
	[WEIR_BOOT_HUGEPAGES] = { "hugepages", weir_boot_hugepages, HUGE_PAGES },
	[WEIR_BOOT_HUGEPAGESZ] = { "hugepagesz", weir_boot_hugepagesz, HUGE_PAGES },
	[WEIR_BOOT_DEFAULT_HUGEPAGESZ] = { "default_hugepagesz",
	                                   weir_boot_default_hugepagesz, HUGE_PAGES },
	[WEIR_BOOT_HUGETLB_CMA] = { "hugetlb_cma", play_hugetlb_cma, A_VALUE },
	[WEIR_BOOT_CMA] = { "cma", play_cma, A_VALUE },
	[WEIR_BOOT_MOVABLE_NODE] = { "movable_node", play_movable_node, NOTHING },
	[WEIR_BOOT_KERNELCORE] = { "kernelcore", play_kernelcore, A_VALUE },
	[WEIR_BOOT_MOVABLECORE] = { "movablecore", play_movablecore, A_VALUE },
	[WEIR_BOOT_CSV_MEM_PERCENTAGE] = { "csv_mem_percentage", play_csv_mem_percentage,
	                                   A_VALUE },
	[WEIR_BOOT_CSV_MEM_SIZE] = { "csv_mem_size", play_csv_mem_size, A_VALUE },
	[WEIR_BOOT_CSV_SMCR_SIZE] = { "csv_smcr_size", play_csv_smcr_size, A_VALUE },
	[WEIR_BOOT_CSV_USE_HUGETLB] = { "csv_use_hugetlb", play_csv_use_hugetlb,
	                                NOTHING },
};

const char *weir_boot_word(enum weir_boot_kind kind)
{
	return params[kind].name;
}

static int play_param(struct weir_boot_play *p, const struct weir_param *param,
                      size_t kind)
{
	struct weir_boot *boot = p->out;
	struct weir_boot_arg *arg;
	int r = weir_grow(&boot->args, &boot->cap_args, boot->nr_args,
	                  sizeof(*boot->args));

	if (r < 0)
		return r;
	arg = &boot->args[boot->nr_args++];
	arg->kind = (enum weir_boot_kind)kind;
	arg->text = param->text;
	arg->value = param->value;
	if (!param->has_value && params[kind].needs != NOTHING) {
		weir_boot_drop(arg, "it has no value");
		return 0;
	}
	if (params[kind].needs == HUGE_PAGES && !p->rules->nr_sizes &&
	    !p->rules->sizes_unknown) {
		weir_boot_drop(arg, "this kernel has no huge pages");
		return 0;
	}
	return params[kind].play(p, arg);
}

static int play_line(struct weir_boot_play *p, struct weir_str rest)
{
	struct weir_param param;
	int r = 0;

	while (r == 0 && weir_cmdline_next(&rest, &param))
		for (size_t i = 0; r == 0 && i < WEIR_NELEM(params); i++)
			if (weir_param_is(param.name, params[i].name))
				r = play_param(p, &param, i);
	return r == 0 ? weir_boot_play_settle(p) : r;
}

int weir_boot_parse(struct weir_str cmdline, const struct weir_boot_rules *rules,
                    struct weir_boot *out, struct weir_err *err)
{
	struct weir_boot_play p;
	int r;

	*out = (struct weir_boot){ 0 };
	out->csv_percentage_max = rules->csv_percentage_max ? rules->csv_percentage_max
	                                                    : WEIR_CSV_PERCENTAGE_MAX;
	if (cmdline.n > WEIR_CMDLINE_MAX)
		return weir_err_set(err, WEIR_GARBLED,
		                    "%zu bytes are more than any kernel command line",
		                    cmdline.n);
	out->text = strndup(cmdline.n ? cmdline.p : "", cmdline.n); /* ends at a NUL */
	weir_boot_play_init(&p, rules, out);
	r = out->text ? play_line(&p, weir_strz(out->text)) : -ENOMEM;
	weir_boot_play_done(&p);
	if (r < 0) {
		weir_boot_done(out);
		return weir_err_sys(err, r, "kernel command line");
	}
	if (strlen(out->text) < cmdline.n)
		return weir_err_set(err, WEIR_GARBLED,
		                    "a NUL in the kernel command line");
	return 0;
}

void weir_boot_done(struct weir_boot *boot)
{
	for (size_t i = 0; i < boot->nr_pools; i++)
		free(boot->pools[i].nodes);
	free(boot->pools);
	free(boot->args);
	free(boot->hugetlb_cma.nodes);
	free(boot->text);
	*boot = (struct weir_boot){ 0 };
}

const struct weir_boot_pool *weir_boot_pool(const struct weir_boot *boot,
                                            uint64_t size_bytes)
{
	for (size_t i = 0; i < boot->nr_pools; i++)
		if (boot->pools[i].size_bytes == size_bytes)
			return &boot->pools[i];
	return NULL;
}

struct weir_count weir_boot_csv_percentage(const struct weir_boot *boot,
                                           uint64_t total_bytes)
{
	uint64_t size = boot->csv_size_bytes.n, most = boot->csv_percentage_max, n;

	if (!size) /* not given, or 0: then what came behind it is in force */
		return WEIR_COUNT(boot->csv_percentage.n);
	if (!total_bytes)
		return (struct weir_count){ 0 };
	if (size >= total_bytes)
		return WEIR_COUNT(most);
	/* percent = 100 * bytes asked for / all bytes, cut */
	if (ckd_mul(&n, size, UINT64_C(100)))
		return (struct weir_count){ 0 };
	n /= total_bytes;
	return WEIR_COUNT(n > most ? most : n);
}
