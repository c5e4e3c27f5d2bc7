/* talk: see talk.h. */
#include "talk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int talk_open(struct talk *t, const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int n = snprintf(to.sun_path, sizeof(to.sun_path), "%s", path), r;

	if (n < 0 || (size_t)n >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	if (!t->reply)
		t->reply = malloc(TALK_REPLY_MAX);
	if (!t->reply)
		return -ENOMEM;
	t->fd = -1;
	t->sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (t->sock < 0)
		return -errno;
	if (connect(t->sock, (const struct sockaddr *)&to, sizeof(to)) == 0)
		return 0;
	r = -errno;
	(void)close(t->sock);
	t->sock = -1;
	return r;
}

void talk_close(struct talk *t)
{
	if (t->sock >= 0)
		(void)close(t->sock);
	if (t->fd >= 0)
		(void)close(t->fd);
	free(t->reply);
	*t = (struct talk){ .sock = -1, .fd = -1 };
}

static int say(const struct talk *t, const char *text, size_t len)
{
	while (len) {
		ssize_t n = send(t->sock, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -ECONNRESET;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

static void keep_descriptor(struct talk *t, struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		if (t->fd >= 0)
			(void)close(t->fd);
		memcpy(&t->fd, CMSG_DATA(c), sizeof(t->fd));
	}
}

static ssize_t hear_some(struct talk *t, size_t have)
{
	struct iovec part = { t->reply + have, TALK_REPLY_MAX - 1 - have };
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = { .msg_iov = &part,
		              .msg_iovlen = 1,
		              .msg_control = &control,
		              .msg_controllen = sizeof(control) };
	ssize_t n;

	do
		n = recvmsg(t->sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		keep_descriptor(t, &msg);
	return n;
}

static int hear(struct talk *t)
{
	size_t have = 0;

	for (;;) {
		ssize_t n = hear_some(t, have);
		char *end;

		if (n <= 0)
			return -ECONNRESET;
		end = memchr(t->reply + have, '\n', (size_t)n);
		have += (size_t)n;
		if (end) {
			*end = '\0';
			return end + 1 == t->reply + have ? 0 : -EBADMSG;
		}
		if (have == TALK_REPLY_MAX - 1)
			return -EBADMSG;
	}
}

int talk_ask(struct talk *t, const char *keys, ...)
{
	char line[4096];
	uint64_t id;
	int n, m, r;
	va_list ap;

	if (t->sock < 0)
		return -ECONNRESET;
	if (t->fd >= 0)
		(void)close(t->fd);
	t->fd = -1;
	n = snprintf(line, sizeof(line), "{\"weir\":1,\"id\":%" PRIu64 ",", ++t->id);
	va_start(ap, keys);
	m = vsnprintf(line + n, sizeof(line) - (size_t)n - 2, keys, ap);
	va_end(ap);
	if (m < 0 || (size_t)m >= sizeof(line) - (size_t)n - 2)
		return -EMSGSIZE;
	n += m;
	line[n++] = '}';
	line[n++] = '\n';
	r = say(t, line, (size_t)n);
	if (r == 0)
		r = hear(t);
	if (r < 0)
		return r;
	return talk_number(t, "id", &id) && id == t->id ? 0 : -EBADMSG;
}

/* What stands behind "key": in the reply, or NULL. */
static const char *find(const struct talk *t, const char *key)
{
	char quoted[64];
	const char *at;
	int n = snprintf(quoted, sizeof(quoted), "\"%s\":", key);

	if (n < 0 || (size_t)n >= sizeof(quoted))
		return NULL;
	at = strstr(t->reply, quoted);
	if (!at)
		return NULL;
	at += n;
	while (*at == ' ')
		at++;
	return at;
}

bool talk_is(const struct talk *t, const char *key, const char *value)
{
	const char *at = find(t, key);

	return at && strncmp(at, value, strlen(value)) == 0;
}

bool talk_number(const struct talk *t, const char *key, uint64_t *out)
{
	const char *at = find(t, key);
	uint64_t n = 0;

	if (!at || *at < '0' || *at > '9')
		return false;
	for (; *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(n, UINT64_C(10), &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*at - '0'), &n))
			return false;
	*out = n;
	return true;
}

bool talk_text(const struct talk *t, const char *key, char *out, size_t size)
{
	const char *at = find(t, key);
	size_t n;

	if (!at || *at != '"')
		return false;
	at++;
	n = strcspn(at, "\"\\"); /* a text with an escape is not read here */
	if (at[n] != '"' || n >= size)
		return false;
	memcpy(out, at, n);
	out[n] = '\0';
	return true;
}
