/* Which cgroup is meant by a unit, in a tree that looks like systemd's: what a user may
 * make himself never is. */
#include "daemon/owners.h"

#include "base/own.h"
#include "state_dir.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

struct tree {
	struct state state;
	struct weir_loop *loop;
	struct weir_ends *ends;
};

static void put(const struct tree *t, const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s%s", t->state.dir, dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	(void)fputs(text, f);
	(void)fclose(f);
}

/* A cgroup, and those that it is in. */
static void add_cgroup(const struct tree *t, const char *dir, const char *events)
{
	char path[256];

	for (const char *p = dir; (p = strchr(p, '/')); p++) {
		(void)snprintf(path, sizeof(path), "%s/%.*s", t->state.dir,
		               (int)(p - dir), dir);
		(void)mkdir(path, 0755);
	}
	put(t, dir, "cgroup.events", events);
}

static void no_end(void *ctx, uint64_t lease)
{
	(void)ctx;
	fail_msg("lease %" PRIu64 " has ended", lease);
}

static int set_up(void **state)
{
	struct tree *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->state = state_new();
	put(t, "/", "cgroup.procs", "");
	expect_int_eq(weir_loop_new(&t->loop, NULL), 0);
	expect_int_eq(weir_ends_new(t->loop, t->state.dir, no_end, NULL, &t->ends), 0);
	*state = t;
	return 0;
}

static int tear_down(void **state)
{
	struct tree *t = *state;

	weir_ends_free(t->ends);
	weir_loop_free(t->loop);
	state_done(&t->state);
	free(t);
	return 0;
}

static int claim(const struct tree *t, const char *unit)
{
	struct weir_warm_owner owner = { .kind = WEIR_OWNER_UNIT };
	struct weir_claim claim = { .fd = -1 };
	int r;

	(void)snprintf(owner.unit, sizeof(owner.unit), "%s", unit);
	r = weir_claim_make(t->ends, &owner, 0, &claim, NULL);
	weir_claim_done(&claim);
	return r;
}

static void unit_is_the_systems_and_no_users(void **state)
{
#define USER "user.slice/user-1000.slice/user@1000.service/"
	static const char *const full[] = {
		"vm0.service/",
		"system.slice/vm1.service/",
		"system.slice/system-vms.slice/vm2.service/",
		"machine.slice/machine-qemu.slice/machine-qemu-big.slice/vm3.scope/",
		/* what a user has, or a container */
		USER "vm4.service/",
		USER "app.slice/vm5.service/",
		"system.slice/other.service/vm6.service/",
		"system.slice/other.service/own.slice/vm7.service/",
		"machine.slice/c.scope/system.slice/vm8.service/",
		"user.slice/vm9.service/",
		"vms.slice/vms-big.slice/vm10.service/",
	};
	static const struct {
		const char *unit;
		int r;
	} cases[] = {
		{ "vm0.service", 0 },
		{ "vm1.service", 0 },
		{ "vm2.service", 0 },
		{ "vm3.scope", 0 },
		{ "system-vms.slice", 0 },
		{ "vm4.service", -ESRCH },
		{ "vm5.service", -ESRCH },
		{ "vm6.service", -ESRCH },
		{ "vm7.service", -ESRCH },
		{ "vm8.service", -ESRCH },
		{ "vm9.service", 0 },
		{ "vm10.service", 0 },
		{ "cgroup.procs", -ESRCH },
		/* by their paths all are found */
		{ USER "vm4.service", 0 },
		{ "/" USER "app.slice/vm5.service", 0 },
		{ "machine.slice/c.scope/system.slice/vm8.service/", 0 },
		{ "/vm1.service", -ESRCH },
		{ "vm0.service/none", -ESRCH },
		{ "empty.service", -ESRCH },
	};
	const struct tree *t = *state;

	for (size_t i = 0; i < WEIR_NELEM(full); i++)
		add_cgroup(t, full[i], "populated 1\n");
	add_cgroup(t, "system.slice/system-vms.slice/", "populated 1\n");
	add_cgroup(t, "system.slice/empty.service/", "populated 0\n");
	for (size_t i = 0; i < WEIR_NELEM(cases); i++)
		if (claim(t, cases[i].unit) != cases[i].r)
			fail_msg("'%s' is %d", cases[i].unit, claim(t, cases[i].unit));
}

/* The user's own comes first in the directory, and is not taken. */
static void unit_of_the_same_name_is_the_systems(void **state)
{
	const struct tree *t = *state;

	add_cgroup(t, USER "vm1.service/", "populated 1\n");
	expect_int_eq(claim(t, "vm1.service"), -ESRCH);
	add_cgroup(t, "system.slice/vm1.service/", "populated 0\n");
	expect_int_eq(claim(t, "vm1.service"), -ESRCH); /* it is empty */
	add_cgroup(t, "system.slice/vm1.service/", "populated 1\n");
	expect_int_eq(claim(t, "vm1.service"), 0);
}

/* Where too many have to be looked at it is not known either; what is above them is
 * found.
 */
static void unit_among_too_many_is_not_absent(void **state)
{
	const struct tree *t = *state;
	char path[64];

	add_cgroup(t, "machine.slice/a.slice/vm1.service/", "populated 1\n");
	add_cgroup(t, "system.slice/vm2.service/", "populated 1\n");
	expect_int_eq(claim(t, "none.service"), -ESRCH);
	for (int i = 0; i < 600; i++) {
		(void)snprintf(path, sizeof(path), "system.slice/%d.slice/", i);
		add_cgroup(t, path, "");
	}
	expect_int_eq(claim(t, "none.service"), -EAGAIN);
	expect_int_eq(claim(t, "vm1.service"), -EAGAIN);
	expect_int_eq(claim(t, "machine.slice/a.slice/vm1.service"), 0);
	expect_int_eq(claim(t, "vm2.service"), 0);
}

/* Without descriptors nobody knows: that is no absence. */
static void owner_that_cannot_be_looked_for_is_not_absent(void **state)
{
	const struct tree *t = *state;
	struct weir_warm_owner self = { .kind = WEIR_OWNER_PID, .pid = getpid() };
	struct weir_claim c = { .fd = -1 };
	struct rlimit were, few;
	int next;

	add_cgroup(t, "system.slice/vm1.service/", "populated 1\n");
	expect_int_eq(getrlimit(RLIMIT_NOFILE, &were), 0);
	next = open("/dev/null", O_RDONLY | O_CLOEXEC);
	(void)close(next);
	few = were;
	for (rlim_t i = 0; i < 4; i++) {
		int r;

		few.rlim_cur = (rlim_t)next + i;
		expect_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
		r = claim(t, "vm1.service");
		if (r != 0)
			expect_int_eq(r, -EMFILE);
		r = weir_claim_make(t->ends, &self, 1, &c, NULL);
		if (i < 2)
			expect_int_eq(r, -EMFILE);
		weir_claim_done(&c);
	}
	expect_int_eq(setrlimit(RLIMIT_NOFILE, &were), 0);
	expect_int_eq(claim(t, "vm1.service"), 0);
}

#define IN_TREE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		IN_TREE(unit_is_the_systems_and_no_users),
		IN_TREE(unit_of_the_same_name_is_the_systems),
		IN_TREE(unit_among_too_many_is_not_absent),
		IN_TREE(owner_that_cannot_be_looked_for_is_not_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
