/* notify: tells systemd what weird does, and takes what it hands over: sd_notify(3) and
 * sd_listen_fds(3), which are a datagram and two variables; so libsystemd is not needed.
 * Without a systemd all of it does nothing. */
#ifndef WEIR_DAEMON_NOTIFY_H
#define WEIR_DAEMON_NOTIFY_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct weir_notify {
	char path[108];       /* of $NOTIFY_SOCKET, "": none; '@' first: abstract */
	uint64_t watchdog_us; /* 0: none wanted */
	int listen_fd;        /* -1: none handed over; the taker's then */
};

/* Reads the variables, and takes them away, so that no child believes them. -EINVAL with
 * words where what is handed over is not one listening unix socket. */
int weir_notify_init(struct weir_notify *notify, struct weir_err *err);

/* "READY=1\nSTATUS=...". Lost when nobody takes it at once. */
void weir_notify(const struct weir_notify *notify, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
