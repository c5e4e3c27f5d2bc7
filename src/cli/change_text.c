/* change_text: a plan, and how it ended, for people. */
#include "cli/change.h"

#include "base/own.h"
#include "base/size.h"
#include "cli/cli.h"

#include <inttypes.h>

static const char *human(uint64_t bytes, char *out, size_t cap)
{
	return weir_format_human(bytes, out, cap);
}

static void put_lines(const char *first, const struct weir_buf *lines, unsigned int width,
                      FILE *out)
{
	struct weir_str rest = weir_buf_str(lines), line;
	char text[512];

	while (weir_str_line(&rest, &line))
		weir_cli_wrap(out, first, weir_str_show(line, text, sizeof(text)),
		              (unsigned int)strlen(first), width);
}

/* "node 1" or nothing. */
static const char *place(const struct weir_op *op, char *out, size_t cap)
{
	if (op->node < 0)
		return "";
	(void)snprintf(out, cap, "node %d", op->node);
	return out;
}

static void put_op(const struct weir_op *op, size_t nr, FILE *out)
{
	char size[WEIR_SIZE_TEXT_MAX], node[24], bytes[WEIR_SIZE_TEXT_MAX];
	uint64_t less = op->before > op->after ? op->before - op->after : 0;
	uint64_t more = op->after > op->before ? op->after - op->before : 0;

	(void)weir_format_size(op->page_bytes, size, sizeof(size));
	(void)fprintf(out, "%3zu. %-4s %-8s ", nr, size, place(op, node, sizeof(node)));
	switch (op->kind) {
	case WEIR_OP_DEMOTE:
		(void)fprintf(out, "cut up %" PRIu64 " of %" PRIu64 " pages\n", op->value,
		              op->before);
		break;
	case WEIR_OP_POOL:
		(void)fprintf(out, "%" PRIu64 " -> %" PRIu64 " pages", op->before,
		              op->after);
		if (op->least < op->after)
			(void)fprintf(out, " (%" PRIu64 " to %" PRIu64 " can be had)",
			              op->least, op->most);
		(void)fprintf(out, ", %s%s\n",
		              more   ? "takes "
		              : less ? "gives back "
		                     : "only what is surplus of them changes",
		              more || less ? human((more + less) * op->page_bytes, bytes,
		                                   sizeof(bytes))
		                           : "");
		break;
	case WEIR_OP_OVERCOMMIT:
		(void)fprintf(out, "overcommit limit %" PRIu64 " -> %" PRIu64 "\n",
		              op->before, op->after);
		break;
	case WEIR_OP_MOVE:
		(void)fprintf(out,
		              "move %" PRIu64
		              " free pages to where they may be pinned: %" PRIu64
		              " -> %" PRIu64 "\n",
		              op->value, op->before, op->after);
		break;
	}
}

static void put_cost(const struct weir_plan *plan, FILE *out)
{
	const struct weir_plan_cost *c = &plan->cost;
	char text[4][WEIR_SIZE_TEXT_MAX];

	(void)fprintf(out, "%s memory %s -> %s (floor %s)",
	              c->available_known ? "available" : "free",
	              human(c->available_before, text[0], sizeof(text[0])),
	              human(c->available_after, text[1], sizeof(text[1])),
	              human(c->floor_bytes, text[2], sizeof(text[2])));
	if (c->about_ms)
		(void)fprintf(out, ", takes up to %" PRIu64 " ms", c->about_ms);
	(void)fputc('\n', out);
	if (!c->has_cma)
		return;
	(void)fprintf(out, "free outside of the CMA %s -> %s, in it %s -> %s\n",
	              human(c->before.outside_cma, text[0], sizeof(text[0])),
	              human(c->after.outside_cma, text[1], sizeof(text[1])),
	              human(c->before.cma, text[2], sizeof(text[2])),
	              human(c->after.cma, text[3], sizeof(text[3])));
	(void)fprintf(out, "free pool pages that may be pinned %s -> %s\n",
	              human(c->pinnable_before, text[0], sizeof(text[0])),
	              human(c->pinnable_after, text[1], sizeof(text[1])));
}

static void put_breaches(const struct weir_plan *plan, unsigned int width, FILE *out)
{
	for (size_t i = 0; i < plan->nr_breaches; i++) {
		const struct weir_breach *b = &plan->breaches[i];

		(void)fprintf(out, "%s '%s':\n",
		              b->allowed ? "allowed, guard" : "REFUSED by guard",
		              weir_guard_word(b->guard));
		weir_cli_wrap(out, "  ", b->text, 2, width);
		if (b->passes && !b->allowed)
			(void)fprintf(out, "  -> %s would pass; or --allow %s\n",
			              b->passes, weir_guard_word(b->guard));
		else if (!b->allowed)
			(void)fprintf(out, "  -> --allow %s\n",
			              weir_guard_word(b->guard));
	}
}

void weir_change_print(const struct weir_plan *plan, unsigned int width, FILE *out)
{
	if (!plan->nr_ops)
		(void)fputs("nothing is to be changed\n", out);
	for (size_t i = 0; i < plan->nr_ops; i++)
		put_op(&plan->ops[i], i + 1, out);
	if (plan->nr_ops)
		put_cost(plan, out);
	put_lines("note: ", &plan->notes, width, out);
	put_breaches(plan, width, out);
}

void weir_change_shell(const struct weir_plan *plan, FILE *out)
{
	for (size_t i = 0; i < plan->nr_ops; i++) {
		const struct weir_op *op = &plan->ops[i];
		char size[WEIR_SIZE_TEXT_MAX];

		if (op->kind == WEIR_OP_MOVE) /* no file does that */
			(void)fprintf(
				out, "weir set pinnable.%s/node%d=+%" PRIu64 "\n",
				weir_format_size(op->page_bytes, size, sizeof(size)).p,
				op->node, op->value);
		else
			(void)fprintf(out, "echo %" PRIu64 " > %s\n", op->value,
			              op->path);
	}
}

void weir_change_print_end(const struct weir_plan *plan, const struct weir_applied *a,
                           unsigned int width, FILE *out)
{
	static const char *const ends[] = {
		[WEIR_APPLY_DONE] = "done",
		[WEIR_APPLY_UNDONE] = "undone: all is as it was",
		[WEIR_APPLY_KEPT] = "done in part, and kept",
		[WEIR_APPLY_FOREIGN] = "stopped, and left as it is",
	};

	(void)fprintf(out, "%s", ends[a->end]);
	if (a->end == WEIR_APPLY_DONE)
		(void)fprintf(out, ": read back, %zu write%s as planned", plan->nr_ops,
		              plan->nr_ops == 1 ? "" : "s");
	if (a->journal_id)
		(void)fprintf(out, " (change %" PRIu64 ")", a->journal_id);
	(void)fputc('\n', out);
	if (a->reason)
		weir_cli_wrap(out, "  ", a->reason, 2, width);
	if (a->help)
		weir_cli_wrap(out, "  -> ", a->help, 5, width);
}
