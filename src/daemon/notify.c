/* notify: see notify.h. */
#include "daemon/notify.h"

#include "base/own.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

static bool number_of(const char *name, uint64_t *out)
{
	const char *z = getenv(name);

	return z && weir_parse_u64(weir_strz(z), out) == 0;
}

/* Meant for this process, and not for the one that started it. */
static bool is_ours(const char *name)
{
	uint64_t pid;

	return number_of(name, &pid) && pid == (uint64_t)getpid();
}

static bool is_listening(int fd)
{
	int value = 0, domain = 0;
	socklen_t n = sizeof(value), m = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &n) == 0 && value &&
	       getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &m) == 0 &&
	       domain == AF_UNIX;
}

static int take_listener(struct weir_notify *notify, struct weir_err *err)
{
	uint64_t nr;

	if (!is_ours("LISTEN_PID") || !number_of("LISTEN_FDS", &nr) || !nr)
		return 0;
	if (nr != 1 || !is_listening(FIRST_FD))
		return weir_err_set(err, -EINVAL,
		                    "what systemd hands over is not one listening unix "
		                    "socket");
	if (fcntl(FIRST_FD, F_SETFD, FD_CLOEXEC) < 0 ||
	    fcntl(FIRST_FD, F_SETFL, O_NONBLOCK) < 0)
		return weir_err_sys(err, -errno, "take over a socket");
	notify->listen_fd = FIRST_FD;
	return 0;
}

int weir_notify_init(struct weir_notify *notify, struct weir_err *err)
{
	static const char *const variables[] = { "NOTIFY_SOCKET", "WATCHDOG_USEC",
		                                 "WATCHDOG_PID",  "LISTEN_PID",
		                                 "LISTEN_FDS",    "LISTEN_FDNAMES" };
	const char *path = getenv("NOTIFY_SOCKET");
	int r;

	*notify = (struct weir_notify){ .listen_fd = -1 };
	if (path && (*path == '/' || *path == '@') && strlen(path) < sizeof(notify->path))
		memcpy(notify->path, path, strlen(path));
	if (!getenv("WATCHDOG_PID") || is_ours("WATCHDOG_PID"))
		if (!number_of("WATCHDOG_USEC", &notify->watchdog_us))
			notify->watchdog_us = 0;
	r = take_listener(notify, err);
	for (size_t i = 0; i < WEIR_NELEM(variables); i++)
		(void)unsetenv(variables[i]);
	return r;
}

void weir_notify(const struct weir_notify *notify, const char *fmt, ...)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	weir_auto(weir_closep) int fd = -1;
	size_t n = strlen(notify->path);
	char text[512];
	va_list ap;

	if (!n)
		return;
	memcpy(to.sun_path, notify->path, n);
	if (*to.sun_path == '@')
		*to.sun_path = '\0';
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* the name of an abstract socket has no end but its length */
	if (sendto(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
	           (struct sockaddr *)&to,
	           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		return;
}
