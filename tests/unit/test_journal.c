/* The journal: what is written is read back; what is damaged or cut off is told apart. */
#include "apply/journal.h"

#include "apply/lock.h"
#include "fault.h"
#include "state_dir.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define M2   (UINT64_C(2) << 20)
#define HEAD "weir-journal 1\nat 5\nby 0 7\n"
#define POOL "pool 2097152 10 9 1 2 3\nnode 2097152 1 10 9 2\n"

static struct weir_entry an_entry(struct weir_op *op)
{
	static char user[] = "root", command[] = "weir set 2M=40\nend done 5\n",
		    boot[] = "8c1f";
	struct weir_entry e = { .at_ns = 5,
		                .uid = 0,
		                .pid = 7,
		                .user = user,
		                .command = command,
		                .boot_id = boot,
		                .undoes = 3 };

	*op = (struct weir_op){ .kind = WEIR_OP_POOL,
		                .page_bytes = M2,
		                .node = 1,
		                .path = "/sys/x",
		                .value = 40,
		                .before = 10,
		                .after = 40 };
	e.ops = op;
	e.nr_ops = 1;
	e.before = (struct weir_tallies){ .nodes = 2, .nr = 1 };
	e.before.v[0] = (struct weir_tally){ .page_bytes = M2,
		                             .total = 10,
		                             .free = 9,
		                             .reserved = 1,
		                             .surplus = 2,
		                             .overcommit = 3 };
	e.before.v[0].node[1] = (struct weir_tally_node){ 10, 9, 2 };
	return e;
}

static void entry_that_is_ended_is_read_back(void **unused)
{
	struct state state = state_new();
	weir_auto(weir_entries_done) struct weir_entries entries = { 0 };
	struct weir_op op;
	struct weir_entry e = an_entry(&op);
	struct weir_tallies after = e.before;
	const struct weir_entry *got;

	(void)unused;
	after.v[0].total = 40;
	expect_int_eq(weir_journal_begin(state.dir, &e, NULL), 0);
	expect_u64_eq(e.id, 1);
	expect_int_eq(weir_journal_read(state.dir, &entries, NULL, NULL), 0);
	expect_u64_eq(entries.nr, 1);
	assert_ptr_equal(weir_entries_cut_off(&entries, "8c1f"), &entries.v[0]);
	assert_null(weir_entries_cut_off(&entries, "another boot"));
	weir_entries_done(&entries);
	expect_int_eq(weir_journal_end(state.dir, 1, WEIR_ENTRY_KEPT, 9, &after,
	                               "it\nbroke", NULL),
	              0);
	expect_int_eq(weir_journal_read(state.dir, &entries, NULL, NULL), 0);
	got = &entries.v[0];
	expect_u64_eq(got->id, 1);
	expect_int_eq(got->end, WEIR_ENTRY_KEPT);
	expect_u64_eq(got->ended_ns, 9);
	expect_u64_eq(got->undoes, 3);
	expect_str(got->user, "root");
	expect_str(got->command, "weir set 2M=40?end done 5?");
	expect_str(got->why, "it?broke");
	assert_false(weir_tallies_differ(&got->before, &e.before));
	assert_false(weir_tallies_differ(&got->after, &after));
	expect_u64_eq(got->nr_ops, 1);
	expect_str(got->ops[0].path, "/sys/x");
	expect_u64_eq(got->ops[0].value, 40);
	assert_null(weir_entries_cut_off(&entries, "8c1f"));
	state_done(&state);
}

static void entry_text_is_told_apart(void **unused)
{
	static const struct {
		const char *text;
		int r;
		enum weir_entry_end end;
	} cases[] = {
		{ "", -EBADMSG, 0 },
		{ "weir-journal 2\nbegin\n", -EBADMSG, 0 },
		{ HEAD, -EBADMSG, 0 },
		{ HEAD "begin", -EBADMSG, 0 },
		{ HEAD "begin\n", 0, WEIR_ENTRY_OPEN },
		{ HEAD POOL "begin\n", 0, WEIR_ENTRY_OPEN },
		{ HEAD POOL POOL "begin\n", -EBADMSG, 0 },
		{ HEAD "node 2097152 1 1 1 0\nbegin\n", -EBADMSG, 0 },
		{ HEAD "pool 2097152 10\nbegin\n", -EBADMSG, 0 },
		{ HEAD "frog\nbegin\n", -EBADMSG, 0 },
		{ HEAD "\nbegin\n", -EBADMSG, 0 },
		{ HEAD "end done 5\nbegin\n", -EBADMSG, 0 },
		{ HEAD "after\nbegin\n", -EBADMSG, 0 },
		{ HEAD "op pool 2097152 64 1 1 1 /x\nbegin\n", -EBADMSG, 0 },
		{ HEAD "op pool 2097152 -2 1 1 1 /x\nbegin\n", -EBADMSG, 0 },
		{ HEAD "op frog 2097152 1 1 1 1 /x\nbegin\n", -EBADMSG, 0 },
		{ HEAD "op pool 2097152 -1 1 1 1\nbegin\n", -EBADMSG, 0 },
		{ HEAD "op move 2097152 1 1 1 1 -\nbegin\n", 0, WEIR_ENTRY_OPEN },
		/* ends that were cut off do not count */
		{ HEAD "begin\nend done", 0, WEIR_ENTRY_OPEN },
		{ HEAD "begin\nend done 17", 0, WEIR_ENTRY_OPEN },
		{ HEAD "begin\n\nafter\npool 2097152 4\nend", 0, WEIR_ENTRY_OPEN },
		{ HEAD "begin\nend frog 17\n", 0, WEIR_ENTRY_OPEN },
		{ HEAD "begin\nend open 17\n", 0, WEIR_ENTRY_OPEN },
		{ HEAD "begin\n\nafter\n" POOL "pool 1\nafter\n" POOL "end undone 17\n",
		  0, WEIR_ENTRY_UNDONE },
		{ HEAD "begin\nend foreign 17\n", 0, WEIR_ENTRY_FOREIGN },
	};

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		weir_auto(weir_entry_done) struct weir_entry e = { 0 };
		int r = weir_entry_parse(weir_strz(cases[i].text), &e);

		if (r != cases[i].r || (r == 0 && e.end != cases[i].end))
			fail_msg("case %zu: %d, end %d", i, r, (int)e.end);
	}
}

static void journal_keeps_a_thousand(void **unused)
{
	struct state state = state_new();
	weir_auto(weir_entries_done) struct weir_entries entries = { 0 };
	struct weir_op op;
	char path[64], text[] = HEAD "begin\nend done 5\n";

	(void)unused;
	(void)snprintf(path, sizeof(path), "%s/journal", state.dir);
	assert_int_equal(mkdir(path, 0755), 0);
	for (unsigned int i = 1; i <= 1005; i++) {
		FILE *f;

		(void)snprintf(path, sizeof(path), "%s/journal/%u", state.dir, i);
		f = fopen(path, "w");
		assert_non_null(f);
		assert_true(fputs(text, f) >= 0);
		assert_int_equal(fclose(f), 0);
	}
	for (unsigned int i = 0; i < 2; i++) {
		struct weir_entry e = an_entry(&op);

		expect_int_eq(weir_journal_begin(state.dir, &e, NULL), 0);
		expect_u64_eq(e.id, 1006 + i);
	}
	expect_int_eq(weir_journal_read(state.dir, &entries, NULL, NULL), 0);
	expect_u64_eq(entries.nr, 1000);
	expect_u64_eq(entries.v[0].id, 8);
	expect_u64_eq(entries.v[999].id, 1007);
	state_done(&state);
}

static void lock_is_one_at_a_time(void **unused)
{
	struct state state = state_new();
	int first = weir_lock_take(state.dir, NULL), second;
	struct weir_err err = { 0 };
	char words[32], path[64];
	struct stat st;

	(void)unused;
	assert_true(first >= 0);
	expect_int_eq(weir_lock_take(state.dir, &err), -EBUSY);
	(void)snprintf(words, sizeof(words), "process %d,", (int)getpid());
	assert_non_null(strstr(err.msg, words));
	(void)close(first);
	second = weir_lock_take(state.dir, NULL);
	assert_true(second >= 0);
	(void)close(second);
	(void)snprintf(path, sizeof(path), "%s/lock", state.dir);
	assert_int_equal(stat(path, &st), 0);
	expect_u64_eq(st.st_mode & 0777, 0600); /* nobody else can hold it */
	/* a link that somebody laid there is not followed */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/tmp", path), 0);
	expect_int_eq(weir_lock_take(state.dir, NULL), -ELOOP);
	state_done(&state);
}

static int read_one(void *ctx)
{
	weir_auto(weir_entry_done) struct weir_entry e = { 0 };

	return weir_entry_parse(weir_strz(ctx), &e);
}

static void entry_without_memory_says_so(void **unused)
{
	char text[] = HEAD "user a\nboot b\ncommand c\n" POOL
			   "op pool 2097152 1 1 1 1 /x\nbegin\nwhy not\nend done 4\n";

	(void)unused;
	expect_int_eq(fault_every(read_one, text), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(entry_that_is_ended_is_read_back),
		cmocka_unit_test(entry_text_is_told_apart),
		cmocka_unit_test(journal_keeps_a_thousand),
		cmocka_unit_test(lock_is_one_at_a_time),
		cmocka_unit_test(entry_without_memory_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
