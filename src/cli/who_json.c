/* who_json: the ledger as JSON, schema 1: see weir-json(5). */
#include "cli/who_print.h"

#include "base/json.h"
#include "base/own.h"
#include "holders/charges.h"

#include <errno.h>

static void put_count(struct weir_json *j, const char *key, struct weir_count n)
{
	if (n.known)
		weir_json_u64(j, key, n.n);
	else
		weir_json_null(j, key);
}

static void put_sizes(struct weir_json *j, const struct weir_ledger *ledger,
                      const struct weir_who_style *style)
{
	weir_json_open(j, "sizes", '[');
	for (size_t i = 0; i < ledger->nr_sizes; i++) {
		const struct weir_ledger_size *s = &ledger->sizes[i];

		if (style->one_size && s->page_bytes != style->size_bytes)
			continue;
		weir_json_open(j, NULL, '{');
		weir_json_u64(j, "page_bytes", s->page_bytes);
		put_count(j, "total", s->total);
		put_count(j, "free", s->free);
		put_count(j, "in_use", s->in_use);
		put_count(j, "reserved", s->reserved);
		put_count(j, "surplus", s->surplus);
		weir_json_u64(j, "held", s->held);
		weir_json_u64(j, "held_reserved", s->held_reserved);
		weir_json_u64(j, "unsure_reserved", s->unsure);
		put_count(j, "unattributed", s->unattributed);
		put_count(j, "unattributed_reserved", s->unattributed_reserved);
		weir_json_u64(j, "over", s->over);
		weir_json_u64(j, "over_reserved", s->over_reserved);
		weir_json_u64(j, "held_node_unknown", s->node_unknown);
		put_count(j, "poisoned_max", s->poisoned_max);
		put_count(j, "leaving", s->leaving);
		weir_json_open(j, "nodes", '[');
		for (size_t k = 0; k < ledger->nr_nodes; k++) {
			weir_json_open(j, NULL, '{');
			weir_json_u64(j, "node", ledger->nodes[k]);
			put_count(j, "in_use", s->node_in_use[k]);
			weir_json_u64(j, "held", s->node_held[k]);
			weir_json_close(j);
		}
		weir_json_close(j);
		weir_json_close(j);
	}
	weir_json_close(j);
}

static void put_file(struct weir_json *j, const struct weir_huge_file *f)
{
	weir_json_u64(j, "device_major", f->device >> 32);
	weir_json_u64(j, "device_minor", f->device & UINT32_MAX);
	weir_json_u64(j, "inode", f->inode);
	if (!f->known)
		return;
	weir_json_u64(j, "size_bytes", f->st.size_bytes);
	weir_json_u64(j, "links", f->st.nr_links);
	weir_json_u64(j, "uid", f->st.uid);
	weir_json_u64(j, "changed_at", f->st.changed_at);
	if (f->seen_by)
		weir_json_u64(j, "seen_by_pid", f->seen_by);
}

static void put_segment(struct weir_json *j, const struct weir_shm_segment *seg)
{
	weir_json_open(j, "segment", '{');
	weir_json_u64(j, "id", seg->id);
	weir_json_u64(j, "key", seg->key);
	weir_json_u64(j, "size_bytes", seg->size_bytes);
	weir_json_u64(j, "attached", seg->nr_attached);
	weir_json_bool(j, "destroyed", seg->destroyed);
	weir_json_u64(j, "creator_pid", seg->creator_pid);
	weir_json_u64(j, "uid", seg->uid);
	weir_json_close(j);
}

static void put_users(struct weir_json *j, const struct weir_who *who,
                      const struct weir_hold *hold)
{
	weir_json_open(j, "users", '[');
	for (size_t i = 0; i < hold->nr_users; i++) {
		const struct weir_hold_user *u = &hold->users[i];

		weir_json_open(j, NULL, '{');
		weir_json_u64(j, "pid", who->ledger.holdings.tasks[u->task].pid);
		weir_json_u64(j, "mapped_bytes", u->mapped_bytes);
		weir_json_u64(j, "resident_pages", u->resident);
		weir_json_bool(j, "open", u->is_open);
		weir_json_close(j);
	}
	weir_json_close(j);
}

static int put_release(struct weir_json *j, const struct weir_who *who,
                       const struct weir_hold *hold)
{
	struct weir_who_release release;
	struct weir_who_left left;
	int r = weir_who_release(who, hold, &release);

	if (r < 0)
		return r;
	weir_json_open(j, "release", '{');
	weir_json_bool(j, "safe", release.safe);
	weir_json_bool(j, "unsure", release.unsure);
	weir_json_strz(j, "why", release.safe ? NULL : release.why);
	if (release.command.n)
		weir_json_str(j, "command", weir_buf_str(&release.command));
	else
		weir_json_null(j, "command");
	weir_who_left(who, hold, &left);
	put_count(j, "creator_pid",
	          (struct weir_count){ left.known.creator_pid > 0,
	                               left.known.creator_pid });
	if (left.known.creator_pid)
		weir_json_bool(j, "creator_lives", left.known.creator_lives);
	else
		weir_json_null(j, "creator_lives");
	if (left.domain.n)
		weir_json_str(j, "domain", left.domain);
	else
		weir_json_null(j, "domain");
	put_count(j, "domain_pid",
	          (struct weir_count){ left.domain_pid > 0, left.domain_pid });
	weir_json_close(j);
	weir_buf_done(&release.command);
	return 0;
}

static const char *guest_word(const struct weir_who *who, const struct weir_hold *hold)
{
	struct weir_str vm;

	switch (weir_who_guest(who, hold, &vm)) {
	case WEIR_WHO_GUEST_LIVES: return "used";
	case WEIR_WHO_GUEST_UNSEEN: return "not by a VM";
	case WEIR_WHO_GUEST_GONE: return "VM gone";
	case WEIR_WHO_GUEST_NONE: break;
	}
	return NULL;
}

static int put_hold(struct weir_json *j, const struct weir_who *who,
                    const struct weir_hold *hold)
{
	const struct weir_ledger *ledger = &who->ledger;

	weir_json_open(j, NULL, '{');
	weir_json_strz(j, "kind", weir_hold_kind_word(hold->kind));
	weir_json_str(j, "name", weir_hold_name(ledger, hold));
	weir_json_u64(j, "page_bytes", hold->page_bytes);
	weir_json_u64(j, "pages", hold->pages);
	weir_json_bool(j, "pages_least", hold->pages_least);
	put_count(j, "reserved", hold->reserved);
	weir_json_u64(j, "reserved_max", hold->reserved_max);
	weir_json_u64(j, "mapped_pages", hold->mapped_pages);
	weir_json_open(j, "nodes", '[');
	for (size_t i = 0; i < ledger->nr_nodes; i++) {
		weir_json_open(j, NULL, '{');
		weir_json_u64(j, "node", ledger->nodes[i]);
		weir_json_u64(j, "pages", hold->node_pages[i]);
		weir_json_close(j);
	}
	weir_json_close(j);
	weir_json_u64(j, "node_unknown", hold->node_unknown);
	put_count(j, "registered_bytes", hold->registered_bytes);
	weir_json_bool(j, "left", weir_hold_is_left(hold));
	weir_json_strz(j, "vm_memory", guest_word(who, hold));
	if (hold->file != WEIR_HOLD_NONE)
		put_file(j, &ledger->holdings.files.v[hold->file]);
	if (hold->shm)
		put_segment(j, hold->shm);
	put_users(j, who, hold);
	if (weir_who_json_region(j, hold) < 0)
		return -ENOMEM;
	if (weir_who_is_leak(who, hold) && put_release(j, who, hold) < 0)
		return -ENOMEM;
	weir_json_close(j);
	return 0;
}

/* Of each user who owns something that nobody uses, once. */
static void put_owners(struct weir_json *j, const struct weir_who *who,
                       const struct weir_who_style *style)
{
	const struct weir_ledger *ledger = &who->ledger;
	struct weir_count last = { 0 };

	weir_json_open(j, "owners", '[');
	for (;;) {
		struct weir_count next = { 0 };

		for (size_t i = 0; i < ledger->nr_holds; i++) {
			const struct weir_hold *hold = &ledger->holds[i];
			struct weir_count uid = weir_hold_owner(ledger, hold);

			if (weir_hold_is_left(hold) && uid.known &&
			    weir_who_shows(who, style, hold) &&
			    (!last.known || uid.n > last.n) &&
			    (!next.known || uid.n < next.n))
				next = uid;
		}
		if (!next.known)
			break;
		weir_json_open(j, NULL, '{');
		weir_json_u64(j, "uid", next.n);
		switch (weir_owner_lives(&ledger->owners, next.n)) {
		case WEIR_OWNER_UNKNOWN: weir_json_null(j, "lives"); break;
		case WEIR_OWNER_LIVES: weir_json_bool(j, "lives", true); break;
		case WEIR_OWNER_GONE: weir_json_bool(j, "lives", false); break;
		}
		weir_json_close(j);
		last = next;
	}
	weir_json_close(j);
}

static void put_pins(struct weir_json *j, const struct weir_who *who, uint64_t pid)
{
	const struct weir_pinner none = { .pinned_bytes = WEIR_COUNT(0) };
	const struct weir_pinner *p = weir_pinners_find(&who->ledger.pinners, pid);

	weir_json_open(j, "pins", '{');
	for (unsigned int i = 0; i < WEIR_PINS_BY_NR; i++)
		weir_json_bool(j, weir_pins_by_word(i), p && p->by & 1U << i);
	put_count(j, "pinned_bytes", p ? p->pinned_bytes : none.pinned_bytes);
	weir_json_close(j);
}

static void put_processes(struct weir_json *j, const struct weir_who *who)
{
	weir_json_open(j, "processes", '[');
	for (size_t i = 0; i < who->ledger.holdings.nr_tasks; i++) {
		const struct weir_holding_task *t = &who->ledger.holdings.tasks[i];

		weir_json_open(j, NULL, '{');
		weir_json_u64(j, "pid", t->pid);
		weir_json_u64(j, "ppid", t->ppid);
		put_count(j, "uid", t->uid);
		weir_json_strz(j, "name", t->name);
		weir_json_str(j, "command", weir_str(t->cmdline, t->cmdline_n));
		weir_json_strz(j, "cgroup", t->cgroup);
		weir_json_strz(j, "vm", who->vms[i]);
		put_count(j, "huge_bytes", t->huge_bytes);
		put_pins(j, who, t->pid);
		weir_json_close(j);
	}
	weir_json_close(j);
}

static struct weir_count bytes_of(struct weir_count pages, uint64_t page_bytes)
{
	return weir_count_mul(pages, page_bytes);
}

static struct weir_count limit_of(struct weir_count limit)
{
	return weir_cgroup_is_limit(limit) ? limit : (struct weir_count){ 0 };
}

static void put_group(struct weir_json *j, const struct weir_charge *c)
{
	const struct weir_cgroup_use none = { 0 };
	const struct weir_cgroup_use *u = c->use ? c->use : &none;

	weir_json_open(j, NULL, '{');
	weir_json_strz(j, "path", c->path);
	weir_json_u64(j, "page_bytes", c->page_bytes);
	put_count(j, "usage_bytes", u->usage);
	put_count(j, "reserved_bytes", u->reserved);
	put_count(j, "limit_bytes", limit_of(u->limit));
	put_count(j, "reserved_limit_bytes", limit_of(u->reserved_limit));
	put_count(j, "own_bytes", bytes_of(c->own, c->page_bytes));
	put_count(j, "own_reserved_bytes", bytes_of(c->own_reserved, c->page_bytes));
	put_count(j, "beyond_bytes", bytes_of(c->beyond, c->page_bytes));
	put_count(j, "beyond_reserved_bytes",
	          bytes_of(c->beyond_reserved, c->page_bytes));
	weir_json_close(j);
}

/* v2's root is there when something is charged to it that no process in it has. */
static int put_groups(struct weir_json *j, const struct weir_who *who)
{
	struct weir_charges charges;
	int r = weir_charges_make(&who->ledger, &who->snap->cgroups, &charges);

	weir_json_open(j, "cgroups", '[');
	for (size_t i = 0; r == 0 && i < charges.nr; i++) {
		const struct weir_charge *c = &charges.v[i];

		if (c->use ? weir_cgroup_matters(c->use) : c->beyond.n > 0)
			put_group(j, c);
	}
	weir_json_close(j);
	weir_charges_done(&charges);
	return r;
}

int weir_who_json(const struct weir_who *who, const struct weir_who_style *style,
                  FILE *out)
{
	const struct weir_ledger *ledger = &who->ledger;
	weir_auto(weir_json_done) struct weir_json j = { 0 };
	int r = 0;

	weir_json_open(&j, NULL, '{');
	weir_json_u64(&j, "schema", 1);
	weir_json_bool(&j, "consistent", !ledger->moved);
	put_count(&j, "blocks_leaving",
	          (struct weir_count){ ledger->blocks.known, ledger->blocks.nr });
	weir_json_strz(&j, "weird",
	               ledger->warm.state.known ? weir_weird_word(ledger->warm.weird)
	                                        : NULL);
	put_sizes(&j, ledger, style);
	weir_json_open(&j, "holds", '[');
	for (size_t i = 0; r == 0 && i < ledger->nr_holds; i++)
		if (weir_who_shows(who, style, &ledger->holds[i]))
			r = put_hold(&j, who, &ledger->holds[i]);
	weir_json_close(&j);
	put_processes(&j, who);
	put_owners(&j, who, style);
	if (r == 0)
		r = put_groups(&j, who);
	weir_json_open(&j, "unseen", '{');
	weir_json_u64(&j, "processes", ledger->holdings.nr_forbidden);
	weir_json_u64(&j, "processes_huge", weir_ledger_unseen_huge(ledger));
	weir_json_u64(&j, "files", ledger->holdings.nr_unseen_files);
	weir_json_u64(&j, "directories", ledger->holdings.files.nr_dirs_refused);
	weir_json_open(&j, "reasons", '[');
	for (size_t i = 0; i < ledger->nr_reasons; i++)
		weir_json_strz(&j, NULL, ledger->reasons[i]);
	weir_json_close(&j);
	weir_json_close(&j);
	weir_json_close(&j);
	if (r < 0 || j.failed)
		return -ENOMEM;
	(void)fwrite(j.out.p, 1, j.out.n, out);
	(void)fputc('\n', out);
	return 0;
}
