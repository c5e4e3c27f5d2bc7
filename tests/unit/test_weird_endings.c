/* Leases that end by use, as inotify and looking tell: users who are quick, who are many,
 * and who open and close without an end. */
#include "daemon/endings.h"

#include "base/own.h"
#include "test.h"
#include "warm_store.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>

#define MS UINT64_C(1000000)

struct world {
	struct shop shop;
	struct weir_loop *loop;
	struct weir_store *store;
	struct weir_endings *endings;
	uint64_t ended; /* the last */
	const char *why;
};

static void on_ended(void *ctx, uint64_t lease, const char *why)
{
	struct world *w = ctx;

	expect_str(why, w->why);
	w->ended = lease;
	expect_int_eq(weir_store_release(w->store, lease, NULL), 0);
	weir_endings_changed(w->endings);
}

static void on_freed(void *ctx, size_t nr)
{
	(void)ctx;
	(void)nr;
}

static int set_up(void **state)
{
	static const struct weir_endings_calls calls = { on_ended, on_freed };
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->why = "use";
	shop_init(&w->shop);
	w->shop.options.flavours[0] = P;
	w->shop.options.nr_flavours = 1;
	w->store = shop_open(&w->shop);
	expect_int_eq(weir_loop_new(&w->loop, NULL), 0);
	expect_int_eq(weir_endings_new(w->loop, w->store, "/nowhere", &calls, w,
	                               &w->endings, NULL),
	              0);
	expect_int_eq(set_target(w->store, 4, 0), 0);
	do_jobs(w->store, 1000);
	weir_endings_changed(w->endings);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	weir_endings_free(w->endings);
	weir_loop_free(w->loop);
	weir_store_free(w->store);
	shop_done(&w->shop);
	free(w);
	return 0;
}

/* As weird does it: the end is watched before the path is told. */
static struct weir_lease take_for_use(struct world *w)
{
	const struct weir_lease_ask ask = { .bytes = P,
		                            .page_bytes = P,
		                            .file_uid = geteuid(),
		                            .file_gid = getegid(),
		                            .owner = { .kind = WEIR_OWNER_USE } };
	struct weir_claim claim = { .fd = -1, .kind = WEIR_OWNER_USE };
	struct weir_lease lease;

	expect_int_eq(weir_store_lease(w->store, &ask, &lease, NULL), 0);
	expect_int_eq(weir_endings_add(w->endings, lease.id, &claim, NULL), 0);
	weir_endings_changed(w->endings);
	return lease;
}

static bool is_opened(const struct world *w, const struct weir_lease *lease)
{
	const struct weir_warm_region *r = weir_store_find(w->store, lease->id);

	return r && r->lease.opened;
}

static void open_and_close(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	(void)close(fd);
}

static void turn(struct world *w, uint64_t for_ms)
{
	uint64_t until = weir_now_ns() + for_ms * MS;

	do
		expect_int_eq(weir_loop_once(w->loop, 5, NULL), 0);
	while (weir_now_ns() < until);
}

#define until(w, condition)                                              \
	do {                                                             \
		uint64_t end_ = weir_now_ns() + 20000 * MS;              \
		while (!(condition)) {                                   \
			turn(w, 1);                                      \
			if (weir_now_ns() > end_)                        \
				fail_msg("not in 20 s: %s", #condition); \
		}                                                        \
	} while (0)

/* Nobody else had it: what weird does with it itself does not count. */
static void lease_that_nobody_opens_stays(void **state)
{
	struct world *w = *state;
	struct weir_lease lease = take_for_use(w);
	int fd;

	turn(w, 10);
	fd = open(lease.path, O_RDONLY | O_CLOEXEC); /* a backup, say */
	assert_true(fd >= 0);
	(void)close(fd);
	turn(w, 350); /* it is looked at twice */
	expect_int_eq(is_opened(w, &lease), false);
	expect_u64_eq(w->ended, 0);
}

static void lease_that_was_closed_before_it_was_looked_at_ends(void **state)
{
	struct world *w = *state;
	struct weir_lease lease = take_for_use(w), other = take_for_use(w);

	open_and_close(lease.path);
	until(w, w->ended == lease.id);
	/* one that is held ends when it is let go of */
	w->ended = 0;
	{
		weir_auto(weir_closep) int fd = open(other.path, O_RDWR | O_CLOEXEC);

		until(w, is_opened(w, &other));
		expect_u64_eq(w->ended, 0);
	}
	until(w, w->ended == other.id);
}

/* What happens to a hard link in another directory inotify does not tell: only looking
 * does, and others must not put it off. */
static void events_of_others_do_not_put_a_look_off(void **state)
{
	struct world *w = *state;
	struct weir_lease lease = take_for_use(w), other = take_for_use(w);
	char path[128];
	int held, fd;

	turn(w, 10); /* what weird did itself is told, and over */
	(void)snprintf(path, sizeof(path), "%s/linked", w->shop.state.dir);
	expect_int_eq(link(lease.path, path), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	held = open(other.path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0 && held >= 0);
	turn(w, 1);
	for (int i = 0; i < 200 && !is_opened(w, &lease); i++) {
		open_and_close(other.path);
		turn(w, 20);
	}
	expect_int_eq(is_opened(w, &lease), true);
	(void)close(fd);
	(void)close(held);
	expect_int_eq(unlink(path), 0);
}

static void events_that_were_lost_lead_to_a_look(void **state)
{
	struct world *w = *state;
	struct weir_lease lease = take_for_use(w), other = take_for_use(w);
	int held = open(other.path, O_RDWR | O_CLOEXEC), fd;

	for (int i = 0; i < 9000; i++) /* the queue has 16384 */
		open_and_close(other.path);
	fd = open(lease.path, O_RDWR | O_CLOEXEC);
	assert_true(held >= 0 && fd >= 0);
	until(w, is_opened(w, &lease));
	(void)close(fd);
	until(w, w->ended == lease.id);
	(void)close(held);
}

struct flood {
	const char *path;
	atomic_bool stop;
};

static void *flood(void *arg)
{
	struct flood *f = arg;
	uint64_t until = weir_now_ns() + 10000 * MS;

	while (!atomic_load(&f->stop) && weir_now_ns() < until)
		open_and_close(f->path);
	return NULL;
}

/* The flood ends by itself after ten seconds, or when the loop has turned often. */
static void loop_turns_while_a_lessee_floods_it(void **state)
{
	struct world *w = *state;
	struct weir_lease other = take_for_use(w);
	int held = open(other.path, O_RDWR | O_CLOEXEC);
	struct flood f = { .path = other.path };
	uint64_t longest = 0;
	pthread_t threads[4];

	for (size_t i = 0; i < WEIR_NELEM(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, flood, &f), 0);
	for (int i = 0; i < 50; i++) {
		uint64_t began = weir_now_ns();

		expect_int_eq(weir_loop_once(w->loop, 5, NULL), 0);
		if (weir_now_ns() - began > longest)
			longest = weir_now_ns() - began;
	}
	atomic_store(&f.stop, true);
	for (size_t i = 0; i < WEIR_NELEM(threads); i++)
		(void)pthread_join(threads[i], NULL);
	assert_in_range(longest, 0, 5000 * MS);
	(void)close(held);
	until(w, w->ended == other.id);
}

/* That descriptors are lacking says nothing of the owner: his lease stays, and is watched
 * when there are some. */
static void lease_whose_owner_cannot_be_looked_for_stays(void **state)
{
	struct world *w = *state;
	const struct weir_lease_ask ask = { .bytes = P,
		                            .page_bytes = P,
		                            .file_uid = geteuid(),
		                            .file_gid = getegid(),
		                            .owner = { .kind = WEIR_OWNER_PID,
		                                       .pid = getpid() } };
	struct rlimit were, none;
	struct weir_lease lease;

	w->why = "owner";
	expect_int_eq(weir_store_lease(w->store, &ask, &lease, NULL), 0);
	expect_int_eq(getrlimit(RLIMIT_NOFILE, &were), 0);
	none = were;
	none.rlim_cur = 1;
	expect_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	weir_endings_restore(w->endings);
	expect_int_eq(setrlimit(RLIMIT_NOFILE, &were), 0);
	expect_u64_eq(w->ended, 0);
	until(w, weir_ends_has(weir_endings_owners(w->endings), lease.id));
	expect_u64_eq(w->ended, 0);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		IN_WORLD(lease_that_nobody_opens_stays),
		IN_WORLD(lease_that_was_closed_before_it_was_looked_at_ends),
		IN_WORLD(events_of_others_do_not_put_a_look_off),
		IN_WORLD(events_that_were_lost_lead_to_a_look),
		IN_WORLD(loop_turns_while_a_lessee_floods_it),
		IN_WORLD(lease_whose_owner_cannot_be_looked_for_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
