/* server: the unix socket of weird-protocol(7): connections, whose they are, their lines
 * in and their replies out, within the limits. What a line means is the owner's.
 *
 * A line makes a request, which is *pending* until weir_connection_reply() was called
 * once for it; replies may come later and in any order. A connection may be gone by then:
 * keep its number, and ask weir_server_find(). */
#ifndef WEIR_DAEMON_SERVER_H
#define WEIR_DAEMON_SERVER_H

#include "base/buf.h"
#include "base/err.h"
#include "daemon/loop.h"

#define WEIR_SERVER_CONNECTIONS_MAX 256U /* root not counted */
#define WEIR_SERVER_OF_USER_MAX     64U
#define WEIR_SERVER_PENDING_MAX     64U          /* requests of a connection */
#define WEIR_SERVER_UNREAD_HIGH     (256U << 10) /* no more requests are taken then */
#define WEIR_SERVER_STUCK_MS        30000U       /* nothing was read for so long */
#define WEIR_SERVER_UNREAD_MAX      (1U << 20)   /* bytes of replies that wait for it */
#define WEIR_SERVER_PASSED_MAX      64U          /* descriptors that do */

struct weir_server;
struct weir_connection;

struct weir_peer {
	int pid;
	uint32_t uid, gid;
};

struct weir_server_calls {
	/* A line without its newline. The connection may be closed by what is replied. */
	void (*line)(void *ctx, struct weir_connection *conn, struct weir_str line);
	/* A line is too long, or there are too many connections (@line never came): what
	 * to tell before it is cut; added to *out. */
	void (*cut)(void *ctx, bool too_long, struct weir_buf *out);
	/* A reply with this tag (not 0) was not sent, for the connection has ended. */
	void (*lost)(void *ctx, uint64_t tag);
	/* It is gone; of its pending requests none is waited for. */
	void (*closed)(void *ctx, uint64_t conn);
};

struct weir_server_options {
	const char *path; /* made, with @mode and @gid, and removed at the end; or: */
	int listen_fd;    /* -1, or what systemd hands over. Taken */
	unsigned int mode;
	bool has_gid;
	uint32_t gid;
	size_t line_max;
	uint64_t stuck_ms; /* who reads no replies for so long is cut */
	struct weir_server_calls calls;
	void *ctx;
};

/* A socket that is there is replaced when nobody answers on it: else -EADDRINUSE. */
int weir_server_new(struct weir_loop *loop, const struct weir_server_options *options,
                    struct weir_server **out, struct weir_err *err);
void weir_server_free(struct weir_server *server);

/* As often as the daemon is told: mode and group of the socket. */
int weir_server_set_mode(struct weir_server *server, unsigned int mode, bool has_gid,
                         uint32_t gid, struct weir_err *err);

struct weir_connection *weir_server_find(const struct weir_server *server, uint64_t id);
size_t weir_server_count(const struct weir_server *server);

uint64_t weir_connection_id(const struct weir_connection *conn); /* never used twice */
const struct weir_peer *weir_connection_peer(const struct weir_connection *conn);

/* All groups that the user database has the peer in, looked up once. */
int weir_connection_groups(struct weir_connection *conn, const uint32_t **out,
                           size_t *out_nr);

/* Ends one pending request with a whole line, its newline too. @fd: -1, or a descriptor
 * that goes with its first byte; taken. @tag: 0, or what lost() is to be told. */
void weir_connection_reply(struct weir_connection *conn, struct weir_str line, int fd,
                           uint64_t tag);

#endif
