/* daemon: see daemon.h.
 *
 * Order of starting: what can refuse comes first (configuration, the store's lock), then
 * what nobody outside sees, and the socket last: who can connect is served. Leases that
 * the store came with are watched before anything is zeroed. At the end nothing of the
 * store is touched: whoever has a lease keeps his memory, and the next weird finds it. */
#include "daemon/daemon.h"

#include "base/own.h"
#include "base/size.h"
#include "daemon/feed.h"
#include "daemon/http.h"
#include "daemon/message.h"
#include "daemon/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define STOP_WAIT_MS 5000U /* for threads: a slice of work takes some 10 ms */

/* ---- the configuration ------------------------------------------------------------- */

static void look_up_user(struct weir_events *log, const char *rule,
                         struct weir_rule_id *id)
{
	const struct passwd *user;

	if (!id->name || id->known)
		return;
	user = getpwnam(id->name);
	id->known = user != NULL;
	id->id = user ? user->pw_uid : 0;
	if (!user)
		weir_event(log, WEIR_EVENT_WARNING, "no-such-user", "rule=%s user=%s",
		           rule, id->name);
}

static void look_up_group(struct weir_events *log, const char *rule,
                          struct weir_rule_id *id)
{
	const struct group *group;

	if (!id->name || id->known)
		return;
	group = getgrnam(id->name);
	id->known = group != NULL;
	id->id = group ? group->gr_gid : 0;
	if (!group)
		weir_event(log, WEIR_EVENT_WARNING, "no-such-group", "rule=%s group=%s",
		           rule, id->name);
}

static void look_up_names(struct weir_events *log, struct weir_conf *conf)
{
	look_up_group(log, "[socket]", &conf->socket.group);
	for (size_t i = 0; i < conf->rules.nr; i++) {
		struct weir_rule *rule = &conf->rules.v[i];

		look_up_user(log, rule->name, &rule->user);
		look_up_group(log, rule->name, &rule->group);
		for (size_t k = 0; k < rule->nr_for_users; k++)
			look_up_user(log, rule->name, &rule->for_users[k]);
	}
}

static int read_text(const char *path, struct weir_buf *out)
{
	weir_auto(weir_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	while (n > 0 && out->n <= WEIR_CONF_TEXT_MAX) {
		if (weir_buf_reserve(out, 65536) < 0)
			return -ENOMEM;
		n = read(fd, out->p + out->n, 65536);
		if (n > 0)
			out->n += (size_t)n;
	}
	return n < 0 ? -errno : 0;
}

int weir_daemon_read_conf(const struct weir_daemon_options *options,
                          struct weir_events *log, struct weir_conf *out,
                          struct weir_err *err)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int r = read_text(options->conf_path, &text);

	if (r == -ENOENT && options->conf_may_lack)
		r = 0;
	if (r < 0)
		return weir_err_sys(err, r, "read '%s'", options->conf_path);
	r = weir_conf_parse(options->conf_path, weir_buf_str(&text), out, err);
	if (r == 0)
		look_up_names(log, out);
	return r;
}

void weir_daemon_store_options(const struct weir_daemon_options *options,
                               const struct weir_conf *conf, const struct weir_host *host,
                               struct weir_store_options *out)
{
	*out = (struct weir_store_options){ .dir = options->dir,
		                            .state_path = options->state_path,
		                            .renew = conf->renew,
		                            .host = host };
	for (size_t i = 0; i < conf->nr_warm; i++) {
		const struct weir_conf_warm *warm = &conf->warm[i];
		struct weir_store_size *to = &out->sizes[out->nr_sizes++];

		to->page_bytes = warm->page_bytes;
		to->verify_full = warm->verify_full;
		to->nr_flavours = warm->nr_flavours;
		memcpy(to->flavours, warm->flavours, sizeof(to->flavours));
	}
}

/* ---- reading it again -------------------------------------------------------------- */

static int start_http(struct weir_daemon *d, struct weir_err *err)
{
	const struct weir_conf *conf = &d->conf;
	int r;

	if (!conf->http.address)
		return 0;
	r = weir_http_new(d, conf->http.address, conf->http.port, &d->http, err);
	if (r == 0)
		weir_event(&d->log, WEIR_EVENT_INFO, "http", "address=%s port=%u",
		           conf->http.address, conf->http.port);
	return r;
}

static bool same_http(const struct weir_conf *a, const struct weir_conf *b)
{
	if (!a->http.address || !b->http.address)
		return a->http.address == b->http.address;
	return strcmp(a->http.address, b->http.address) == 0 &&
	       a->http.port == b->http.port;
}

static void tell_problem(struct weir_daemon *d, const char *msg,
                         const struct weir_err *err)
{
	weir_event(&d->log, WEIR_EVENT_ERROR, msg, "why=%s",
	           weir_quote(&(struct weir_quote){ 0 }, err->msg));
}

static void tell_plan(struct weir_daemon *d, const struct weir_conf *now)
{
	weir_auto(weir_buf_done) struct weir_buf diff = { 0 };
	struct weir_str rest, line;

	if (weir_conf_diff(&d->conf, now, &diff) < 0)
		return;
	if (!diff.n)
		weir_event(&d->log, WEIR_EVENT_NOTICE, "reload", "changes=none");
	rest = weir_buf_str(&diff);
	while (weir_str_line(&rest, &line)) {
		char text[300];

		(void)weir_str_show(line, text, sizeof(text));
		weir_event(&d->log, WEIR_EVENT_NOTICE, "reload", "change=%s",
		           weir_quote(&(struct weir_quote){ 0 }, text));
	}
}

/* The socket stays where it is: who is connected goes on. */
static void apply_socket(struct weir_daemon *d, const struct weir_conf *was)
{
	const struct weir_conf *conf = &d->conf;
	struct weir_err err = { 0 };

	if (!d->options.socket_path && strcmp(was->socket.path, conf->socket.path) != 0)
		weir_event(&d->log, WEIR_EVENT_WARNING, "reload",
		           "socket=%s note=\"another path takes a restart\"",
		           conf->socket.path);
	if (weir_server_set_mode(d->server, conf->socket.mode, conf->socket.group.known,
	                         conf->socket.group.id, &err) < 0)
		tell_problem(d, "socket-mode-failed", &err);
}

static void apply(struct weir_daemon *d, struct weir_conf *now)
{
	struct weir_conf was = d->conf;
	struct weir_store_options options;
	struct weir_err err = { 0 };

	d->conf = *now;
	weir_daemon_store_options(&d->options, &d->conf, d->host, &options);
	if (weir_store_set_options(d->store, &options, &err) < 0)
		tell_problem(d, "options-failed", &err);
	if (weir_feed_configure(d->feed) < 0)
		tell_problem(d, "targets-failed", &err);
	if (!same_http(&was, now)) {
		weir_http_free(d->http);
		d->http = NULL;
		if (start_http(d, &err) < 0)
			tell_problem(d, "http-failed", &err);
	}
	apply_socket(d, &was);
	weir_conf_done(&was);
	weir_endings_changed(d->endings);
	weir_feed_kick(d->feed);
}

static void reload(struct weir_daemon *d)
{
	struct weir_conf now = { 0 };
	struct weir_err err = { 0 };

	weir_notify(&d->notify, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
	            weir_monotonic_ns() / 1000);
	if (weir_daemon_read_conf(&d->options, &d->log, &now, &err) < 0) {
		tell_problem(d, "reload-refused", &err);
	} else {
		tell_plan(d, &now);
		apply(d, &now);
	}
	weir_notify(&d->notify, "READY=1");
}

/* ---- signals, watchdog ------------------------------------------------------------- */

static void reap(struct weir_daemon *d)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		(void)weir_growth_ended(d->growth, pid, status);
}

static void on_signal(void *ctx, int signal)
{
	struct weir_daemon *d = ctx;

	if (signal == SIGCHLD) {
		reap(d);
	} else if (signal == SIGHUP) {
		reload(d);
	} else {
		weir_event(&d->log, WEIR_EVENT_NOTICE, "stopping",
		           "signal=%s note=\"files, mounts and leases stay\"",
		           signal == SIGTERM ? "TERM" : "INT");
		weir_notify(&d->notify, "STOPPING=1");
		weir_loop_stop(d->loop);
	}
}

static void tell_status(struct weir_daemon *d)
{
	const struct weir_warm_state *state = weir_store_state(d->store);
	uint64_t ready = 0, wanted = 0;
	size_t leases = 0;
	char sizes[2][WEIR_SIZE_TEXT_MAX];

	for (size_t i = 0; i < state->nr_regions; i++) {
		leases += state->regions[i].lease.id != 0;
		if (state->regions[i].state == WEIR_REGION_READY)
			ready += state->regions[i].bytes;
	}
	for (size_t i = 0; i < state->nr_targets; i++)
		wanted += state->targets[i].bytes;
	weir_notify(&d->notify, "WATCHDOG=1\nSTATUS=%zu leases, %s of %s warm", leases,
	            weir_format_human(ready, sizes[0], sizeof(sizes[0])),
	            weir_format_human(wanted, sizes[1], sizeof(sizes[1])));
}

/* Twice as often as it must be. */
static void on_watchdog(void *ctx)
{
	struct weir_daemon *d = ctx;

	tell_status(d);
	weir_timer_in_ms(d->watchdog, d->notify.watchdog_us / 2000 + 1);
}

/* ---- starting ---------------------------------------------------------------------- */

static void on_seen(void *ctx)
{
	struct weir_daemon *d = ctx;

	weir_serve_seen(d->serve);
	if (d->http)
		weir_http_seen(d->http);
	weir_feed_seen(d->feed);
}

static void on_ended(void *ctx, uint64_t lease, const char *why)
{
	struct weir_daemon *d = ctx;

	weir_serve_ended(d->serve, lease, why);
}

static void on_freed(void *ctx, size_t nr)
{
	struct weir_daemon *d = ctx;

	weir_event(&d->log, WEIR_EVENT_INFO, "freed", "regions=%zu", nr);
	weir_serve_retry(d->serve);
	weir_feed_kick(d->feed);
}

/* Who read the log may be gone: then nobody is told, and leases go on. Programs that
 * weird starts have the signal as it was made (growth.c). */
static void outlive_readers(void)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	/* cannot fail: it is a signal that may be ignored */
	(void)sigaction(SIGPIPE, &ignore, NULL);
}

/* A thousand leases with owners are as many descriptors. */
static void raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &files) < 0)
			return;
	}
}

static int start_store(struct weir_daemon *d, struct weir_err *err)
{
	struct weir_store_options options;
	int r;

	weir_daemon_store_options(&d->options, &d->conf, d->host, &options);
	r = weir_store_open(&options, &d->store, err);
	if (r == 0 && *weir_store_note(d->store))
		weir_event(
			&d->log, WEIR_EVENT_WARNING, "store", "note=%s",
			weir_quote(&(struct weir_quote){ 0 }, weir_store_note(d->store)));
	return r;
}

static int start_server(struct weir_daemon *d, struct weir_err *err)
{
	const struct weir_server_options options = {
		.path = d->options.socket_path ? d->options.socket_path
		                               : d->conf.socket.path,
		.listen_fd = d->notify.listen_fd,
		.mode = d->conf.socket.mode,
		.has_gid = d->conf.socket.group.known,
		.gid = d->conf.socket.group.id,
		.line_max = WEIR_MESSAGE_MAX,
		.stuck_ms = WEIR_SERVER_STUCK_MS,
		.calls = weir_serve_calls,
		.ctx = d->serve,
	};

	d->notify.listen_fd = -1;
	return weir_server_new(d->loop, &options, &d->server, err);
}

static int start_parts(struct weir_daemon *d, struct weir_err *err)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD, 0 };
	static const struct weir_endings_calls endings = { on_ended, on_freed };
	int r = weir_loop_new(&d->loop, err);

	if (r == 0) /* blocked before there are threads */
		r = weir_loop_signals(d->loop, signals, on_signal, d, err);
	if (r == 0)
		r = weir_live_new(&d->host, err);
	if (r == 0)
		r = start_store(d, err);
	if (r == 0)
		r = weir_serve_new(d, &d->serve, err);
	if (r == 0)
		r = weir_look_new(d->loop, on_seen, d, &d->look, err);
	if (r == 0)
		r = weir_feed_new(d, &d->feed, err);
	if (r == 0)
		r = weir_endings_new(d->loop, d->store, d->options.cgroup_root, &endings,
		                     d, &d->endings, err);
	if (r == 0)
		r = weir_timer_new(d->loop, on_watchdog, d, &d->watchdog, err);
	return r < 0 ? r : start_http(d, err);
}

int weir_daemon_init(struct weir_daemon *d, const struct weir_daemon_options *options,
                     struct weir_err *err)
{
	int r;

	*d = (struct weir_daemon){ .options = *options, .notify = { .listen_fd = -1 } };
	weir_events_init(&d->log, weir_now_ns);
	outlive_readers();
	raise_limits();
	r = weir_notify_init(&d->notify, err);
	if (r == 0)
		r = weir_daemon_read_conf(options, &d->log, &d->conf, err);
	if (r == 0)
		r = start_parts(d, err);
	if (r == 0 && weir_feed_configure(d->feed) < 0)
		r = weir_err_sys(err, -ENOMEM, "set targets");
	if (r == 0)
		r = start_server(d, err);
	if (r < 0)
		return r;
	weir_endings_restore(d->endings);
	weir_feed_kick(d->feed);
	return 0;
}

int weir_daemon_run(struct weir_daemon *d, struct weir_err *err)
{
	uint64_t until;
	int r;

	weir_event(&d->log, WEIR_EVENT_NOTICE, "ready", "version=%s socket=%s",
	           WEIR_VERSION,
	           d->options.socket_path ? d->options.socket_path : d->conf.socket.path);
	weir_notify(&d->notify, "READY=1");
	tell_status(d);
	if (d->notify.watchdog_us)
		on_watchdog(d);
	r = weir_loop_run(d->loop, err);
	d->is_stopping = true;
	weir_work_stop(d->work);
	until = weir_now_ns() + STOP_WAIT_MS * UINT64_C(1000000);
	while (r == 0 && weir_work_running(d->work) && weir_now_ns() < until)
		r = weir_loop_once(d->loop, 100, err);
	return r;
}

/* Threads that do not come to an end now, because a rate makes them wait, end with the
 * process; nothing of theirs is written down, and so it is done again. */
static void leave_threads(struct weir_daemon *d)
{
	if (d->work && weir_work_running(d->work))
		_exit(EXIT_SUCCESS);
	weir_work_free(d->work);
}

void weir_daemon_done(struct weir_daemon *d)
{
	d->is_stopping = true;
	weir_server_free(d->server);
	weir_http_free(d->http);
	weir_timer_free(d->watchdog);
	weir_endings_free(d->endings);
	leave_threads(d);
	weir_growth_free(d->growth);
	weir_feed_free(d->feed);
	weir_look_free(d->look);
	weir_serve_free(d->serve);
	weir_store_free(d->store);
	weir_host_free(d->host);
	weir_loop_free(d->loop);
	weir_conf_done(&d->conf);
	if (d->notify.listen_fd >= 0)
		(void)close(d->notify.listen_fd);
}
