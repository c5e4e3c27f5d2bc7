/* server: see server.h. Listening; who may connect; where the socket is. Connections are
 * in connection.c. */
#include "daemon/server.h"

#include "base/own.h"
#include "daemon/connection.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define BACKLOG      128
#define ACCEPT_MAX   16  /* in one round: others are to be served, too */
#define FULL_WAIT_MS 100 /* until more descriptors may be there */

static int unix_socket(struct weir_err *err)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? weir_err_sys(err, -errno, "make a socket") : fd;
}

static int address_of(const char *path, struct sockaddr_un *out, struct weir_err *err)
{
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(out->sun_path))
		return weir_err_set(err, -ENAMETOOLONG, "'%s' is too long for a socket",
		                    path);
	memcpy(out->sun_path, path, strlen(path));
	return 0;
}

/* A socket that nobody listens on any more is what a killed weird left. */
static int take_away_stale(const struct sockaddr_un *address, struct weir_err *err)
{
	weir_auto(weir_closep) int fd = unix_socket(err);
	struct stat st;

	if (fd < 0)
		return fd;
	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0
		                       : weir_err_sys(err, -errno, "look at '%s'",
		                                      address->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return weir_err_set(err, -EADDRINUSE, "'%s' is there and is no socket",
		                    address->sun_path);
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
	    errno != ECONNREFUSED)
		return weir_err_set(err, -EADDRINUSE, "somebody listens on '%s' already",
		                    address->sun_path);
	if (unlink(address->sun_path) < 0 && errno != ENOENT)
		return weir_err_sys(err, -errno, "remove '%s'", address->sun_path);
	return 0;
}

static int make_listener(struct weir_server *server, const char *path,
                         struct weir_err *err)
{
	struct sockaddr_un address;
	int r = address_of(path, &address, err);

	if (r == 0)
		r = take_away_stale(&address, err);
	if (r < 0)
		return r;
	server->fd = unix_socket(err);
	if (server->fd < 0)
		return server->fd;
	if (bind(server->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return weir_err_sys(err, -errno, "make the socket '%s'", path);
	server->path = strdup(path);
	if (!server->path)
		return weir_err_sys(err, -ENOMEM, "make the socket '%s'", path);
	return 0;
}

int weir_server_set_mode(struct weir_server *server, unsigned int mode, bool has_gid,
                         uint32_t gid, struct weir_err *err)
{
	if (!server->path)
		return 0; /* systemd's: its unit says so */
	if (has_gid && chown(server->path, (uid_t)-1, gid) < 0)
		return weir_err_sys(err, -errno, "give '%s' to its group", server->path);
	if (chmod(server->path, mode) < 0)
		return weir_err_sys(err, -errno, "set the mode of '%s'", server->path);
	return 0;
}

/* ---- who may connect --------------------------------------------------------------- */

static bool is_full(const struct weir_server *server, uint32_t uid)
{
	size_t all = 0, of_user = 0;

	if (uid == 0)
		return false;
	for (const struct weir_connection *c = server->connections; c; c = c->next) {
		all += c->peer.uid != 0;
		of_user += c->peer.uid == uid;
	}
	return all >= WEIR_SERVER_CONNECTIONS_MAX || of_user >= WEIR_SERVER_OF_USER_MAX;
}

static void refuse(struct weir_server *server, int fd)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };

	server->calls.cut(server->ctx, false, &text);
	/* who does not read it need not know */
	if (text.n && send(fd, text.p, text.n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
}

static int take(struct weir_server *server, int fd)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
		return -errno;
	if (is_full(server, peer.uid)) {
		refuse(server, fd);
		return -EBUSY;
	}
	return weir_connection_new(
		server, fd,
		&(struct weir_peer){ .pid = peer.pid, .uid = peer.uid, .gid = peer.gid });
}

static void on_again(void *ctx)
{
	struct weir_server *server = ctx;

	(void)weir_source_wait_for(server->source, EPOLLIN);
}

static void on_sweep(void *ctx)
{
	weir_connections_sweep(ctx);
}

static void on_more(void *ctx)
{
	weir_connections_go_on(ctx);
}

static void on_connect(void *ctx, uint32_t events)
{
	struct weir_server *server = ctx;

	(void)events;
	for (int i = 0; i < ACCEPT_MAX; i++) {
		int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
		               errno == ENOBUFS)) {
			/* it stays ready: do not run in circles meanwhile */
			(void)weir_source_wait_for(server->source, 0);
			weir_timer_in_ms(server->again, FULL_WAIT_MS);
		}
		if (fd < 0)
			return;
		if (take(server, fd) < 0)
			(void)close(fd);
	}
}

/* ---- the whole --------------------------------------------------------------------- */

static int start(struct weir_server *server, const struct weir_server_options *options,
                 struct weir_err *err)
{
	int r = 0;

	if (server->fd < 0)
		r = make_listener(server, options->path, err);
	if (r == 0)
		r = weir_server_set_mode(server, options->mode, options->has_gid,
		                         options->gid, err);
	if (r == 0 && listen(server->fd, BACKLOG) < 0)
		r = weir_err_sys(err, -errno, "listen on '%s'", options->path);
	if (r == 0)
		r = weir_timer_new(server->loop, on_again, server, &server->again, err);
	if (r == 0)
		r = weir_timer_new(server->loop, on_sweep, server, &server->sweep, err);
	if (r == 0)
		r = weir_timer_new(server->loop, on_more, server, &server->more, err);
	return r < 0 ? r
	             : weir_loop_add(server->loop, server->fd, EPOLLIN, on_connect,
	                             server, &server->source, err);
}

int weir_server_new(struct weir_loop *loop, const struct weir_server_options *options,
                    struct weir_server **out, struct weir_err *err)
{
	struct weir_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server) {
		if (options->listen_fd >= 0)
			(void)close(options->listen_fd);
		return weir_err_sys(err, -ENOMEM, "make a server");
	}
	server->loop = loop;
	server->fd = options->listen_fd;
	server->line_max = options->line_max;
	server->stuck_ms = options->stuck_ms;
	server->calls = options->calls;
	server->ctx = options->ctx;
	r = start(server, options, err);
	if (r < 0) {
		weir_server_free(server);
		return r;
	}
	*out = server;
	return 0;
}

void weir_server_free(struct weir_server *server)
{
	if (!server)
		return;
	while (server->connections)
		weir_connection_close(server->connections);
	weir_source_remove(server->source);
	weir_timer_free(server->again);
	weir_timer_free(server->sweep);
	weir_timer_free(server->more);
	if (server->fd >= 0)
		(void)close(server->fd);
	if (server->path)
		(void)unlink(server->path);
	free(server->path);
	free(server);
}

struct weir_connection *weir_server_find(const struct weir_server *server, uint64_t id)
{
	for (struct weir_connection *c = server->connections; c; c = c->next)
		if (c->id == id)
			return c;
	return NULL;
}

size_t weir_server_count(const struct weir_server *server)
{
	size_t nr = 0;

	for (const struct weir_connection *c = server->connections; c; c = c->next)
		nr++;
	return nr;
}
