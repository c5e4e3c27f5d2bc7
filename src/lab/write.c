/* write: a kernel file's text, as the kernel takes it. kernel-rules.md 2.1, 6.6.
 *
 * Source: lib/kstrtox.c (sysfs: one decimal number), kernel/sysctl.c
 * __do_proc_doulongvec_minmax() (the first number, the rest ignored), mm/page_counter.c
 * page_counter_memparse() (bytes with a suffix, or "max"). */
#include "lab/world.h"
#include "lab/world_names.h"
#include "model/task.h"

#include <errno.h>

/* kstrtoul(buf, 10): a plus sign and one newline are taken, too */
static int sysfs_number(struct weir_str s, uint64_t *out)
{
	s = weir_str_chomp(s);
	if (weir_str_starts(s, "+"))
		s = weir_str_skip(s, 1);
	switch (weir_parse_u64(s, out)) {
	case 0: return 0;
	case -ERANGE: return -ERANGE;
	default: return -EINVAL;
	}
}

/* simple_strtoul() with base 0: 0x and 0 in front mean what they do in C */
static bool lenient_number(struct weir_str *s, uint64_t *out)
{
	unsigned int base = 10;
	uint64_t n = 0;
	size_t digits = 0;

	if (weir_str_starts(*s, "0x") || weir_str_starts(*s, "0X")) {
		*s = weir_str_skip(*s, 2);
		base = 16;
	} else if (weir_str_starts(*s, "0")) {
		base = 8;
	}
	for (; s->n; *s = weir_str_skip(*s, 1), digits++) {
		char c = s->p[0];
		unsigned int d;

		if (weir_is_digit(c))
			d = (unsigned int)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			d = (unsigned int)((c | 32) - 'a') + 10;
		else
			break;
		if (d >= base || __builtin_mul_overflow(n, base, &n) ||
		    __builtin_add_overflow(n, d, &n))
			break;
	}
	*out = n;
	return digits != 0;
}

/* The first number of a line in /proc/sys. 0; 1: nothing was written; -EINVAL. */
static int proc_number(const struct weir_model *m, struct weir_str s, uint64_t *out)
{
	bool negative = false;

	s = weir_str_trim(s);
	if (!s.n)
		return 1;
	if (weir_str_starts(s, "-") && s.n > 1) {
		negative = true;
		s = weir_str_skip(s, 1);
	}
	if (!weir_is_digit(s.p[0]) || !lenient_number(&s, out))
		return -EINVAL;
	if (s.n && s.p[0] != ' ' && s.p[0] != '\t' && s.p[0] != '\n')
		return -EINVAL;
	if (negative)
		return m->rules.proc_ignores_negative ? 1 : -EINVAL;
	return 0;
}

/* memparse(): digits and a suffix */
static int bytes_number(struct weir_str s, uint64_t *out)
{
	static const char suffixes[] = "kmgtpe";
	uint64_t n;

	s = weir_str_trim(s);
	if (weir_str_eq(s, "max")) {
		*out = UINT64_MAX;
		return 0;
	}
	if (!s.n || !weir_is_digit(s.p[0]) || !lenient_number(&s, &n))
		return -EINVAL;
	for (unsigned int i = 0; s.n == 1 && suffixes[i]; i++) {
		if ((s.p[0] | 32) != suffixes[i])
			continue;
		if (__builtin_mul_overflow(n, UINT64_C(1) << (10 * (i + 1)), &n))
			n = UINT64_MAX - 1;
		s = weir_str_skip(s, 1);
		break;
	}
	if (s.n)
		return -EINVAL;
	*out = n;
	return 0;
}

static int write_size(struct weir_world *w, struct weir_task *task,
                      struct weir_pool *pool, const struct weir_world_write *how,
                      bool by_policy, bool proc)
{
	struct weir_resize resize = {
		.node = how->node,
		.mems = weir_task_mems(w->model, task),
	};
	int r = proc ? proc_number(w->model, how->value, &resize.target)
	             : sysfs_number(how->value, &resize.target);

	if (r < 0)
		return r;
	if (r == 1) /* the handler goes on with what the file shows */
		resize.target = pool->max;
	if (by_policy)
		resize.allowed = weir_task_pool_nodes(w->model, task);
	weir_pool_resize(w->model, pool, &resize);
	return 0;
}

static int write_overcommit(struct weir_world *w, struct weir_pool *pool,
                            const struct weir_world_write *how, bool proc)
{
	uint64_t n;
	int r;

	if (pool->gigantic && !w->model->rules.gigantic_overcommit)
		return -EINVAL;
	r = proc ? proc_number(w->model, how->value, &n) : sysfs_number(how->value, &n);
	if (r < 0)
		return r;
	return r == 1 ? 0 : weir_pool_overcommit(w->model, pool, n);
}

static int write_demote(struct weir_world *w, struct weir_pool *pool,
                        const struct weir_world_write *how, bool size)
{
	uint64_t n;
	int r;

	if (!pool->demote_to)
		return -ENOENT;
	if (size) { /* nodes have the file too, for the one setting */
		r = bytes_number(how->value, &n);
		return r < 0 ? r : weir_pool_demote_to(w->model, pool, n);
	}
	r = sysfs_number(how->value, &n);
	return r < 0 ? r : weir_pool_demote(w->model, pool, n, how->node);
}

static int write_limit(struct weir_world *w, struct weir_pool *pool,
                       const struct weir_world_write *how, enum weir_charge what)
{
	const struct weir_world_group *group = weir_world_group(w, how->group);
	uint64_t bytes;
	int r;

	if (!group)
		return -ENOENT;
	r = bytes_number(how->value, &bytes);
	return r < 0 ? r : weir_group_limit(w->model, group->id, pool, what, bytes);
}

int weir_world_write(struct weir_world *w, struct weir_world_task *by,
                     const struct weir_world_write *how)
{
	struct weir_pool *pool = weir_model_pool(w->model, how->page_bytes);
	struct weir_task *task = by ? by->task : NULL;

	if (!pool || (how->node >= 0 &&
	              (how->node >= WEIR_MODEL_NODES_MAX ||
	               !weir_node_in(w->model->memory.nodes, (unsigned int)how->node))))
		return -ENOENT;
	switch (how->target) {
	case WEIR_TARGET_NR: return write_size(w, task, pool, how, false, false);
	case WEIR_TARGET_MEMPOLICY: return write_size(w, task, pool, how, true, false);
	case WEIR_TARGET_PROC_NR:
		return write_size(w, task, &w->model->pools[0], how, false, true);
	case WEIR_TARGET_PROC_MEMPOLICY:
		return write_size(w, task, &w->model->pools[0], how, true, true);
	case WEIR_TARGET_OVERCOMMIT: return write_overcommit(w, pool, how, false);
	case WEIR_TARGET_PROC_OVERCOMMIT:
		return write_overcommit(w, &w->model->pools[0], how, true);
	case WEIR_TARGET_DEMOTE: return write_demote(w, pool, how, false);
	case WEIR_TARGET_DEMOTE_SIZE: return write_demote(w, pool, how, true);
	case WEIR_TARGET_CG_MAX: return write_limit(w, pool, how, WEIR_CHARGE_USAGE);
	case WEIR_TARGET_CG_RSVD_MAX: return write_limit(w, pool, how, WEIR_CHARGE_RSVD);
	}
	return -EINVAL;
}
