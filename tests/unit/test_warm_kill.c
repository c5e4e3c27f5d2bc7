/* The store, killed before and after each call of the kernel that changes something, and
 * with each of them failing, over a script of all that it does; then opened again. No
 * region is leased twice, none that is ready has a byte that is not zero, no file is no
 * region, and no lease that was told is lost. */
#include "test.h"
#include "warm_store.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define KILLED 99

static unsigned int call_nr, call_kill; /* 0: none; odd: before it, even: after it */
static unsigned int fail_nr, call_fail; /* 0: none */

/* Every call is two places to die at. */
static void maybe_die(void)
{
	if (call_kill && ++call_nr == call_kill)
		_exit(KILLED);
}

static bool fails_now(void)
{
	if (!call_fail || ++fail_nr != call_fail)
		return false;
	errno = ENOSPC;
	return true;
}

#define WRAP(name, args, pass)                             \
	int __real_##name args;                            \
	int __wrap_##name args;                            \
	int __wrap_##name args                             \
	{                                                  \
		int r;                                     \
		maybe_die();                               \
		r = fails_now() ? -1 : __real_##name pass; \
		maybe_die();                               \
		return r;                                  \
	}

WRAP(fsync, (int fd), (fd))
WRAP(fchown, (int fd, uid_t uid, gid_t gid), (fd, uid, gid))
WRAP(fchmod, (int fd, mode_t mode), (fd, mode))
WRAP(ftruncate64, (int fd, off_t size), (fd, size))
WRAP(fallocate64, (int fd, int mode, off_t at, off_t n), (fd, mode, at, n))
WRAP(renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP(rename, (const char *from, const char *to), (from, to))
WRAP(unlinkat, (int dir, const char *name, int flags), (dir, name, flags))
WRAP(mkdir, (const char *path, mode_t mode), (path, mode))
WRAP(mkdirat, (int dir, const char *path, mode_t mode), (dir, path, mode))

int __real_openat64(int dir, const char *path, int flags, mode_t mode);
int __wrap_openat64(int dir, const char *path, int flags, mode_t mode);
int __wrap_openat64(int dir, const char *path, int flags, mode_t mode)
{
	int r;

	maybe_die();
	r = fails_now() ? -1 : __real_openat64(dir, path, flags, mode);
	maybe_die();
	return r;
}

ssize_t __real_pwrite64(int fd, const void *p, size_t n, off_t at);
ssize_t __wrap_pwrite64(int fd, const void *p, size_t n, off_t at);
ssize_t __wrap_pwrite64(int fd, const void *p, size_t n, off_t at)
{
	ssize_t r;

	maybe_die();
	if (call_kill && call_nr + 1 == call_kill && n > 1) /* half of it is there */
		(void)!__real_pwrite64(fd, p, n / 2, at);
	maybe_die();
	if (fails_now()) { /* of a disk that is full, too */
		(void)!__real_pwrite64(fd, p, n / 2, at);
		errno = ENOSPC;
		return -1;
	}
	r = __real_pwrite64(fd, p, n, at);
	maybe_die();
	return r;
}

/* ---- what was told ----------------------------------------------------------------- */

struct told { /* in memory that outlives the child */
	struct weir_lease lease;
	bool ending, ended;
};

struct book {
	size_t nr;
	uint64_t most; /* the largest number of a lease */
	bool asking;   /* a lease was asked for, and not told */
	struct told v[32];
};

static void ask(struct weir_store *store, struct book *book, uint64_t pages,
                uint64_t room_pages)
{
	const struct weir_lease_ask wish = { .bytes = pages * P,
		                             .page_bytes = P,
		                             .file_uid = geteuid(),
		                             .file_gid = getegid(),
		                             .room_bytes = room_pages * P };
	struct weir_lease lease = { 0 };
	int r;

	book->asking = true;
	r = weir_store_lease(store, &wish, &lease, NULL);
	if (r == WEIR_LEASE_GROWING)
		r = do_job(store, room_pages, true, &lease);
	if (r == 0) {
		book->most = lease.id > book->most ? lease.id : book->most;
		if (!is_zero_file(lease.path))
			fail_msg("lease %" PRIu64 " is not zero", lease.id);
		book->v[book->nr].lease = lease;
		book->nr++;
		soil_file(lease.path);
	}
	book->asking = false;
}

/* The one of these before the last. */
static void end(struct weir_store *store, struct book *book, size_t back)
{
	struct told *t;

	if (back > book->nr)
		return;
	t = &book->v[book->nr - back];
	t->ending = true;
	if (weir_store_release(store, t->lease.id, NULL) == 0)
		t->ended = true;
	else
		t->ending = t->ended; /* it may have been so before */
}

/* A lease that is released before it has grown. */
static void give_up(struct weir_store *store, bool at_work)
{
	const struct weir_job_wish wish = { .node = -1, .only_grow = true };
	const struct weir_warm_work work = { .threads = 1 };
	struct weir_lease lease;
	struct weir_warm_job job;

	if (take(store, 30, "given-up", &lease) != WEIR_LEASE_GROWING)
		return;
	if (at_work && weir_store_next_job(store, &wish, &job, NULL) == 0) {
		(void)weir_store_release(store, lease.id, NULL);
		(void)weir_store_job_done(
			store, &job, weir_warm_job_run(&job, &work, NULL), &lease, NULL);
	} else {
		(void)weir_store_release(store, lease.id, NULL);
	}
}

static void some_jobs(struct weir_store *store, uint64_t room_pages)
{
	/* of those that fail some come again, for ever */
	for (unsigned int i = 0; i < 12; i++)
		if (do_job(store, room_pages, false, NULL) == WEIR_JOB_NONE)
			break;
}

static void script(struct shop *shop, struct book *book)
{
	struct weir_store *store = NULL;
	int fd;

	if (weir_store_open(&shop->options, &store, NULL) < 0)
		return;
	(void)set_target(store, 20, 0);
	some_jobs(store, 100);
	ask(store, book, 8, 100); /* of the same size */
	ask(store, book, 5, 100); /* cut */
	end(store, book, 2);
	some_jobs(store, 100);
	ask(store, book, 14, 100); /* grown */
	ask(store, book, 11, 3);   /* others make room */
	fd = weir_store_open_region(store, book->nr ? book->v[0].lease.id : 0, NULL);
	give_up(store, false);
	give_up(store, true);
	end(store, book, 1);
	end(store, book, 2);
	weir_closep(&fd);
	(void)weir_store_retry(store);
	some_jobs(store, 100);
	(void)set_target(store, 6, 0); /* cut, and given back */
	some_jobs(store, 0);
	ask(store, book, 6, 100);
	fd = book->nr ? open(book->v[book->nr - 1].lease.path, O_RDONLY | O_CLOEXEC) : -1;
	end(store, book, 1); /* and waited for */
	weir_closep(&fd);
	(void)weir_store_retry(store);
	weir_store_free(store);
}

/* ---- what must hold ---------------------------------------------------------------- */

static void check_leases(const struct weir_store *store, const struct book *book)
{
	const struct weir_warm_state *s = weir_store_state(store);
	size_t leased = 0, live = 0;

	for (size_t i = 0; i < book->nr; i++) {
		const struct told *t = &book->v[i];
		const struct weir_warm_region *r = weir_store_find(store, t->lease.id);
		bool is_leased = r && r->state == WEIR_REGION_LEASED;
		char path[256];

		weir_store_path(store, t->lease.id, path);
		if (!t->ending && (!is_leased || strcmp(path, t->lease.path) != 0))
			fail_msg("lease %" PRIu64 " is lost: %s, '%s' not '%s'",
			         t->lease.id,
			         r ? weir_region_state_word(r->state) : "gone", path,
			         t->lease.path);
		if (t->ended && is_leased)
			fail_msg("lease %" PRIu64 " is back", t->lease.id);
		if (!t->ending && is_zero_file(path))
			fail_msg("lease %" PRIu64 " was scrubbed", t->lease.id);
		live += is_leased;
	}
	for (size_t i = 0; i < s->nr_regions; i++)
		leased += s->regions[i].state == WEIR_REGION_LEASED;
	/* one that was being asked for may have been handed over */
	if (leased != live && leased != live + book->asking)
		fail_msg("%zu are leased, %zu were told", leased, live);
}

static void check_after(struct shop *shop, const struct book *book)
{
	struct weir_store *store = shop_open(shop);
	const struct weir_warm_state *s = weir_store_state(store);
	struct weir_err err = { 0 };
	struct weir_lease lease;

	if (strstr(weir_store_note(store), "state file counts for nothing"))
		fail_msg("%s", weir_store_note(store));
	check_leases(store, book);
	shop_check(shop, store);
	expect_int_eq(set_target(store, 20, 0), 0);
	do_jobs(store, 100);
	shop_check(shop, store);
	check_leases(store, book);
	expect_int_eq(take(store, 1, NULL, &lease), 0);
	assert_true(lease.id > book->most);
	assert_true(is_zero_file(lease.path));
	for (size_t i = s->nr_regions; i-- > 0;)
		if (s->regions[i].state == WEIR_REGION_LEASED)
			expect_int_eq(
				weir_store_release(store, s->regions[i].lease.id, NULL),
				0);
	if (weir_store_empty(store, &err) < 0)
		fail_msg("%s", err.msg);
	shop_check(shop, store);
	weir_store_free(store);
}

static struct book *new_book(void)
{
	void *at = mmap(NULL, sizeof(struct book), PROT_READ | PROT_WRITE,
	                MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(at != MAP_FAILED);
	return at;
}

static void shop_of_flavours(struct shop *shop)
{
	shop_init(shop);
	shop->options.flavours[0] = 8 * P;
	shop->options.flavours[1] = 12 * P;
	shop->options.nr_flavours = 2;
}

static void store_that_is_killed_anywhere_loses_nothing(void **unused)
{
	unsigned int nth = 1;

	(void)unused;
	for (int status = 0;; nth++) {
		struct book *book = new_book();
		struct shop shop;
		pid_t pid;

		shop_of_flavours(&shop);
		pid = fork();
		if (pid == 0) {
			call_kill = nth;
			script(&shop, book);
			_exit(0);
		}
		assert_true(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
		if (WEXITSTATUS(status) != KILLED)
			assert_int_equal(WEXITSTATUS(status), 0);
		check_after(&shop, book);
		shop_done(&shop);
		(void)munmap(book, sizeof(*book));
		if (WEXITSTATUS(status) == 0)
			break;
	}
	print_message("# killed at %u places\n", nth - 1);
	assert_true(nth > 200);
}

static void store_that_is_refused_anything_loses_nothing(void **unused)
{
	unsigned int nth = 1;

	(void)unused;
	for (bool failed = true; failed; nth++) {
		struct book *book = new_book();
		struct shop shop;

		shop_of_flavours(&shop);
		fail_nr = 0;
		call_fail = nth;
		script(&shop, book);
		failed = fail_nr >= nth;
		call_fail = 0;
		check_after(&shop, book);
		shop_done(&shop);
		(void)munmap(book, sizeof(*book));
	}
	print_message("# refused %u times\n", nth - 2);
	assert_true(nth > 100);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(store_that_is_killed_anywhere_loses_nothing),
		cmocka_unit_test(store_that_is_refused_anything_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
