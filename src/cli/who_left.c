/* who_left: what no process uses, and what is known of it: who made it, whether they
 * live, and how it could be released; and the memory of VMs that outlives them. */
#include "cli/who_print.h"

#include "cli/cli.h"

#include "base/own.h"

#include <errno.h>
#include <inttypes.h>

/* --- commands ----------------------------------------------------------------------- */

/* For a shell: in single quotes, which only the quote itself ends. */
static int add_quoted(struct weir_buf *out, struct weir_str s)
{
	int r = weir_buf_addz(out, "'");

	for (size_t i = 0; r == 0 && i < s.n; i++)
		r = s.p[i] == '\'' ? weir_buf_addz(out, "'\\''")
		                   : weir_buf_add(out, weir_str(s.p + i, 1));
	return r < 0 ? r : weir_buf_addz(out, "'");
}

/* A name that a terminal would act on cannot be copied from it: by inode then. */
static bool is_plain(struct weir_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] > '~')
			return false;
	return true;
}

static int release_file(const struct weir_who *who, const struct weir_hold *hold,
                        struct weir_who_release *out)
{
	const struct weir_huge_file *file = &who->ledger.holdings.files.v[hold->file];
	const struct weir_mounts *mounts = &who->ledger.holdings.mounts.mounts;
	struct weir_str name = weir_hold_name(&who->ledger, hold);
	int r = 0;

	if (file->seen_by)
		r = weir_buf_printf(&out->command, "nsenter -t %" PRIu64 " -m ",
		                    file->seen_by);
	if (r == 0 && is_plain(name))
		r = weir_buf_addz(&out->command, "rm -- ");
	if (r == 0 && is_plain(name))
		return add_quoted(&out->command, name);
	if (r == 0)
		r = weir_buf_addz(&out->command, "find ");
	if (r == 0 && hold->mount != SIZE_MAX)
		r = add_quoted(&out->command, weir_strz(mounts->v[hold->mount].target));
	return r < 0 ? r
	             : weir_buf_printf(&out->command, " -xdev -inum %" PRIu64 " -delete",
	                               file->inode);
}

/* --- who made it, whose it is --------------------------------------------------------
 */

/* "4-db" of "/dev/hugepages/libvirt/qemu/4-db/ram": libvirt's name of a domain that runs,
 * by its number and its name, cut short (virDomainDefGetShortName()). */
static struct weir_str domain_of(struct weir_str path)
{
	static const char dir[] = "/libvirt/qemu/";
	ptrdiff_t at = weir_str_find(path, dir);
	struct weir_str name = weir_str("", 0);
	size_t digits = 0;

	if (at < 0)
		return name;
	name = weir_str_skip(path, (size_t)at + strlen(dir));
	name.n = weir_str_index(name, '/');
	while (digits < name.n && weir_is_digit(name.p[digits]))
		digits++;
	if (!digits || digits >= name.n || name.p[digits] != '-')
		name.n = 0;
	return name;
}

/* libvirt gives paths with this name to the QEMU that it starts. */
static bool runs_domain(const struct weir_holding_task *task, struct weir_str domain)
{
	static const char *const before[] = { "/qemu/", "/domain-" };
	struct weir_str cmdline = weir_str(task->cmdline, task->cmdline_n);

	for (size_t i = 0; i < WEIR_NELEM(before); i++) {
		struct weir_str rest = cmdline;
		ptrdiff_t at;

		while ((at = weir_str_find(rest, before[i])) >= 0) {
			rest = weir_str_skip(rest, (size_t)at + strlen(before[i]));
			if (rest.n > domain.n && rest.p[domain.n] == '/' &&
			    memcmp(rest.p, domain.p, domain.n) == 0)
				return true;
		}
	}
	return false;
}

void weir_who_left(const struct weir_who *who, const struct weir_hold *hold,
                   struct weir_who_left *out)
{
	const struct weir_holdings *all = &who->ledger.holdings;
	struct weir_str name = weir_hold_name(&who->ledger, hold);

	*out = (struct weir_who_left){
		.domain = hold->kind == WEIR_HOLD_FILE ? domain_of(name)
		                                       : weir_str("", 0),
	};
	weir_left_find(who->host, &who->ledger, hold, &out->known);
	for (size_t i = 0; out->domain.n && i < all->nr_tasks && !out->domain_pid; i++)
		if (runs_domain(&all->tasks[i], out->domain))
			out->domain_pid = all->tasks[i].pid;
}

/* --- memory of VMs ------------------------------------------------------------------ */

enum named { NAMED_OTHERWISE, NAMED_PERHAPS, NAMED_BY_VM };

/* QEMU's names: of memory-backend-memfd the backend's type, of memory-backend-file a
 * template (backends/hostmem-memfd.c, system/physmem.c, v5.2 to v9.1); and the names that
 * it gives to its memory, which others may take, too. */
static enum named how_named(const struct weir_hold *hold, struct weir_str path)
{
	struct weir_str base = path;

	while (weir_str_index(base, '/') < base.n)
		base = weir_str_skip(base, weir_str_index(base, '/') + 1);
	if (hold->kind == WEIR_HOLD_MEMFD && weir_str_eq(path, "memory-backend-memfd"))
		return NAMED_BY_VM;
	if (hold->kind == WEIR_HOLD_FILE &&
	    (domain_of(path).n || weir_str_starts(base, "qemu_back_mem.")))
		return NAMED_BY_VM;
	if (weir_str_ends(base, ".ram") || weir_str_starts(base, "ram-node"))
		return NAMED_PERHAPS;
	return NAMED_OTHERWISE;
}

static bool runs_vm(const struct weir_who *who, size_t task)
{
	const struct weir_ledger *ledger = &who->ledger;
	const struct weir_pinner *p = weir_pinners_find(&ledger->pinners,
	                                                ledger->holdings.tasks[task].pid);

	return who->vms[task] || (p && p->runs_vm);
}

enum weir_who_guest weir_who_guest(const struct weir_who *who,
                                   const struct weir_hold *hold, struct weir_str *vm)
{
	struct weir_str path = weir_hold_name(&who->ledger, hold);
	enum named named = NAMED_OTHERWISE;

	*vm = weir_str("", 0);
	if ((hold->kind != WEIR_HOLD_FILE && hold->kind != WEIR_HOLD_MEMFD &&
	     !weir_hold_is_warm(hold)) ||
	    !hold->nr_users)
		return WEIR_WHO_GUEST_NONE;
	for (size_t i = 0; i < hold->nr_users; i++)
		if (runs_vm(who, hold->users[i].task))
			return WEIR_WHO_GUEST_LIVES;
	if (weir_hold_is_warm(hold)) /* its lease says how long it is kept */
		return WEIR_WHO_GUEST_NONE;
	named = how_named(hold, path);
	if (named == NAMED_OTHERWISE)
		return WEIR_WHO_GUEST_NONE;
	if (hold->kind == WEIR_HOLD_FILE)
		*vm = domain_of(path);
	/* a VM that lives has its memory mapped: it is gone, or is not to be looked at */
	return named == NAMED_BY_VM && !weir_ledger_unseen_huge(&who->ledger)
	               ? WEIR_WHO_GUEST_GONE
	               : WEIR_WHO_GUEST_UNSEEN;
}

/* Names of programs that serve VMs by vhost-user. */
static bool is_vhost(const char *name)
{
	return weir_str_find(weir_strz(name), "vhost") >= 0 ||
	       strcmp(name, "virtiofsd") == 0 || strcmp(name, "ovs-vswitchd") == 0;
}

int weir_who_keeper(const struct weir_who *who, const struct weir_hold *hold,
                    struct weir_buf *out)
{
	size_t main = weir_who_main_user(who, hold);
	const struct weir_holding_task *task;
	char name[64];
	int r;

	if (main == SIZE_MAX)
		return weir_buf_addz(out, "nobody");
	task = &who->ledger.holdings.tasks[main];
	r = weir_buf_printf(
		out, "%sprocess %s (%" PRIu64 ")", is_vhost(task->name) ? "vhost " : "",
		weir_str_show(weir_strz(task->name), name, sizeof(name)), task->pid);
	if (r == 0 && hold->nr_users > 1)
		r = weir_buf_printf(out, " and %zu more", hold->nr_users - 1);
	return r;
}

/* --- whether it is safe ------------------------------------------------------------- */

/* The users of what a VM has left: they would have to close it. */
static int why_used(const struct weir_who *who, const struct weir_hold *hold,
                    struct weir_who_release *out)
{
	weir_auto(weir_buf_done) struct weir_buf by = { 0 };
	int r = weir_who_keeper(who, hold, &by);

	if (r == 0)
		(void)snprintf(
			out->why, sizeof(out->why),
			"%s: its pages are free when that unmaps and closes it, or "
			"ends",
			by.p);
	return r;
}

static int say_left(const struct weir_left *left, struct weir_who_release *out)
{
	weir_auto(weir_buf_done) struct weir_buf words = { 0 };
	int r = weir_left_words(left, &words);

	if (r == 0)
		(void)snprintf(out->why, sizeof(out->why), "%s", words.p);
	return r;
}

/* "" when nothing speaks against it. 0 or -ENOMEM. */
static int find_why(const struct weir_who *who, const struct weir_hold *hold,
                    struct weir_who_release *out)
{
	struct weir_who_left left;

	weir_who_left(who, hold, &left);
	if (hold->in_store)
		(void)snprintf(out->why, sizeof(out->why),
		               "it lies in weird's store: weird scrubs what it finds "
		               "there when it is started again");
	else if (left.domain_pid)
		(void)snprintf(out->why, sizeof(out->why),
		               "its VM runs, as process %" PRIu64, left.domain_pid);
	else if (who->blind)
		(void)snprintf(out->why, sizeof(out->why), "%s", who->blind);
	else if (hold->supposed)
		(void)snprintf(out->why, sizeof(out->why),
		               "it may be of ordinary pages: its size in memory says "
		               "so many huge ones, and so many are missing in the sum");
	else if (hold->shm && hold->shm->nr_attached)
		(void)snprintf(out->why, sizeof(out->why),
		               "%" PRIu64
		               " process(es) that are not seen have it attached",
		               hold->shm->nr_attached);
	else if (left.known.back != WEIR_BACK_NOBODY) {
		out->unsure = left.known.back != WEIR_BACK_CREATOR;
		return say_left(&left.known, out);
	}
	return 0;
}

int weir_who_release(const struct weir_who *who, const struct weir_hold *hold,
                     struct weir_who_release *out)
{
	int r = 0;

	*out = (struct weir_who_release){ 0 };
	if (!weir_hold_is_left(hold))
		return why_used(who, hold, out);
	r = find_why(who, hold, out);
	out->safe = !*out->why;
	if (r < 0 || hold->in_store)
		return r;
	if (hold->shm)
		r = weir_buf_printf(&out->command, "ipcrm -m %" PRIu64, hold->shm->id);
	else if (hold->file != SIZE_MAX &&
	         who->ledger.holdings.files.v[hold->file].in_directory)
		r = release_file(who, hold, out);
	if (r < 0)
		weir_buf_done(&out->command);
	return r;
}

int weir_who_print_release(struct weir_who_print *t, const struct weir_who_rows *rows)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < rows->nr; i++) {
		const struct weir_hold *hold =
			&t->who->ledger.holds[rows->holds[rows->v[i].first]];
		struct weir_who_release release = { 0 };

		t->cell.n = 0;
		r = weir_who_put_hold_name(t, hold);
		if (r == 0)
			r = weir_who_release(t->who, hold, &release);
		if (r < 0)
			break;
		if (!i)
			(void)fputc('\n', t->out);
		(void)fprintf(t->out, "%s %s\n",
		              release.safe     ? "safe to release:"
		              : release.unsure ? "unsure:"
		                               : "not safe:",
		              t->cell.p);
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
