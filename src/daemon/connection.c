/* connection: see connection.h and server.h.
 *
 * Reading stops while as many requests are pending as may be, or much of what was replied
 * is not read; so what a client can make us keep is one piece of what it sent, and some
 * replies. Who reads nothing for long is cut. Who closes his half only gets all replies
 * first.
 *
 * One piece may hold hundreds of requests, and all that is done for them is done by the
 * loop: so only a few are taken in a turn, and what is left before anything else is read,
 * in the turns that follow. */
#include "daemon/connection.h"

#include "base/own.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define PIECE_MAX  (16U << 10)
#define TURN_LINES 8U                /* of one client, in a turn of the loop */
#define TURN_NS    UINT64_C(5000000) /* and not for longer */
#define GROUPS_MAX 65536             /* NGROUPS_MAX */

static void drop_unsent(struct weir_connection *conn)
{
	struct weir_unsent *reply = conn->unsent;

	conn->unsent = reply->next;
	if (!conn->unsent)
		conn->last = &conn->unsent;
	conn->unsent_bytes -= reply->text.n;
	if (reply->fd >= 0) {
		(void)close(reply->fd);
		conn->nr_passed--;
	}
	weir_buf_done(&reply->text);
	free(reply);
}

static void tell_lost(const struct weir_connection *conn, uint64_t tag)
{
	if (tag)
		conn->server->calls.lost(conn->server->ctx, tag);
}

void weir_connection_close(struct weir_connection *conn)
{
	struct weir_server *server = conn->server;
	uint64_t id = conn->id;

	if (conn->fd >= 0) {
		weir_source_remove(conn->source);
		(void)close(conn->fd);
		conn->fd = -1;
		*conn->link = conn->next;
		if (conn->next)
			conn->next->link = conn->link;
		while (conn->unsent) {
			tell_lost(conn, conn->unsent->tag);
			drop_unsent(conn);
		}
		server->calls.closed(server->ctx, id);
	}
	conn->gone = true;
	if (conn->is_busy)
		return;
	weir_lines_done(&conn->lines);
	free(conn->groups);
	free(conn);
}

static bool may_take(const struct weir_connection *conn)
{
	return !conn->cut && conn->nr_pending < WEIR_SERVER_PENDING_MAX &&
	       conn->unsent_bytes < WEIR_SERVER_UNREAD_HIGH;
}

/* What to wait for follows from what there is to do. */
static void wait_for(struct weir_connection *conn)
{
	uint32_t events = 0;

	conn->is_reading = !conn->ended && may_take(conn) && !conn->has_more;
	if (conn->is_reading)
		events |= EPOLLIN | EPOLLRDHUP;
	if (conn->has_more && may_take(conn) && !weir_timer_is_set(conn->server->more))
		weir_timer_at(conn->server->more, weir_now_ns());
	if (conn->unsent)
		events |= EPOLLOUT;
	if (conn->unsent && !weir_timer_is_set(conn->server->sweep))
		weir_timer_in_ms(conn->server->sweep, conn->server->stuck_ms);
	(void)weir_source_wait_for(conn->source, events);
}

/* ---- sending ----------------------------------------------------------------------- */

/* A descriptor goes with the first byte of its reply. */
static ssize_t send_some(struct weir_connection *conn, struct weir_unsent *reply)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec part = { reply->text.p + reply->sent, reply->text.n - reply->sent };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1 };

	if (reply->fd >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control.room);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &reply->fd, sizeof(int));
	}
	return sendmsg(conn->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* 0 when all is sent or no more can be now. */
static int send_all(struct weir_connection *conn)
{
	while (conn->unsent) {
		struct weir_unsent *reply = conn->unsent;
		ssize_t n = send_some(conn, reply);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (reply->fd >= 0) {
			(void)close(reply->fd);
			reply->fd = -1;
			conn->nr_passed--;
		}
		conn->read_at_ns = weir_now_ns();
		reply->sent += (size_t)n;
		if (reply->sent == reply->text.n)
			drop_unsent(conn);
	}
	return 0;
}

static int keep_unsent(struct weir_connection *conn, struct weir_str line, int fd,
                       uint64_t tag)
{
	struct weir_unsent *reply = calloc(1, sizeof(*reply));

	if (!reply || weir_buf_add(&reply->text, line) < 0) {
		free(reply);
		if (fd >= 0)
			(void)close(fd);
		tell_lost(conn, tag);
		return -ENOMEM;
	}
	reply->fd = fd;
	reply->tag = tag;
	if (!conn->unsent)
		conn->read_at_ns = weir_now_ns();
	conn->nr_passed += fd >= 0;
	conn->unsent_bytes += line.n;
	*conn->last = reply;
	conn->last = &reply->next;
	if (conn->unsent_bytes > WEIR_SERVER_UNREAD_MAX ||
	    conn->nr_passed > WEIR_SERVER_PASSED_MAX)
		return -EMSGSIZE;
	return 0;
}

/* Nobody is told any more; but what was asked before is done. */
static void send_nothing(struct weir_connection *conn)
{
	while (conn->unsent) {
		uint64_t tag = conn->unsent->tag;

		drop_unsent(conn);
		tell_lost(conn, tag);
	}
}

static bool is_over(const struct weir_connection *conn)
{
	bool all_taken = conn->ended && !conn->has_more;

	if (conn->hung_up)
		return all_taken || !may_take(conn);
	return !conn->unsent && (conn->cut || (all_taken && !conn->nr_pending));
}

/* ---- lines ------------------------------------------------------------------------- */

static void cut(struct weir_connection *conn)
{
	struct weir_server *server = conn->server;
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };

	conn->cut = true;
	server->calls.cut(server->ctx, true, &text);
	if (text.n && keep_unsent(conn, weir_buf_str(&text), -1, 0) < 0)
		weir_connection_close(conn);
}

static void take_lines(struct weir_connection *conn)
{
	uint64_t until = weir_now_ns() + TURN_NS;
	struct weir_str line;
	int r;

	conn->is_busy = true;
	conn->has_more = false;
	for (unsigned int n = 0; !conn->gone; n++) {
		if (!may_take(conn) || n == TURN_LINES || (n && weir_now_ns() >= until)) {
			conn->has_more = true;
			break;
		}
		r = weir_lines_next(&conn->lines, &line);
		if (r == WEIR_LINES_NONE)
			break;
		if (r < 0) {
			cut(conn);
			break;
		}
		conn->nr_pending++;
		conn->server->calls.line(conn->server->ctx, conn, line);
	}
	conn->is_busy = false;
}

/* What follows when something was taken or is to be sent: may close. */
static void settle(struct weir_connection *conn)
{
	int r;

	if (conn->is_busy)
		return;
	r = conn->gone || conn->hung_up ? 0 : send_all(conn);
	if (r == -EPIPE || r == -ECONNRESET)
		conn->hung_up = true;
	else if (r < 0)
		conn->gone = true;
	if (conn->hung_up && !conn->gone)
		send_nothing(conn);
	if (conn->gone || is_over(conn))
		weir_connection_close(conn);
	else
		wait_for(conn);
}

static void go_on(struct weir_connection *conn)
{
	conn->turn = conn->server->turn;
	if (!conn->gone)
		take_lines(conn);
	settle(conn);
}

/* One of those that have more and have not been asked this turn, or NULL: what is done
 * for one of them may close others. */
static struct weir_connection *next_with_more(const struct weir_server *server)
{
	for (struct weir_connection *c = server->connections; c; c = c->next)
		if (c->has_more && may_take(c) && c->turn != server->turn)
			return c;
	return NULL;
}

void weir_connections_go_on(struct weir_server *server)
{
	struct weir_connection *conn;

	server->turn++;
	while ((conn = next_with_more(server)))
		go_on(conn);
}

void weir_connection_reply(struct weir_connection *conn, struct weir_str line, int fd,
                           uint64_t tag)
{
	if (conn->gone) {
		if (fd >= 0)
			(void)close(fd);
		tell_lost(conn, tag);
		return;
	}
	conn->nr_pending -= conn->nr_pending > 0;
	if (keep_unsent(conn, line, fd, tag) < 0) {
		weir_connection_close(conn);
		return;
	}
	settle(conn);
}

/* Called when some client has not read for long, or may not have: cuts who has not. */
void weir_connections_sweep(struct weir_server *server)
{
	uint64_t stuck_ns = server->stuck_ms * UINT64_C(1000000), now = weir_now_ns();
	struct weir_connection *conn = server->connections, *next;
	bool any = false;

	for (; conn; conn = next) {
		next = conn->next;
		if (!conn->unsent)
			continue;
		if (now - conn->read_at_ns >= stuck_ns)
			weir_connection_close(conn);
		else
			any = true;
	}
	if (any)
		weir_timer_in_ms(server->sweep, server->stuck_ms / 2 + 1);
}

/* ---- reading ----------------------------------------------------------------------- */

static void read_some(struct weir_connection *conn)
{
	char piece[PIECE_MAX];
	ssize_t n = recv(conn->fd, piece, sizeof(piece), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		conn->ended = true;
	else if (weir_lines_add(&conn->lines, weir_str(piece, (size_t)n)) < 0)
		conn->gone = true;
}

/* EPOLLHUP: both halves are closed, so nobody reads what would be sent. What was sent
 * before is taken first. */
static void on_connection(void *ctx, uint32_t events)
{
	struct weir_connection *conn = ctx;

	if (events & (EPOLLIN | EPOLLRDHUP))
		read_some(conn);
	conn->hung_up |= (events & (EPOLLERR | EPOLLHUP)) != 0;
	if (conn->hung_up && conn->is_reading && !(events & EPOLLIN))
		conn->ended = true;
	go_on(conn);
}

int weir_connection_new(struct weir_server *server, int fd, const struct weir_peer *peer)
{
	struct weir_connection *conn = calloc(1, sizeof(*conn));
	int r;

	if (!conn)
		return -ENOMEM;
	conn->server = server;
	conn->fd = fd;
	conn->peer = *peer;
	conn->is_reading = true;
	conn->turn = server->turn;
	conn->lines.max = server->line_max;
	conn->last = &conn->unsent;
	r = weir_loop_add(server->loop, fd, EPOLLIN | EPOLLRDHUP, on_connection, conn,
	                  &conn->source, NULL);
	if (r < 0) {
		free(conn);
		return r;
	}
	conn->id = ++server->last_id;
	conn->next = server->connections;
	conn->link = &server->connections;
	if (conn->next)
		conn->next->link = &conn->next;
	server->connections = conn;
	return 0;
}

/* ---- who it is --------------------------------------------------------------------- */

uint64_t weir_connection_id(const struct weir_connection *conn)
{
	return conn->id;
}

const struct weir_peer *weir_connection_peer(const struct weir_connection *conn)
{
	return &conn->peer;
}

/* Not those of the socket (SO_PEERGROUPS): these may be of long ago, and a rule is about
 * whom the administrator has put into a group. */
static int look_up_groups(struct weir_connection *conn)
{
	const struct passwd *user = getpwuid(conn->peer.uid);
	weir_auto(weir_freep) gid_t *ids = NULL;
	int nr = 32, r = -1;

	conn->groups = malloc(sizeof(*conn->groups));
	if (!conn->groups)
		return -ENOMEM;
	while (user && r < 0 && nr <= GROUPS_MAX) {
		int had = nr;

		free(ids);
		ids = calloc((size_t)nr, sizeof(*ids));
		if (!ids)
			return -ENOMEM;
		r = getgrouplist(user->pw_name, user->pw_gid, ids, &nr);
		if (r < 0 && nr <= had)
			nr = had * 2;
	}
	if (r <= 0)
		return 0;
	free(conn->groups);
	conn->groups = calloc((size_t)nr, sizeof(*conn->groups));
	if (!conn->groups)
		return -ENOMEM;
	for (; conn->nr_groups < (size_t)nr; conn->nr_groups++)
		conn->groups[conn->nr_groups] = ids[conn->nr_groups];
	return 0;
}

int weir_connection_groups(struct weir_connection *conn, const uint32_t **out,
                           size_t *out_nr)
{
	int r = conn->groups ? 0 : look_up_groups(conn);

	*out = conn->groups;
	*out_nr = r < 0 ? 0 : conn->nr_groups;
	return r;
}
