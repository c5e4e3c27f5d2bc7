/* http: see http.h.
 *
 * libmicrohttpd has no thread here: its epoll descriptor is one of the loop's, and it is
 * run when something is there or its own time is up. A request that must wait for a look
 * at the host is suspended until then, and then answered with whatever was seen. */
#include "daemon/http.h"

#include "base/own.h"
#include "daemon/daemon.h"
#include "daemon/metrics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/epoll.h>

#define CONNECTIONS_MAX 16U /* a Prometheus or two, and somebody with curl */
#define MEMORY_MAX      (16U << 10)
#define TIMEOUT_S       10U

#define TYPE "text/plain; version=0.0.4; charset=utf-8"

struct request {
	struct request *next;
	struct MHD_Connection *conn;
	bool is_suspended, was_suspended;
};

struct weir_http {
	struct weir_daemon *d;
	struct MHD_Daemon *mhd;
	struct weir_source *source;
	struct weir_timer *timer;
	struct request *requests;
};

static enum MHD_Result send_text(struct MHD_Connection *conn, unsigned int status,
                                 struct weir_str text)
{
	/* a copy is made of what is only read; the prototype lacks a const */
	struct MHD_Response *response = MHD_create_response_from_buffer(
		text.n, (void *)(uintptr_t)text.p, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result r;

	if (!response)
		return MHD_NO;
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, TYPE);
	r = MHD_queue_response(conn, status, response);
	MHD_destroy_response(response);
	return r;
}

static enum MHD_Result send_metrics(struct weir_http *http, struct MHD_Connection *conn)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };

	if (weir_metrics_write(http->d, &text) < 0)
		return send_text(conn, MHD_HTTP_INTERNAL_SERVER_ERROR,
		                 weir_strz("no memory\n"));
	return send_text(conn, MHD_HTTP_OK, weir_buf_str(&text));
}

static struct request *keep(struct weir_http *http, struct MHD_Connection *conn)
{
	struct request *request = calloc(1, sizeof(*request));

	if (!request)
		return NULL;
	request->conn = conn;
	request->next = http->requests;
	http->requests = request;
	return request;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *conn, const char *url,
                                  const char *method, const char *version,
                                  const char *upload, size_t *upload_n, void **own)
{
	struct weir_http *http = ctx;
	struct request *request = *own;

	(void)version;
	(void)upload;
	if (!request) { /* only its head is there */
		*own = keep(http, conn);
		return *own ? MHD_YES : MHD_NO;
	}
	if (*upload_n) {
		*upload_n = 0; /* not looked at */
		return MHD_YES;
	}
	if (strcmp(method, "GET") != 0)
		return send_text(conn, MHD_HTTP_METHOD_NOT_ALLOWED,
		                 weir_strz("GET only\n"));
	if (strcmp(url, "/metrics") != 0)
		return send_text(conn, MHD_HTTP_NOT_FOUND,
		                 weir_strz("there is /metrics only\n"));
	if (!request->was_suspended &&
	    weir_look_want(http->d->look, WEIR_METRICS_AGE_MS) == WEIR_LOOK_COMING) {
		request->is_suspended = request->was_suspended = true;
		MHD_suspend_connection(conn);
		return MHD_YES;
	}
	return send_metrics(http, conn);
}

static void on_completed(void *ctx, struct MHD_Connection *conn, void **own,
                         enum MHD_RequestTerminationCode why)
{
	struct weir_http *http = ctx;

	(void)conn;
	(void)why;
	for (struct request **link = &http->requests; *link; link = &(*link)->next)
		if (*link == *own) {
			*link = (*link)->next;
			free(*own);
			break;
		}
	*own = NULL;
}

/* ---- the loop ---------------------------------------------------------------------- */

static void run(struct weir_http *http)
{
	MHD_UNSIGNED_LONG_LONG ms;

	(void)MHD_run(http->mhd);
	if (MHD_get_timeout(http->mhd, &ms) == MHD_YES)
		weir_timer_in_ms(http->timer, ms ? ms : 1);
	else
		weir_timer_at(http->timer, 0);
}

static void on_ready(void *ctx, uint32_t events)
{
	(void)events;
	run(ctx);
}

static void on_timer(void *ctx)
{
	run(ctx);
}

void weir_http_seen(struct weir_http *http)
{
	bool any = false;

	for (struct request *r = http->requests; r; r = r->next) {
		if (!r->is_suspended)
			continue;
		r->is_suspended = false;
		MHD_resume_connection(r->conn);
		any = true;
	}
	if (any)
		run(http);
}

static struct MHD_Daemon *start(struct weir_http *http, const struct sockaddr *address,
                                unsigned int flags)
{
	return MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | flags, 0, NULL, NULL,
		on_request, http, MHD_OPTION_SOCK_ADDR, address,
		MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U, MHD_OPTION_CONNECTION_LIMIT,
		CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_MAX,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_END);
}

static int listen_on(struct weir_http *http, const char *text, uint16_t port,
                     struct weir_err *err)
{
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	if (inet_pton(AF_INET6, text, &six.sin6_addr) == 1)
		http->mhd = start(http, (const struct sockaddr *)&six, MHD_USE_IPv6);
	else if (inet_pton(AF_INET, text, &four.sin_addr) == 1)
		http->mhd = start(http, (const struct sockaddr *)&four, 0);
	else
		return weir_err_set(err, -EINVAL, "'%s' is no address", text);
	return http->mhd
	               ? 0
	               : weir_err_set(err, -EADDRNOTAVAIL,
	                              "listen on %s, port %u: is it in use?", text, port);
}

int weir_http_new(struct weir_daemon *d, const char *address, uint16_t port,
                  struct weir_http **out, struct weir_err *err)
{
	struct weir_http *http = calloc(1, sizeof(*http));
	const union MHD_DaemonInfo *info;
	int r;

	if (!http)
		return weir_err_sys(err, -ENOMEM, "listen for HTTP");
	http->d = d;
	r = listen_on(http, address, port, err);
	info = r == 0 ? MHD_get_daemon_info(http->mhd, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (r == 0 && !info)
		r = weir_err_set(err, -ENOTSUP, "libmicrohttpd has no epoll here");
	if (r == 0)
		r = weir_timer_new(d->loop, on_timer, http, &http->timer, err);
	if (r == 0 && info)
		r = weir_loop_add(d->loop, info->epoll_fd, EPOLLIN, on_ready, http,
		                  &http->source, err);
	if (r < 0) {
		weir_http_free(http);
		return r;
	}
	*out = http;
	return 0;
}

void weir_http_free(struct weir_http *http)
{
	if (!http)
		return;
	/* suspended ones must be resumed before the end */
	for (struct request *r = http->requests; r; r = r->next)
		if (r->is_suspended)
			MHD_resume_connection(r->conn);
	weir_source_remove(http->source);
	weir_timer_free(http->timer);
	if (http->mhd)
		MHD_stop_daemon(http->mhd);
	free(http);
}
