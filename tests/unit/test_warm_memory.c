/* Memory of warm regions, on pages that every machine has: 4 KiB ones, anonymous. What is
 * special of huge pages the kernel does. */
#include "warm/memory.h"

#include "test.h"
#include "warm/guard.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>

#define PAGE 4096U

static struct weir_warm_range range_of(uint64_t pages)
{
	void *at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
	                MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(at != MAP_FAILED);
	return (struct weir_warm_range){
		.at = at, .bytes = pages * PAGE, .page_bytes = PAGE, .node = -1
	};
}

static void range_done(const struct weir_warm_range *range)
{
	(void)munmap(range->at, range->bytes);
}

static uint64_t resident(const struct weir_warm_range *range)
{
	unsigned char seen[4096];
	uint64_t n = 0;

	assert_true(range->bytes / PAGE <= sizeof(seen));
	expect_int_eq(mincore(range->at, range->bytes, seen), 0);
	for (uint64_t i = 0; i < range->bytes / PAGE; i++)
		n += seen[i] & 1;
	return n;
}

/* More threads than pages, one page, one thread: all of it is there, and counted once. */
static void memory_is_populated_by_any_number_of_threads(void **state)
{
	static const struct {
		uint64_t pages;
		unsigned int threads;
	} cases[] = {
		{ 1, 1 }, { 1, 8 }, { 3, 64 }, { 1000, 2 }, { 4001, 1000 }, { 7, 0 }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_warm_range range = range_of(cases[i].pages);
		atomic_uint_fast64_t done = 0;
		const struct weir_warm_work work = { .threads = cases[i].threads,
			                             .done_bytes = &done };
		uint64_t at;

		expect_int_eq(weir_warm_populate(&range, &work, NULL), 0);
		expect_u64_eq(resident(&range), cases[i].pages);
		expect_u64_eq(done, cases[i].pages * PAGE);
		assert_true(weir_warm_is_zero(&range, 0, &at));
		range_done(&range);
	}
}

static void memory_is_zeroed_and_what_is_not_is_found(void **state)
{
	static const uint64_t places[] = {
		0, 1, 63, 64, PAGE - 1, PAGE, 99 * PAGE + 7, 300 * PAGE - 1
	};
	struct weir_warm_range range = range_of(300);
	const struct weir_warm_work work = { .threads = 3 };
	uint64_t at;

	(void)state;
	memset(range.at, 0xa5, range.bytes);
	expect_int_eq(weir_warm_zero(&range, &work, NULL), 0);
	assert_true(weir_warm_is_zero(&range, 0, &at));
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		range.at[places[i]] = 1;
		assert_false(weir_warm_is_zero(&range, 0, &at));
		expect_u64_eq(at, places[i]);
		/* of 4 KiB pages every part is looked at */
		assert_false(weir_warm_is_zero(&range, 300, &at));
		expect_u64_eq(at, places[i]);
		expect_int_eq(weir_warm_read_all(&range, &work, NULL), -EILSEQ);
		range.at[places[i]] = 0;
		expect_int_eq(weir_warm_read_all(&range, &work, NULL), 0);
	}
	/* a sample looks at some pages: the first is one of them */
	range.at[5] = 1;
	assert_false(weir_warm_is_zero(&range, 2, &at));
	range.at[5] = 0;
	range.at[PAGE + 5] = 1;
	assert_true(weir_warm_is_zero(&range, 2, &at));
	range_done(&range);
}

static void *stop_soon(void *arg)
{
	const struct timespec soon = { .tv_nsec = 60000000 };

	(void)nanosleep(&soon, NULL);
	atomic_store((atomic_bool *)arg, true);
	return NULL;
}

static void memory_work_that_is_stopped_ends(void **state)
{
	struct weir_warm_range range = range_of(100);
	atomic_bool stop = true;
	const struct weir_warm_work work = { .threads = 2, .stop = &stop };
	struct weir_err err;

	(void)state;
	expect_int_eq(weir_warm_populate(&range, &work, &err), -ECANCELED);
	expect_u64_eq(resident(&range), 0);
	expect_int_eq(weir_warm_zero(&range, &work, &err), -ECANCELED);
	range_done(&range);
}

/* It takes no less time than the rate says; how much more nobody knows. */
static void memory_work_keeps_to_a_rate(void **state)
{
	struct weir_warm_range range = range_of(256);
	const struct weir_warm_work work = { .threads = 2,
		                             .bytes_a_second = 10 * range.bytes };
	struct timespec from, to;

	(void)state;
	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	expect_int_eq(weir_warm_zero(&range, &work, NULL), 0);
	(void)clock_gettime(CLOCK_MONOTONIC, &to);
	assert_true((to.tv_sec - from.tv_sec) * 1000000000L + to.tv_nsec - from.tv_nsec >=
	            90000000L);
	range_done(&range);
}

/* Half of the time it sleeps: so it takes twice as long as it worked, at least. */
static void memory_work_keeps_to_its_share_of_the_time(void **state)
{
	struct weir_warm_range range = range_of(4096);
	struct weir_warm_work work = { .threads = 1 };
	struct timespec cpu[2], from, to;
	int64_t took, worked;

	(void)state;
	work.cpu_percent = 20;
	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu[0]);
	for (unsigned int i = 0; i < 4; i++)
		expect_int_eq(weir_warm_zero(&range, &work, NULL), 0);
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu[1]);
	(void)clock_gettime(CLOCK_MONOTONIC, &to);
	took = (to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec - from.tv_nsec;
	worked = (cpu[1].tv_sec - cpu[0].tv_sec) * 1000000000 + cpu[1].tv_nsec -
	         cpu[0].tv_nsec;
	/* a fifth, and what is not zeroing counts too */
	assert_true(worked < took / 2);
	range_done(&range);
}

/* Whatever thread calls: it is not made idle, for it could not go back. */
static void memory_work_that_is_idle_is_done_by_others(void **state)
{
	struct weir_warm_range range = range_of(64);
	atomic_uint_fast64_t done = 0;
	const struct weir_warm_work work = { .threads = 2,
		                             .idle = true,
		                             .own_bytes = &done };
	uint64_t at;

	(void)state;
	memset(range.at, 1, range.bytes);
	expect_int_eq(weir_warm_zero(&range, &work, NULL), 0);
	assert_true(weir_warm_is_zero(&range, 0, &at));
	expect_u64_eq(done, range.bytes);
	expect_int_eq(sched_getscheduler(0), SCHED_OTHER);
	range_done(&range);
}

/* What was stopped is done up to where it says, and not touched behind that. */
static void memory_work_that_is_stopped_says_how_far_it_came(void **state)
{
	struct weir_warm_range range = range_of(4096);
	atomic_bool stop = false;
	atomic_uint_fast64_t done = 0;
	struct weir_warm_work work = { .threads = 3,
		                       .bytes_a_second = range.bytes,
		                       .stop = &stop,
		                       .own_bytes = &done };
	pthread_t stopper;
	uint64_t at, all = range.bytes;

	(void)state;
	memset(range.at, 1, range.bytes);
	expect_int_eq(pthread_create(&stopper, NULL, stop_soon, &stop), 0);
	expect_int_eq(weir_warm_zero(&range, &work, NULL), -ECANCELED);
	(void)pthread_join(stopper, NULL);
	assert_true(done < all);
	range.bytes = done;
	assert_true(!done || weir_warm_is_zero(&range, 0, &at));
	for (uint64_t i = done; i < all; i++)
		assert_true(range.at[i] == 1);
	range.bytes = all;
	range_done(&range);
}

static int touch(void *arg)
{
	return *(volatile unsigned char *)arg;
}

static void guard_comes_back_from_memory_that_is_not_there(void **state)
{
	FILE *f = tmpfile();
	unsigned char *at;

	(void)state;
	assert_non_null(f);
	at = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fileno(f), 0);
	assert_true(at != MAP_FAILED);
	for (unsigned int i = 0; i < 3; i++)
		expect_int_eq(weir_guard(touch, at), -ENOMEM);
	assert_int_equal(ftruncate(fileno(f), PAGE), 0);
	expect_int_eq(weir_guard(touch, at), 0);
	(void)munmap(at, PAGE);
	assert_int_equal(fclose(f), 0);
}

static void memory_that_cannot_be_bound_is_told(void **state)
{
	struct weir_warm_range range = range_of(1);
	const struct weir_warm_work work = { .threads = 1 };
	struct weir_err err;

	(void)state;
	range.node = 5000;
	expect_int_eq(weir_warm_populate(&range, &work, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "node 5000"));
	assert_true(weir_warm_cpus(-1) >= 1);
	assert_true(weir_warm_cpus(5000) >= 1);
	range_done(&range);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_populated_by_any_number_of_threads),
		cmocka_unit_test(memory_is_zeroed_and_what_is_not_is_found),
		cmocka_unit_test(memory_work_that_is_stopped_ends),
		cmocka_unit_test(memory_work_keeps_to_a_rate),
		cmocka_unit_test(memory_work_keeps_to_its_share_of_the_time),
		cmocka_unit_test(memory_work_that_is_idle_is_done_by_others),
		cmocka_unit_test(memory_work_that_is_stopped_says_how_far_it_came),
		cmocka_unit_test(guard_comes_back_from_memory_that_is_not_there),
		cmocka_unit_test(memory_that_cannot_be_bound_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
