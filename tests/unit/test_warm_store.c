/* The store: leases from every kind of region, their ends, jobs that fail and are stopped,
 * and what a store that is opened again finds. */
#include "fault.h"
#include "test.h"
#include "warm_store.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lease_of_a_ready_region_is_zero_and_theirs_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
