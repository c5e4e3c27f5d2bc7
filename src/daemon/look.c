/* look: see look.h. One thread for each look: they are seconds apart at least, and
 * between them nothing of it is there. */
#include "daemon/look.h"

#include "apply/declared.h"
#include "apply/file_users.h"
#include "base/own.h"
#include "daemon/room.h"
#include "facts/snapshot.h"
#include "host/host.h"
#include "vm/qemu.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define MS     UINT64_C(1000000)
#define GAP_MS 1000U /* between the beginnings of two looks, whoever asks how often */

struct weir_looker {
	struct weir_loop *loop;
	void (*done)(void *ctx);
	void *ctx;
	int ended; /* eventfd */
	struct weir_source *source;
	struct weir_timer *later; /* a look that is wanted begins then */
	pthread_t thread;
	bool is_running;
	uint64_t began_ns;
	struct weir_seen *next; /* the thread's while it runs; NULL: it failed */
	struct weir_seen *last;
};

static void seen_free(struct weir_seen *seen)
{
	if (!seen)
		return;
	if (seen->has_ledger)
		weir_ledger_done(&seen->ledger);
	weir_pools_done(&seen->pools);
	weir_snapshot_free(seen->snap);
	weir_needs_done(&seen->needs);
	free(seen->drifts);
	weir_buf_done(&seen->notes);
	free(seen);
}

/* ---- the thread -------------------------------------------------------------------- */

/* Names of the VMs among those that hold huge pages. */
static int add_running(const struct weir_seen *seen, struct weir_names *out)
{
	int r = 0;

	for (size_t i = 0; i < seen->ledger.holdings.nr_tasks && r == 0; i++) {
		const struct weir_holding_task *task = &seen->ledger.holdings.tasks[i];
		struct weir_demand demand = { 0 };

		if (!task->cmdline_n ||
		    weir_qemu_parse(weir_str(task->cmdline, task->cmdline_n),
		                    WEIR_VENDOR_UNKNOWN, &demand, NULL) < 0)
			continue;
		r = weir_names_add(out, weir_strz(demand.name), false);
		weir_demand_done(&demand);
	}
	return r;
}

static uint64_t apart(struct weir_count is, uint64_t wanted)
{
	return !is.known ? 0 : is.n > wanted ? is.n - wanted : wanted - is.n;
}

static uint64_t drift_of(const struct weir_declared_pool *pool,
                         const struct weir_huge_size *size)
{
	uint64_t pages = 0;

	if (pool->pages.given)
		return apart(weir_pool_persistent(&size->all), pool->pages.n);
	for (size_t i = 0; i < size->nr_nodes; i++) {
		const struct weir_declared_number *n = weir_declared_node(
			pool, size->nodes[i].node);

		if (n)
			pages += apart(weir_pool_persistent(&size->nodes[i].pool), n->n);
	}
	return pages;
}

static int add_drifts(const struct weir_declaration *decl, struct weir_seen *seen)
{
	for (size_t i = 0; i < decl->nr_pools; i++) {
		const struct weir_huge_size *size = weir_pools_size(
			&seen->snap->pools, decl->pools[i].page_bytes);

		if (!size)
			continue;
		if (weir_grow(&seen->drifts, &seen->cap_drifts, seen->nr_drifts,
		              sizeof(*seen->drifts)) < 0)
			return -ENOMEM;
		seen->drifts[seen->nr_drifts++] = (struct weir_pool_drift){
			size->size_bytes, drift_of(&decl->pools[i], size)
		};
	}
	return 0;
}

static int see_declared(const struct weir_host *host, const struct weir_names *running,
                        struct weir_seen *seen)
{
	struct weir_declaration decl = { 0 };
	struct weir_err err = { 0 };
	int r = weir_declared_read(NULL, &decl, &err);

	if (r < 0)
		return r == -ENOMEM ? r : weir_buf_printf(&seen->notes, "%s\n", err.msg);
	r = add_drifts(&decl, seen);
	if (r == 0)
		r = weir_needs_read(host, seen->snap, &decl, running, &seen->needs,
		                    &seen->notes);
	weir_declaration_done(&decl);
	return r;
}

static int see(const struct weir_host *host, struct weir_seen *seen)
{
	weir_auto(weir_names_done) struct weir_names running = { 0 };
	struct weir_err err = { 0 };
	int r = weir_rooms_read_pools(host, &seen->pools);

	if (r == 0)
		r = weir_snapshot_read(host, WEIR_SNAPSHOT_DETAILS, &seen->snap, &err);
	if (r < 0)
		return r;
	r = weir_ledger_read(host, seen->snap, WEIR_LEDGER_USERS, &seen->ledger, &err);
	seen->has_ledger = r == 0;
	/* without it no VM is seen to run, and more is left than need be */
	r = r < 0 ? weir_buf_printf(&seen->notes, "%s\n", err.msg)
	          : add_running(seen, &running);
	return r < 0 ? r : see_declared(host, &running, seen);
}

static void *run(void *arg)
{
	struct weir_looker *look = arg;
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	uint64_t one = 1;

	(void)pthread_setname_np(pthread_self(), "weird-look");
	if (weir_live_new(&host, NULL) < 0 || see(host, look->next) < 0) {
		seen_free(look->next);
		look->next = NULL;
	}
	/* an eventfd takes 2^64-2 of them */
	if (write(look->ended, &one, sizeof(one)) < 0)
		return NULL;
	return NULL;
}

/* ---- the loop ---------------------------------------------------------------------- */

static void on_ended(void *ctx, uint32_t events)
{
	struct weir_looker *look = ctx;
	uint64_t times;

	(void)events;
	if (read(look->ended, &times, sizeof(times)) < 0 || !look->is_running)
		return;
	(void)pthread_join(look->thread, NULL);
	look->is_running = false;
	if (look->next) {
		seen_free(look->last);
		look->last = look->next;
		look->next = NULL;
	}
	look->done(look->ctx);
}

static int begin(struct weir_looker *look)
{
	look->next = calloc(1, sizeof(*look->next));
	if (!look->next)
		return -EAGAIN;
	look->began_ns = look->next->at_ns = weir_now_ns();
	look->is_running = pthread_create(&look->thread, NULL, run, look) == 0;
	if (look->is_running)
		return WEIR_LOOK_COMING;
	free(look->next);
	look->next = NULL;
	return -EAGAIN;
}

/* Who waits is told in any case. */
static void on_later(void *ctx)
{
	struct weir_looker *look = ctx;

	if (!look->is_running && begin(look) < 0)
		look->done(look->ctx);
}

int weir_look_want(struct weir_looker *look, uint64_t max_age_ms)
{
	uint64_t now = weir_now_ns();

	if (max_age_ms && look->last && now - look->last->at_ns <= max_age_ms * MS)
		return 0;
	if (look->began_ns && now - look->began_ns < GAP_MS * MS &&
	    !weir_timer_is_set(look->later))
		weir_timer_at(look->later, look->began_ns + GAP_MS * MS);
	if (weir_timer_is_set(look->later) || look->is_running)
		return WEIR_LOOK_COMING;
	return begin(look);
}

const struct weir_seen *weir_look_last(const struct weir_looker *look)
{
	return look->last;
}

int weir_look_new(struct weir_loop *loop, void (*done)(void *ctx), void *ctx,
                  struct weir_looker **out, struct weir_err *err)
{
	struct weir_looker *look = calloc(1, sizeof(*look));
	int r;

	if (!look)
		return weir_err_sys(err, -ENOMEM, "look at the host");
	look->loop = loop;
	look->done = done;
	look->ctx = ctx;
	look->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = look->ended < 0 ? weir_err_sys(err, -errno, "make an eventfd")
	                    : weir_loop_add(loop, look->ended, EPOLLIN, on_ended, look,
	                                    &look->source, err);
	if (r == 0)
		r = weir_timer_new(loop, on_later, look, &look->later, err);
	if (r < 0) {
		weir_look_free(look);
		return r;
	}
	*out = look;
	return 0;
}

void weir_look_free(struct weir_looker *look)
{
	if (!look)
		return;
	if (look->is_running)
		(void)pthread_join(look->thread, NULL);
	weir_source_remove(look->source);
	weir_timer_free(look->later);
	if (look->ended >= 0)
		(void)close(look->ended);
	seen_free(look->next);
	seen_free(look->last);
	free(look);
}

int weir_seen_holders(const struct weir_seen *seen, uint64_t device, uint64_t inode,
                      struct weir_buf *out)
{
	const struct weir_huge_files *files = &seen->ledger.holdings.files;
	weir_auto(weir_file_users_done) struct weir_file_users users = { 0 };
	int r;

	for (size_t i = 0; seen->has_ledger && i < files->nr; i++) {
		if (files->v[i].device != device || files->v[i].inode != inode)
			continue;
		r = weir_file_users_add(&seen->ledger, i, &users);
		return r < 0 ? r : weir_file_users_text(&seen->ledger, &users, out);
	}
	return 0;
}
