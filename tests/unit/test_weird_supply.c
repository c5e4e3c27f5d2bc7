/* What of the pools may be taken, when some of it was promised already: leases that grow,
 * fills and scrubs that are given to threads. The host says that ten pages are free. */
#include "daemon/supply.h"

#include "base/own.h"
#include "fake_host.h"
#include "test.h"
#include "warm_store.h"

#define POOL  "/sys/kernel/mm/hugepages/hugepages-4kB/"
#define PAGES 10U

static struct fake_file files[] = {
	{ POOL "nr_hugepages", "10\n" },         { POOL "free_hugepages", "10\n" },
	{ POOL "surplus_hugepages", "0\n" },     { POOL "resv_hugepages", "0\n" },
	{ "/proc/sys/vm/nr_hugepages", "10\n" },
};

struct world {
	struct shop shop;
	struct fake_host fake;
	struct weir_loop *loop;
	struct weir_conf conf;
	struct weir_store *store;
	struct weir_work *work;
	struct weir_supply supply;
	bool give; /* jobs are given to threads */
	uint64_t grown;
};

static int next(void *ctx, int node, bool only_grow, struct weir_warm_job *out)
{
	struct world *w = ctx;
	const struct weir_job_room room = { .page_bytes = P, .node = 0, .bytes = 4 * P };
	const struct weir_job_wish wish = {
		.node = node, .only_grow = only_grow, .rooms = &room, .nr_rooms = 1
	};

	return w->give ? weir_store_next_job(w->store, &wish, out, NULL) : WEIR_JOB_NONE;
}

static void done(void *ctx, struct weir_warm_job *job, int result,
                 const struct weir_err *job_err)
{
	struct world *w = ctx;
	struct weir_err err = *job_err;
	struct weir_lease lease = { 0 };

	expect_int_eq(weir_store_job_done(w->store, job, result, &lease, &err), 0);
	w->grown = lease.id;
}

static int set_up(void **state)
{
	static const struct weir_work_calls calls = { next, done };
	const struct weir_ranges none = { 0 };
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	shop_init(&w->shop);
	fake_open(&w->fake, files, WEIR_NELEM(files));
	w->store = shop_open(&w->shop);
	expect_int_eq(weir_loop_new(&w->loop, NULL), 0);
	expect_int_eq(weir_work_new(w->loop, &none, &calls, w, &w->work, NULL), 0);
	w->supply = (struct weir_supply){ .host = &w->fake.host,
		                          .conf = &w->conf,
		                          .store = w->store,
		                          .work = w->work };
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	weir_work_free(w->work);
	weir_supply_done(&w->supply);
	weir_loop_free(w->loop);
	weir_store_free(w->store);
	fake_close(&w->fake);
	shop_done(&w->shop);
	free(w);
	return 0;
}

static uint64_t room_pages(struct world *w)
{
	weir_auto(weir_rooms_done) struct weir_rooms rooms = { 0 };

	expect_int_eq(weir_supply_for_lease(&w->supply, &rooms), 0);
	return weir_rooms_of(&rooms, P, -1) / P;
}

/* The kernel keeps nothing for a lease that waits for a thread. */
static void lease_that_grows_has_its_room(void **state)
{
	struct world *w = *state;
	struct weir_lease lease;

	expect_u64_eq(room_pages(w), PAGES);
	expect_int_eq(take(w->store, 4, NULL, &lease), WEIR_LEASE_GROWING);
	expect_u64_eq(room_pages(w), PAGES - 4);
	expect_int_eq(take(w->store, 5, NULL, &lease), WEIR_LEASE_GROWING);
	expect_u64_eq(room_pages(w), PAGES - 9);
	expect_int_eq(weir_store_release(w->store, lease.id, NULL), 0);
	expect_u64_eq(room_pages(w), PAGES - 4);
	/* what it has taken the host tells */
	w->give = true;
	weir_work_kick(w->work);
	while (!w->grown)
		expect_int_eq(weir_loop_once(w->loop, 1000, NULL), 0);
	expect_u64_eq(room_pages(w), PAGES);
}

/* While a job runs its pages are taken off here or by the host, and not by both. */
static void job_that_runs_has_its_room_once(void **state)
{
	struct world *w = *state;
	uint64_t region = 0;
	bool reserved = false;

	expect_int_eq(set_target(w->store, 4, 0), 0);
	w->give = true;
	weir_work_kick(w->work);
	region = weir_store_state(w->store)->regions[0].id;
	expect_int_eq(weir_store_state(w->store)->regions[0].state, WEIR_REGION_FILLING);
	expect_int_eq(weir_work_has(w->work, region + 1, &reserved), false);
	while (weir_work_has(w->work, region, &reserved) && !reserved) {
		uint64_t pages = room_pages(w);

		expect_int_eq(pages == PAGES - 4 || pages == PAGES, true);
	}
	expect_int_eq(reserved, true); /* it has not been asked what came of it */
	expect_u64_eq(room_pages(w), PAGES);
	w->give = false;
	while (weir_work_running(w->work))
		expect_int_eq(weir_loop_once(w->loop, 1000, NULL), 0);
	expect_regions(w->store, WEIR_REGION_READY, 1, 4);
	expect_u64_eq(room_pages(w), PAGES);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		IN_WORLD(lease_that_grows_has_its_room),
		IN_WORLD(job_that_runs_has_its_room_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
