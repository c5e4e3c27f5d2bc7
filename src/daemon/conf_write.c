/* conf_write: a configuration as text, and what two of them differ in. Both go by one
 * list of "section, key, value". */
#include "daemon/conf.h"

#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define NS UINT64_C(1000000000)

struct entry {
	char *section, *line; /* "rule admins", "most = 32G" */
};

struct list {
	struct entry *v;
	size_t nr, cap;
	int failed; /* 0 or -ENOMEM */
};

static void list_done(struct list *list)
{
	for (size_t i = 0; i < list->nr; i++) {
		free(list->v[i].section);
		free(list->v[i].line);
	}
	free(list->v);
}

static void put(struct list *to, const char *section, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void put(struct list *to, const char *section, const char *fmt, ...)
{
	struct entry entry = { 0 };
	va_list ap;

	if (to->failed)
		return;
	va_start(ap, fmt);
	if (vasprintf(&entry.line, fmt, ap) < 0)
		entry.line = NULL;
	va_end(ap);
	entry.section = strdup(section);
	if (!entry.line || !entry.section ||
	    weir_grow(&to->v, &to->cap, to->nr, sizeof(*to->v)) < 0) {
		free(entry.line);
		free(entry.section);
		to->failed = -ENOMEM;
		return;
	}
	to->v[to->nr++] = entry;
}

static void put_size(struct list *to, const char *section, const char *key, uint64_t n)
{
	char size[WEIR_SIZE_TEXT_MAX];

	(void)weir_format_size(n, size, sizeof(size));
	put(to, section, "%s = %s", key, size);
}

static void put_sizes(struct list *to, const char *section, const char *key,
                      const uint64_t *v, size_t nr)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	char size[WEIR_SIZE_TEXT_MAX];

	for (size_t i = 0; i < nr && !to->failed; i++) {
		(void)weir_format_size(v[i], size, sizeof(size));
		to->failed = weir_buf_printf(&text, "%s%s", i ? " " : "", size);
	}
	if (nr && !to->failed)
		put(to, section, "%s = %s", key, text.p);
}

static void put_warm(struct list *to, const struct weir_conf_warm *w)
{
	char section[64], size[WEIR_SIZE_TEXT_MAX], key[32];

	(void)weir_format_size(w->page_bytes, size, sizeof(size));
	(void)snprintf(section, sizeof(section), "warm %s", size);
	put(to, section, "verify = %s", w->verify_full ? "full" : "sample");
	for (size_t i = 0; i < w->nr_targets; i++) {
		(void)snprintf(key, sizeof(key), "node%d", w->targets[i].node);
		put_size(to, section, w->targets[i].node < 0 ? "any" : key,
		         w->targets[i].bytes);
	}
	put_sizes(to, section, "flavours", w->flavours, w->nr_flavours);
}

static void put_keep(struct list *to, const struct weir_conf *conf)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	char page[WEIR_SIZE_TEXT_MAX], size[WEIR_SIZE_TEXT_MAX];

	for (size_t i = 0; i < conf->budget.nr_keep && !to->failed; i++) {
		const struct weir_conf_keep *keep = &conf->budget.keep[i];

		(void)weir_format_size(keep->page_bytes, page, sizeof(page));
		(void)weir_format_size(keep->bytes, size, sizeof(size));
		to->failed = weir_buf_printf(&text, "%s%s %s", i ? ", " : "", page, size);
	}
	if (conf->budget.nr_keep && !to->failed)
		put(to, "budget", "keep-free = %s", text.p);
}

static void put_budget(struct list *to, const struct weir_conf *conf)
{
	if (conf->budget.cpus)
		put(to, "budget", "cpus = %u", conf->budget.cpus);
	if (conf->budget.share_percent != 100)
		put(to, "budget", "cpu-share = %u%%", conf->budget.share_percent);
	if (conf->budget.rate)
		put_size(to, "budget", "rate", conf->budget.rate);
	if (conf->budget.idle_only)
		put(to, "budget", "idle-only = yes");
	if (conf->budget.floor_bytes.known)
		put_size(to, "budget", "floor", conf->budget.floor_bytes.n);
	put_keep(to, conf);
}

static void put_time(struct list *to, const char *section, const char *key, uint64_t ns)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = { { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };
	uint64_t s = ns / NS;

	for (size_t i = 0; s && i < WEIR_NELEM(units); i++)
		if (s % units[i].seconds == 0) {
			put(to, section, "%s = %" PRIu64 "%c", key, s / units[i].seconds,
			    units[i].unit);
			return;
		}
}

static void put_nodes(struct list *to, const char *section, const struct weir_rule *rule)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };

	if (!rule->nodes.nr || to->failed)
		return;
	to->failed = weir_ranges_format(&rule->nodes, &text);
	if (!to->failed)
		put(to, section, "nodes = %s", text.p);
}

static void put_users(struct list *to, const char *section, const struct weir_rule *rule)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };

	for (size_t i = 0; i < rule->nr_for_users && !to->failed; i++)
		to->failed = weir_buf_printf(&text, "%s%s", i ? " " : "",
		                             rule->for_users[i].name);
	if (rule->nr_for_users && !to->failed)
		put(to, section, "for-user = %s", text.p);
}

static void put_rule(struct list *to, const struct weir_rule *rule)
{
	char section[80];

	(void)snprintf(section, sizeof(section), "rule %s", rule->name);
	if (rule->user.name)
		put(to, section, "user = %s", rule->user.name);
	if (rule->group.name)
		put(to, section, "group = %s", rule->group.name);
	put_size(to, section, "most", rule->most_bytes);
	if (rule->leases != WEIR_RULE_LEASES)
		put(to, section, "leases = %" PRIu64, rule->leases);
	put_sizes(to, section, "sizes", rule->sizes, rule->nr_sizes);
	put_nodes(to, section, rule);
	put_time(to, section, "ttl", rule->ttl_ns);
	if (rule->no_cold)
		put(to, section, "cold = no");
	put_users(to, section, rule);
}

static void put_listen(struct list *to, const struct weir_conf *conf)
{
	bool six = strchr(conf->http.address, ':');

	put(to, "http", "listen = %s%s%s:%u", six ? "[" : "", conf->http.address,
	    six ? "]" : "", conf->http.port);
}

static void put_all(struct list *to, const struct weir_conf *conf)
{
	for (size_t i = 0; i < conf->nr_warm; i++)
		put_warm(to, &conf->warm[i]);
	put_budget(to, conf);
	if (conf->grow)
		put(to, "pool", "grow = yes");
	if (conf->shrink)
		put(to, "pool", "shrink = yes");
	if (conf->renew != WEIR_RENEW_OTHERS)
		put(to, "pool", "renew = %s",
		    conf->renew == WEIR_RENEW_ALL ? "yes" : "no");
	if (strcmp(conf->socket.path, WEIR_CONF_SOCKET) != 0)
		put(to, "socket", "path = %s", conf->socket.path);
	if (conf->socket.mode != 0666)
		put(to, "socket", "mode = %04o", conf->socket.mode);
	if (conf->socket.group.name)
		put(to, "socket", "group = %s", conf->socket.group.name);
	if (conf->http.address)
		put_listen(to, conf);
	for (size_t i = 0; i < conf->rules.nr; i++)
		put_rule(to, &conf->rules.v[i]);
}

int weir_conf_format(const struct weir_conf *conf, struct weir_buf *out)
{
	weir_auto(list_done) struct list list = { 0 };
	const char *section = "";
	int r;

	put_all(&list, conf);
	r = list.failed;
	for (size_t i = 0; i < list.nr && r == 0; i++) {
		if (strcmp(section, list.v[i].section) != 0)
			r = weir_buf_printf(out, "[%s]\n", list.v[i].section);
		section = list.v[i].section;
		if (r == 0)
			r = weir_buf_printf(out, "%s\n", list.v[i].line);
	}
	return r;
}

static bool has(const struct list *list, const struct entry *e)
{
	for (size_t i = 0; i < list->nr; i++)
		if (strcmp(list->v[i].section, e->section) == 0 &&
		    strcmp(list->v[i].line, e->line) == 0)
			return true;
	return false;
}

static int put_missing(const struct list *of, const struct list *in, char sign,
                       struct weir_buf *out)
{
	int r = 0;

	for (size_t i = 0; i < of->nr && r == 0; i++)
		if (!has(in, &of->v[i]))
			r = weir_buf_printf(out, "%c [%s] %s\n", sign, of->v[i].section,
			                    of->v[i].line);
	return r;
}

int weir_conf_diff(const struct weir_conf *was, const struct weir_conf *now,
                   struct weir_buf *out)
{
	weir_auto(list_done) struct list before = { 0 }, after = { 0 };
	int r;

	put_all(&before, was);
	put_all(&after, now);
	r = before.failed ? before.failed : after.failed;
	if (r == 0)
		r = put_missing(&before, &after, '-', out);
	return r < 0 ? r : put_missing(&after, &before, '+', out);
}
