/* The store under random calls, beside a naive twin that knows only what was told: which
 * leases there are, and who has their files. The seed is printed; WEIR_SEED and
 * WEIR_STEPS set another one, and more steps. */
#include "base/rng.h"
#include "test.h"
#include "warm_store.h"

#include <fcntl.h>

#define STEPS  10000U
#define POOL   64U /* pages that there are in all */
#define LEASES 24U
#define SIZE   12U

struct twin_lease { /* in use while id is not 0 */
	uint64_t id, pages, until_ns;
	char path[256];
	int held; /* a descriptor that somebody has, or -1 */
	bool released;
};

struct play {
	struct shop shop;
	struct weir_store *store;
	struct weir_rng rng;
	struct twin_lease leases[LEASES];
	uint64_t last_id;
	unsigned int step;
	size_t nr_leases, nr_waits, nr_reopens, nr_stops; /* that it did something */
};

static uint64_t upto(struct play *p, uint64_t most)
{
	return weir_rng_below(&p->rng, most + 1);
}

/* Pages that files have. */
static uint64_t used(const struct play *p)
{
	char path[400];
	uint64_t sum = 0;
	DIR *d;

	(void)snprintf(path, sizeof(path), "%s/4K", p->shop.dir);
	d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));) {
		struct stat st;

		if (e->d_type == DT_REG && fstatat(dirfd(d), e->d_name, &st, 0) == 0)
			sum += (uint64_t)st.st_blocks * 512 / P;
	}
	if (d)
		(void)closedir(d);
	return sum;
}

static uint64_t room(const struct play *p)
{
	uint64_t has = used(p);

	return has < POOL ? POOL - has : 0;
}

static struct twin_lease *one_of(struct play *p, bool released, bool held)
{
	size_t from = upto(p, LEASES - 1);

	for (size_t i = 0; i < LEASES; i++) {
		struct twin_lease *t = &p->leases[(from + i) % LEASES];

		if (t->id && t->released == released && (t->held >= 0) == held)
			return t;
	}
	return NULL;
}

static struct twin_lease *free_slot(struct play *p)
{
	for (size_t i = 0; i < LEASES; i++)
		if (!p->leases[i].id)
			return &p->leases[i];
	return NULL;
}

/* ---- what is expected -------------------------------------------------------------- */

/* How a lease must come out: 0, GROWING, -EAGAIN or -ENOMEM. */
static int expected(const struct play *p, uint64_t pages, uint64_t room_pages,
                    bool warm_only)
{
	const struct weir_warm_state *s = weir_store_state(p->store);
	uint64_t spare = 0, largest = 0;
	size_t at = SIZE_MAX;
	bool can;

	for (size_t i = 0; i < s->nr_regions; i++) {
		uint64_t has = s->regions[i].bytes / P;

		if (s->regions[i].state == WEIR_REGION_READY && has >= pages)
			return 0;
		/* a fill that was stopped goes, too, before a lease is refused */
		if (s->regions[i].state == WEIR_REGION_READY ||
		    s->regions[i].state == WEIR_REGION_FILLING ||
		    s->regions[i].state == WEIR_REGION_DIRTY)
			spare += s->regions[i].filled_bytes / P;
		if (s->regions[i].state == WEIR_REGION_READY && has > largest)
			largest = has, at = i;
	}
	can = room_pages + spare >= pages;
	if (!can && at != SIZE_MAX)
		can = room_pages + spare - largest >= pages - largest;
	if (warm_only)
		return -EAGAIN;
	return can ? WEIR_LEASE_GROWING : -ENOMEM;
}

static void note_lease(struct play *p, struct twin_lease *t,
                       const struct weir_lease *lease, uint64_t pages, uint64_t until_ns)
{
	struct stat st;

	if (lease->id <= p->last_id)
		fail_msg("lease %" PRIu64 " is not a new number", lease->id);
	p->last_id = lease->id;
	for (size_t i = 0; i < LEASES; i++)
		if (p->leases[i].id && strcmp(p->leases[i].path, lease->path) == 0)
			fail_msg("'%s' is leased twice", lease->path);
	assert_int_equal(stat(lease->path, &st), 0);
	expect_int_eq(st.st_size, (long long)(pages * P));
	expect_int_eq(st.st_blocks * 512, (long long)(pages * P));
	if (!is_zero_file(lease->path))
		fail_msg("lease %" PRIu64 " is not zero", lease->id);
	soil_file(lease->path);
	*t = (struct twin_lease){
		.id = lease->id, .pages = pages, .until_ns = until_ns, .held = -1
	};
	memcpy(t->path, lease->path, sizeof(t->path));
	p->nr_leases++;
}

static void do_lease(struct play *p)
{
	struct twin_lease *t = free_slot(p);
	uint64_t pages = 1 + upto(p, SIZE - 1), rooms = room(p);
	const struct weir_lease_ask ask = { .bytes = pages * P,
		                            .page_bytes = P,
		                            .node = upto(p, 3) ? 0 : -1,
		                            .file_uid = geteuid(),
		                            .file_gid = getegid(),
		                            .room_bytes = rooms * P,
		                            .ttl_ns = upto(p, 3) ? 0 : 1 + upto(p, 40),
		                            .warm_only = upto(p, 4) == 0 };
	struct weir_lease lease = { 0 };
	int want = expected(p, pages, rooms, ask.warm_only), r;

	if (!t)
		return;
	r = weir_store_lease(p->store, &ask, &lease, NULL);
	if (r != want)
		fail_msg("step %u: a lease of %" PRIu64 " pages is %d, not %d", p->step,
		         pages, r, want);
	if (r == WEIR_LEASE_GROWING && upto(p, 7) == 0) { /* thought better of */
		expect_int_eq(weir_store_release(p->store, lease.id, NULL), 0);
		return;
	}
	if (r == WEIR_LEASE_GROWING) {
		r = do_job(p->store, 0, true, &lease);
		expect_int_eq(r, 0);
	}
	if (r == 0)
		note_lease(p, t, &lease, pages,
		           ask.ttl_ns ? p->shop.now_ns + ask.ttl_ns : 0);
}

static void do_release(struct play *p)
{
	struct twin_lease *t = one_of(p, false, upto(p, 1));
	const struct weir_warm_region *r;

	if (!t)
		return;
	expect_int_eq(weir_store_release(p->store, t->id, NULL), 0);
	r = weir_store_find(p->store, t->id);
	if ((r != NULL) != (t->held >= 0) || (r && r->state != WEIR_REGION_WAITING))
		fail_msg("step %u: lease %" PRIu64 " is released, and %s", p->step, t->id,
		         r ? weir_region_state_word(r->state) : "gone");
	assert_int_equal(access(t->path, F_OK), -1);
	t->released = true;
	p->nr_waits += t->held >= 0;
	if (t->held < 0)
		t->id = 0;
}

static void do_hold(struct play *p)
{
	struct twin_lease *t = one_of(p, false, false);

	if (!t)
		return;
	t->held = open(t->path, O_RDWR | O_CLOEXEC);
	assert_true(t->held >= 0);
}

static void do_let_go(struct play *p)
{
	struct twin_lease *t = one_of(p, upto(p, 1), true);

	if (!t)
		return;
	/* to its last moment it writes */
	if (!upto(p, 1))
		(void)!pwrite(t->held, "x", 1, (off_t)upto(p, t->pages - 1) * P);
	(void)close(t->held);
	t->held = -1;
	if (!t->released)
		return;
	expect_u64_eq(weir_store_retry(p->store), 1);
	assert_null(weir_store_find(p->store, t->id));
	t->id = 0;
}

static void do_meddle(struct play *p)
{
	struct twin_lease *t = one_of(p, false, upto(p, 1));
	int fd;

	if (!t)
		return;
	fd = open(t->path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	switch (upto(p, 2)) {
	case 0: assert_int_equal(ftruncate(fd, (off_t)upto(p, 2 * SIZE) * P), 0); break;
	case 1:
		assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		                           (off_t)upto(p, t->pages - 1) * P, P),
		                 0);
		break;
	default: assert_int_equal(fchmod(fd, 0666), 0); break;
	}
	(void)close(fd);
}

/* A job, which may be stopped before it has begun, or fail. */
static void do_a_job(struct play *p)
{
	const struct weir_job_room rooms[] = { { P, room(p) * P, 0 },
		                               { P, room(p) * P, -1 } };
	const struct weir_job_wish wish = { .node = -1, .rooms = rooms, .nr_rooms = 2 };
	atomic_bool stop = upto(p, 9) == 0;
	const struct weir_warm_work work = { .threads = 1, .stop = &stop };
	struct weir_err err = { 0 };
	struct weir_warm_job job;
	int r = weir_store_next_job(p->store, &wish, &job, &err);

	if (r == WEIR_JOB_NONE)
		return;
	expect_int_eq(r, 0);
	r = weir_warm_job_run(&job, &work, &err);
	if (r != 0 && r != -ECANCELED)
		fail_msg("step %u: %s", p->step, err.msg);
	p->nr_stops += r == -ECANCELED;
	if (upto(p, 20) == 0)
		r = -EHWPOISON;
	expect_int_eq(weir_store_job_done(p->store, &job, r, NULL, &err), r);
}

static void do_expire(struct play *p)
{
	uint64_t next, id;

	p->shop.now_ns += upto(p, 10);
	id = weir_store_expired(p->store, p->shop.now_ns, &next);
	for (size_t i = 0; i < LEASES; i++) {
		struct twin_lease *t = &p->leases[i];
		bool due = t->id && !t->released && t->until_ns &&
		           t->until_ns <= p->shop.now_ns;

		if (due && !id)
			fail_msg("step %u: lease %" PRIu64 " is due", p->step, t->id);
		if (t->id == id && id && !due)
			fail_msg("step %u: lease %" PRIu64 " is not due", p->step, id);
		if (t->id && t->id == id) {
			expect_int_eq(weir_store_renew(p->store, id, 0, NULL), 0);
			t->until_ns = 0;
		}
	}
}

static void do_options(struct play *p)
{
	struct weir_store_options *o = &p->shop.options;

	o->renew = (enum weir_renew)upto(p, WEIR_RENEW_ALL);
	o->verify_full = upto(p, 1);
	o->nr_flavours = upto(p, 3);
	for (size_t i = 0; i < o->nr_flavours; i++)
		o->flavours[i] = (1 + upto(p, SIZE)) * P;
	expect_int_eq(weir_store_set_options(p->store, o, NULL), 0);
}

static void reopen(struct play *p)
{
	struct weir_warm_target target = { .page_bytes = P };
	const struct weir_warm_state *s = weir_store_state(p->store);

	if (s->nr_targets)
		target = s->targets[0];
	weir_store_free(p->store);
	p->store = shop_open(&p->shop);
	expect_str(weir_store_note(p->store), "");
	expect_int_eq(weir_store_set_target(p->store, &target, NULL), 0);
	p->nr_reopens++;
}

/* The twin's leases and the store's are the same. */
static void check(struct play *p)
{
	const struct weir_warm_state *s = weir_store_state(p->store);
	size_t leased = 0, waiting = 0;

	for (size_t i = 0; i < LEASES; i++) {
		const struct twin_lease *t = &p->leases[i];
		const struct weir_warm_region *r;

		if (!t->id)
			continue;
		r = weir_store_find(p->store, t->id);
		if (!r || r->bytes != t->pages * P ||
		    r->state != (t->released ? WEIR_REGION_WAITING : WEIR_REGION_LEASED))
			fail_msg("step %u: lease %" PRIu64 " is %s", p->step, t->id,
			         r ? weir_region_state_word(r->state) : "gone");
		leased += !t->released;
		waiting += t->released;
	}
	for (size_t i = 0; i < s->nr_regions; i++) {
		leased -= s->regions[i].state == WEIR_REGION_LEASED;
		waiting -= s->regions[i].state == WEIR_REGION_WAITING;
		assert_true(s->regions[i].state != WEIR_REGION_GROWING);
	}
	if (leased || waiting)
		fail_msg("step %u: there are leases that nobody knows", p->step);
	if (p->step % 16 == 0)
		shop_check(&p->shop, p->store);
}

static void one_step(struct play *p)
{
	uint64_t before = used(p), now;

	switch (upto(p, 15)) {
	case 0:
	case 1:
	case 2: do_lease(p); break;
	case 3:
	case 4: do_release(p); break;
	case 5: do_hold(p); break;
	case 6:
	case 7: do_let_go(p); return; /* a hole that is written takes a page */
	case 8: do_meddle(p); return;
	case 9: do_expire(p); break;
	case 10:
		if (!upto(p, 3))
			expect_int_eq(set_target(p->store, upto(p, 40), 0), 0);
		break;
	case 11:
		if (!upto(p, 7))
			reopen(p);
		else
			do_options(p);
		break;
	default: do_a_job(p); break;
	}
	now = used(p);
	if (now > POOL && now > before)
		fail_msg("step %u: %" PRIu64 " pages are used, of %u", p->step, now,
		         POOL);
}

static uint64_t number_of(const char *variable, uint64_t otherwise)
{
	const char *text = getenv(variable);
	uint64_t n;

	return text && weir_parse_u64(weir_strz(text), &n) == 0 ? n : otherwise;
}

static void store_is_what_its_twin_expects(void **unused)
{
	uint64_t seed = number_of("WEIR_SEED", 7), steps = number_of("WEIR_STEPS", STEPS);
	struct play p = { .step = 0 };

	(void)unused;
	print_message("# seed %" PRIu64 "\n", seed);
	weir_rng_seed(&p.rng, seed);
	shop_init(&p.shop);
	p.store = shop_open(&p.shop);
	for (size_t i = 0; i < LEASES; i++)
		p.leases[i].held = -1;
	for (p.step = 1; p.step <= steps; p.step++) {
		one_step(&p);
		check(&p);
	}
	print_message("# %zu leases, %zu waited for, opened %zu times, %zu stops\n",
	              p.nr_leases, p.nr_waits, p.nr_reopens, p.nr_stops);
	assert_true(steps < STEPS || (p.nr_leases > 500 && p.nr_waits > 100 &&
	                              p.nr_reopens > 20 && p.nr_stops > 20));
	for (size_t i = 0; i < LEASES; i++)
		weir_closep(&p.leases[i].held);
	weir_store_free(p.store);
	shop_done(&p.shop);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(store_is_what_its_twin_expects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
