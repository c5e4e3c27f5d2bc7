/* Memory errors of pages that are ready: when they are looked for, and what becomes of a
 * region that has one. The look itself is in place of errors.c's: real errors are in
 * guest/check. */
#include "warm/errors.h"

#include "test.h"
#include "warm_store.h"

struct corrupted { /* a host of which nothing else is known */
	const char *text;
};

static int read_corrupted(void *ctx, const char *path, size_t max, struct weir_buf *out)
{
	const struct corrupted *host = ctx;

	(void)max;
	out->n = 0;
	return strcmp(path, "/proc/meminfo") == 0 && host->text
	               ? weir_buf_addz(out, host->text)
	               : -ENOENT;
}

static const struct weir_host_ops ops = { .read = read_corrupted };

static unsigned int looks;
static int look_results[4]; /* of the next ones, from the last */
static size_t nr_results;

int __real_weir_errors_look(int fd, uint64_t bytes, uint64_t page_bytes);
int __wrap_weir_errors_look(int fd, uint64_t bytes, uint64_t page_bytes);

int __wrap_weir_errors_look(int fd, uint64_t bytes, uint64_t page_bytes)
{
	looks++;
	return nr_results ? look_results[--nr_results]
	                  : __real_weir_errors_look(fd, bytes, page_bytes);
}

static struct shop shop;
static struct corrupted text;
static const struct weir_host host = { &ops, &text };

/* Two regions of 4 pages are ready. */
static struct weir_store *open_two(const char *meminfo)
{
	struct weir_store *store;

	text.text = meminfo;
	looks = 0;
	nr_results = 0;
	shop_init(&shop);
	shop.options.host = &host;
	shop.options.flavours[0] = 4 * P;
	shop.options.nr_flavours = 1;
	store = shop_open(&shop);
	expect_int_eq(set_target(store, 8, 0), 0);
	do_jobs(store, 1000);
	expect_regions(store, WEIR_REGION_READY, 2, 8);
	expect_u64_eq(looks, 0);
	return store;
}

static void close_two(struct weir_store *store)
{
	weir_store_free(store);
	shop_done(&shop);
}

static void look_is_taken_once_for_each_error(void **unused)
{
	static const struct {
		const char *before, *after;
		unsigned int looks; /* at a lease; and of the other region none less */
	} rows[] = {
		{ NULL, NULL, 0 },
		{ "MemTotal: 9 kB\n", "MemTotal: 9 kB\n", 0 },
		{ NULL, "HardwareCorrupted: 0 kB\n", 0 },
		{ "HardwareCorrupted: 0 kB\n", "HardwareCorrupted: 0 kB\n", 0 },
		{ "HardwareCorrupted: 4 kB\n", "HardwareCorrupted: 4 kB\n", 0 },
		{ "HardwareCorrupted: 0 kB\n", "HardwareCorrupted: 4 kB\n", 1 },
		{ "HardwareCorrupted: 4 kB\n", "HardwareCorrupted: 2052 kB\n", 1 },
		{ "HardwareCorrupted: 8 kB\n", "HardwareCorrupted: 4 kB\n", 1 },
		{ "HardwareCorrupted: x kB\n", "HardwareCorrupted: 4 kB\n", 1 },
		{ NULL, "HardwareCorrupted: 4 kB\n", 1 },
		/* what cannot be read is not nothing */
		{ "HardwareCorrupted: 4 kB\n", NULL, 1 },
	};

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(rows); i++) {
		struct weir_store *store = open_two(rows[i].before);
		struct weir_lease lease;

		text.text = rows[i].after;
		expect_int_eq(take(store, 4, NULL, &lease), 0);
		expect_u64_eq(lease.warm_bytes, 4 * P);
		assert_true(is_zero_file(lease.path));
		expect_u64_eq(looks, rows[i].looks);
		/* zeroed again, it is as good as new */
		expect_int_eq(weir_store_release(store, lease.id, NULL), 0);
		do_jobs(store, 1000);
		expect_int_eq(take(store, 4, NULL, &lease), 0);
		expect_int_eq(take(store, 4, NULL, &lease), 0);
		expect_u64_eq(looks, 2 * rows[i].looks);
		close_two(store);
	}
}

static void region_with_an_error_is_given_back(void **unused)
{
	struct weir_store *store = open_two("HardwareCorrupted: 0 kB\n");
	struct weir_store_counts counts;
	struct weir_lease lease;

	(void)unused;
	text.text = "HardwareCorrupted: 4 kB\n";
	look_results[0] = -EHWPOISON;
	nr_results = 1;
	expect_int_eq(take(store, 4, NULL, &lease), 0); /* the other one */
	expect_u64_eq(looks, 2);
	expect_u64_eq(lease.region, 2);
	expect_u64_eq(weir_store_state(store)->nr_regions, 1);
	weir_store_counts(store, &counts);
	expect_u64_eq(counts.poisoned, 1);
	expect_u64_eq(counts.given_back_bytes, 4 * P);
	shop_check_text(&shop, store);
	close_two(store);
}

static void region_that_cannot_be_looked_at_stays(void **unused)
{
	struct weir_store *store = open_two("HardwareCorrupted: 0 kB\n");
	struct weir_lease lease;

	(void)unused;
	text.text = "HardwareCorrupted: 4 kB\n";
	look_results[0] = -ENOMEM;
	nr_results = 1;
	expect_int_eq(take(store, 4, NULL, &lease), -ENOMEM);
	expect_regions(store, WEIR_REGION_READY, 2, 8);
	expect_int_eq(take(store, 4, NULL, &lease), 0);
	expect_u64_eq(looks, 2);
	close_two(store);
}

/* What was ready when it began to grow has an error when it has grown. */
static void region_that_grows_is_looked_at_when_it_has(void **unused)
{
	struct weir_store *store = open_two("HardwareCorrupted: 0 kB\n");
	const struct weir_warm_work work = { .threads = 1 };
	const struct weir_job_wish wish = { .node = -1, .only_grow = true };
	struct weir_warm_job job;
	struct weir_lease lease;
	struct weir_err err = { 0 };

	(void)unused;
	expect_int_eq(take(store, 6, NULL, &lease), WEIR_LEASE_GROWING);
	expect_int_eq(weir_store_next_job(store, &wish, &job, &err), 0);
	expect_int_eq(weir_warm_job_run(&job, &work, &err), 0);
	expect_u64_eq(looks, 0);
	text.text = "HardwareCorrupted: 4 kB\n";
	look_results[0] = -EHWPOISON;
	nr_results = 1;
	expect_int_eq(weir_store_job_done(store, &job, 0, &lease, &err), -EHWPOISON);
	expect_u64_eq(looks, 1);
	/* it is there, and looked at before it is leased */
	expect_regions(store, WEIR_REGION_READY, 2, 10);
	look_results[0] = -EHWPOISON;
	nr_results = 1;
	expect_int_eq(take(store, 6, NULL, &lease), WEIR_LEASE_GROWING);
	expect_u64_eq(looks, 3);
	expect_regions(store, WEIR_REGION_GROWING, 1, 6);
	shop_check_text(&shop, store);
	close_two(store);
}

static void region_of_a_store_that_is_opened_again_is_looked_at(void **unused)
{
	struct weir_store *store = open_two("HardwareCorrupted: 4 kB\n");
	struct weir_lease lease;

	(void)unused;
	weir_store_free(store);
	store = shop_open(&shop);
	expect_regions(store, WEIR_REGION_READY, 2, 8);
	expect_int_eq(take(store, 4, NULL, &lease), 0);
	expect_u64_eq(looks, 1);
	close_two(store);
}

static void page_that_is_not_to_be_had_is_found(void **unused)
{
	FILE *f = tmpfile();

	(void)unused;
	assert_non_null(f);
	assert_int_equal(ftruncate(fileno(f), 4 * P), 0);
	expect_int_eq(__real_weir_errors_look(fileno(f), 4 * P, P), 0);
	assert_int_equal(ftruncate(fileno(f), 2 * P), 0);
	assert_true(__real_weir_errors_look(fileno(f), 4 * P, P) < 0);
	expect_int_eq(__real_weir_errors_look(-1, 4 * P, P), -EBADF);
	expect_int_eq(weir_errors_bytes(NULL).known, false);
	assert_int_equal(fclose(f), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(look_is_taken_once_for_each_error),
		cmocka_unit_test(region_with_an_error_is_given_back),
		cmocka_unit_test(region_that_cannot_be_looked_at_stays),
		cmocka_unit_test(region_that_grows_is_looked_at_when_it_has),
		cmocka_unit_test(region_of_a_store_that_is_opened_again_is_looked_at),
		cmocka_unit_test(page_that_is_not_to_be_had_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
