/* weird_client: see weird_client.h.
 *
 * Blocking, with a poll before each step, because there is one request at a time and
 * nothing else to do. Descriptors that weird might send unasked are dropped by the
 * kernel: nothing here makes room for them (unix(7), MSG_CTRUNC). */
#include "cli/weird_client.h"

#include "base/own.h"
#include "base/span.h"
#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#define PROTOCOL  1
#define READ_SIZE 16384U

static uint64_t now_ms(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- the connection ---- */

/* Without jansson it is better known before weird has done something. */
static int can_read_replies(struct weir_err *err)
{
	struct weir_tree tree = { 0 };
	int r = weir_tree_json(weir_strz("{}"), &tree, err);

	weir_tree_done(&tree);
	return r == -ENOTSUP ? weir_err_set(err, r,
	                                    "this weir was built without jansson (build "
	                                    "option 'json') and cannot speak with weird")
	                     : r;
}

static int why_not(const char *path, int r, struct weir_err *err)
{
	switch (r) {
	case -ENOENT:
	case -ECONNREFUSED:
		return weir_err_set(err, r,
		                    "weird is not running (%s '%s'): 'systemctl start "
		                    "weird', or 'weird' as root, starts it",
		                    r == -ENOENT ? "there is no" : "nobody listens at",
		                    path);
	case -EACCES:
	case -EPERM:
		return weir_err_set(err, r,
		                    "this user may not connect to '%s': weird.conf(5), "
		                    "[socket], says who may",
		                    path);
	default: return weir_err_sys(err, r, "connect to weird at '%s'", path);
	}
}

/* A connected socket, or negative with words. */
static int connect_to(const char *path, struct weir_err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, r;

	if (strlen(path) >= sizeof(address.sun_path))
		return weir_err_set(err, -ENAMETOOLONG,
		                    "'%s' is too long for the path of a socket", path);
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return weir_err_sys(err, -errno, "make a socket");
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	r = why_not(path, -errno, err);
	(void)close(fd);
	return r;
}

int weir_client_open(const struct weir_client_options *options, struct weir_client *out,
                     struct weir_err *err)
{
	const char *path = options->socket ? options->socket : getenv("WEIR_SOCKET");
	int r = can_read_replies(err);

	if (r < 0)
		return r;
	if (!path || !*path)
		path = WEIR_CLIENT_SOCKET;
	r = connect_to(path, err);
	if (r < 0)
		return r;
	*out = (struct weir_client){
		.fd = r, .timeout_ms = options->timeout_ms, .next_id = 1, .socket = path
	};
	return 0;
}

void weir_client_done(struct weir_client *client)
{
	weir_closep(&client->fd);
	weir_buf_done(&client->in);
	*client = (struct weir_client){ .fd = -1 };
}

/* ---- a request and its reply ---- */

void weir_client_begin(const struct weir_client *client, const char *op,
                       struct weir_json *request)
{
	request->compact = true;
	weir_json_open(request, NULL, '{');
	weir_json_u64(request, "weir", PROTOCOL);
	weir_json_u64(request, "id", client->next_id);
	weir_json_strz(request, "op", op);
}

static int timed_out(const struct weir_client *client, struct weir_err *err)
{
	char text[WEIR_SPAN_TEXT_MAX];

	return weir_err_set(
		err, -ETIMEDOUT, "weird has not answered for %s (--timeout)",
		weir_format_span(client->timeout_ms / 1000, text, sizeof(text)));
}

/* Until the socket can do @events, or the time @until_ms is up (0: never). */
static int wait_for(const struct weir_client *client, short events, uint64_t until_ms,
                    struct weir_err *err)
{
	struct pollfd p = { .fd = client->fd, .events = events };

	for (;;) {
		uint64_t now = now_ms(), left = until_ms > now ? until_ms - now : 0;
		int r = poll(&p, 1,
		             !until_ms        ? -1
		             : left > 3600000 ? 3600000
		                              : (int)left);

		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return weir_err_sys(err, -errno, "wait for weird");
		if (until_ms && now_ms() >= until_ms)
			return timed_out(client, err);
	}
}

static int send_all(const struct weir_client *client, struct weir_str text,
                    uint64_t until_ms, struct weir_err *err)
{
	while (text.n) {
		int r = wait_for(client, POLLOUT, until_ms, err);
		ssize_t n;

		if (r < 0)
			return r;
		n = send(client->fd, text.p, text.n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return weir_err_sys(err, -errno, "send a request to weird");
		text = weir_str_skip(text, n > 0 ? (size_t)n : 0);
	}
	return 0;
}

static int read_more(struct weir_client *client, struct weir_err *err)
{
	ssize_t n;

	if (client->in.n > WEIR_TREE_TEXT_MAX)
		return weir_err_set(err, -E2BIG, "weird's reply is longer than %u bytes",
		                    WEIR_TREE_TEXT_MAX);
	if (weir_buf_reserve(&client->in, READ_SIZE) < 0)
		return weir_err_set(err, -ENOMEM, "out of memory");
	n = recv(client->fd, client->in.p + client->in.n, READ_SIZE, MSG_DONTWAIT);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n < 0 && errno != ECONNRESET)
		return weir_err_sys(err, -errno, "read weird's reply");
	if (n <= 0)
		return weir_err_set(err, -ECONNRESET, "weird cut the connection %s",
		                    client->in.n ? "in the middle of its reply"
		                                 : "before it answered");
	client->in.n += (size_t)n;
	client->in.p[client->in.n] = '\0';
	return 0;
}

/* The first whole line of what came, without its end. False: there is none yet. */
static bool has_line(const struct weir_client *client, struct weir_str *line)
{
	struct weir_str in = weir_buf_str(&client->in);
	size_t end = weir_str_index(in, '\n');

	*line = weir_str(in.p, end);
	return end < in.n;
}

static void drop_line(struct weir_client *client, size_t n)
{
	memmove(client->in.p, client->in.p + n, client->in.n - n);
	client->in.n -= n;
}

static void copy_text(struct weir_str s, char *out, size_t cap)
{
	(void)weir_str_show(s, out, cap);
}

/* What the reply's head says: is it ours, and a yes? */
static int judge(const struct weir_client *client, const struct weir_tree *reply,
                 struct weir_refusal *no, struct weir_err *err)
{
	const struct weir_tree_node *top = &reply->v[0], *error;
	struct weir_count version, id;

	if (top->type != WEIR_TREE_MAP)
		return weir_err_set(err, -EBADMSG, "weird's reply is no JSON object");
	version = weir_reply_u64(reply, top, "weir");
	id = weir_reply_u64(reply, top, "id");
	error = weir_tree_find(reply, top, WEIR_TREE_MAP, "error");
	if (!weir_reply_is(reply, top, "ok") && error) {
		*no = (struct weir_refusal){ 0 };
		copy_text(weir_reply_text(reply, error, "code"), no->code,
		          sizeof(no->code));
		copy_text(weir_reply_text(reply, error, "text"), no->text,
		          sizeof(no->text));
		copy_text(weir_reply_text(reply, error, "help"), no->help,
		          sizeof(no->help));
		return WEIR_CLIENT_REFUSED;
	}
	if (!version.known || version.n != PROTOCOL)
		return weir_err_set(err, -EPROTO,
		                    "what answers at '%s' does not speak version %d of "
		                    "weird-protocol(7)",
		                    client->socket, PROTOCOL);
	if (!id.known || id.n != client->next_id || !weir_reply_is(reply, top, "ok"))
		return weir_err_set(err, -EBADMSG,
		                    "weird's reply is not one to what was asked");
	return 0;
}

int weir_client_call(struct weir_client *client, struct weir_json *request,
                     struct weir_tree *reply, struct weir_refusal *no,
                     struct weir_err *err)
{
	uint64_t until_ms = client->timeout_ms ? now_ms() + client->timeout_ms : 0;
	struct weir_str line = weir_str("", 0);
	struct weir_tree tree = { 0 };
	int r;

	weir_json_close(request);
	if (request->failed)
		return weir_err_set(err, -ENOMEM, "out of memory");
	r = send_all(client, weir_buf_str(&request->out), until_ms, err);
	while (r == 0 && !has_line(client, &line)) {
		r = wait_for(client, POLLIN, until_ms, err);
		if (r == 0)
			r = read_more(client, err);
	}
	if (r < 0)
		return r;
	r = weir_tree_json(line, &tree, err);
	drop_line(client, line.n + 1);
	if (r < 0)
		return weir_err_wrap(err, r, "weird's reply");
	r = judge(client, &tree, no, err);
	client->next_id++;
	if (r == 0)
		*reply = tree;
	else
		weir_tree_done(&tree);
	return r;
}

int weir_client_wait(struct weir_client *client, int fd, struct weir_err *err)
{
	struct pollfd p[2] = { { .fd = client->fd, .events = POLLIN },
		               { .fd = fd, .events = POLLIN } };

	for (;;) {
		if (poll(p, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return weir_err_sys(err, -errno, "wait");
		}
		if (p[1].revents)
			return 0;
		if (p[0].revents) /* nothing was asked: this can only be the end */
			return weir_err_set(err, -ECONNRESET,
			                    "weird has gone, and the lease with it");
	}
}

/* ---- keys of a reply ---- */

struct weir_str weir_reply_text(const struct weir_tree *reply,
                                const struct weir_tree_node *node, const char *key)
{
	const struct weir_tree_node *text = weir_tree_find(reply, node, WEIR_TREE_TEXT,
	                                                   key);

	return text ? weir_tree_text(reply, text) : weir_str("", 0);
}

struct weir_count weir_reply_u64(const struct weir_tree *reply,
                                 const struct weir_tree_node *node, const char *key)
{
	uint64_t n;

	if (weir_parse_u64(weir_reply_text(reply, node, key), &n) < 0)
		return (struct weir_count){ 0 };
	return WEIR_COUNT(n);
}

bool weir_reply_is(const struct weir_tree *reply, const struct weir_tree_node *node,
                   const char *key)
{
	return weir_str_eq(weir_reply_text(reply, node, key), "true");
}

/* ---- what is said of it ---- */

void weir_client_json_count(struct weir_json *j, const char *key, struct weir_count n)
{
	if (n.known)
		weir_json_u64(j, key, n.n);
	else
		weir_json_null(j, key);
}

/* Codes of weird-protocol(7) that are more than a failure. */
static const struct {
	const char *code;
	int status;
} statuses[] = {
	{ "no-memory", WEIR_EXIT_NO },
	{ "not-warm", WEIR_EXIT_NO },
	{ "not-allowed", WEIR_EXIT_REFUSED },
	{ "quota", WEIR_EXIT_REFUSED },
};

int weir_client_tell(const char *command, const char *what, const struct weir_refusal *no)
{
	int status = WEIR_EXIT_FAILED;

	for (size_t i = 0; i < WEIR_NELEM(statuses); i++)
		if (strcmp(no->code, statuses[i].code) == 0)
			status = statuses[i].status;
	(void)weir_cli_fail(command, 0, "%s%s%s%s%s", what ? what : "", what ? ": " : "",
	                    *no->text ? no->text : no->code, *no->help ? ": " : "",
	                    no->help);
	return status;
}

int weir_client_timeout(const char *command, const char *arg,
                        struct weir_client_options *options)
{
	uint64_t seconds;

	if (weir_parse_span(weir_strz(arg), &seconds) == 0) {
		options->timeout_ms = seconds * 1000; /* below 2^32 * 86400000: fits */
		return 0;
	}
	(void)weir_cli_fail(command, 0, "--timeout '%s': wants a time such as 30s or 2m",
	                    arg);
	return weir_cli_usage(command);
}
