/* The pure parts of weird: rates, rooms, what growth says and keeps, texts of owners, the
 * log. */
#include "daemon/event.h"
#include "daemon/growth.h"
#include "daemon/notify.h"
#include "daemon/owners.h"
#include "daemon/rates.h"
#include "daemon/room.h"

#include "base/size.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define M2 (2 * WEIR_MIB)

/* ---- rates ------------------------------------------------------------------------- */

static void rates_are_of_the_last_seconds(void **unused)
{
	struct weir_rates *rates = calloc(1, sizeof(*rates));
	struct weir_rate rate;
	uint64_t s = UINT64_C(1000000000);

	(void)unused;
	assert_non_null(rates);
	weir_rates_see(rates, M2, 0, 10 * s, 0, 0, &rate);
	expect_u64_eq(rate.per_s[WEIR_RATE_FILL], 0);
	/* 1 GiB by a job that has ended, half a GiB by one that runs */
	weir_rates_add(rates, M2, 0, false, WEIR_GIB);
	weir_rates_see(rates, M2, 0, 11 * s, WEIR_GIB / 2, 0, &rate);
	expect_u64_eq(rate.per_s[WEIR_RATE_FILL], WEIR_GIB + WEIR_GIB / 2);
	expect_u64_eq(rate.done[WEIR_RATE_FILL], WEIR_GIB + WEIR_GIB / 2);
	expect_u64_eq(rate.per_s[WEIR_RATE_SCRUB], 0);
	/* it was stopped, and counts less than it did: no rate below zero */
	weir_rates_see(rates, M2, 0, 12 * s, 0, 0, &rate);
	expect_u64_eq(rate.per_s[WEIR_RATE_FILL], WEIR_GIB / 2);
	/* nothing for long: the rate goes */
	for (uint64_t t = 13; t < 40; t++)
		weir_rates_see(rates, M2, 0, t * s, 0, 0, &rate);
	expect_u64_eq(rate.per_s[WEIR_RATE_FILL], 0);
	/* another place has its own */
	weir_rates_see(rates, M2, 1, 40 * s, 0, 0, &rate);
	expect_u64_eq(rate.done[WEIR_RATE_FILL], 0);
	free(rates);
}

static void rates_of_too_many_places_are_none(void **unused)
{
	struct weir_rates *rates = calloc(1, sizeof(*rates));
	struct weir_rate rate;

	(void)unused;
	assert_non_null(rates);
	for (int node = 0; node < (int)WEIR_RATES_MAX + 10; node++)
		weir_rates_add(rates, M2, node, true, 1);
	weir_rates_see(rates, M2, WEIR_RATES_MAX + 5, 1, 0, 0, &rate);
	expect_u64_eq(rate.done[WEIR_RATE_SCRUB], 0);
	free(rates);
}

/* ---- rooms ------------------------------------------------------------------------- */

static struct weir_pool pool(uint64_t nr, uint64_t nr_free)
{
	return (struct weir_pool){ .nr = WEIR_COUNT(nr), .free = WEIR_COUNT(nr_free) };
}

struct pools {
	struct weir_node_pool nodes[2];
	struct weir_huge_size size;
	struct weir_pools all;
};

static void set_pools(struct pools *p, uint64_t free0, uint64_t free1, uint64_t reserved)
{
	p->nodes[0] = (struct weir_node_pool){ 0, pool(1000, free0) };
	p->nodes[1] = (struct weir_node_pool){ 1, pool(1000, free1) };
	p->size = (struct weir_huge_size){ .size_bytes = M2,
		                           .all = pool(2000, free0 + free1),
		                           .nodes = p->nodes,
		                           .nr_nodes = 2 };
	p->size.all.reserved = WEIR_COUNT(reserved);
	p->all = (struct weir_pools){ .known = true, .sizes = &p->size, .nr = 1 };
}

static void room_is_what_is_left_to_take(void **unused)
{
	static const struct {
		uint64_t free[2], reserved, keep, need_any, need0; /* pages */
		uint64_t room[2], all;                             /* pages */
	} cases[] = {
		{ { 100, 50 }, 0, 0, 0, 0, { 100, 50 }, 150 },
		/* reserved pages may fall to either node */
		{ { 100, 50 }, 20, 0, 0, 0, { 80, 30 }, 130 },
		{ { 10, 50 }, 20, 0, 0, 0, { 0, 30 }, 40 },
		/* what is kept is kept in proportion, rounded up */
		{ { 100, 50 }, 0, 30, 0, 0, { 80, 40 }, 120 },
		{ { 100, 50 }, 0, 1, 0, 0, { 99, 49 }, 149 },
		{ { 100, 50 }, 0, 150, 0, 0, { 0, 0 }, 0 },
		{ { 100, 50 }, 0, 1000, 0, 0, { 0, 0 }, 0 },
		/* what a VM needs of any node goes the same way; of one node, there */
		{ { 100, 50 }, 0, 0, 30, 0, { 80, 40 }, 120 },
		{ { 100, 50 }, 0, 0, 0, 30, { 70, 50 }, 120 },
		{ { 100, 50 }, 0, 12, 0, 70, { 25, 42 }, 68 },
		{ { 0, 0 }, 0, 10, 10, 10, { 0, 0 }, 0 },
	};

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		weir_auto(weir_rooms_done) struct weir_rooms rooms = { 0 };
		weir_auto(weir_needs_done) struct weir_needs needs = { 0 };
		struct weir_conf conf = { 0 };
		struct pools p;

		set_pools(&p, cases[i].free[0], cases[i].free[1], cases[i].reserved);
		conf.budget.nr_keep = 1;
		conf.budget.keep[0] = (struct weir_conf_keep){ M2, cases[i].keep * M2 };
		expect_int_eq(weir_needs_add(&needs, M2, -1, cases[i].need_any * M2), 0);
		expect_int_eq(weir_needs_add(&needs, M2, 0, cases[i].need0 * M2), 0);
		expect_int_eq(weir_rooms_make(&p.all, &conf, &needs, &rooms), 0);
		if (weir_rooms_of(&rooms, M2, 0) / M2 != cases[i].room[0] ||
		    weir_rooms_of(&rooms, M2, 1) / M2 != cases[i].room[1] ||
		    weir_rooms_of(&rooms, M2, -1) / M2 != cases[i].all)
			fail_msg("case %zu: %" PRIu64 ", %" PRIu64 ", %" PRIu64, i,
			         weir_rooms_of(&rooms, M2, 0) / M2,
			         weir_rooms_of(&rooms, M2, 1) / M2,
			         weir_rooms_of(&rooms, M2, -1) / M2);
	}
}

/* Whatever is filled on both nodes at a time, what is to be kept is there. */
static void rooms_of_nodes_leave_what_is_kept(void **unused)
{
	(void)unused;
	for (uint64_t a = 0; a < 40; a += 3)
		for (uint64_t b = 0; b < 40; b += 7)
			for (uint64_t keep = 0; keep < 90; keep += 5) {
				weir_auto(
					weir_rooms_done) struct weir_rooms rooms = { 0 };
				struct weir_conf conf = { 0 };
				struct pools p;
				uint64_t taken, left;

				set_pools(&p, a, b, 0);
				conf.budget.nr_keep = 1;
				conf.budget.keep[0] =
					(struct weir_conf_keep){ M2, keep * M2 };
				expect_int_eq(
					weir_rooms_make(&p.all, &conf, NULL, &rooms), 0);
				taken = (weir_rooms_of(&rooms, M2, 0) +
				         weir_rooms_of(&rooms, M2, 1)) /
				        M2;
				left = a + b - taken;
				expect_int_eq(left >= keep || !taken, true);
			}
}

static void room_that_is_taken_is_less(void **unused)
{
	weir_auto(weir_rooms_done) struct weir_rooms rooms = { 0 };
	struct weir_conf conf = { 0 };
	struct pools p;

	(void)unused;
	set_pools(&p, 100, 50, 0);
	expect_int_eq(weir_rooms_make(&p.all, &conf, NULL, &rooms), 0);
	weir_rooms_take(&rooms, M2, 0, 10 * M2);
	expect_u64_eq(weir_rooms_of(&rooms, M2, 0), 90 * M2);
	expect_u64_eq(weir_rooms_of(&rooms, M2, 1), 50 * M2);
	expect_u64_eq(weir_rooms_of(&rooms, M2, -1), 140 * M2);
	weir_rooms_take(&rooms, M2, -1, 60 * M2);
	expect_u64_eq(weir_rooms_of(&rooms, M2, 0), 30 * M2);
	expect_u64_eq(weir_rooms_of(&rooms, M2, 1), 0);
	expect_u64_eq(weir_rooms_of(&rooms, M2, -1), 80 * M2);
	expect_u64_eq(weir_rooms_of(&rooms, WEIR_GIB, -1), 0);
}

static void room_that_is_not_known_is_none(void **unused)
{
	weir_auto(weir_rooms_done) struct weir_rooms rooms = { 0 };
	struct weir_conf conf = { 0 };
	struct pools p;

	(void)unused;
	set_pools(&p, 100, 50, 0);
	p.size.all.reserved = (struct weir_count){ 0 };
	expect_int_eq(weir_rooms_make(&p.all, &conf, NULL, &rooms), 0);
	expect_u64_eq(weir_rooms_of(&rooms, M2, 0), 0);
	expect_u64_eq(weir_rooms_of(&rooms, M2, -1), 0);
}

/* ---- growth ------------------------------------------------------------------------ */

static void grown_pages_are_read_back(void **unused)
{
	static const struct {
		const char *text;
		int r;
		size_t nr;
	} cases[] = {
		{ "boot=b\nend\n", 0, 0 },
		{ "boot=b\ngrown 2097152 0 16\ngrown 1073741824 any 2\nend\n", 0, 2 },
		{ "boot=other\ngrown 2097152 0 16\nend\n", 0, 0 },
		{ "boot=b\ngrown 2097152 0 16\n", -EBADMSG, 0 }, /* cut off */
		{ "", -EBADMSG, 0 },
		{ "boot=b\ngrown 2097152 1024 16\nend\n", -EBADMSG, 0 },
		{ "boot=b\ngrown 2097152 0\nend\n", -EBADMSG, 0 },
		{ "boot=b\ngrown 2097152 0 1 2\nend\n", -EBADMSG, 0 },
		{ "boot=b\nshrunk 2097152 0 1\nend\n", -EBADMSG, 0 },
		{ "boot=b\ngrown 1 0 1\ngrown 1 0 1\ngrown 1 0 1\nend\n", -EBADMSG, 0 },
	};

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_grown grown[2] = { 0 };
		size_t nr = 7;

		expect_int_eq(weir_grown_parse(weir_strz(cases[i].text), "b", grown,
		                               WEIR_NELEM(grown), &nr),
		              cases[i].r);
		expect_u64_eq(nr, cases[i].nr);
		if (nr == 2) {
			expect_u64_eq(grown[0].pages, 16);
			expect_int_eq(grown[1].node, -1);
			expect_u64_eq(grown[1].page_bytes, WEIR_GIB);
		}
	}
}

static void growth_says_why_it_was_refused(void **unused)
{
	static const struct {
		const char *json, *why;
	} cases[] = {
		{ "{\"guards\":[{\"allowed\":true,\"text\":\"a\"},{\"allowed\":false,"
		  "\"text\":\"b\"}],\"result\":null}",
		  "b" },
		{ "{\"guards\":[],\"result\":{\"reason\":\"it fell short\"}}",
		  "it fell short" },
		{ "{\"guards\":[],\"result\":null}", "" },
		{ "no JSON", "" },
		{ "", "" },
		{ "[]", "" },
		{ "{\"guards\":7,\"result\":[1]}", "" },
		{ "{\"guards\":[{\"allowed\":false,\"text\":\"x\\u001by\"}]}", "x?y" },
	};

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		char why[64];

		weir_growth_reason(weir_strz(cases[i].json), why, sizeof(why));
		expect_str(why, cases[i].why);
	}
}

/* ---- owners ------------------------------------------------------------------------ */

static void start_of_a_process_is_field_22(void **unused)
{
	static const struct {
		const char *stat;
		int r;
		uint64_t start;
	} cases[] = {
		{ "42 (cat) S 1 42 42 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 99173 1 2\n",
		  0, 99173 },
		{ "42 (a) b) (c) S 1 42 42 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 5 1\n",
		  0, 5 },
		{ "42 (cat) S 1 42", -EBADMSG, 0 },
		{ "", -EBADMSG, 0 },
		{ ")", -EBADMSG, 0 },
	};

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		uint64_t start = 0;

		expect_int_eq(weir_pid_start(weir_strz(cases[i].stat), &start),
		              cases[i].r);
		expect_u64_eq(start, cases[i].start);
	}
}

static void unit_is_populated_until_it_says_otherwise(void **unused)
{
	(void)unused;
	expect_int_eq(weir_unit_is_populated(weir_strz("populated 1\nfrozen 0\n")), true);
	expect_int_eq(weir_unit_is_populated(weir_strz("populated 0\nfrozen 0\n")),
	              false);
	expect_int_eq(weir_unit_is_populated(weir_strz("frozen 0\npopulated 0\n")),
	              false);
	expect_int_eq(weir_unit_is_populated(weir_strz("populated 01\n")), true);
	expect_int_eq(weir_unit_is_populated(weir_strz("")), true);
}

static void nothing(void *ctx, uint64_t lease)
{
	*(uint64_t *)ctx = lease;
}

static void process_that_ends_ends_its_lease(void **unused)
{
	weir_auto(weir_loop_freep) struct weir_loop *loop = NULL;
	struct weir_warm_owner owner = { .kind = WEIR_OWNER_PID };
	struct weir_claim claim;
	struct weir_ends *ends = NULL;
	uint64_t ended = 0;
	int pipes[2];

	(void)unused;
	expect_int_eq(pipe2(pipes, O_CLOEXEC), 0);
	expect_int_eq(weir_loop_new(&loop, NULL), 0);
	expect_int_eq(weir_ends_new(loop, "/nowhere", nothing, &ended, &ends), 0);
	owner.pid = fork();
	if (!owner.pid) {
		(void)close(pipes[1]);
		(void)!read(pipes[0], &pipes, 1);
		_exit(0);
	}
	expect_int_eq(weir_claim_make(ends, &owner, getuid(), &claim, NULL), 0);
	assert_in_range(owner.start, 1, UINT64_MAX);
	expect_int_eq(weir_ends_add(ends, 7, &claim, NULL), 0);
	expect_int_eq(weir_loop_once(loop, 0, NULL), 0);
	expect_u64_eq(ended, 0);
	/* its number, of another time */
	owner.start++;
	expect_int_eq(weir_claim_make(ends, &owner, getuid(), &claim, NULL), -ESRCH);
	(void)close(pipes[1]);
	while (!ended)
		expect_int_eq(weir_loop_once(loop, 1000, NULL), 0);
	expect_u64_eq(ended, 7);
	(void)close(pipes[0]);
	owner.kind = WEIR_OWNER_UNIT;
	expect_int_eq(weir_claim_make(ends, &owner, 0, &claim, NULL), -ESRCH);
	weir_ends_free(ends);
}

/* ---- the log, systemd -------------------------------------------------------------- */

static uint64_t clock_s;

static uint64_t seconds(void)
{
	return clock_s * UINT64_C(1000000000);
}

static void log_has_a_line_for_an_event_and_not_too_many(void **unused)
{
	struct weir_events log = { .now_ns = seconds };
	struct weir_quote q;
	char text[65536];
	int pipes[2];
	ssize_t n;
	size_t lines = 0;

	(void)unused;
	expect_int_eq(pipe2(pipes, O_CLOEXEC | O_NONBLOCK), 0);
	log.fd = pipes[1];
	weir_event(&log, WEIR_EVENT_INFO, "lease", "name=%s",
	           weir_quote(&q, "a\"b\\c\n\x1b\xc3"));
	n = read(pipes[0], text, sizeof(text));
	expect_text(weir_str(text, n < 0 ? 0 : (size_t)n),
	            "info lease name=\"a\\\"b\\\\c\\x0a\\x1b\\xc3\"\n");
	log.with_priority = true;
	for (unsigned int i = 0; i < WEIR_EVENT_BURST + 50; i++)
		weir_event(&log, WEIR_EVENT_INFO, "x", "%s", "");
	weir_event(&log, WEIR_EVENT_ERROR, "bad", "%s", "");
	n = read(pipes[0], text, sizeof(text));
	for (ssize_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	expect_u64_eq(lines, WEIR_EVENT_BURST); /* one before, one error */
	clock_s++;
	weir_event(&log, WEIR_EVENT_INFO, "x", "%s", "");
	n = read(pipes[0], text, sizeof(text));
	expect_text(weir_str(text, n < 0 ? 0 : (size_t)n),
	            "<5>log-dropped lines=51\n<6>x\n");
	(void)close(pipes[0]);
	(void)close(pipes[1]);
}

static void systemd_is_told_by_its_socket(void **unused)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX,
		                       .sun_path = "\0weir-test-n" };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct weir_notify notify;
	char text[64];
	ssize_t n;

	(void)unused;
	expect_int_eq(bind(fd, (struct sockaddr *)&address,
	                   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 12)),
	              0);
	(void)setenv("NOTIFY_SOCKET", "@weir-test-n", 1);
	(void)setenv("WATCHDOG_USEC", "500", 1);
	(void)setenv("LISTEN_PID", "1", 1);
	(void)setenv("LISTEN_FDS", "1", 1);
	expect_int_eq(weir_notify_init(&notify, NULL), 0);
	expect_u64_eq(notify.watchdog_us, 500);
	expect_int_eq(notify.listen_fd, -1); /* another process's */
	expect_int_eq(getenv("NOTIFY_SOCKET") == NULL, true);
	weir_notify(&notify, "READY=%d", 1);
	n = recv(fd, text, sizeof(text), MSG_DONTWAIT);
	expect_text(weir_str(text, n < 0 ? 0 : (size_t)n), "READY=1");
	(void)close(fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates_are_of_the_last_seconds),
		cmocka_unit_test(rates_of_too_many_places_are_none),
		cmocka_unit_test(room_is_what_is_left_to_take),
		cmocka_unit_test(rooms_of_nodes_leave_what_is_kept),
		cmocka_unit_test(room_that_is_taken_is_less),
		cmocka_unit_test(room_that_is_not_known_is_none),
		cmocka_unit_test(grown_pages_are_read_back),
		cmocka_unit_test(growth_says_why_it_was_refused),
		cmocka_unit_test(start_of_a_process_is_field_22),
		cmocka_unit_test(unit_is_populated_until_it_says_otherwise),
		cmocka_unit_test(process_that_ends_ends_its_lease),
		cmocka_unit_test(log_has_a_line_for_an_event_and_not_too_many),
		cmocka_unit_test(systemd_is_told_by_its_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
