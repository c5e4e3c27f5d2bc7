/* who_text: the screen of `weir who`: for each page size a table of holders, largest
 * first, then the line that adds up to the pool, then what is left to say. */
#include "cli/who.h"

#include "cli/cli.h"

#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <inttypes.h>
#include <libsmartcols.h>
#include <stdarg.h>
#include <stdlib.h>

#define WHAT_MAX 72U /* of a command line: its program and the first arguments */
#define ALSO_MAX 4U  /* sharers that are named; the others are counted */
#define DAY      86400U

struct text {
	const struct weir_who *who;
	const struct weir_who_style *style;
	FILE *out;
	struct weir_buf cell;
	bool holds; /* rows are single holds, below others */
};

/* --- cells -------------------------------------------------------------------------- */

static int put(struct text *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int put(struct text *t, const char *fmt, ...)
{
	char piece[160];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(piece, sizeof(piece), fmt, ap);
	va_end(ap);
	return weir_buf_addz(&t->cell, piece);
}

/* Text from outside: what a terminal would act on becomes "?". */
static int put_shown(struct text *t, struct weir_str s)
{
	struct weir_str c;
	int r = 0;

	while (r == 0 && weir_str_shown(&s, &c))
		r = weir_buf_add(&t->cell, c);
	return r;
}

static int put_pages(struct text *t, uint64_t pages, uint64_t page_bytes)
{
	return put(t, "%" PRIu64, t->style->bytes ? pages * page_bytes : pages);
}

static int put_reserved(struct text *t, struct weir_count reserved, uint64_t most,
                        uint64_t page_bytes)
{
	int r;

	if (reserved.known)
		return put_pages(t, reserved.n, page_bytes);
	r = put_pages(t, reserved.n, page_bytes);
	if (r == 0)
		r = put(t, "-");
	return r < 0 ? r : put_pages(t, most, page_bytes);
}

static int put_nodes(struct text *t, const uint64_t *pages, uint64_t unknown,
                     uint64_t page_bytes)
{
	const struct weir_ledger *ledger = &t->who->ledger;
	bool any = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ledger->nr_nodes; i++) {
		if (!pages[i])
			continue;
		r = put(t, "%s%u:", any ? " " : "", ledger->nodes[i]);
		if (r == 0)
			r = put_pages(t, pages[i], page_bytes);
		any = true;
	}
	if (r == 0 && unknown) {
		r = put(t, "%s?:", any ? " " : "");
		if (r == 0)
			r = put_pages(t, unknown, page_bytes);
		any = true;
	}
	return r == 0 && !any ? put(t, "-") : r;
}

/* The program's base name and its arguments, as far as there is room. */
static int put_command(struct text *t, const struct weir_holding_task *task)
{
	struct weir_str rest = weir_str(task->cmdline, task->cmdline_n), word;
	size_t from = t->cell.n;
	int r = 0;

	if (!task->cmdline_n)
		return put_shown(t, weir_strz(task->name));
	while (r == 0 && t->cell.n - from < WHAT_MAX &&
	       weir_str_cut(&rest, '\0', &word)) {
		if (t->cell.n > from)
			r = put(t, " ");
		else
			while (weir_str_index(word, '/') < word.n)
				word = weir_str_skip(word, weir_str_index(word, '/') + 1);
		if (word.n > WHAT_MAX)
			word.n = WHAT_MAX;
		if (r == 0)
			r = put_shown(t, word);
	}
	return r;
}

static int put_age(struct text *t, uint64_t changed_at)
{
	uint64_t now = t->who->snap->at_ns / UINT64_C(1000000000), age;

	if (!now || !changed_at || changed_at > now)
		return 0;
	age = now - changed_at;
	if (age >= UINT64_C(2) * DAY)
		return put(t, ", %" PRIu64 " days old", age / DAY);
	if (age >= UINT64_C(2) * 3600)
		return put(t, ", %" PRIu64 " hours old", age / 3600);
	return put(t, ", %" PRIu64 " minutes old", age / 60);
}

static int put_file(struct text *t, const struct weir_hold *hold)
{
	const struct weir_huge_file *f = &t->who->ledger.holdings.files.v[hold->file];
	int r = put_shown(t, weir_hold_name(&t->who->ledger, hold));

	if (r == 0 && f->seen_by)
		r = put(t, " (in the mount namespace of process %" PRIu64 ")",
		        f->seen_by);
	else if (r == 0 && hold->mount == WEIR_HOLD_NONE)
		r = put(t, " (unmounted)");
	else if (r == 0 && t->who->ledger.holdings.mounts.pids[hold->mount] &&
	         !f->in_directory)
		r = put(t, " (in the mount namespace of process %" PRIu64 ")",
		        t->who->ledger.holdings.mounts.pids[hold->mount]);
	if (r == 0 && f->known && !f->st.nr_links)
		r = put(t, " (unlinked)");
	if (r == 0 && !hold->nr_users && f->known)
		r = put(t, ": nobody has it open, of user %" PRIu64, f->st.uid);
	return r == 0 && !hold->nr_users && f->known ? put_age(t, f->st.changed_at) : r;
}

static int put_segment(struct text *t, const struct weir_hold *hold)
{
	const struct weir_shm_segment *seg = hold->shm;
	int r;

	if (!seg)
		return put(t, "SysV segment of another IPC namespace");
	r = put(t, "SysV segment %" PRIu64, seg->id);
	if (r == 0 && seg->key)
		r = put(t, ", key 0x%" PRIx64, seg->key);
	if (r == 0 && seg->destroyed)
		r = put(t, " (destroyed)");
	if (r == 0 && !seg->nr_attached)
		r = put(t, ": not attached, of user %" PRIu64, seg->uid);
	return r == 0 && !seg->nr_attached ? put_age(t, seg->changed_at) : r;
}

static int put_hold(struct text *t, const struct weir_hold *hold)
{
	struct weir_str name = weir_hold_name(&t->who->ledger, hold);
	int r;

	switch (hold->kind) {
	case WEIR_HOLD_PRIVATE:
		if (weir_str_starts(name, "/anon_hugepage"))
			return put(t, "private memory");
		r = put(t, "private copy of ");
		return r < 0 ? r : put_shown(t, name);
	case WEIR_HOLD_ANON: return put(t, "shared memory");
	case WEIR_HOLD_MEMFD:
		r = put(t, "memfd ");
		if (r == 0)
			r = put_shown(t, name);
		return r == 0 && !hold->mapped_pages ? put(t, " (open, not mapped)") : r;
	case WEIR_HOLD_SHM: return put_segment(t, hold);
	case WEIR_HOLD_MOUNT:
		r = put(t, "min_size of the mount ");
		return r < 0 ? r : put_shown(t, name);
	case WEIR_HOLD_FILE: break;
	}
	return put_file(t, hold);
}

/* Who else uses the holds: pids, the first few. Users of a hold are in the order of the
 * processes; of a row each is named once. */
static int put_also(struct text *t, const struct weir_who_rows *rows,
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
			r = put(t, "%s%" PRIu64, nr ? "," : "",
			        ledger->holdings.tasks[i].pid);
		nr++;
	}
	if (r == 0 && nr > ALSO_MAX)
		r = put(t, "+%zu", nr - ALSO_MAX);
	return r == 0 && !nr ? put(t, "-") : r;
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
	COLUMN_CGROUP,
	COLUMN_WHAT,
	NR_COLUMNS,
};

static const char *const column_names[NR_COLUMNS] = {
	"HOLDER", "PAGES", "RESERVED", "MAPPED", "PRIVATE", "SHARED",
	"NODES",  "ALSO",  "VM",       "CGROUP", "WHAT",
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

/* Each row is one hold, and says what it is. */
static bool of_holds(const struct text *t)
{
	return t->holds || t->style->by == WEIR_WHO_FILE || t->style->leaks;
}

static int put_holder(struct text *t, const struct weir_who_rows *rows,
                      const struct weir_who_row *row)
{
	const struct weir_holdings *all = &t->who->ledger.holdings;
	const struct weir_hold *hold = &t->who->ledger.holds[rows->holds[row->first]];

	if (t->style->by == WEIR_WHO_USER && !t->holds) {
		if (row->task != SIZE_MAX && all->tasks[row->task].uid.known)
			return put(t, "%" PRIu64, all->tasks[row->task].uid.n);
		if (row->task == SIZE_MAX && hold->file != SIZE_MAX &&
		    all->files.v[hold->file].known)
			return put(t, "%" PRIu64, all->files.v[hold->file].st.uid);
	}
	if (row->task == SIZE_MAX || of_holds(t))
		return put(t, "%s", weir_hold_kind_word(hold->kind));
	if (t->style->by == WEIR_WHO_CGROUP)
		return *row->key ? put_shown(t, weir_strz(row->key)) : put(t, "?");
	if (t->style->by == WEIR_WHO_VM)
		return *row->key ? put_shown(t, weir_strz(row->key)) : put(t, "(no VM)");
	return put(t, "%" PRIu64, all->tasks[row->task].pid);
}

static int put_what(struct text *t, const struct weir_who_rows *rows,
                    const struct weir_who_row *row)
{
	const struct weir_hold *hold = &t->who->ledger.holds[rows->holds[row->first]];

	if (row->task == SIZE_MAX || of_holds(t))
		return row->nr == 1 ? put_hold(t, hold) : put(t, "%zu files", row->nr);
	if (t->style->by == WEIR_WHO_PROCESS ||
	    (t->style->by == WEIR_WHO_VM && *row->key))
		return put_command(t, &t->who->ledger.holdings.tasks[row->task]);
	return put(t, "%zu holding%s", row->nr, row->nr == 1 ? "" : "s");
}

static int put_cell(struct text *t, enum column column, const struct weir_who_rows *rows,
                    const struct weir_who_row *row)
{
	const struct weir_holdings *all = &t->who->ledger.holdings;
	const char *vm = row->task == SIZE_MAX ? NULL : t->who->vms[row->task];
	uint64_t page = row->page_bytes;

	switch (column) {
	case COLUMN_HOLDER: return put_holder(t, rows, row);
	case COLUMN_PAGES:
		if (row->pages_least && put(t, ">=") < 0)
			return -ENOMEM;
		return put_pages(t, row->pages, page);
	case COLUMN_RESERVED:
		return put_reserved(t, row->reserved, row->reserved_max, page);
	case COLUMN_MAPPED: return put_pages(t, row->mapped_pages, page);
	case COLUMN_PRIVATE: return put_pages(t, row->private_pages, page);
	case COLUMN_SHARED: return put_pages(t, row->shared_pages, page);
	case COLUMN_NODES: return put_nodes(t, row->node_pages, row->node_unknown, page);
	case COLUMN_ALSO: return put_also(t, rows, row);
	case COLUMN_VM: return put_shown(t, weir_strz(vm ? vm : "-"));
	case COLUMN_CGROUP:
		return put_shown(t, weir_strz(row->task == SIZE_MAX
		                                      ? "-"
		                                      : all->tasks[row->task].cgroup));
	case COLUMN_WHAT:
	case NR_COLUMNS: break;
	}
	return put_what(t, rows, row);
}

/* A column that would say the same in every row is left out. */
static bool is_shown(const struct text *t, enum column column,
                     const struct weir_who_rows *rows)
{
	if (column == COLUMN_NODES)
		return t->who->ledger.nr_nodes > 1;
	if (column == COLUMN_CGROUP && t->style->by == WEIR_WHO_CGROUP)
		return false;
	if (column == COLUMN_VM) {
		for (size_t i = 0; i < rows->nr && t->style->by != WEIR_WHO_VM; i++)
			if (rows->v[i].task != SIZE_MAX && t->who->vms[rows->v[i].task])
				return true;
		return false;
	}
	return true;
}

static int set_cell(struct text *t, struct libscols_line *line, size_t at)
{
	return scols_line_set_data(line, at, t->cell.p ? t->cell.p : "") ? -ENOMEM : 0;
}

static int add_line(struct text *t, struct libscols_table *table,
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
static int add_holds(struct text *t, struct libscols_table *table,
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

static int add_columns(const struct text *t, struct libscols_table *table,
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

static int print_table(struct text *t, const struct weir_who_rows *rows)
{
	struct libscols_table *table = scols_new_table();
	int r = table ? add_columns(t, table, rows) : -ENOMEM;

	for (size_t i = 0; r == 0 && i < rows->nr; i++) {
		struct libscols_line *line;

		r = add_line(t, table, NULL, rows, &rows->v[i], &line);
		if (r == 0 && t->style->tree && t->style->by != WEIR_WHO_FILE &&
		    rows->v[i].task != SIZE_MAX)
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

static int size_of_pages(struct text *t, struct weir_count pages, uint64_t page_bytes)
{
	t->cell.n = 0;
	return pages.known ? put_pages(t, pages.n, page_bytes) : put(t, "?");
}

static int say(struct text *t, const char *before, struct weir_count pages,
               uint64_t page_bytes, const char *after)
{
	int r = size_of_pages(t, pages, page_bytes);

	if (r == 0)
		(void)fprintf(t->out, "%s%s%s", before, t->cell.p, after);
	return r;
}

/* "41 in use + 9 reserved + 14 really free = 64" and what of it nobody was found for. */
static int print_sum(struct text *t, const struct weir_ledger_size *size)
{
	uint64_t page = size->page_bytes;
	int r = say(t, "", size->in_use, page, " in use");

	if (r == 0 && size->unattributed.n)
		r = say(t, " (", size->unattributed, page, " of them unattributed)");
	if (r == 0)
		r = say(t, " + ", size->reserved, page, " reserved");
	if (r == 0 && size->unattributed_reserved.n)
		r = say(t, " (", size->unattributed_reserved, page,
		        " of them unattributed)");
	if (r == 0 && size->unsure)
		r = say(t, " (", WEIR_COUNT(size->unsure), page,
		        " of them by one of those with a range)");
	if (r == 0)
		r = say(t, " + ", weir_count_sub(size->free, size->reserved), page,
		        " really free");
	if (r == 0)
		r = say(t, " = ", size->total, page, " in the pool\n");
	if (r == 0 && size->over)
		r = say(t, "", WEIR_COUNT(size->over), page,
		        " more in use were found than the kernel counts\n");
	if (r == 0 && size->over_reserved)
		r = say(t, "", WEIR_COUNT(size->over_reserved), page,
		        " more reserved were found than the kernel counts\n");
	return r;
}

static int print_release(struct text *t, const struct weir_who_rows *rows)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < rows->nr; i++) {
		const struct weir_hold *hold =
			&t->who->ledger.holds[rows->holds[rows->v[i].first]];
		struct weir_who_release release;

		t->cell.n = 0;
		r = put_hold(t, hold);
		if (r == 0)
			r = weir_who_release(t->who, hold, &release);
		if (r < 0)
			break;
		if (!i)
			(void)fputc('\n', t->out);
		(void)fprintf(t->out, "%s %s\n",
		              release.safe ? "safe to release:" : "not safe:", t->cell.p);
		if (!release.safe)
			(void)fprintf(t->out, "    %s\n", release.why);
		if (release.command.n) {
			(void)fputs("    ", t->out);
			weir_cli_put(t->out, weir_buf_str(&release.command));
			(void)fputc('\n', t->out);
		}
		weir_buf_done(&release.command);
	}
	return r;
}

static int print_size(struct text *t, const struct weir_ledger_size *size, bool *any)
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
			r = print_release(t, &rows);
	}
	weir_who_rows_done(&rows);
	return r;
}

/* "of 8" pages; nothing without a limit. */
static int say_limit(struct text *t, const char *before, struct weir_count bytes,
                     struct weir_count limit, uint64_t page_bytes)
{
	struct weir_count pages = { bytes.known, bytes.n / page_bytes };
	int r = say(t, before, pages, page_bytes, "");

	pages = (struct weir_count){ true, limit.n / page_bytes };
	return r == 0 && weir_cgroup_is_limit(limit)
	               ? say(t, " of at most ", pages, page_bytes, "")
	               : r;
}

/* What groups are charged with, which is not always what their processes have: charges
 * stay where a page was first touched (mm/hugetlb_cgroup.c). */
static int print_groups(struct text *t)
{
	const struct weir_cgroups *groups = &t->who->snap->cgroups;
	char name[WEIR_SIZE_TEXT_MAX];
	bool any = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < groups->nr; i++) {
		for (size_t k = 0; r == 0 && k < groups->v[i].nr; k++) {
			const struct weir_cgroup_use *u = &groups->v[i].v[k];

			if (!weir_cgroup_matters(u) ||
			    (t->style->one_size && u->page_bytes != t->style->size_bytes))
				continue;
			(void)fputs(
				any ? ""
				    : "\nCharged to cgroups, those below counted in\n",
				t->out);
			any = true;
			(void)fputs("  ", t->out);
			weir_cli_put(t->out, weir_strz(groups->v[i].path));
			(void)fprintf(
				t->out, "  %s:",
				weir_format_size(u->page_bytes, name, sizeof(name)).p);
			r = say_limit(t, " ", u->usage, u->limit, u->page_bytes);
			if (r == 0)
				r = say_limit(t, " in use, ", u->reserved,
				              u->reserved_limit, u->page_bytes);
			(void)fputs(" reserved\n", t->out);
		}
	}
	return r;
}

int weir_who_text(const struct weir_who *who, const struct weir_who_style *style,
                  FILE *out, struct weir_err *err)
{
	const struct weir_ledger *ledger = &who->ledger;
	struct text t = { .who = who, .style = style, .out = out };
	bool any = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ledger->nr_sizes; i++)
		if (!style->one_size || ledger->sizes[i].page_bytes == style->size_bytes)
			r = print_size(&t, &ledger->sizes[i], &any);
	if (r == 0 && !any && !style->about)
		(void)fputs(style->leaks ? "nothing is left behind\n"
		                         : "no huge pages on this host\n",
		            out);
	if (r == 0 && style->by == WEIR_WHO_CGROUP && !style->leaks && !style->about)
		r = print_groups(&t);
	for (size_t i = 0; r == 0 && i < ledger->nr_reasons; i++) {
		(void)fputs(i ? "" : any ? "\nNot seen\n" : "Not seen\n", out);
		weir_cli_wrap(out, "  ", ledger->reasons[i], 2, style->width);
	}
	weir_buf_done(&t.cell);
	return r < 0 ? weir_err_sys(err, r, "print the holders") : 0;
}
