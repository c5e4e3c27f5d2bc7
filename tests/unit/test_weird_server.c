/* The loop and the server: sources that go while they are called, timers, and clients
 * that behave and that do not. */
#include "daemon/server.h"

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- the loop ---------------------------------------------------------------------- */

struct pair {
	int near[2], far[2];
	struct weir_source *source[2];
	unsigned int called;
};

static void remove_both(void *ctx, uint32_t events)
{
	struct pair *pair = ctx;

	(void)events;
	pair->called++;
	for (int i = 0; i < 2; i++) {
		weir_source_remove(pair->source[i]);
		pair->source[i] = NULL;
	}
}

static void loop_source_that_was_removed_is_not_called(void **unused)
{
	weir_auto(weir_loop_freep) struct weir_loop *loop = NULL;
	struct pair pair = { 0 };

	(void)unused;
	expect_int_eq(weir_loop_new(&loop, NULL), 0);
	for (int i = 0; i < 2; i++) {
		int fds[2];

		expect_int_eq(pipe2(fds, O_CLOEXEC), 0);
		pair.near[i] = fds[0];
		pair.far[i] = fds[1];
		expect_int_eq(write(fds[1], "x", 1), 1);
		expect_int_eq(weir_loop_add(loop, fds[0], EPOLLIN, remove_both, &pair,
		                            &pair.source[i], NULL),
		              0);
	}
	expect_int_eq(weir_loop_once(loop, 0, NULL), 0);
	expect_int_eq(weir_loop_once(loop, 0, NULL), 0);
	expect_u64_eq(pair.called, 1);
	for (int i = 0; i < 2; i++) {
		(void)close(pair.near[i]);
		(void)close(pair.far[i]);
	}
}

static void count(void *ctx)
{
	++*(unsigned int *)ctx;
}

static void loop_timer_calls_once(void **unused)
{
	weir_auto(weir_loop_freep) struct weir_loop *loop = NULL;
	unsigned int called = 0;
	struct weir_timer *timer = NULL;

	(void)unused;
	expect_int_eq(weir_loop_new(&loop, NULL), 0);
	expect_int_eq(weir_timer_new(loop, count, &called, &timer, NULL), 0);
	weir_timer_at(timer, 1);
	expect_int_eq(weir_timer_is_set(timer), true);
	expect_int_eq(weir_loop_once(loop, 1000, NULL), 0);
	expect_u64_eq(called, 1);
	expect_int_eq(weir_timer_is_set(timer), false);
	weir_timer_at(timer, 1);
	weir_timer_at(timer, 0); /* not any more */
	expect_int_eq(weir_loop_once(loop, 0, NULL), 0);
	expect_u64_eq(called, 1);
	weir_timer_free(timer);
}

static void on_signal(void *ctx, int signal)
{
	*(int *)ctx = signal;
}

static void loop_signals_are_told(void **unused)
{
	static const int signals[] = { SIGUSR1, 0 };
	weir_auto(weir_loop_freep) struct weir_loop *loop = NULL;
	int got = 0;

	(void)unused;
	expect_int_eq(weir_loop_new(&loop, NULL), 0);
	expect_int_eq(weir_loop_signals(loop, signals, on_signal, &got, NULL), 0);
	expect_int_eq(raise(SIGUSR1), 0);
	expect_int_eq(weir_loop_once(loop, 1000, NULL), 0);
	expect_int_eq(got, SIGUSR1);
}

/* ---- a server that answers --------------------------------------------------------- */

struct world {
	char dir[64], path[108];
	struct weir_loop *loop;
	struct weir_server *server;
	unsigned int nr_lines, nr_closed, nr_cut, nr_lost;
	uint64_t last_lost;
	uint64_t last; /* connection */
	enum { ECHO, LATER, MUCH, PASS } how;
};

static void on_line(void *ctx, struct weir_connection *conn, struct weir_str line)
{
	struct world *w = ctx;
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	static char block[40000];

	w->nr_lines++;
	w->last = weir_connection_id(conn);
	if (w->how == LATER)
		return;
	expect_int_eq(weir_buf_add(&text, line), 0);
	if (w->how == MUCH) {
		memset(block, 'x', sizeof(block));
		expect_int_eq(weir_buf_add(&text, weir_str(block, sizeof(block))), 0);
	}
	expect_int_eq(weir_buf_addz(&text, "\n"), 0);
	weir_connection_reply(conn, weir_buf_str(&text),
	                      w->how == PASS ? open("/dev/null", O_RDONLY | O_CLOEXEC)
	                                     : -1,
	                      w->nr_lines);
}

static void on_cut(void *ctx, bool too_long, struct weir_buf *out)
{
	struct world *w = ctx;

	w->nr_cut++;
	expect_int_eq(weir_buf_addz(out, too_long ? "too-long\n" : "busy\n"), 0);
}

static void on_lost(void *ctx, uint64_t tag)
{
	struct world *w = ctx;

	w->nr_lost++;
	w->last_lost = tag;
}

static void on_closed(void *ctx, uint64_t conn)
{
	struct world *w = ctx;

	(void)conn;
	w->nr_closed++;
}

static int set_up_with(void **state, uint64_t stuck_ms)
{
	struct world *w = calloc(1, sizeof(*w));
	struct weir_server_options options = {
		.listen_fd = -1,
		.mode = 0600,
		.line_max = 100,
		.stuck_ms = stuck_ms,
		.calls = { on_line, on_cut, on_lost, on_closed },
		.ctx = w,
	};

	if (!w)
		return -1;
	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/weir-test.XXXXXX");
	if (!mkdtemp(w->dir) || weir_loop_new(&w->loop, NULL) < 0)
		return -1;
	(void)snprintf(w->path, sizeof(w->path), "%s/s", w->dir);
	options.path = w->path;
	*state = w;
	return weir_server_new(w->loop, &options, &w->server, NULL);
}

/* Nobody is cut because this test had to wait for a processor. */
static int set_up(void **state)
{
	return set_up_with(state, 60000);
}

static int set_up_soon(void **state)
{
	return set_up_with(state, 50);
}

static int tear_down(void **state)
{
	struct world *w = *state;

	weir_server_free(w->server);
	weir_loop_free(w->loop);
	(void)rmdir(w->dir);
	free(w);
	return 0;
}

static void turn(struct world *w)
{
	for (int i = 0; i < 8; i++)
		expect_int_eq(weir_loop_once(w->loop, 0, NULL), 0);
}

static int connected(struct world *w)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, w->path, strlen(w->path));
	expect_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	turn(w);
	return fd;
}

static void say(struct world *w, int fd, const char *text)
{
	expect_int_eq(write(fd, text, strlen(text)), (long long)strlen(text));
	turn(w);
}

static void hear(int fd, const char *want)
{
	char got[256] = { 0 };
	ssize_t n = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);

	expect_str(n < 0 ? "(nothing)" : got, want);
}

static void server_answers_lines_in_any_pieces(void **state)
{
	struct world *w = *state;
	int fd = connected(w);
	struct stat st;

	expect_int_eq(stat(w->path, &st), 0);
	expect_u64_eq(st.st_mode & 0777, 0600);
	say(w, fd, "he");
	hear(fd, "(nothing)");
	say(w, fd, "llo\nyou\n");
	hear(fd, "hello\nyou\n");
	expect_u64_eq(weir_connection_peer(weir_server_find(w->server, w->last))->uid,
	              getuid());
	(void)close(fd);
	turn(w);
	expect_u64_eq(w->nr_closed, 1);
	expect_u64_eq(weir_server_count(w->server), 0);
}

static void server_takes_what_was_sent_before_the_end(void **state)
{
	struct world *w = *state;
	int fd = connected(w);

	expect_int_eq(write(fd, "a\nb\nc", 5), 5);
	(void)close(fd);
	turn(w);
	expect_u64_eq(w->nr_lines, 2);
	expect_u64_eq(w->nr_closed, 1);
	/* and answers who has only closed his half */
	fd = connected(w);
	expect_int_eq(write(fd, "a\nb\n", 4), 4);
	expect_int_eq(shutdown(fd, SHUT_WR), 0);
	turn(w);
	hear(fd, "a\nb\n");
	hear(fd, ""); /* its end */
	(void)close(fd);
}

static void server_cuts_a_line_that_is_too_long(void **state)
{
	struct world *w = *state;
	int fd = connected(w);
	char text[102];

	memset(text, 'x', sizeof(text));
	text[101] = '\0';
	say(w, fd, text);
	hear(fd, "too-long\n");
	hear(fd, "");
	expect_u64_eq(w->nr_closed, 1);
	(void)close(fd);
}

static void server_reads_no_more_than_may_be_pending(void **state)
{
	struct world *w = *state;
	int fd = connected(w);
	struct weir_connection *conn;

	w->how = LATER;
	for (int i = 0; i < 100; i++)
		expect_int_eq(write(fd, "x\n", 2), 2);
	for (int i = 0; i < 8; i++) /* a few in each */
		turn(w);
	expect_u64_eq(w->nr_lines, WEIR_SERVER_PENDING_MAX);
	conn = weir_server_find(w->server, w->last);
	weir_connection_reply(conn, weir_strz("one\n"), -1, 7);
	turn(w);
	expect_u64_eq(w->nr_lines, WEIR_SERVER_PENDING_MAX + 1);
	hear(fd, "one\n");
	(void)close(fd);
	turn(w);
	expect_u64_eq(w->nr_closed, 1);
}

/* Hundreds of requests in one piece keep nobody from his turn, and all are answered
 * though nothing more comes. */
static void server_takes_a_few_of_each_in_a_turn(void **state)
{
	struct world *w = *state;
	int many = connected(w), one = connected(w);
	char text[1000], got[4096];
	unsigned int turns = 0, before;
	ssize_t n, sum = 0;

	for (size_t i = 0; i < sizeof(text); i += 2)
		memcpy(text + i, "m\n", 2);
	expect_int_eq(write(many, text, sizeof(text)), sizeof(text));
	expect_int_eq(write(one, "x\n", 2), 2);
	expect_int_eq(weir_loop_once(w->loop, 0, NULL), 0);
	hear(one, "x\n");
	assert_in_range(w->nr_lines, 2, 9);
	for (before = w->nr_lines; w->nr_lines < 501; turns++) {
		assert_in_range(w->nr_lines - before, 0, 8);
		before = w->nr_lines;
		if (turns > 1000)
			fail_msg("%u lines only", w->nr_lines);
		expect_int_eq(weir_loop_once(w->loop, 100, NULL), 0);
		n = recv(many, got, sizeof(got), MSG_DONTWAIT);
		sum += n < 0 ? 0 : n;
	}
	turn(w);
	n = recv(many, got, sizeof(got), MSG_DONTWAIT);
	expect_int_eq(sum + (n < 0 ? 0 : n), sizeof(text));
	/* when all is taken it waits again */
	say(w, many, "y\n");
	hear(many, "y\n");
	(void)close(many);
	(void)close(one);
}

/* Who leaves has had his say, though it takes many turns. */
static void server_takes_all_of_who_has_left(void **state)
{
	struct world *w = *state;
	int fd = connected(w);
	char text[40000];

	for (size_t i = 0; i < sizeof(text); i += 2)
		memcpy(text + i, "m\n", 2);
	expect_int_eq(write(fd, text, sizeof(text)), sizeof(text));
	(void)close(fd);
	for (int i = 0; i < 5000 && !w->nr_closed; i++)
		expect_int_eq(weir_loop_once(w->loop, 100, NULL), 0);
	expect_u64_eq(w->nr_lines, sizeof(text) / 2);
	expect_u64_eq(w->nr_lost, sizeof(text) / 2);
}

static void server_takes_no_more_of_who_does_not_read(void **state)
{
	struct world *w = *state;
	int fd = connected(w);
	size_t got = 0;
	static char text[65536];

	w->how = MUCH;
	for (int i = 0; i < 100; i++)
		expect_int_eq(write(fd, "x\n", 2), 2);
	turn(w);
	/* what a socket holds, and as much as is kept */
	assert_in_range(w->nr_lines, 6, 30);
	while (got < 100 * 40002) {
		ssize_t n = recv(fd, text, sizeof(text), MSG_DONTWAIT);

		if (n > 0)
			got += (size_t)n;
		turn(w);
	}
	expect_u64_eq(w->nr_lines, 100);
	expect_u64_eq(w->nr_lost, 0);
	(void)close(fd);
}

static void server_cuts_who_never_reads(void **state)
{
	struct world *w = *state;
	int fd = connected(w);

	w->how = MUCH;
	for (int i = 0; i < 100; i++)
		expect_int_eq(write(fd, "x\n", 2), 2);
	for (int i = 0; i < 100 && !w->nr_closed; i++)
		expect_int_eq(weir_loop_once(w->loop, 20, NULL), 0);
	expect_u64_eq(w->nr_closed, 1);
	/* what is told of replies that were lost is which, and the last is among them */
	expect_int_eq(w->nr_lost > 0 && w->nr_lost < w->nr_lines, true);
	expect_u64_eq(w->last_lost, w->nr_lines);
	(void)close(fd);
}

static void server_passes_descriptors(void **state)
{
	struct world *w = *state;
	int fd = connected(w), got;
	char text[8], room[CMSG_SPACE(sizeof(int))];
	struct iovec part = { text, sizeof(text) };
	struct msghdr msg = { .msg_iov = &part,
		              .msg_iovlen = 1,
		              .msg_control = room,
		              .msg_controllen = sizeof(room) };
	struct cmsghdr *passed;

	w->how = PASS;
	say(w, fd, "x\n");
	expect_int_eq(recvmsg(fd, &msg, MSG_CMSG_CLOEXEC), 2);
	passed = CMSG_FIRSTHDR(&msg);
	if (!passed) {
		fail_msg("no descriptor came");
		return;
	}
	memcpy(&got, CMSG_DATA(passed), sizeof(got));
	expect_int_eq(read(got, text, 1), 0);
	(void)close(got);
	(void)close(fd);
}

static void server_does_not_take_a_socket_that_is_used(void **state)
{
	struct world *w = *state;
	struct weir_server_options options = { .listen_fd = -1, .path = w->path };
	struct weir_server *other = NULL;
	int fd;

	expect_int_eq(weir_server_new(w->loop, &options, &other, NULL), -EADDRINUSE);
	weir_server_free(w->server);
	w->server = NULL;
	fd = open(w->path, O_CREAT | O_CLOEXEC | O_WRONLY, 0600);
	expect_int_eq(weir_server_new(w->loop, &options, &other, NULL), -EADDRINUSE);
	(void)close(fd);
	(void)unlink(w->path);
}

static void server_takes_the_place_of_one_that_was_killed(void **state)
{
	struct world *w = *state;
	struct weir_server_options options = { .listen_fd = -1,
		                               .path = w->path,
		                               .mode = 0666,
		                               .line_max = 10,
		                               .calls = { on_line, on_cut, on_lost,
		                                          on_closed },
		                               .ctx = w };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	weir_server_free(w->server);
	w->server = NULL;
	memcpy(address.sun_path, w->path, strlen(w->path));
	expect_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	(void)close(fd); /* the file stays */
	expect_int_eq(weir_server_new(w->loop, &options, &w->server, NULL), 0);
	fd = connected(w);
	say(w, fd, "x\n");
	hear(fd, "x\n");
	(void)close(fd);
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(loop_source_that_was_removed_is_not_called),
		cmocka_unit_test(loop_timer_calls_once),
		cmocka_unit_test(loop_signals_are_told),
		WITH_SERVER(server_answers_lines_in_any_pieces),
		WITH_SERVER(server_takes_what_was_sent_before_the_end),
		WITH_SERVER(server_cuts_a_line_that_is_too_long),
		WITH_SERVER(server_reads_no_more_than_may_be_pending),
		WITH_SERVER(server_takes_a_few_of_each_in_a_turn),
		WITH_SERVER(server_takes_all_of_who_has_left),
		WITH_SERVER(server_takes_no_more_of_who_does_not_read),
		cmocka_unit_test_setup_teardown(server_cuts_who_never_reads, set_up_soon,
		                                tear_down),
		WITH_SERVER(server_passes_descriptors),
		WITH_SERVER(server_does_not_take_a_socket_that_is_used),
		WITH_SERVER(server_takes_the_place_of_one_that_was_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
