/* who_rows: holds into rows, by what is asked for. A hold is in one row only, however
 * many processes share it, so that rows sum up. */
#include "cli/who.h"

#include "base/own.h"
#include "vm/qemu.h"

#include <errno.h>
#include <stdlib.h>

/* --- reading ------------------------------------------------------------------------ */

static bool is_qemu(struct weir_str cmdline)
{
	struct weir_str path = weir_str(cmdline.p, weir_str_index(cmdline, '\0'));

	while (weir_str_index(path, '/') < path.n)
		path = weir_str_skip(path, weir_str_index(path, '/') + 1);
	return weir_str_starts(path, "qemu-system-") || weir_str_eq(path, "qemu-kvm") ||
	       weir_str_eq(path, "kvm");
}

/* A command line that is not understood is still one of a VM: its name is unknown. */
static int name_vm(const struct weir_holding_task *task, char **out)
{
	struct weir_str cmdline = weir_str(task->cmdline, task->cmdline_n);
	struct weir_demand demand;
	struct weir_err err;
	int r;

	if (!is_qemu(cmdline))
		return 0;
	r = weir_qemu_parse(cmdline, WEIR_VENDOR_UNKNOWN, &demand, &err);
	if (r == -ENOMEM)
		return r;
	*out = strdup(r == 0 ? demand.name : "?");
	if (r == 0)
		weir_demand_done(&demand);
	return *out ? 0 : -ENOMEM;
}

/* Of what nobody uses: whether that can be known. */
static int find_blind(struct weir_who *who)
{
	for (size_t i = 0; i < who->ledger.nr_holds; i++)
		if (weir_hold_is_left(&who->ledger.holds[i]))
			return weir_ledger_blind(who->host, &who->ledger, &who->blind);
	return 0;
}

int weir_who_read(const struct weir_host *host, enum weir_ledger_want want,
                  struct weir_who *out, struct weir_err *err)
{
	int r;

	*out = (struct weir_who){ .host = host };
	r = weir_snapshot_read(host, WEIR_SNAPSHOT_BASE, &out->snap, err);
	if (r == 0)
		r = weir_ledger_read(host, out->snap, want, &out->ledger, err);
	if (r < 0)
		return r;
	out->vms = calloc(out->ledger.holdings.nr_tasks + 1, sizeof(*out->vms));
	if (!out->vms)
		return weir_err_sys(err, -ENOMEM, "find VMs");
	for (size_t i = 0; r == 0 && i < out->ledger.holdings.nr_tasks; i++)
		r = name_vm(&out->ledger.holdings.tasks[i], &out->vms[i]);
	if (r < 0)
		return weir_err_sys(err, r, "find VMs");
	r = find_blind(out);
	return r < 0 ? weir_err_sys(err, r, "look at what nobody uses") : 0;
}

void weir_who_done(struct weir_who *who)
{
	for (size_t i = 0; who->vms && i < who->ledger.holdings.nr_tasks; i++)
		free(who->vms[i]);
	free(who->vms);
	free(who->blind);
	weir_ledger_done(&who->ledger);
	weir_snapshot_free(who->snap);
	*who = (struct weir_who){ 0 };
}

/* --- selecting ---------------------------------------------------------------------- */

static bool is_better(const struct weir_who *who, const struct weir_hold_user *a,
                      const struct weir_hold_user *b)
{
	bool vm_a = who->vms[a->task], vm_b = who->vms[b->task];

	if (vm_a != vm_b)
		return vm_a;
	return a->mapped_bytes > b->mapped_bytes;
}

size_t weir_who_main_user(const struct weir_who *who, const struct weir_hold *hold)
{
	const struct weir_hold_user *best = NULL;
	bool is_warm = weir_hold_is_warm(hold);

	for (size_t i = 0; i < hold->nr_users; i++) {
		/* weird opens what it keeps: the store's own row has it */
		if (is_warm && weir_ledger_is_weird(&who->ledger, hold->users[i].task))
			continue;
		if (!best || is_better(who, &hold->users[i], best))
			best = &hold->users[i];
	}
	return best ? best->task : SIZE_MAX;
}

/* The path itself, or a directory that it is in. */
static bool is_at(struct weir_str path, const char *about)
{
	struct weir_str rest;

	if (!path.n || !weir_str_starts(path, about))
		return false;
	rest = weir_str_skip(path, strlen(about));
	return !rest.n || (*about == '/' && (rest.p[0] == '/' || rest.p[-1] == '/'));
}

static bool is_about(const struct weir_who *who, const struct weir_hold *hold,
                     const char *about)
{
	struct weir_str name = weir_hold_name(&who->ledger, hold);
	uint64_t pid;
	bool is_pid = weir_parse_u64(weir_strz(about), &pid) == 0;
	const char *lease = weir_hold_is_warm(hold) ? hold->region->lease.name : "";

	if (is_at(name, about) || (*lease && strcmp(lease, about) == 0))
		return true;
	for (size_t i = 0; i < hold->nr_users; i++) {
		size_t task = hold->users[i].task;

		if (is_pid && who->ledger.holdings.tasks[task].pid == pid)
			return true;
		if (who->vms[task] && strcmp(who->vms[task], about) == 0)
			return true;
	}
	return false;
}

bool weir_who_is_leak(const struct weir_who *who, const struct weir_hold *hold)
{
	struct weir_str vm;

	return weir_hold_is_left(hold) ||
	       weir_who_guest(who, hold, &vm) >= WEIR_WHO_GUEST_UNSEEN;
}

bool weir_who_shows(const struct weir_who *who, const struct weir_who_style *style,
                    const struct weir_hold *hold)
{
	if (style->one_size && hold->page_bytes != style->size_bytes)
		return false;
	if (style->leaks && !weir_who_is_leak(who, hold))
		return false;
	if (style->about && !is_about(who, hold, style->about))
		return false;
	for (size_t i = 0; style->one_node && i < who->ledger.nr_nodes; i++)
		if (who->ledger.nodes[i] == style->node)
			return hold->node_pages[i] || hold->node_unknown ||
			       hold->reserved_max;
	return !style->one_node;
}

/* --- rows --------------------------------------------------------------------------- */

/* What a hold is put together by. A hold of nobody stands for itself. */
struct key {
	size_t hold;
	size_t task; /* or SIZE_MAX */
	const char *text;
	uint64_t number;
};

static struct key key_of(const struct weir_who *who, const struct weir_who_style *style,
                         size_t hold)
{
	const struct weir_holdings *all = &who->ledger.holdings;
	const struct weir_hold *h = &who->ledger.holds[hold];
	struct key key = { .hold = hold, .text = "" };

	key.task = weir_who_main_user(who, h);
	if (h->kind == WEIR_HOLD_WARM && key.task == SIZE_MAX && !style->leaks &&
	    style->by != WEIR_WHO_FILE) {
		key.text = "warm"; /* hundreds of files that are all alike */
		key.number = UINT64_MAX;
		return key;
	}
	if (style->by == WEIR_WHO_USER && key.task == SIZE_MAX && h->file != SIZE_MAX &&
	    all->files.v[h->file].known) {
		key.number = all->files.v[h->file].st.uid; /* the file's owner */
		return key;
	}
	if (key.task == SIZE_MAX || style->by == WEIR_WHO_FILE || style->leaks) {
		key.number = hold + 1;
		key.text = "hold";
		return key;
	}
	switch (style->by) {
	case WEIR_WHO_VM:
		if (who->vms[key.task]) {
			key.text = who->vms[key.task];
			key.number = all->tasks[key.task].pid; /* names are not unique */
		}
		break;
	case WEIR_WHO_CGROUP: key.text = all->tasks[key.task].cgroup; break;
	case WEIR_WHO_USER: key.number = all->tasks[key.task].uid.n; break;
	case WEIR_WHO_PROCESS:
	case WEIR_WHO_FILE: key.number = all->tasks[key.task].pid; break;
	}
	return key;
}

static int by_key(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int c = strcmp(x->text, y->text);

	if (c)
		return c;
	if (x->number != y->number)
		return x->number > y->number ? 1 : -1;
	return (x->hold > y->hold) - (x->hold < y->hold);
}

static void add_hold(const struct weir_ledger *ledger, const struct weir_hold *hold,
                     struct weir_who_row *row)
{
	row->pages += hold->pages;
	if (hold->kind == WEIR_HOLD_PRIVATE)
		row->private_pages += hold->pages;
	else
		row->shared_pages += hold->pages;
	row->mapped_pages += hold->mapped_pages;
	row->pages_least |= hold->pages_least;
	row->reserved.known &= hold->reserved.known;
	row->reserved.n += hold->reserved.n;
	row->reserved_max += hold->reserved_max;
	row->node_unknown += hold->node_unknown;
	for (size_t i = 0; i < ledger->nr_nodes; i++)
		row->node_pages[i] += hold->node_pages[i];
}

static int by_size(const void *a, const void *b)
{
	const struct weir_who_row *x = a, *y = b;
	uint64_t p = x->pages + x->reserved_max, q = y->pages + y->reserved_max;

	if (p != q)
		return p < q ? 1 : -1;
	return (x->first > y->first) - (x->first < y->first);
}

static int add_row(const struct weir_who *who, const struct key *key, size_t first,
                   struct weir_who_rows *out)
{
	struct weir_who_row *row;

	if (weir_grow(&out->v, &out->cap, out->nr, sizeof(*out->v)) < 0)
		return -ENOMEM;
	row = &out->v[out->nr];
	row->node_pages = calloc(who->ledger.nr_nodes + 1, sizeof(*row->node_pages));
	if (!row->node_pages)
		return -ENOMEM;
	out->nr++;
	row->page_bytes = who->ledger.holds[key->hold].page_bytes;
	row->key = key->text;
	row->task = key->task;
	row->first = first;
	row->reserved = WEIR_COUNT(0);
	return 0;
}

static int make_rows(const struct weir_who *who, const struct key *keys, size_t nr,
                     struct weir_who_rows *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < nr; i++) {
		bool same = i && strcmp(keys[i].text, keys[i - 1].text) == 0 &&
		            keys[i].number == keys[i - 1].number;

		if (!same)
			r = add_row(who, &keys[i], i, out);
		if (r < 0)
			return r;
		out->holds[i] = keys[i].hold;
		out->v[out->nr - 1].nr++;
		add_hold(&who->ledger, &who->ledger.holds[keys[i].hold],
		         &out->v[out->nr - 1]);
	}
	if (out->nr)
		qsort(out->v, out->nr, sizeof(*out->v), by_size);
	return 0;
}

int weir_who_rows_make(const struct weir_who *who, const struct weir_who_style *style,
                       uint64_t page_bytes, struct weir_who_rows *out)
{
	const struct weir_ledger *ledger = &who->ledger;
	struct key *keys = calloc(ledger->nr_holds + 1, sizeof(*keys));
	size_t nr = 0;
	int r;

	*out = (struct weir_who_rows){ .holds = calloc(ledger->nr_holds + 1,
		                                       sizeof(*out->holds)) };
	r = keys && out->holds ? 0 : -ENOMEM;
	for (size_t i = 0; r == 0 && i < ledger->nr_holds; i++)
		if (ledger->holds[i].page_bytes == page_bytes &&
		    weir_who_shows(who, style, &ledger->holds[i]))
			keys[nr++] = key_of(who, style, i);
	if (nr)
		qsort(keys, nr, sizeof(*keys), by_key);
	if (r == 0)
		r = make_rows(who, keys, nr, out);
	out->nr_shown = nr;
	free(keys);
	if (r < 0)
		weir_who_rows_done(out);
	return r;
}

void weir_who_rows_done(struct weir_who_rows *rows)
{
	for (size_t i = 0; i < rows->nr; i++)
		free(rows->v[i].node_pages);
	free(rows->v);
	free(rows->holds);
	*rows = (struct weir_who_rows){ 0 };
}
