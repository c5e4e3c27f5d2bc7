/* daemon: all of weird together, for its parts: what each of them is, and who is told
 * what. One of it, made by main.c and handed to all. */
#ifndef WEIR_DAEMON_DAEMON_H
#define WEIR_DAEMON_DAEMON_H

#include "daemon/conf.h"
#include "daemon/endings.h"
#include "daemon/event.h"
#include "daemon/growth.h"
#include "daemon/look.h"
#include "daemon/loop.h"
#include "daemon/notify.h"
#include "daemon/room.h"
#include "daemon/server.h"
#include "daemon/work.h"
#include "host/host.h"
#include "warm/store.h"

#include <sys/types.h>

struct weir_feed;
struct weir_serve;
struct weir_http;

struct weir_daemon_options {
	const char *conf_path, *dir, *state_path;
	const char *socket_path; /* NULL: as the configuration has it */
	const char *weir;        /* the program that changes pools */
	const char *cgroup_root;
	bool conf_may_lack; /* the default path: without a file all is default */
};

struct weir_daemon {
	struct weir_daemon_options options;
	struct weir_events log;
	struct weir_notify notify;
	struct weir_conf conf;
	struct weir_host *host;
	struct weir_loop *loop;
	struct weir_store *store;
	struct weir_work *work;
	struct weir_feed *feed;
	struct weir_endings *endings;
	struct weir_looker *look;
	struct weir_growth *growth;
	struct weir_serve *serve;
	struct weir_server *server;
	struct weir_http *http; /* NULL: none */
	struct weir_timer *watchdog;
	int only_node; /* of a host that has but one; else -1 */
	bool is_stopping;
};

/* Makes and starts everything; weir_daemon_done() after a failure, too. */
int weir_daemon_init(struct weir_daemon *d, const struct weir_daemon_options *options,
                     struct weir_err *err);
void weir_daemon_done(struct weir_daemon *d);

/* Until a signal ends it. 0 or with words. */
int weir_daemon_run(struct weir_daemon *d, struct weir_err *err);

/* Reads the configuration and looks up its names. *out on success only. */
int weir_daemon_read_conf(const struct weir_daemon_options *options,
                          struct weir_events *log, struct weir_conf *out,
                          struct weir_err *err);

/* What the store is to be opened with. The paths are borrowed. */
void weir_daemon_store_options(const struct weir_daemon_options *options,
                               const struct weir_conf *conf, const struct weir_host *host,
                               struct weir_store_options *out);

#endif
