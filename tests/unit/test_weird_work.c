/* Threads and endings of weird, with a store on a tmpfs: jobs are done, leases come
 * before fills, and leases end by time and by use. */
#include "daemon/endings.h"
#include "daemon/needs.h"
#include "daemon/work.h"

#include "base/size.h"
#include "test.h"
#include "warm_store.h"

#include <fcntl.h>

#define WAIT_MS 20000U

struct world {
	struct shop shop;
	struct weir_loop *loop;
	struct weir_store *store;
	struct weir_work *work;
	struct weir_endings *endings;
	uint64_t room;
	unsigned int nr_done[3], nr_stopped;
	struct weir_lease grown;
	uint64_t ended;
	char why[16];
	size_t freed;
};

static int next(void *ctx, int node, bool only_grow, struct weir_warm_job *out)
{
	struct world *w = ctx;
	struct weir_job_room room = { .page_bytes = P, .node = -1, .bytes = w->room };
	struct weir_job_wish wish = {
		.node = node, .only_grow = only_grow, .rooms = &room, .nr_rooms = 1
	};

	return weir_store_next_job(w->store, &wish, out, NULL);
}

static void done(void *ctx, struct weir_warm_job *job, int result,
                 const struct weir_err *err)
{
	struct world *w = ctx;
	enum weir_job_kind kind = job->kind;
	struct weir_err words = *err;
	struct weir_lease lease = { 0 };

	w->nr_done[kind]++;
	w->nr_stopped += result == -ECANCELED;
	(void)weir_store_job_done(w->store, job, result, &lease, &words);
	if (kind == WEIR_JOB_GROW)
		w->grown = lease;
}

static void ended(void *ctx, uint64_t lease, const char *why)
{
	struct world *w = ctx;

	w->ended = lease;
	(void)snprintf(w->why, sizeof(w->why), "%s", why);
	expect_int_eq(weir_store_release(w->store, lease, NULL), 0);
	weir_endings_changed(w->endings);
}

static void freed(void *ctx, size_t nr)
{
	struct world *w = ctx;

	w->freed += nr;
}

static int set_up(void **state)
{
	static const struct weir_work_calls work = { next, done };
	static const struct weir_endings_calls endings = { ended, freed };
	const struct weir_ranges none = { 0 };
	struct world *w = calloc(1, sizeof(*w));

	if (!w)
		return -1;
	shop_init(&w->shop);
	w->shop.options.now_ns = NULL; /* as the loop's */
	w->shop.options.flavours[0] = 64 * P;
	w->shop.options.nr_flavours = 1;
	w->store = shop_open(&w->shop);
	w->room = UINT64_MAX;
	*state = w;
	if (weir_loop_new(&w->loop, NULL) < 0 ||
	    weir_work_new(w->loop, &none, &work, w, &w->work, NULL) < 0)
		return -1;
	return weir_endings_new(w->loop, w->store, "/nowhere", &endings, w, &w->endings,
	                        NULL);
}

static int tear_down(void **state)
{
	struct world *w = *state;

	weir_work_free(w->work);
	weir_endings_free(w->endings);
	weir_store_free(w->store);
	weir_loop_free(w->loop);
	shop_done(&w->shop);
	free(w);
	return 0;
}

#define until(w, condition)                                                        \
	do {                                                                       \
		uint64_t end_ = weir_now_ns() + WAIT_MS * UINT64_C(1000000);       \
		while (!(condition)) {                                             \
			expect_int_eq(weir_loop_once((w)->loop, 100, NULL), 0);    \
			if (weir_now_ns() > end_)                                  \
				fail_msg("not in %u ms: %s", WAIT_MS, #condition); \
		}                                                                  \
	} while (0)

static void want(struct world *w, uint64_t pages)
{
	const struct weir_warm_target target = { .page_bytes = P,
		                                 .node = -1,
		                                 .bytes = pages * P };

	expect_int_eq(weir_store_set_target(w->store, &target, NULL), 0);
	weir_work_kick(w->work);
}

static uint64_t ready(const struct world *w)
{
	return weir_warm_sum(weir_store_state(w->store), WEIR_REGION_READY, P, -1) / P;
}

static struct weir_lease leased(struct world *w, uint64_t pages,
                                enum weir_owner_kind owner, uint64_t ttl_ns, int result)
{
	const struct weir_lease_ask ask = {
		.bytes = pages * P,
		.page_bytes = P,
		.node = -1,
		.file_uid = getuid(),
		.file_gid = getgid(),
		.owner = { .kind = owner },
		.ttl_ns = ttl_ns,
		.room_bytes = w->room,
	};
	struct weir_lease out = { 0 };

	struct weir_claim claim = { .fd = -1, .kind = owner };

	expect_int_eq(weir_store_lease(w->store, &ask, &out, NULL), result);
	if (result == 0)
		expect_int_eq(weir_endings_add(w->endings, out.id, &claim, NULL), 0);
	weir_endings_changed(w->endings);
	return out;
}

static void work_fills_and_scrubs(void **state)
{
	struct world *w = *state;
	struct weir_lease one;

	want(w, 256);
	until(w, ready(w) == 256);
	expect_u64_eq(w->nr_done[WEIR_JOB_FILL], 4);
	expect_u64_eq(weir_work_running(w->work), 0);
	one = leased(w, 64, WEIR_OWNER_NONE, 0, 0);
	weir_work_kick(w->work);
	until(w, ready(w) == 256);
	expect_int_eq(weir_store_release(w->store, one.id, NULL), 0);
	weir_work_kick(w->work);
	until(w, !weir_work_running(w->work));
	expect_u64_eq(ready(w), 256);
}

/* A fill that would take minutes by its rate is stopped, and goes on afterwards. */
static void lease_comes_before_a_fill(void **state)
{
	const struct weir_work_budget slow = { .cpus = 1, .bytes_a_second = 8 * P };
	const struct weir_work_budget fast = { 0 };
	struct world *w = *state;
	struct weir_lease asked;

	weir_work_set_budget(w->work, &slow);
	want(w, 64);
	expect_u64_eq(weir_work_running(w->work), 1);
	asked = leased(w, 512, WEIR_OWNER_NONE, 0, WEIR_LEASE_GROWING);
	weir_work_set_budget(w->work, &fast);
	weir_work_kick(w->work);
	until(w, w->grown.id);
	expect_u64_eq(w->grown.region, asked.region);
	expect_u64_eq(w->grown.bytes, 512 * P);
	until(w, ready(w) == 64);
	expect_u64_eq(w->nr_stopped, 1);
	expect_u64_eq(w->nr_done[WEIR_JOB_FILL], 2);
}

static void work_that_is_stopped_begins_nothing(void **state)
{
	const struct weir_work_budget slow = { .cpus = 1, .bytes_a_second = 8 * P };
	struct world *w = *state;

	weir_work_set_budget(w->work, &slow);
	want(w, 256);
	weir_work_stop(w->work);
	until(w, !weir_work_running(w->work));
	expect_u64_eq(w->nr_done[WEIR_JOB_FILL], 1);
	expect_u64_eq(w->nr_stopped, 1);
	weir_work_kick(w->work);
	expect_u64_eq(weir_work_running(w->work), 0);
}

static void lease_ends_when_its_time_is_up(void **state)
{
	struct world *w = *state;
	struct weir_lease one, other;

	want(w, 256);
	until(w, ready(w) == 256);
	one = leased(w, 64, WEIR_OWNER_NONE, UINT64_C(30000000), 0);
	other = leased(w, 64, WEIR_OWNER_NONE, UINT64_C(3600000000000), 0);
	until(w, w->ended);
	expect_u64_eq(w->ended, one.id);
	expect_str(w->why, "time");
	assert_non_null(weir_store_find(w->store, other.id));
}

static void lease_ends_when_its_file_is_closed(void **state)
{
	struct world *w = *state;
	struct weir_lease one;
	int fd;

	want(w, 256);
	until(w, ready(w) == 256);
	one = leased(w, 64, WEIR_OWNER_USE, 0, 0);
	expect_int_eq(weir_loop_once(w->loop, 0, NULL), 0);
	fd = open(one.path, O_RDWR | O_CLOEXEC);
	assert_in_range(fd, 0, INT32_MAX);
	for (int i = 0; i < 5; i++)
		expect_int_eq(weir_loop_once(w->loop, 50, NULL), 0);
	expect_u64_eq(w->ended, 0);
	(void)close(fd);
	until(w, w->ended);
	expect_u64_eq(w->ended, one.id);
	expect_str(w->why, "use");
}

static void memory_that_is_held_comes_back_later(void **state)
{
	struct world *w = *state;
	struct weir_lease one;
	int fd;

	want(w, 256);
	until(w, ready(w) == 256);
	one = leased(w, 64, WEIR_OWNER_NONE, 0, 0);
	fd = open(one.path, O_RDWR | O_CLOEXEC);
	assert_in_range(fd, 0, INT32_MAX);
	expect_int_eq(weir_store_release(w->store, one.id, NULL), 0);
	weir_endings_changed(w->endings);
	expect_int_eq(weir_store_find(w->store, one.id)->state, WEIR_REGION_WAITING);
	for (int i = 0; i < 5; i++)
		expect_int_eq(weir_loop_once(w->loop, 50, NULL), 0);
	expect_u64_eq(w->freed, 0);
	(void)close(fd);
	until(w, w->freed == 1);
}

/* ---- what VMs need ----------------------------------------------------------------- */

static void needs_are_what_is_not_there_yet(void **state)
{
	static struct weir_vm_memory memory[4] = {
		{ .policy = WEIR_VM_POLICY_BIND, .host_nodes = 1 << 1 },
		{ .policy = WEIR_VM_POLICY_BIND, .host_nodes = 3 },
		{ 0 },
		{ 0 },
	};
	static struct weir_ask_memory asks[4] = {
		{ .bytes = WEIR_GIB, .page_bytes = 2 * WEIR_MIB },
		{ .bytes = WEIR_GIB, .page_bytes = 2 * WEIR_MIB },
		{ .bytes = WEIR_GIB, .page_bytes = 2 * WEIR_MIB, .present_pages = 500 },
		{ .bytes = WEIR_GIB }, /* of base pages */
	};
	struct weir_demand demand = { .memory = memory, .nr_memory = 4 };
	struct weir_ask ask = { .demand = &demand, .memory = asks };
	weir_auto(weir_needs_done) struct weir_needs needs = { 0 };

	(void)state;
	expect_int_eq(weir_needs_of(&ask, &needs), 0);
	expect_u64_eq(needs.nr, 2);
	expect_int_eq(needs.v[0].node, 1);
	expect_u64_eq(needs.v[0].bytes, WEIR_GIB);
	expect_int_eq(needs.v[1].node, -1);
	expect_u64_eq(needs.v[1].bytes, WEIR_GIB + 24 * WEIR_MIB);
	/* all of the VM on one node */
	weir_needs_done(&needs);
	ask.nodes = 1 << 3;
	expect_int_eq(weir_needs_of(&ask, &needs), 0);
	expect_int_eq(needs.v[1].node, -1); /* bound to two */
	expect_int_eq(needs.v[2].node, 3);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WITH_STORE(work_fills_and_scrubs),
		WITH_STORE(lease_comes_before_a_fill),
		WITH_STORE(work_that_is_stopped_begins_nothing),
		WITH_STORE(lease_ends_when_its_time_is_up),
		WITH_STORE(lease_ends_when_its_file_is_closed),
		WITH_STORE(memory_that_is_held_comes_back_later),
		cmocka_unit_test(needs_are_what_is_not_there_yet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
