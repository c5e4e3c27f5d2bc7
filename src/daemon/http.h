/* http: GET /metrics on loopback, for a Prometheus that does not speak to sockets; by
 * libmicrohttpd, in the same loop. Built without it, asking for it is an error. */
#ifndef WEIR_DAEMON_HTTP_H
#define WEIR_DAEMON_HTTP_H

#include "base/err.h"

#include <stdint.h>

struct weir_daemon;
struct weir_http;

/* @address: "127.0.0.1" or "::1". */
int weir_http_new(struct weir_daemon *d, const char *address, uint16_t port,
                  struct weir_http **out, struct weir_err *err);
void weir_http_free(struct weir_http *http);

/* Something was seen of the host: who waited for it is answered. */
void weir_http_seen(struct weir_http *http);

#endif
