/* change_json: a plan, and how it ended, as JSON: weir-json(5). */
#include "cli/change.h"

#include "base/own.h"

#define SCHEMA 1

static void put_u64_or_null(struct weir_json *j, const char *key, bool known, uint64_t n)
{
	if (known)
		weir_json_u64(j, key, n);
	else
		weir_json_null(j, key);
}

void weir_change_json_tallies(struct weir_json *j, const char *key,
                              const struct weir_tallies *all)
{
	weir_json_open(j, key, '[');
	for (size_t i = 0; i < all->nr; i++) {
		const struct weir_tally *t = &all->v[i];

		weir_json_open(j, NULL, '{');
		weir_json_u64(j, "size_bytes", t->page_bytes);
		weir_json_u64(j, "pages", t->total);
		weir_json_u64(j, "free", t->free);
		weir_json_u64(j, "reserved", t->reserved);
		weir_json_u64(j, "surplus", t->surplus);
		weir_json_u64(j, "overcommit", t->overcommit);
		weir_json_open(j, "nodes", '[');
		for (unsigned int n = 0; n < WEIR_TALLY_NODES_MAX; n++) {
			if (!(all->nodes >> n & 1))
				continue;
			weir_json_open(j, NULL, '{');
			weir_json_u64(j, "node", n);
			weir_json_u64(j, "pages", t->node[n].total);
			weir_json_u64(j, "free", t->node[n].free);
			weir_json_u64(j, "surplus", t->node[n].surplus);
			weir_json_close(j);
		}
		weir_json_close(j);
		weir_json_close(j);
	}
	weir_json_close(j);
}

void weir_change_json_ops(struct weir_json *j, const struct weir_op *ops, size_t nr)
{
	weir_json_open(j, "ops", '[');
	for (size_t i = 0; i < nr; i++) {
		const struct weir_op *op = &ops[i];

		weir_json_open(j, NULL, '{');
		weir_json_strz(j, "kind", weir_op_word(op->kind));
		weir_json_u64(j, "size_bytes", op->page_bytes);
		put_u64_or_null(j, "node", op->node >= 0, (uint64_t)op->node);
		weir_json_strz(j, "path", *op->path ? op->path : NULL);
		weir_json_u64(j, "value", op->value);
		weir_json_u64(j, "before", op->before);
		weir_json_u64(j, "after", op->after);
		weir_json_u64(j, "after_at_least", op->least);
		weir_json_u64(j, "after_at_most", op->most);
		weir_json_close(j);
	}
	weir_json_close(j);
}

static void put_cost(struct weir_json *j, const struct weir_plan_cost *c)
{
	weir_json_open(j, "cost", '{');
	put_u64_or_null(j, "available_before_bytes", c->available_known,
	                c->available_before);
	put_u64_or_null(j, "available_after_bytes", c->available_known,
	                c->available_after);
	weir_json_u64(j, "floor_bytes", c->floor_bytes);
	weir_json_u64(j, "free_before_bytes", c->before.free);
	weir_json_u64(j, "free_after_bytes", c->after.free);
	weir_json_u64(j, "cma_free_before_bytes", c->before.cma);
	weir_json_u64(j, "cma_free_after_bytes", c->after.cma);
	weir_json_u64(j, "pinnable_before_bytes", c->pinnable_before);
	weir_json_u64(j, "pinnable_after_bytes", c->pinnable_after);
	weir_json_u64(j, "about_ms", c->about_ms);
	weir_json_close(j);
}

static void put_lines(struct weir_json *j, const char *key, const struct weir_buf *lines)
{
	struct weir_str rest = weir_buf_str(lines), line;

	weir_json_open(j, key, '[');
	while (weir_str_line(&rest, &line))
		weir_json_str(j, NULL, line);
	weir_json_close(j);
}

static void put_plan(struct weir_json *j, const struct weir_plan *plan)
{
	weir_json_bool(j, "refused", weir_plan_is_refused(plan));
	weir_json_open(j, "guards", '[');
	for (size_t i = 0; i < plan->nr_breaches; i++) {
		weir_json_open(j, NULL, '{');
		weir_json_strz(j, "guard", weir_guard_word(plan->breaches[i].guard));
		weir_json_bool(j, "allowed", plan->breaches[i].allowed);
		weir_json_strz(j, "text", plan->breaches[i].text);
		weir_json_strz(j, "passes", plan->breaches[i].passes);
		weir_json_close(j);
	}
	weir_json_close(j);
	weir_change_json_ops(j, plan->ops, plan->nr_ops);
	weir_change_json_tallies(j, "before", &plan->before);
	weir_change_json_tallies(j, "expected", weir_plan_end(plan));
	put_cost(j, &plan->cost);
	put_lines(j, "notes", &plan->notes);
	put_lines(j, "assumed", &plan->assumed);
}

static void put_result(struct weir_json *j, const struct weir_applied *a)
{
	static const char *const ends[] = {
		[WEIR_APPLY_DONE] = "done",
		[WEIR_APPLY_UNDONE] = "undone",
		[WEIR_APPLY_KEPT] = "kept",
		[WEIR_APPLY_FOREIGN] = "foreign",
	};

	if (!a) {
		weir_json_null(j, "result");
		return;
	}
	weir_json_open(j, "result", '{');
	weir_json_strz(j, "end", ends[a->end]);
	weir_json_bool(j, "exact", a->exact);
	weir_json_bool(j, "stopped", a->stopped);
	put_u64_or_null(j, "change", a->journal_id != 0, a->journal_id);
	put_u64_or_null(j, "failed_op", a->failed_op != SIZE_MAX, a->failed_op);
	put_u64_or_null(j, "wanted", a->failed_op != SIZE_MAX, a->wanted);
	put_u64_or_null(j, "got", a->failed_op != SIZE_MAX, a->got);
	weir_json_strz(j, "reason", a->reason);
	weir_json_strz(j, "help", a->help);
	weir_change_json_tallies(j, "after", &a->after);
	weir_json_close(j);
}

int weir_change_json(const struct weir_plan *plan, const struct weir_applied *applied,
                     FILE *out, struct weir_err *err)
{
	weir_auto(weir_json_done) struct weir_json j = { 0 };

	weir_json_open(&j, NULL, '{');
	weir_json_u64(&j, "schema", SCHEMA);
	put_plan(&j, plan);
	put_result(&j, applied);
	weir_json_close(&j);
	if (j.failed)
		return weir_err_sys(err, j.failed, "write JSON");
	(void)fwrite(j.out.p, 1, j.out.n, out);
	return 0;
}
