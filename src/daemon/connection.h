/* connection: one client of a server; for server.c and connection.c only. */
#ifndef WEIR_DAEMON_CONNECTION_H
#define WEIR_DAEMON_CONNECTION_H

#include "daemon/lines.h"
#include "daemon/server.h"

struct weir_unsent { /* a reply, or what is left of it */
	struct weir_unsent *next;
	int fd; /* -1: none, or sent */
	uint64_t tag;
	size_t sent;
	struct weir_buf text;
};

struct weir_connection {
	struct weir_server *server;
	struct weir_connection *next, **link;
	uint64_t id;
	int fd;
	struct weir_source *source;
	struct weir_peer peer;
	uint32_t *groups; /* NULL: not looked up */
	size_t nr_groups;
	struct weir_lines lines;
	size_t nr_pending;
	bool ended;        /* nothing more will come */
	bool hung_up;      /* nobody reads what would be sent */
	bool is_reading;   /* it is waited for what comes */
	bool has_more;     /* lines may be there that were not taken; they come first */
	unsigned int turn; /* of the server: when they were last taken */
	bool cut;          /* nothing more is taken; it is closed when all is sent */
	bool is_busy;      /* lines are being taken: it is not freed now */
	bool gone;         /* to be freed then */
	struct weir_unsent *unsent, **last;
	size_t unsent_bytes, nr_passed;
	uint64_t read_at_ns; /* when it has last read something, or begun to have to */
};

struct weir_server {
	struct weir_loop *loop;
	int fd;
	char *path; /* NULL: not ours to remove */
	struct weir_source *source;
	struct weir_timer *again, *sweep, *more;
	unsigned int turn;
	uint64_t stuck_ms;
	struct weir_connection *connections;
	uint64_t last_id;
	size_t line_max;
	struct weir_server_calls calls;
	void *ctx;
};

/* Takes @fd, unless it fails. */
int weir_connection_new(struct weir_server *server, int fd, const struct weir_peer *peer);

/* Closes those that have not read for too long. */
void weir_connections_sweep(struct weir_server *server);

/* Takes more of the lines that are there. */
void weir_connections_go_on(struct weir_server *server);

/* Tells the owner, and frees. */
void weir_connection_close(struct weir_connection *conn);

#endif
