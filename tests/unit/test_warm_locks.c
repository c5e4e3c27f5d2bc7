/* Locks: a store has one weird, and a directory and a state belong to each other. */
#include "test.h"
#include "warm_store.h"

static void use(struct shop *shop, const char *dir, const char *text)
{
	(void)snprintf(shop->dir, sizeof(shop->dir), "%s/%s", shop->state.dir, dir);
	(void)snprintf(shop->text, sizeof(shop->text), "%s/%s", shop->state.dir, text);
}

static void expect_refused(const struct shop *shop, const char *words)
{
	struct weir_store *store = NULL;
	struct weir_err err = { 0 };

	expect_int_eq(weir_store_open(&shop->options, &store, &err), -EBUSY);
	if (weir_str_find(weir_strz(err.msg), words) < 0)
		fail_msg("'%s' lacks '%s'", err.msg, words);
}

static void store_has_one_weird(void **unused)
{
	static const struct {
		const char *dir, *text, *words;
	} cases[] = {
		{ "warm", "other", "warm'" },
		{ "else", "state", "state'" },
		{ "warm", "state", "another weird, process " },
	};
	struct weir_store *store;
	struct shop shop;

	(void)unused;
	shop_init(&shop);
	store = shop_open(&shop);
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		use(&shop, cases[i].dir, cases[i].text);
		expect_refused(&shop, cases[i].words);
	}
	weir_store_free(store);
	use(&shop, "warm", "state");
	weir_store_free(shop_open(&shop));
	shop_done(&shop);
}

/* One state says that a region is ready; under another one it was leased and given back,
 * and is not scrubbed yet. */
static void state_of_before_is_not_believed(void **unused)
{
	struct weir_store *store;
	struct weir_lease lease;
	struct shop shop;

	(void)unused;
	shop_init(&shop);
	shop.options.flavours[0] = 4 * P;
	shop.options.nr_flavours = 1;
	store = shop_open(&shop);
	expect_int_eq(set_target(store, 4, 0), 0);
	do_jobs(store, 1000);
	expect_regions(store, WEIR_REGION_READY, 1, 4);
	weir_store_free(store);

	use(&shop, "warm", "another");
	store = shop_open(&shop);
	expect_regions(store, WEIR_REGION_DIRTY, 1, 4);
	expect_int_eq(set_target(store, 4, 0), 0);
	do_jobs(store, 1000);
	expect_int_eq(take(store, 4, "vm", &lease), 0);
	soil_file(lease.path);
	expect_int_eq(weir_store_release(store, lease.id, NULL), 0);
	weir_store_free(store);

	use(&shop, "warm", "state");
	store = shop_open(&shop);
	expect_regions(store, WEIR_REGION_READY, 0, 0);
	expect_regions(store, WEIR_REGION_DIRTY, 1, 4);
	assert_true(weir_str_find(weir_strz(weir_store_note(store)), "another state") >=
	            0);
	expect_int_eq(set_target(store, 4, 0), 0);
	do_jobs(store, 1000);
	expect_int_eq(take(store, 4, "vm", &lease), 0);
	assert_true(is_zero_file(lease.path));
	weir_store_free(store);
	store = shop_open(&shop); /* and now it is the last one */
	expect_regions(store, WEIR_REGION_LEASED, 1, 4);
	weir_store_free(store);
	shop_done(&shop);
}

static void state_of_another_directory_is_not_forgotten(void **unused)
{
	struct weir_store *store;
	struct weir_lease lease;
	struct shop shop;

	(void)unused;
	shop_init(&shop);
	store = shop_open(&shop);
	expect_int_eq(take(store, 4, "vm", &lease), WEIR_LEASE_GROWING);
	expect_int_eq(do_job(store, 1000, true, &lease), 0);
	weir_store_free(store);

	use(&shop, "else", "state");
	expect_refused(&shop, "give --state another file");
	use(&shop, "warm", "state");
	store = shop_open(&shop);
	expect_regions(store, WEIR_REGION_LEASED, 1, 4);
	expect_int_eq(weir_store_release(store, lease.id, NULL), 0);
	expect_int_eq(weir_store_empty(store, NULL), 0);
	weir_store_free(store);
	use(&shop, "else", "state"); /* it tells of nothing any more */
	weir_store_free(shop_open(&shop));
	shop_done(&shop);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(store_has_one_weird),
		cmocka_unit_test(state_of_before_is_not_believed),
		cmocka_unit_test(state_of_another_directory_is_not_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
