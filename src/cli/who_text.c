/* who_text: the screen of `weir who`: for each page size a table of holders, largest
 * first, then the line that adds up to the pool, then what is left to say. */
#include "cli/who_print.h"

#include "cli/cli.h"

#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <inttypes.h>
#include <libsmartcols.h>
#include <stdarg.h>
#include <stdlib.h>

#define ALSO_MAX 4U /* sharers that are named; the others are counted */

/* --- cells -------------------------------------------------------------------------- */

static int put_reserved(struct weir_who_print *t, struct weir_count reserved,
                        uint64_t most, uint64_t page_bytes)
{
	int r;

	if (reserved.known)
		return weir_who_put_pages(t, reserved.n, page_bytes);
	r = weir_who_put_pages(t, reserved.n, page_bytes);
	if (r == 0)
		r = weir_who_put(t, "-");
	return r < 0 ? r : weir_who_put_pages(t, most, page_bytes);
}

static int put_nodes(struct weir_who_print *t, const uint64_t *pages, uint64_t unknown,
                     uint64_t page_bytes)
{
	const struct weir_ledger *ledger = &t->who->ledger;
	bool any = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ledger->nr_nodes; i++) {
		if (!pages[i])
			continue;
		r = weir_who_put(t, "%s%u:", any ? " " : "", ledger->nodes[i]);
		if (r == 0)
			r = weir_who_put_pages(t, pages[i], page_bytes);
		any = true;
	}
	if (r == 0 && unknown) {
		r = weir_who_put(t, "%s?:", any ? " " : "");
		if (r == 0)
			r = weir_who_put_pages(t, unknown, page_bytes);
		any = true;
	}
	return r == 0 && !any ? weir_who_put(t, "-") : r;
}

/* Each row is one hold, and says what it is. */
static bool of_holds(const struct weir_who_print *t)
{
	return t->holds || t->style->by == WEIR_WHO_FILE || t->style->leaks;
}

/* Who else uses the holds: pids, the first few. Users of a hold are in the order of the
 * processes; of a row each is named once. */
static int put_also(struct weir_who_print *t, const struct weir_who_rows *rows,
                    const struct weir_who_row *row)
{
	const struct weir_ledger *ledger = &t->who->ledger;
	size_t nr_tasks = ledger->holdings.nr_tasks, nr = 0;
	weir_auto(weir_freep) bool *seen = calloc(nr_tasks + 1, sizeof(*seen));
	int r = seen ? 0 : -ENOMEM;

	for (size_t i = 0; seen && i < row->nr; i++) {
		const struct weir_hold *hold =
			&ledger->holds[rows->holds[row->first + i]];

		for (size_t k = 0; k < hold->nr_users; k++)
			seen[hold->users[k].task] = true;
	}
	for (size_t i = 0; r == 0 && i < nr_tasks; i++) {
		if (!seen[i] || i == row->task)
			continue;
		if (nr < ALSO_MAX)
			r = weir_who_put(t, "%s%" PRIu64, nr ? "," : "",
			                 ledger->holdings.tasks[i].pid);
		nr++;
	}
	if (nr > ALSO_MAX && !of_holds(t)) { /* a crowd: --tree has some of them */
		t->cell.n = 0;
		return weir_who_put(t, "%zu more", nr);
	}
	if (r == 0 && nr > ALSO_MAX)
		r = weir_who_put(t, "+%zu", nr - ALSO_MAX);
	return r == 0 && !nr ? weir_who_put(t, "-") : r;
}

/* --- the table ---------------------------------------------------------------------- */

enum column {
	COLUMN_HOLDER,
	COLUMN_PAGES,
	COLUMN_RESERVED,
	COLUMN_MAPPED,
	COLUMN_PRIVATE,
	COLUMN_SHARED,
	COLUMN_NODES,
	COLUMN_ALSO,
	COLUMN_VM,
	COLUMN_PINNED,
	COLUMN_CGROUP,
	COLUMN_WHAT,
	NR_COLUMNS,
};

static const char *const column_names[NR_COLUMNS] = {
	"HOLDER", "PAGES", "RESERVED", "MAPPED", "PRIVATE", "SHARED",
	"NODES",  "ALSO",  "VM",       "PINNED", "CGROUP",  "WHAT",
};

static bool is_left(enum column column)
{
	return column >= COLUMN_NODES;
}

static const char *first_heading(const struct weir_who_style *style)
{
	if (style->leaks)
		return "KIND";
	switch (style->by) {
	case WEIR_WHO_VM: return "VM";
	case WEIR_WHO_FILE: return "KIND";
	case WEIR_WHO_CGROUP: return "CGROUP";
	case WEIR_WHO_USER: return "USER";
	case WEIR_WHO_PROCESS: break;
	}
	return "PID";
}

static int put_holder(struct weir_who_print *t, const struct weir_who_rows *rows,
                      const struct weir_who_row *row)
{
	const struct weir_holdings *all = &t->who->ledger.holdings;
	const struct weir_hold *hold = &t->who->ledger.holds[rows->holds[row->first]];

	if (t->style->by == WEIR_WHO_USER && !t->holds) {
		if (row->task != SIZE_MAX && all->tasks[row->task].uid.known)
			return weir_who_put(t, "%" PRIu64, all->tasks[row->task].uid.n);
		if (row->task == SIZE_MAX && hold->kind != WEIR_HOLD_WARM &&
		    hold->file != SIZE_MAX && all->files.v[hold->file].known)
			return weir_who_put(t, "%" PRIu64,
			                    all->files.v[hold->file].st.uid);
	}
	if (row->task == SIZE_MAX || of_holds(t))
		return weir_who_put(t, "%s", weir_hold_kind_word(hold->kind));
	if (t->style->by == WEIR_WHO_CGROUP)
		return *row->key ? weir_who_put_shown(t, weir_strz(row->key))
		                 : weir_who_put(t, "?");
	if (t->style->by == WEIR_WHO_VM)
		return *row->key ? weir_who_put_shown(t, weir_strz(row->key))
		                 : weir_who_put(t, "(no VM)");
	return weir_who_put(t, "%" PRIu64, all->tasks[row->task].pid);
}

/* The row that has what weird keeps for leases. */
static bool is_store(const struct weir_who_print *t, const struct weir_who_row *row)
{
	return row->task == SIZE_MAX && !of_holds(t) && strcmp(row->key, "warm") == 0;
}

static int put_what(struct weir_who_print *t, const struct weir_who_rows *rows,
                    const struct weir_who_row *row)
{
	const struct weir_hold *hold = &t->who->ledger.holds[rows->holds[row->first]];
	int r;

	if (is_store(t, row))
		return weir_who_put_store(t, rows, row);
	if (row->task == SIZE_MAX || of_holds(t))
		return row->nr == 1 ? weir_who_put_hold(t, hold)
		                    : weir_who_put(t, "%zu files", row->nr);
	if (t->style->by == WEIR_WHO_PROCESS || row->nr == 1 ||
	    (t->style->by == WEIR_WHO_VM && *row->key))
		r = weir_who_put_command(t, row->task);
	else
		r = weir_who_put(t, "%zu holding%s", row->nr, row->nr == 1 ? "" : "s");
	return r < 0 ? r : weir_who_put_row_leases(t, rows, row);
}

static int put_cell(struct weir_who_print *t, enum column column,
                    const struct weir_who_rows *rows, const struct weir_who_row *row)
{
	const struct weir_holdings *all = &t->who->ledger.holdings;
	const char *vm = row->task == SIZE_MAX ? NULL : t->who->vms[row->task];
	uint64_t page = row->page_bytes;

	switch (column) {
	case COLUMN_HOLDER: return put_holder(t, rows, row);
	case COLUMN_PAGES:
		if (row->pages_least && weir_who_put(t, ">=") < 0)
			return -ENOMEM;
		return weir_who_put_pages(t, row->pages, page);
	case COLUMN_RESERVED:
		return put_reserved(t, row->reserved, row->reserved_max, page);
	case COLUMN_MAPPED: return weir_who_put_pages(t, row->mapped_pages, page);
	case COLUMN_PRIVATE: return weir_who_put_pages(t, row->private_pages, page);
	case COLUMN_SHARED: return weir_who_put_pages(t, row->shared_pages, page);
	case COLUMN_NODES: return put_nodes(t, row->node_pages, row->node_unknown, page);
	case COLUMN_ALSO: return put_also(t, rows, row);
	case COLUMN_VM: return weir_who_put_shown(t, weir_strz(vm ? vm : "-"));
	case COLUMN_PINNED: return weir_who_put_pinned(t, rows, row, of_holds(t));
	case COLUMN_CGROUP:
		return weir_who_put_shown(
			t,
			weir_strz(row->task == SIZE_MAX ? "-"
		                                        : all->tasks[row->task].cgroup));
	case COLUMN_WHAT:
	case NR_COLUMNS: break;
	}
	return put_what(t, rows, row);
}

static bool has_vm(const struct weir_who_print *t, const struct weir_who_rows *rows)
{
	for (size_t i = 0; i < rows->nr; i++)
		if (rows->v[i].task != SIZE_MAX && t->who->vms[rows->v[i].task])
			return true;
	return false;
}

static bool has_group(const struct weir_who_print *t, const struct weir_who_rows *rows)
{
	for (size_t i = 0; i < rows->nr; i++) {
		const char *group =
			rows->v[i].task == SIZE_MAX
				? ""
				: t->who->ledger.holdings.tasks[rows->v[i].task].cgroup;

		if (*group && strcmp(group, "/") != 0)
			return true;
	}
	return false;
}

/* Some pages are the one, and some the other. */
static bool has_both_kinds(const struct weir_who_rows *rows)
{
	bool private = false, shared = false;

	for (size_t i = 0; i < rows->nr; i++) {
		private |= rows->v[i].private_pages > 0;
		shared |= rows->v[i].shared_pages > 0;
	}
	return private && shared;
}

/* A column that would say the same in every row is left out. */
static bool is_shown(const struct weir_who_print *t, enum column column,
                     const struct weir_who_rows *rows)
{
	switch (column) {
	case COLUMN_NODES: return t->who->ledger.nr_nodes > 1;
	case COLUMN_PRIVATE:
	case COLUMN_SHARED: return has_both_kinds(rows);
	case COLUMN_VM: return t->style->by != WEIR_WHO_VM && has_vm(t, rows);
	case COLUMN_PINNED: return weir_who_has_pins(t->who, rows);
	case COLUMN_CGROUP: return t->style->by != WEIR_WHO_CGROUP && has_group(t, rows);
	case COLUMN_HOLDER:
	case COLUMN_PAGES:
	case COLUMN_RESERVED:
	case COLUMN_MAPPED:
	case COLUMN_ALSO:
	case COLUMN_WHAT:
	case NR_COLUMNS: break;
	}
	return true;
}

static int set_cell(struct weir_who_print *t, struct libscols_line *line, size_t at)
{
	return scols_line_set_data(line, at, t->cell.p ? t->cell.p : "") ? -ENOMEM : 0;
}

static int add_line(struct weir_who_print *t, struct libscols_table *table,
                    struct libscols_line *parent, const struct weir_who_rows *rows,
                    const struct weir_who_row *row, struct libscols_line **out)
{
	struct libscols_line *line = scols_table_new_line(table, parent);
	size_t at = 0;
	int r = line ? 0 : -ENOMEM;

	for (int c = 0; r == 0 && c < NR_COLUMNS; c++) {
		if (!is_shown(t, (enum column)c, rows))
			continue;
		t->cell.n = 0;
		r = put_cell(t, (enum column)c, rows, row);
		if (r == 0)
			r = set_cell(t, line, at++);
	}
	*out = line;
	return r;
}

/* --tree: each hold of a row as a row of its own, below it. */
static int add_holds(struct weir_who_print *t, struct libscols_table *table,
                     struct libscols_line *parent, const struct weir_who_rows *rows,
                     const struct weir_who_row *row)
{
	int r = 0;

	t->holds = true;
	for (size_t i = 0; r == 0 && i < row->nr; i++) {
		size_t index = rows->holds[row->first + i];
		const struct weir_hold *hold = &t->who->ledger.holds[index];
		bool private = hold->kind == WEIR_HOLD_PRIVATE;
		struct weir_who_row leaf = {
			.page_bytes = hold->page_bytes,
			.key = "",
			.task = row->task,
			.first = row->first + i,
			.nr = 1,
			.pages = hold->pages,
			.private_pages = private ? hold->pages : 0,
			.shared_pages = private ? 0 : hold->pages,
			.mapped_pages = hold->mapped_pages,
			.pages_least = hold->pages_least,
			.reserved = hold->reserved,
			.reserved_max = hold->reserved_max,
			.node_pages = hold->node_pages,
			.node_unknown = hold->node_unknown,
		};
		struct libscols_line *line;

		r = add_line(t, table, parent, rows, &leaf, &line);
	}
	t->holds = false;
	return r;
}

static int add_columns(const struct weir_who_print *t, struct libscols_table *table,
                       const struct weir_who_rows *rows)
{
	for (int c = 0; c < NR_COLUMNS; c++) {
		const char *name = c == COLUMN_HOLDER ? first_heading(t->style)
		                                      : column_names[c];
		int flags = is_left((enum column)c) ? 0 : SCOLS_FL_RIGHT;

		if (c == COLUMN_HOLDER)
			flags = t->style->tree ? SCOLS_FL_TREE : 0;
		if (is_shown(t, (enum column)c, rows) &&
		    !scols_table_new_column(table, name, 0, flags))
			return -ENOMEM;
	}
	return 0;
}

static int print_table(struct weir_who_print *t, const struct weir_who_rows *rows)
{
	struct libscols_table *table = scols_new_table();
	int r = table ? add_columns(t, table, rows) : -ENOMEM;

	for (size_t i = 0; r == 0 && i < rows->nr; i++) {
		struct libscols_line *line;

		r = add_line(t, table, NULL, rows, &rows->v[i], &line);
		if (r == 0 && t->style->tree && t->style->by != WEIR_WHO_FILE &&
		    (rows->v[i].task != SIZE_MAX || is_store(t, &rows->v[i])))
			r = add_holds(t, table, line, rows, &rows->v[i]);
	}
	if (r == 0) {
		(void)scols_table_set_stream(table, t->out);
		(void)scols_table_enable_nowrap(table, 1);
		r = scols_print_table(table) ? -ENOMEM : 0;
	}
	scols_unref_table(table);
	return r;
}

/* --- the lines around it ------------------------------------------------------------ */

/* "41 in use + 9 reserved + 14 really free = 64" and what of it nobody was found for. */
static int print_sum(struct weir_who_print *t, const struct weir_ledger_size *size)
{
	uint64_t page = size->page_bytes;
	int r = weir_who_say(t, "", size->in_use, page, " in use");

	if (r == 0 && size->unattributed.n)
		r = weir_who_say(t, " (", size->unattributed, page,
		                 " of them unattributed)");
	if (r == 0)
		r = weir_who_say(t, " + ", size->reserved, page, " reserved");
	if (r == 0 && size->unattributed_reserved.n)
		r = weir_who_say(t, " (", size->unattributed_reserved, page,
		                 " of them unattributed)");
	if (r == 0 && size->unsure)
		r = weir_who_say(t, " (", WEIR_COUNT(size->unsure), page,
		                 " of them by one of those with a range)");
	if (r == 0)
		r = weir_who_say(t, " + ", weir_count_sub(size->free, size->reserved),
		                 page, " really free");
	if (r == 0)
		r = weir_who_say(t, " = ", size->total, page, " in the pool\n");
	if (r == 0 && size->over)
		r = weir_who_say(t, "", WEIR_COUNT(size->over), page,
		                 " more in use were found than the kernel counts\n");
	if (r == 0 && size->over_reserved)
		r = weir_who_say(t, "", WEIR_COUNT(size->over_reserved), page,
		                 " more reserved were found than the kernel counts\n");
	if (r == 0 && size->poisoned_max.n)
		r = weir_who_say(t, "", size->poisoned_max, page,
		                 " at most of the unattributed have memory errors\n");
	if (r == 0 && size->leaving.n)
		r = weir_who_say(t, "", size->leaving, page,
		                 " of the pool are in memory that is going offline\n");
	return r;
}

static int print_size(struct weir_who_print *t, const struct weir_ledger_size *size,
                      bool *any)
{
	char name[WEIR_SIZE_TEXT_MAX];
	struct weir_who_rows rows;
	int r = weir_who_rows_make(t->who, t->style, size->page_bytes, &rows);

	if (r < 0)
		return r;
	if (rows.nr || (size->total.n && !t->style->about && !t->style->leaks)) {
		(void)fprintf(t->out, "%s%s pages\n", *any ? "\n" : "",
		              weir_format_size(size->page_bytes, name, sizeof(name)).p);
		*any = true;
		if (rows.nr)
			r = print_table(t, &rows);
		if (r == 0 && !t->style->about && !t->style->leaks)
			r = print_sum(t, size);
		if (r == 0 && t->style->leaks)
			r = weir_who_print_release(t, &rows);
	}
	weir_who_rows_done(&rows);
	return r;
}

/* Pages that nobody was found for may well be left behind. */
static void print_nothing(const struct weir_who_print *t)
{
	const struct weir_ledger *ledger = &t->who->ledger;
	bool left_out = false;
	char size[WEIR_SIZE_TEXT_MAX];

	for (size_t i = 0; t->style->leaks && i < ledger->nr_sizes; i++) {
		const struct weir_ledger_size *s = &ledger->sizes[i];

		if ((t->style->one_size && s->page_bytes != t->style->size_bytes) ||
		    !s->unattributed.n)
			continue;
		left_out = true;
		(void)fprintf(t->out,
		              "nothing is seen to be left behind, but for %" PRIu64
		              " page%s of %s in use nobody is seen\n",
		              s->unattributed.n, s->unattributed.n == 1 ? "" : "s",
		              weir_format_size(s->page_bytes, size, sizeof(size)).p);
	}
	if (left_out)
		return;
	if (t->style->leaks)
		(void)fputs("nothing is left behind\n", t->out);
	else if (t->style->one_size)
		(void)fprintf(
			t->out, "no huge pages of %s on this host\n",
			weir_format_size(t->style->size_bytes, size, sizeof(size)).p);
	else
		(void)fputs("no huge pages on this host\n", t->out);
}

static bool shows_with_users_least(const struct weir_who_print *t)
{
	const struct weir_ledger *ledger = &t->who->ledger;

	for (size_t i = 0; i < ledger->nr_holds; i++)
		if (weir_hold_users_least(ledger, &ledger->holds[i]) &&
		    weir_who_shows(t->who, t->style, &ledger->holds[i]))
			return true;
	return false;
}

int weir_who_text(const struct weir_who *who, const struct weir_who_style *style,
                  FILE *out, struct weir_err *err)
{
	const struct weir_ledger *ledger = &who->ledger;
	struct weir_who_print t = { .who = who, .style = style, .out = out };
	bool any = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ledger->nr_sizes; i++)
		if (!style->one_size || ledger->sizes[i].page_bytes == style->size_bytes)
			r = print_size(&t, &ledger->sizes[i], &any);
	if (r == 0 && !any && !style->about)
		print_nothing(&t);
	if (r == 0 && style->by == WEIR_WHO_CGROUP && !style->leaks && !style->about)
		r = weir_who_print_groups(&t);
	if (r == 0 && shows_with_users_least(&t))
		(void)fprintf(out,
		              "\nNot looked for: who has one of these files only %s. "
		              "--tree looks for them.\n",
		              ledger->holdings.look == WEIR_LOOK_TOUCHED
		                      ? "open, or mapped and not touched"
		                      : "mapped, not open nor touched");
	for (size_t i = 0; r == 0 && i < ledger->nr_reasons; i++) {
		(void)fputs(i ? "" : any ? "\nNot seen\n" : "Not seen\n", out);
		weir_cli_wrap(out, "  ", ledger->reasons[i], 2, style->width);
	}
	weir_buf_done(&t.cell);
	return r < 0 ? weir_err_sys(err, r, "print the holders") : 0;
}
