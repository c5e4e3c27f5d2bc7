/* charges: what groups are charged with beyond what their processes have. */
#include "holders/charges.h"

#include "fault.h"
#include "test.h"

#include <errno.h>

#define M2 (UINT64_C(2) << 20)

/* 20 pages in use and 6 reserved: 5 in /a/x, 3 in a process of / and /a/x, 2 of a group
 * that is not known. */
struct scene {
	struct weir_holding_task tasks[4];
	struct weir_hold_user users[4];
	struct weir_hold holds[4];
	struct weir_ledger_size size;
	struct weir_ledger ledger;
	struct weir_cgroup_use uses[3];
	struct weir_cgroup v[3];
	struct weir_cgroups groups;
};

static struct weir_cgroup_use use(uint64_t pages, uint64_t reserved)
{
	return (struct weir_cgroup_use){ .page_bytes = M2,
		                         .usage = WEIR_COUNT(pages * M2),
		                         .reserved = WEIR_COUNT(reserved * M2) };
}

static void set(struct scene *s)
{
	static char root[] = "/", a[] = "/a", ax[] = "/a/x", ab[] = "/ab", none[] = "";

	*s = (struct scene){
		.tasks = { { .cgroup = ax }, { .cgroup = root }, { .cgroup = none } },
		.users = { { .task = 0 }, { .task = 0 }, { .task = 1 }, { .task = 2 } },
		.holds = { { .page_bytes = M2,
		             .pages = 5,
		             .reserved = WEIR_COUNT(2),
		             .reserved_max = 2,
		             .users = &s->users[0],
		             .nr_users = 1 },
		           { .page_bytes = M2,
		             .pages = 3,
		             .reserved = WEIR_COUNT(0),
		             .users = &s->users[1],
		             .nr_users = 2 },
		           { .page_bytes = M2,
		             .pages = 2,
		             .reserved = WEIR_COUNT(0),
		             .users = &s->users[3],
		             .nr_users = 1 } },
		.size = { .page_bytes = M2,
		          .in_use = WEIR_COUNT(20),
		          .reserved = WEIR_COUNT(6),
		          .unattributed = WEIR_COUNT(1),
		          .unattributed_reserved = WEIR_COUNT(0) },
		.uses = { use(14, 18), use(8, 9), use(1, 1) },
		.v = { { a, &s->uses[0], 1 },
		       { ax, &s->uses[1], 1 },
		       { ab, &s->uses[2], 1 } },
	};
	s->ledger = (struct weir_ledger){ .holdings = { .tasks = s->tasks,
		                                        .nr_tasks = 3 },
		                          .sizes = &s->size,
		                          .nr_sizes = 1,
		                          .holds = s->holds,
		                          .nr_holds = 3 };
	s->groups =
		(struct weir_cgroups){ .known = true, .version = 2, .v = s->v, .nr = 3 };
}

static void charges_beyond_processes_are_the_least(void **state)
{
	const struct weir_charge *c;
	struct weir_charges charges;
	struct scene s;

	(void)state;
	set(&s);
	expect_int_eq(weir_charges_make(&s.ledger, &s.groups, &charges), 0);
	expect_u64_eq(charges.nr, 4);
	/* 14 less 8; of processes only the one that may be anywhere, and 1 missing */
	c = weir_charge_of(&charges, "/a", M2);
	expect_count(c->own, 6);
	expect_count(c->own_reserved, 9);
	expect_u64_eq(c->held, 2);
	expect_count(c->beyond, 3);
	expect_count(c->beyond_reserved, 6);
	/* all of it may be its processes' */
	c = weir_charge_of(&charges, "/a/x", M2);
	expect_count(c->own, 8);
	expect_u64_eq(c->held, 10);
	expect_u64_eq(c->held_reserved, 12);
	expect_count(c->beyond, 0);
	expect_count(c->beyond_reserved, 0);
	/* "/ab" is not below "/a" */
	c = weir_charge_of(&charges, "/ab", M2);
	expect_count(c->own, 1);
	/* the root of v2: 20 less 14 and 1; 3 and 2 held */
	c = weir_charge_of(&charges, "/", M2);
	assert_null(c->use);
	expect_count(c->own, 5);
	expect_u64_eq(c->held, 5);
	expect_count(c->beyond, 0);
	expect_unknown(c->beyond_reserved);
	assert_null(weir_charge_of(&charges, "/c", M2));
	weir_charges_done(&charges);
}

/* weird is charged where it ran, and that is not known. */
static void charges_of_warm_memory_may_be_of_any_group(void **state)
{
	struct weir_charges charges;
	struct scene s;

	(void)state;
	set(&s);
	s.ledger.nr_holds = 4;
	s.holds[3] = (struct weir_hold){ .page_bytes = M2, .pages = 3, .in_store = true };
	expect_int_eq(weir_charges_make(&s.ledger, &s.groups, &charges), 0);
	expect_u64_eq(weir_charge_of(&charges, "/a", M2)->held, 5);
	expect_count(weir_charge_of(&charges, "/a", M2)->beyond, 0);
	expect_u64_eq(weir_charge_of(&charges, "/a/x", M2)->held, 13);
	weir_charges_done(&charges);
}

static void charges_of_unknown_numbers_are_unknown(void **state)
{
	struct weir_charges charges;
	struct scene s;

	(void)state;
	set(&s);
	s.uses[0].usage.known = false;
	s.size.unattributed_reserved.known = false;
	expect_int_eq(weir_charges_make(&s.ledger, &s.groups, &charges), 0);
	expect_unknown(weir_charge_of(&charges, "/a", M2)->beyond);
	expect_unknown(weir_charge_of(&charges, "/a", M2)->beyond_reserved);
	expect_unknown(weir_charge_of(&charges, "/", M2)->own);
	weir_charges_done(&charges);
	s.groups.known = false;
	expect_int_eq(weir_charges_make(&s.ledger, &s.groups, &charges), 0);
	expect_u64_eq(charges.nr, 0);
	weir_charges_done(&charges);
}

static int make_and_drop(void *ctx)
{
	struct weir_charges charges;
	struct scene *s = ctx;
	int r = weir_charges_make(&s->ledger, &s->groups, &charges);

	weir_charges_done(&charges);
	return r;
}

static void charges_without_memory_fail_and_leak_nothing(void **state)
{
	struct scene s;

	(void)state;
	set(&s);
	expect_int_eq(fault_every(make_and_drop, &s), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(charges_of_warm_memory_may_be_of_any_group),
		cmocka_unit_test(charges_beyond_processes_are_the_least),
		cmocka_unit_test(charges_of_unknown_numbers_are_unknown),
		cmocka_unit_test(charges_without_memory_fail_and_leak_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
