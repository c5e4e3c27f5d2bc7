/* The store: leases from every kind of region, their ends, jobs that fail and are
 * stopped, and what a store that is opened again finds. */
#include "fault.h"
#include "test.h"
#include "warm_store.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

static void lease_of_a_ready_region_is_zero_and_theirs_alone(void **unused)
{
	struct shop shop;
	struct weir_store *store;
	struct weir_lease lease;
	struct stat st;

	(void)unused;
	shop_init(&shop);
	shop.options.flavours[0] = 4 * P;
	shop.options.nr_flavours = 1;
	store = shop_open(&shop);
	expect_int_eq(set_target(store, 8, 0), 0);
	do_jobs(store, 1000);
	expect_regions(store, WEIR_REGION_READY, 2, 8);
	expect_int_eq(take(store, 4, "vm1", &lease), 0);
	expect_u64_eq(lease.id, 1);
	expect_u64_eq(lease.bytes, 4 * P);
	expect_u64_eq(lease.warm_bytes, 4 * P);
	assert_true(is_zero_file(lease.path));
	assert_int_equal(stat(lease.path, &st), 0);
	expect_u64_eq(st.st_mode & 07777, 0600);
	expect_int_eq(take(store, 4, "vm1", &lease), -EEXIST);
	expect_int_eq(take(store, 4, "a/b", &lease), -EINVAL);
	shop_check_text(&shop, store);
	soil_file(lease.path);
	expect_int_eq(weir_store_release(store, 1, NULL), 0);
	assert_int_equal(stat(lease.path, &st), -1);
	expect_regions(store, WEIR_REGION_DIRTY, 1, 4);
	do_jobs(store, 1000);
	expect_regions(store, WEIR_REGION_READY, 2, 8);
	expect_int_eq(take(store, 4, "vm1", &lease), 0);
	assert_true(is_zero_file(lease.path));
	expect_u64_eq(lease.id, 2);
	expect_int_eq(weir_store_release(store, 1, NULL), -ENOENT);
	shop_check_text(&shop, store);
	weir_store_free(store);
	shop_done(&shop);
}

/* A store with regions of these sizes ready, on node 0. */
static struct weir_store *open_with(struct shop *shop, const uint64_t *pages, size_t nr)
{
	struct weir_store *store;
	uint64_t sum = 0;

	shop_init(shop);
	store = shop_open(shop);
	for (size_t i = 0; i < nr; i++) {
		shop->options.flavours[0] = pages[i] * P;
		shop->options.nr_flavours = 1;
		expect_int_eq(weir_store_set_options(store, &shop->options, NULL), 0);
		sum += pages[i];
		expect_int_eq(set_target(store, sum, 0), 0);
		do_jobs(store, 1000);
	}
	expect_regions(store, WEIR_REGION_READY, nr, sum);
	return store;
}

static void close_shop(struct shop *shop, struct weir_store *store)
{
	shop_check(shop, store);
	weir_store_free(store);
	shop_done(shop);
}

/* The path of the one file in the store. */
static void only_file(const struct shop *shop, char *out, size_t cap)
{
	char path[100];
	DIR *d;

	(void)snprintf(path, sizeof(path), "%s/4K", shop->dir);
	d = opendir(path);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_type == DT_REG)
			(void)snprintf(out, cap, "%s/%s", path, e->d_name);
	(void)closedir(d);
}

static void lease_of_another_size_is_cut_or_grown(void **unused)
{
	static const uint64_t sizes[] = { 8, 3 };
	struct shop shop;
	struct weir_store *store = open_with(&shop, sizes, 2);
	struct weir_lease lease;
	struct stat st;

	(void)unused;
	/* the larger one is cut */
	expect_int_eq(take(store, 5, NULL, &lease), 0);
	expect_u64_eq(lease.warm_bytes, 5 * P);
	assert_int_equal(stat(lease.path, &st), 0);
	expect_int_eq(st.st_size, 5 * P);
	expect_int_eq(st.st_blocks * 512, 5 * P);
	/* the smaller one is grown */
	expect_int_eq(take(store, 7, "grown", &lease), WEIR_LEASE_GROWING);
	expect_u64_eq(lease.warm_bytes, 3 * P);
	expect_int_eq(take(store, 7, "grown", &lease), -EEXIST);
	expect_regions(store, WEIR_REGION_GROWING, 1, 7);
	expect_int_eq(do_job(store, 0, true, &lease), 0);
	expect_u64_eq(lease.warm_bytes, 3 * P);
	expect_u64_eq(lease.bytes, 7 * P);
	assert_true(is_zero_file(lease.path));
	assert_int_equal(stat(lease.path, &st), 0);
	expect_int_eq(st.st_blocks * 512, 7 * P);
	/* and one is made */
	expect_int_eq(take(store, 2, NULL, &lease), WEIR_LEASE_GROWING);
	expect_int_eq(do_job(store, 0, true, &lease), 0);
	expect_u64_eq(lease.warm_bytes, 0);
	assert_true(is_zero_file(lease.path));
	expect_int_eq(do_job(store, 0, true, &lease), WEIR_JOB_NONE);
	close_shop(&shop, store);
}

static void lease_without_room_is_refused_or_makes_room(void **unused)
{
	static const uint64_t sizes[] = { 2, 2, 2, 2 };
	struct shop shop;
	struct weir_store *store = open_with(&shop, sizes, 4);
	struct weir_lease_ask ask = { .bytes = 6 * P,
		                      .page_bytes = P,
		                      .warm_only = true };
	struct weir_lease lease;
	struct weir_err err = { 0 };

	(void)unused;
	expect_int_eq(weir_store_lease(store, &ask, &lease, &err), -EAGAIN);
	assert_non_null(strstr(err.msg, "32K are warm in all"));
	ask.warm_only = false;
	ask.bytes = 9 * P;
	expect_int_eq(weir_store_lease(store, &ask, &lease, &err), -ENOMEM);
	expect_regions(store, WEIR_REGION_READY, 4, 8);
	/* grown by four pages, of which the pool has one: two regions make room */
	ask.bytes = 6 * P;
	ask.room_bytes = 1 * P;
	expect_int_eq(weir_store_lease(store, &ask, &lease, &err), WEIR_LEASE_GROWING);
	expect_regions(store, WEIR_REGION_READY, 1, 2);
	expect_int_eq(do_job(store, 0, true, &lease), 0);
	expect_u64_eq(lease.warm_bytes, 2 * P);
	ask.bytes = P + 1;
	expect_int_eq(weir_store_lease(store, &ask, &lease, &err), -EINVAL);
	ask.bytes = 0;
	expect_int_eq(weir_store_lease(store, &ask, &lease, &err), -EINVAL);
	ask.bytes = UINT64_MAX - P + 1;
	expect_int_eq(weir_store_lease(store, &ask, &lease, &err), -EINVAL);
	ask.bytes = ask.page_bytes = 12288;
	expect_int_eq(weir_store_lease(store, &ask, &lease, &err), -EINVAL);
	close_shop(&shop, store);
}

/* Ways to have a file after the lease has ended: all of them keep it. */
static void release_waits_for_who_still_has_the_file(void **unused)
{
	static const uint64_t sizes[] = { 4 };
	struct shop shop;
	struct weir_store *store = open_with(&shop, sizes, 1);

	(void)unused;
	for (unsigned int way = 0; way < 5; way++) {
		struct weir_lease lease;
		int fd, pair[2] = { -1, -1 };
		void *at = MAP_FAILED;

		expect_int_eq(take(store, 4, "vm", &lease), 0);
		fd = way == 1 ? open(lease.path, O_RDONLY | O_CLOEXEC)
		              : weir_store_open_region(store, lease.id, NULL);
		assert_true(fd >= 0);
		if (way != 1)
			expect_int_eq(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK),
			              O_RDWR);
		if (way ==
		    4) { /* with a lease of the kernel's kind, against who opens it */
			assert_int_equal(fcntl(fd, F_SETSIG, SIGURG), 0);
			assert_int_equal(fcntl(fd, F_SETLEASE, F_WRLCK), 0);
			assert_false(weir_store_is_unused(store, lease.id));
			assert_true(weir_store_find(store, lease.id)->lease.opened);
		}
		if (way == 2 || way == 3)
			at = mmap(NULL, 4 * P, PROT_READ | (way == 2 ? PROT_WRITE : 0),
			          MAP_SHARED, fd, 0);
		if (way == 3) { /* and in a socket's queue, with nobody to take it */
			char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 0;
			struct iovec iov = { &byte, 1 };
			struct msghdr msg = { .msg_iov = &iov,
				              .msg_iovlen = 1,
				              .msg_control = control,
				              .msg_controllen = sizeof(control) };
			struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

			assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
			c->cmsg_level = SOL_SOCKET;
			c->cmsg_type = SCM_RIGHTS;
			c->cmsg_len = CMSG_LEN(sizeof(int));
			memcpy(CMSG_DATA(c), &fd, sizeof(int));
			assert_int_equal(sendmsg(pair[0], &msg, 0), 1);
			(void)munmap(at, 4 * P);
			at = MAP_FAILED;
		}
		if (way == 2 || way == 3) {
			(void)close(fd);
			fd = -1;
		}
		expect_int_eq(weir_store_release(store, lease.id, NULL), 0);
		expect_regions(store, WEIR_REGION_WAITING, 1, 4);
		assert_non_null(weir_store_find(store, lease.id));
		expect_u64_eq(weir_store_retry(store), 0);
		expect_int_eq(do_job(store, 1000, false, NULL), 0); /* another is made */
		expect_regions(store, WEIR_REGION_WAITING, 1, 4);
		weir_closep(&fd);
		if (at != MAP_FAILED)
			(void)munmap(at, 4 * P);
		weir_closep(&pair[0]);
		weir_closep(&pair[1]);
		expect_u64_eq(weir_store_retry(store), 1);
		expect_regions(store, WEIR_REGION_DIRTY, 1, 4);
		assert_null(weir_store_find(store, lease.id));
		do_jobs(store, 1000);
		expect_regions(store, WEIR_REGION_READY, 1, 4);
	}
	close_shop(&shop, store);
}

/* A lessee may do to his file what he likes. */
static void release_of_a_file_that_was_changed_puts_it_right(void **unused)
{
	static const uint64_t sizes[] = { 4 };
	struct shop shop;
	struct weir_store *store = open_with(&shop, sizes, 1);

	(void)unused;
	for (unsigned int way = 0; way < 7; way++) {
		struct weir_lease lease;
		int fd;

		shop.options.renew = way >= 5 ? WEIR_RENEW_ALL : WEIR_RENEW_NONE;
		expect_int_eq(weir_store_set_options(store, &shop.options, NULL), 0);
		expect_int_eq(take(store, 4, "vm", &lease), 0);
		soil_file(lease.path);
		fd = open(lease.path, O_RDWR | O_CLOEXEC);
		assert_true(fd >= 0);
		if (way == 0)
			assert_int_equal(ftruncate(fd, P), 0);
		if (way == 1)
			assert_int_equal(ftruncate(fd, 99 * (off_t)P), 0);
		if (way == 2 || way == 5)
			assert_int_equal(
				fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			                  P, P),
				0);
		if (way == 3)
			assert_int_equal(ftruncate(fd, 0), 0);
		if (way == 4)
			assert_int_equal(fchmod(fd, 0666), 0);
		if (way == 6)
			assert_int_equal(unlink(lease.path), 0);
		(void)close(fd);
		weir_store_look(store);
		expect_int_eq(weir_store_release(store, lease.id, NULL), 0);
		do_jobs(store, 1000);
		expect_regions(store, WEIR_REGION_READY, 1, 4);
		shop_check(&shop, store);
	}
	close_shop(&shop, store);
}

/* What lacks pages is not scrubbed with pages that the pool does not have. */
static void scrub_of_holes_without_room_gives_back(void **unused)
{
	static const uint64_t sizes[] = { 4 };
	struct shop shop;
	struct weir_store *store = open_with(&shop, sizes, 1);
	struct weir_lease lease;

	(void)unused;
	expect_int_eq(take(store, 4, "vm", &lease), 0);
	assert_int_equal(truncate(lease.path, P), 0);
	expect_int_eq(weir_store_release(store, lease.id, NULL), 0);
	expect_u64_eq(weir_store_state(store)->regions[0].filled_bytes, P);
	expect_int_eq(do_job(store, 2, false, NULL), WEIR_JOB_NONE);
	expect_u64_eq(weir_store_state(store)->nr_regions, 0);
	close_shop(&shop, store);
}

static void lease_by_use_ends_when_nobody_has_it_any_more(void **unused)
{
	static const uint64_t sizes[] = { 4 };
	struct shop shop;
	struct weir_store *store = open_with(&shop, sizes, 1);
	struct weir_lease lease;
	int fd;

	(void)unused;
	expect_int_eq(take(store, 4, "vm", &lease), 0);
	assert_false(weir_store_is_unused(store, lease.id));
	assert_false(weir_store_is_unused(store, lease.id + 1));
	fd = open(lease.path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_false(weir_store_is_unused(store, lease.id));
	shop_check_text(&shop, store);
	(void)close(fd);
	/* that it was opened is known after a restart, too */
	weir_store_free(store);
	store = shop_open(&shop);
	assert_true(weir_store_is_unused(store, lease.id));
	expect_int_eq(weir_store_release(store, lease.id, NULL), 0);
	close_shop(&shop, store);
}

static void lease_by_time_expires(void **unused)
{
	static const uint64_t sizes[] = { 4, 4 };
	struct shop shop;
	struct weir_store *store = open_with(&shop, sizes, 2);
	struct weir_lease_ask ask = { .bytes = 4 * P, .page_bytes = P, .ttl_ns = 50 };
	struct weir_lease a, b;
	uint64_t next;

	(void)unused;
	expect_int_eq(weir_store_lease(store, &ask, &a, NULL), 0);
	ask.ttl_ns = UINT64_MAX;
	expect_int_eq(weir_store_lease(store, &ask, &b, NULL), 0);
	expect_u64_eq(weir_store_expired(store, 1049, &next), 0);
	expect_u64_eq(next, 1050);
	expect_u64_eq(weir_store_expired(store, 1050, &next), a.id);
	expect_int_eq(weir_store_renew(store, a.id, 0, NULL), 0);
	expect_int_eq(weir_store_renew(store, b.id, 7, NULL), 0);
	expect_u64_eq(weir_store_expired(store, 1006, &next), 0);
	expect_u64_eq(next, 1007);
	expect_int_eq(weir_store_renew(store, 99, 7, NULL), -ENOENT);
	expect_int_eq(weir_store_release(store, b.id, NULL), 0);
	expect_u64_eq(weir_store_expired(store, UINT64_MAX, &next), 0);
	expect_u64_eq(next, 0);
	close_shop(&shop, store);
}

static void job_that_is_stopped_goes_on_another_time(void **unused)
{
	static const uint64_t sizes[] = { 512 };
	const struct weir_job_room room = { P, 1000 * P, 0 };
	const struct weir_job_wish wish = { .node = -1, .rooms = &room, .nr_rooms = 1 };
	struct shop shop;
	struct weir_store *store = open_with(&shop, sizes, 1);
	struct weir_lease lease;
	unsigned int goes = 0;
	int r;

	(void)unused;
	shop.options.renew = WEIR_RENEW_NONE; /* one that is renewed begins again */
	expect_int_eq(weir_store_set_options(store, &shop.options, NULL), 0);
	expect_int_eq(take(store, 512, "vm", &lease), 0);
	soil_file(lease.path);
	expect_int_eq(weir_store_release(store, lease.id, NULL), 0);
	do {
		atomic_uint_fast64_t done = 0;
		atomic_bool stop = goes == 0;
		/* so slow that a second of it is a slice */
		const struct weir_warm_work work = { .threads = 2,
			                             .stop = &stop,
			                             .done_bytes = &done };
		struct weir_err err = { 0 };
		struct weir_warm_job job;

		expect_int_eq(weir_store_next_job(store, &wish, &job, &err), 0);
		expect_int_eq(job.kind, WEIR_JOB_SCRUB);
		if (goes == 1) { /* as if it had been stopped half way */
			job.bytes = 256 * P;
			expect_int_eq(weir_warm_job_run(&job, &work, &err), 0);
			expect_u64_eq(job.done_bytes, 256 * P);
			job.bytes = 512 * P;
			r = -ECANCELED;
		} else {
			r = weir_warm_job_run(&job, &work, &err);
		}
		if (goes == 2)
			expect_u64_eq(job.done_bytes, 256 * P);
		expect_int_eq(weir_store_job_done(store, &job, r, NULL, &err), r);
		expect_int_eq(r, goes < 2 ? -ECANCELED : 0);
	} while (goes++ < 2);
	expect_regions(store, WEIR_REGION_READY, 1, 512);
	close_shop(&shop, store);
}

static void lease_that_grows_ends_before_it_is_one(void **unused)
{
	static const uint64_t sizes[] = { 4 };
	const struct weir_job_wish wish = { .node = -1, .only_grow = true };
	struct shop shop;
	struct weir_store *store = open_with(&shop, sizes, 1);

	(void)unused;
	for (unsigned int way = 0; way < 5; way++) {
		atomic_bool stop = way == 2;
		const struct weir_warm_work work = { .threads = 1, .stop = &stop };
		struct weir_err err = { 0 };
		struct weir_warm_job job;
		struct weir_lease lease;
		uint64_t id;
		int r;

		expect_int_eq(take(store, way == 4 ? 3 : 6, "vm", &lease),
		              way == 4 ? 0 : WEIR_LEASE_GROWING);
		id = lease.id;
		if (way == 4) {
			expect_int_eq(weir_store_release(store, id, NULL), 0);
			break;
		}
		if (way == 0) { /* before its job has begun */
			expect_int_eq(weir_store_release(store, id, NULL), 0);
			expect_regions(store, WEIR_REGION_READY, 1, 4);
			continue;
		}
		expect_int_eq(weir_store_next_job(store, &wish, &job, &err), 0);
		if (way == 1) {
			expect_int_eq(weir_store_release(store, id, NULL), 0);
			expect_regions(store, WEIR_REGION_GROWING, 1, 6);
		}
		r = weir_warm_job_run(&job, &work, &err);
		if (way == 3)
			r = weir_err_set(&err, -EXDEV, "on another node");
		expect_int_eq(weir_store_job_done(store, &job, r, &lease, &err),
		              way == 3 ? -EXDEV : -ECANCELED);
		/* released, all of it is zero; else what was ready is so again */
		expect_regions(store, WEIR_REGION_READY, 1, way == 1 ? 6 : 4);
		shop_check(&shop, store);
		do_jobs(store, 1000);
		expect_regions(store, WEIR_REGION_READY, 1, 4);
	}
	close_shop(&shop, store);
}

/* Cut while it is worked on: what the kernel tells by a signal is a result. */
static void job_whose_pages_are_gone_fails(void **unused)
{
	static const uint64_t sizes[] = { 4 };
	const struct weir_warm_work work = { .threads = 2 };
	struct shop shop;
	struct weir_store *store = open_with(&shop, sizes, 1);

	(void)unused;
	for (unsigned int way = 0; way < 3; way++) {
		struct weir_job_room room = { P, 1000 * P, 0 };
		const struct weir_job_wish wish = { .node = -1,
			                            .rooms = &room,
			                            .nr_rooms = 1 };
		struct weir_err err = { 0 };
		struct weir_warm_job job;
		struct weir_lease lease;
		int r;

		expect_int_eq(take(store, 4, "vm", &lease), 0);
		expect_int_eq(weir_store_release(store, lease.id, NULL), 0);
		expect_int_eq(weir_store_next_job(store, &wish, &job, &err), 0);
		expect_int_eq(job.kind, WEIR_JOB_SCRUB);
		if (way < 2)
			assert_int_equal(ftruncate(job.fd, way ? P : 0), 0);
		job.verify_full = true;
		r = way < 2 ? weir_warm_job_run(&job, &work, &err)
		            : weir_err_set(&err, -EILSEQ, "it is not zero");
		expect_int_eq(r, way < 2 ? -ENOMEM : -EILSEQ);
		expect_int_eq(weir_store_job_done(store, &job, r, NULL, &err), r);
		assert_non_null(strstr(err.msg, "region "));
		expect_u64_eq(weir_store_state(store)->nr_regions, 0);
		do_jobs(store, 1000);
		expect_regions(store, WEIR_REGION_READY, 1, 4);
	}
	close_shop(&shop, store);
}

/* Root may open what is being scrubbed: then it is not ready while he has it. */
static void job_of_a_file_that_root_has_waits(void **unused)
{
	static const uint64_t sizes[] = { 4 };
	const struct weir_job_room room = { P, 1000 * P, 0 };
	const struct weir_job_wish wish = { .node = -1, .rooms = &room, .nr_rooms = 1 };
	const struct weir_warm_work work = { .threads = 1 };
	struct shop shop;
	struct weir_store *store = open_with(&shop, sizes, 1);
	struct weir_warm_job job;
	struct weir_lease lease;
	char path[400];
	int fd;

	(void)unused;
	expect_int_eq(take(store, 4, "vm", &lease), 0);
	expect_int_eq(weir_store_release(store, lease.id, NULL), 0);
	expect_int_eq(weir_store_next_job(store, &wish, &job, NULL), 0);
	only_file(&shop, path, sizeof(path));
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	expect_int_eq(weir_warm_job_run(&job, &work, NULL), 0);
	expect_int_eq(weir_store_job_done(store, &job, 0, NULL, NULL), 0);
	expect_regions(store, WEIR_REGION_WAITING, 1, 4);
	assert_int_equal(pwrite(fd, "x", 1, 5), 1);
	(void)close(fd);
	expect_u64_eq(weir_store_retry(store), 1);
	do_jobs(store, 1000);
	expect_regions(store, WEIR_REGION_READY, 1, 4);
	close_shop(&shop, store);
}

static void target_that_changes_gives_back(void **unused)
{
	static const uint64_t sizes[] = { 4, 4, 4 };
	struct shop shop;
	struct weir_store *store = open_with(&shop, sizes, 3);
	struct weir_lease lease;
	struct weir_err err = { 0 };

	(void)unused;
	expect_int_eq(take(store, 4, "vm", &lease), 0);
	do_jobs(store, 1000);
	expect_regions(store, WEIR_REGION_READY, 3, 12);
	expect_int_eq(set_target(store, 6, 0), 0);
	do_jobs(store, 0);
	expect_regions(store, WEIR_REGION_READY, 2, 6);
	expect_int_eq(set_target(store, 0, 0), 0);
	do_jobs(store, 0);
	expect_regions(store, WEIR_REGION_READY, 0, 0);
	expect_regions(store, WEIR_REGION_LEASED, 1, 4);
	expect_int_eq(weir_store_empty(store, &err), -EBUSY);
	assert_non_null(strstr(err.msg, "lease 1 (vm)"));
	expect_int_eq(weir_store_release(store, lease.id, NULL), 0);
	expect_int_eq(weir_store_empty(store, &err), 0);
	expect_u64_eq(weir_store_state(store)->nr_dirs, 0);
	shop_check(&shop, store);
	/* and it may begin anew */
	expect_int_eq(set_target(store, 4, -1), 0);
	do_jobs(store, 1000);
	expect_regions(store, WEIR_REGION_READY, 1, 4);
	expect_int_eq(set_target(store, 4, -2), -EINVAL);
	close_shop(&shop, store);
}

/* A file that root has removed, and one that cannot be: in its place is a directory. */
static void what_cannot_be_given_back_stops_nothing_else(void **unused)
{
	static const uint64_t sizes[] = { 8 };
	struct shop shop;
	struct weir_store *store = open_with(&shop, sizes, 1);
	struct weir_lease lease;
	char path[400];

	(void)unused;
	only_file(&shop, path, sizeof(path));
	expect_int_eq(unlink(path), 0);
	expect_int_eq(set_target(store, 5, 0), 0); /* it is cut */
	do_jobs(store, 1000);
	expect_str(weir_store_trouble(store), "");
	expect_regions(store, WEIR_REGION_READY, 1, 5);
	expect_int_eq(take(store, 5, NULL, &lease), 0);
	expect_int_eq(weir_store_release(store, lease.id, NULL), 0);
	only_file(&shop, path, sizeof(path));
	expect_int_eq(unlink(path), 0);
	expect_int_eq(mkdir(path, 0700), 0);
	expect_int_eq(set_target(store, 0, 0), 0);
	/* a lease waits, and another target is to be filled */
	expect_int_eq(take(store, 2, NULL, &lease), WEIR_LEASE_GROWING);
	expect_int_eq(do_job(store, 1000, true, &lease), 0);
	expect_int_eq(set_target(store, 3, -1), 0);
	do_jobs(store, 1000);
	expect_regions(store, WEIR_REGION_READY, 1, 3);
	if (!strstr(weir_store_trouble(store), "remove the file of region"))
		fail_msg("%s", weir_store_trouble(store));
	/* it is tried again */
	expect_int_eq(rmdir(path), 0);
	do_jobs(store, 1000);
	expect_str(weir_store_trouble(store), "");
	expect_regions(store, WEIR_REGION_DIRTY, 0, 0);
	close_shop(&shop, store);
}

/* Some of it with each call, though many regions are beyond the target at once. */
static void much_is_given_back_in_turns(void **unused)
{
	struct shop shop;
	struct weir_store *store;
	struct weir_warm_job job;
	const struct weir_job_wish none = { .node = -1, .no_back = true },
				   some = { .node = -1, .only_grow = true };
	size_t left = 30;

	(void)unused;
	shop_init(&shop);
	shop.options.flavours[0] = P;
	shop.options.nr_flavours = 1;
	store = shop_open(&shop);
	expect_int_eq(set_target(store, 30, 0), 0);
	do_jobs(store, 1000);
	expect_regions(store, WEIR_REGION_READY, 30, 30);
	expect_int_eq(weir_store_has_back(store), false);
	expect_int_eq(set_target(store, 2, 0), 0);
	expect_int_eq(weir_store_next_job(store, &none, &job, NULL), WEIR_JOB_NONE);
	expect_regions(store, WEIR_REGION_READY, 30, 30);
	for (int i = 0; i < 4; i++) {
		uint64_t pages;

		expect_int_eq(weir_store_next_job(store, &some, &job, NULL),
		              WEIR_JOB_NONE);
		expect_int_eq(left - count(store, WEIR_REGION_READY, &pages) <= 8, true);
		left = count(store, WEIR_REGION_READY, &pages);
		expect_int_eq(weir_store_has_back(store), left > 2);
	}
	expect_u64_eq(left, 2);
	/* without a target, too */
	expect_int_eq(set_target(store, 30, 0), 0);
	do_jobs(store, 1000);
	expect_int_eq(set_target(store, 0, 0), 0);
	expect_int_eq(weir_store_next_job(store, &some, &job, NULL), WEIR_JOB_NONE);
	expect_regions(store, WEIR_REGION_READY, 22, 22);
	expect_int_eq(weir_store_has_back(store), true);
	do_jobs(store, 1000);
	expect_regions(store, WEIR_REGION_READY, 0, 0);
	close_shop(&shop, store);
}

static void flavours_are_learned_from_leases(void **unused)
{
	struct shop shop;
	struct weir_store *store;
	struct weir_store_flavour got[4];
	struct weir_lease lease;

	(void)unused;
	shop_init(&shop);
	shop.options.flavour_default = 8 * P;
	store = shop_open(&shop);
	expect_int_eq(set_target(store, 16, 0), 0);
	expect_u64_eq(weir_store_flavours(store, P, 0, got, 4), 1);
	expect_u64_eq(got[0].bytes, 8 * P);
	expect_u64_eq(got[0].wanted, 2);
	do_jobs(store, 1000);
	expect_int_eq(take(store, 4, "a", &lease), 0);
	expect_int_eq(take(store, 6, "b", &lease), 0);
	expect_u64_eq(weir_store_flavours(store, P, 0, got, 4), 2);
	expect_u64_eq(got[0].bytes, 6 * P);
	do_jobs(store, 1000);
	/* 16 = 6 + 4 and then 6 */
	expect_regions(store, WEIR_REGION_READY, 3, 16);
	expect_u64_eq(weir_store_flavours(store, P, 0, got, 1), 1);
	expect_u64_eq(got[0].ready, 2);
	close_shop(&shop, store);
}

static void store_is_opened_once(void **unused)
{
	struct shop shop;
	struct weir_store *store, *second;
	struct weir_err err = { 0 };
	char words[32];

	(void)unused;
	shop_init(&shop);
	store = shop_open(&shop);
	expect_int_eq(weir_store_open(&shop.options, &second, &err), -EBUSY);
	(void)snprintf(words, sizeof(words), "process %d,", (int)getpid());
	assert_non_null(strstr(err.msg, words));
	close_shop(&shop, store);
	/* a link in place of the directory is not followed */
	shop_init(&shop);
	assert_int_equal(symlink("/tmp", shop.dir), 0);
	expect_int_eq(weir_store_open(&shop.options, &second, &err), -ENOTDIR);
	shop_done(&shop);
}

/* ---- opened again ------------------------------------------------------------------ */

/* Who came to the file at the last moment, or is root and looks at it. */
static void ready_region_that_somebody_has_is_not_handed_out(void **unused)
{
	static const uint64_t sizes[] = { 4 };
	struct shop shop;
	struct weir_store *store = open_with(&shop, sizes, 1);
	struct weir_lease lease;
	char path[300] = "";
	int fd;

	(void)unused;
	only_file(&shop, path, sizeof(path));
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	expect_int_eq(take(store, 4, "vm", &lease), WEIR_LEASE_GROWING); /* a new one */
	expect_regions(store, WEIR_REGION_WAITING, 1, 4);
	expect_int_eq(do_job(store, 1000, true, &lease), 0);
	expect_u64_eq(lease.warm_bytes, 0);
	(void)close(fd);
	expect_u64_eq(weir_store_retry(store), 1);
	expect_regions(store, WEIR_REGION_DIRTY, 1, 4);
	close_shop(&shop, store);
}

static void edit_text(const struct shop *shop, const char *from, const char *to)
{
	char command[256];

	(void)snprintf(command, sizeof(command), "sed -i 's/%s/%s/' %s", from, to,
	               shop->text);
	assert_int_equal(system(command), 0);
}

static void store_that_is_opened_again_trusts_what_it_can_prove(void **unused)
{
	enum {
		NOTHING,
		SOILED,
		CUT,
		PUNCHED,
		MODE,
		OWNER,
		LINKED,
		HELD,
		TEXT_GONE,
		TEXT_BOOT,
		TEXT_DEVICE,
		TEXT_CUT,
		TEXT_DIRTY,
		FILE_GONE,
		RENAMED,
		WAYS
	};
	static const uint64_t sizes[] = { 4 };

	(void)unused;
	for (unsigned int way = NOTHING; way < WAYS; way++) {
		struct shop shop;
		struct weir_store *store = open_with(&shop, sizes, 1);
		char path[400], other[400];
		int fd = -1;
		enum weir_region_state want = WEIR_REGION_DIRTY;

		only_file(&shop, path, sizeof(path));
		(void)snprintf(other, sizeof(other), "%s/4K/frog", shop.dir);
		weir_store_free(store);
		if (way == NOTHING)
			want = WEIR_REGION_READY;
		if (way == CUT)
			assert_int_equal(truncate(path, P), 0);
		if (way == PUNCHED) {
			fd = open(path, O_RDWR | O_CLOEXEC);
			assert_int_equal(
				fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			                  P, P),
				0);
			weir_closep(&fd);
			fd = -1;
		}
		if (way == MODE)
			assert_int_equal(chmod(path, 0644), 0);
		if (way == OWNER && chown(path, 7, 7) < 0)
			want = WEIR_REGION_READY; /* without the right to */
		if (way == LINKED)
			assert_int_equal(link(path, other), 0);
		if (way == HELD) {
			fd = open(path, O_RDONLY | O_CLOEXEC);
			want = WEIR_REGION_WAITING;
		}
		if (way == TEXT_GONE)
			assert_int_equal(unlink(shop.text), 0);
		if (way == TEXT_BOOT)
			edit_text(&shop, "boot=", "boot=0");
		if (way == TEXT_DEVICE)
			edit_text(&shop, "device=", "device=9");
		if (way == TEXT_CUT)
			assert_int_equal(truncate(shop.text, 40), 0);
		if (way == TEXT_DIRTY)
			edit_text(&shop, "state=ready", "state=dirty");
		if (way == FILE_GONE)
			assert_int_equal(unlink(path), 0);
		if (way == RENAMED)
			assert_int_equal(rename(path, other), 0);
		if (way == RENAMED) /* by whom? but it is the same file, and ours */
			want = WEIR_REGION_READY;
		store = shop_open(&shop);
		if (way == FILE_GONE)
			expect_u64_eq(weir_store_state(store)->nr_regions, 0);
		else if (way == SOILED)
			want = WEIR_REGION_READY; /* root may lie */
		if (way != FILE_GONE) {
			expect_u64_eq(weir_store_state(store)->nr_regions, 1);
			if (weir_store_state(store)->regions[0].state != want)
				fail_msg("way %u: %s", way,
				         weir_region_state_word(weir_store_state(store)
				                                        ->regions[0]
				                                        .state));
		}
		if (way == TEXT_CUT)
			assert_non_null(strstr(weir_store_note(store), "state file"));
		if (way == TEXT_GONE)
			assert_non_null(strstr(weir_store_note(store), "1 files"));
		weir_closep(&fd);
		close_shop(&shop, store);
	}
}

static void leases_are_there_when_it_is_opened_again(void **unused)
{
	static const uint64_t sizes[] = { 4, 4, 4 };
	struct shop shop;
	struct weir_store *store = open_with(&shop, sizes, 3);
	const struct weir_lease_ask ask = { .bytes = 4 * P,
		                            .page_bytes = P,
		                            .name = "vm1",
		                            .uid = 7,
		                            .gid = 8,
		                            .owner = { .kind = WEIR_OWNER_UNIT,
		                                       .unit = "a b.service" },
		                            .ttl_ns = 50 };
	const struct weir_warm_region *region;
	struct weir_lease a, b, c;
	char path[256];
	int fd;

	(void)unused;
	expect_int_eq(weir_store_lease(store, &ask, &a, NULL), 0);
	expect_int_eq(take(store, 4, "vm2", &b), 0);
	expect_int_eq(take(store, 9, "vm3", &c), WEIR_LEASE_GROWING);
	soil_file(a.path);
	fd = weir_store_open_region(store, b.id, NULL);
	expect_int_eq(weir_store_release(store, b.id, NULL), 0);
	weir_store_free(store);
	store = shop_open(&shop);
	expect_str(weir_store_note(store), "");
	/* the one that grew was told to nobody */
	expect_regions(store, WEIR_REGION_LEASED, 1, 4);
	expect_regions(store, WEIR_REGION_WAITING, 1, 4);
	expect_regions(store, WEIR_REGION_DIRTY, 1, 9);
	region = weir_store_find(store, a.id);
	assert_non_null(region);
	expect_str(region->lease.name, "vm1");
	expect_str(region->lease.owner.unit, "a b.service");
	expect_u64_eq(region->lease.until_ns, 1050);
	weir_store_path(store, a.id, path);
	expect_str(path, a.path);
	assert_null(weir_store_find(store, c.id));
	assert_non_null(weir_store_find(store, b.id));
	/* no number is used twice */
	expect_int_eq(take(store, 1, "vm4", &c), WEIR_LEASE_GROWING);
	expect_u64_eq(c.id, 4);
	(void)close(fd);
	expect_u64_eq(weir_store_retry(store), 1);
	close_shop(&shop, store);
}

/* ---- many -------------------------------------------------------------------------- */

static uint64_t real_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static void lease_beside_a_thousand_regions_is_quick(void **unused)
{
	enum { REGIONS = 1000, ROUNDS = 500 };
	uint64_t began, lease_ns = 0, all_ns;
	struct shop shop;
	struct weir_store *store;
	struct weir_store_counts counts;

	(void)unused;
	shop_init(&shop);
	shop.options.flavours[0] = P;
	shop.options.nr_flavours = 1;
	store = shop_open(&shop);
	expect_int_eq(set_target(store, REGIONS, 0), 0);
	do_jobs(store, 2 * REGIONS);
	expect_regions(store, WEIR_REGION_READY, REGIONS, REGIONS);
	all_ns = real_ns();
	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct weir_lease lease;

		began = real_ns();
		expect_int_eq(take(store, 1, "vm", &lease), 0);
		lease_ns += real_ns() - began;
		expect_int_eq(weir_store_release(store, lease.id, NULL), 0);
		expect_int_eq(do_job(store, 1, false, NULL), 0);
	}
	all_ns = real_ns() - all_ns;
	weir_store_counts(store, &counts);
	print_message(
		"# a lease takes %" PRIu64 " us, with its end and its scrub %" PRIu64
		" us; the text was written %" PRIu64 " times\n",
		lease_ns / ROUNDS / 1000, all_ns / ROUNDS / 1000, counts.state_writes);
	/* of what it takes where nothing else runs this is fifty times as much */
	assert_true(lease_ns / ROUNDS < 2000000);
	expect_u64_eq(counts.leases, ROUNDS);
	expect_u64_eq(counts.warm_bytes, (uint64_t)ROUNDS * P);
	close_shop(&shop, store);
}

/* ---- no memory --------------------------------------------------------------------- */

static int whole_life(void *ctx)
{
	const struct weir_job_room room = { P, 100 * P, 0 };
	const struct weir_job_wish wish = { .node = -1, .rooms = &room, .nr_rooms = 1 };
	const struct weir_warm_work work = { .threads = 1 };
	struct shop *shop = ctx;
	struct weir_store *store = NULL;
	struct weir_warm_job job;
	struct weir_lease lease;
	int r = weir_store_open(&shop->options, &store, NULL);

	if (r == 0)
		r = set_target(store, 8, 0);
	while (r == 0) {
		r = weir_store_next_job(store, &wish, &job, NULL);
		if (r == 0)
			r = weir_store_job_done(store, &job,
			                        weir_warm_job_run(&job, &work, NULL),
			                        NULL, NULL);
	}
	if (r == WEIR_JOB_NONE)
		r = take(store, 4, NULL, &lease);
	if (r == 0)
		r = weir_store_release(store, lease.id, NULL);
	if (r == 0)
		r = take(store, 6, NULL, &lease);
	if (r == WEIR_LEASE_GROWING)
		r = do_job(store, 100, true, &lease);
	if (r == 0)
		r = weir_store_release(store, lease.id, NULL);
	weir_store_free(store);
	return r;
}

/* What was not noted for want of memory is no failure of the call: so the result may be a
 * success where another would be -ENOMEM, and what is on disk holds all the same. */
static void store_without_memory_loses_nothing(void **unused)
{
	struct shop shop;

	(void)unused;
	for (unsigned long nth = 1;; nth++) {
		struct weir_store *store;
		bool failed;
		int r;

		shop_init(&shop);
		shop.options.flavours[0] = 4 * P;
		shop.options.nr_flavours = 1;
		fault_arm(nth);
		r = whole_life(&shop);
		failed = fault_disarm();
		if (r != 0 && r != -ENOMEM)
			fail_msg("allocation %lu failed: %d", nth, r);
		store = shop_open(&shop);
		expect_regions(store, WEIR_REGION_LEASED, 0, 0);
		expect_int_eq(set_target(store, 8, 0), 0);
		do_jobs(store, 100);
		expect_regions(store, WEIR_REGION_READY, 2, 8);
		close_shop(&shop, store);
		if (!failed)
			break;
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lease_of_a_ready_region_is_zero_and_theirs_alone),
		cmocka_unit_test(lease_of_another_size_is_cut_or_grown),
		cmocka_unit_test(lease_without_room_is_refused_or_makes_room),
		cmocka_unit_test(release_waits_for_who_still_has_the_file),
		cmocka_unit_test(release_of_a_file_that_was_changed_puts_it_right),
		cmocka_unit_test(ready_region_that_somebody_has_is_not_handed_out),
		cmocka_unit_test(scrub_of_holes_without_room_gives_back),
		cmocka_unit_test(lease_by_use_ends_when_nobody_has_it_any_more),
		cmocka_unit_test(lease_by_time_expires),
		cmocka_unit_test(job_that_is_stopped_goes_on_another_time),
		cmocka_unit_test(lease_that_grows_ends_before_it_is_one),
		cmocka_unit_test(job_whose_pages_are_gone_fails),
		cmocka_unit_test(job_of_a_file_that_root_has_waits),
		cmocka_unit_test(target_that_changes_gives_back),
		cmocka_unit_test(what_cannot_be_given_back_stops_nothing_else),
		cmocka_unit_test(much_is_given_back_in_turns),
		cmocka_unit_test(flavours_are_learned_from_leases),
		cmocka_unit_test(store_is_opened_once),
		cmocka_unit_test(store_that_is_opened_again_trusts_what_it_can_prove),
		cmocka_unit_test(leases_are_there_when_it_is_opened_again),
		cmocka_unit_test(lease_beside_a_thousand_regions_is_quick),
		cmocka_unit_test(store_without_memory_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
