/* conf: see conf.h. A table says which keys a section has and who takes each. */
#include "daemon/conf_parse.h"

#include "base/own.h"

#include <errno.h>

#define PATH_MAX_ 107U  /* of a socket: struct sockaddr_un */
#define CPUS_MAX  8192U /* NR_CPUS */

#define fail(p, at, ...) weir_ini_fail(&(p)->ini, at, (p)->err, __VA_ARGS__)

static struct weir_conf_warm *warm(struct weir_conf_parser *p)
{
	return &p->out->warm[p->idx];
}

static struct weir_rule *rule(struct weir_conf_parser *p)
{
	return &p->out->rules.v[p->idx];
}

/* ---- [warm SIZE] ------------------------------------------------------------------- */

static int add_target(struct weir_conf_parser *p, struct weir_str name, int node,
                      uint64_t bytes)
{
	struct weir_conf_warm *w = warm(p);
	size_t at = w->nr_targets;

	if (bytes % w->page_bytes)
		return fail(p, name.p, "'%.*s' is not a whole number of pages",
		            WEIR_STR_ARG(name));
	for (size_t i = 0; i < w->nr_targets; i++) {
		if (w->targets[i].node == node)
			return fail(p, name.p, "'%.*s' is here again",
			            WEIR_STR_ARG(name));
		if (node < 0 || w->targets[i].node < 0)
			return fail(p, name.p, "either 'any' or nodes");
	}
	if (weir_grow(&w->targets, &w->cap_targets, w->nr_targets, sizeof(*w->targets)) <
	    0)
		return weir_conf_no_memory(p);
	for (; at && w->targets[at - 1].node > node; at--)
		w->targets[at] = w->targets[at - 1];
	w->targets[at] = (struct weir_conf_target){ node, bytes };
	w->nr_targets++;
	return 0;
}

static int take_node(struct weir_conf_parser *p, struct weir_str name,
                     struct weir_str value)
{
	struct weir_str id = weir_str_skip(name, strlen("node"));
	uint64_t node, bytes = 0;
	int r;

	if (weir_parse_u64(id, &node) < 0 || node > WEIR_NODE_MAX ||
	    (id.n > 1 && *id.p == '0'))
		return fail(p, name.p, "'%.*s' names no node such as node0",
		            WEIR_STR_ARG(name));
	r = weir_conf_bytes(p, value, &bytes);
	return r < 0 ? r : add_target(p, name, (int)node, bytes);
}

static int take_any(struct weir_conf_parser *p, struct weir_str value)
{
	uint64_t bytes = 0;
	int r = weir_conf_bytes(p, value, &bytes);

	return r < 0 ? r : add_target(p, value, -1, bytes);
}

static int take_flavours(struct weir_conf_parser *p, struct weir_str value)
{
	struct weir_conf_warm *w = warm(p);
	int r = weir_conf_sizes(p, value, w->flavours, WEIR_CONF_FLAVOURS_MAX,
	                        &w->nr_flavours, weir_conf_bytes);

	for (size_t i = 0; r == 0 && i < w->nr_flavours; i++)
		if (!w->flavours[i] || w->flavours[i] % w->page_bytes)
			r = fail(p, value.p, "a flavour is not one or more whole pages");
	return r;
}

static int take_verify(struct weir_conf_parser *p, struct weir_str value)
{
	warm(p)->verify_full = weir_str_eq(value, "full");
	if (!warm(p)->verify_full && !weir_str_eq(value, "sample"))
		return fail(p, value.p, "'%.*s' is neither sample nor full",
		            WEIR_STR_ARG(value));
	return 0;
}

/* ---- [budget], [pool] -------------------------------------------------------------- */

static int take_cpus(struct weir_conf_parser *p, struct weir_str value)
{
	uint64_t n = 0;
	int r = weir_conf_number(p, value, 1, CPUS_MAX, "number of CPUs", &n);

	p->out->budget.cpus = (unsigned int)n;
	return r;
}

static int take_share(struct weir_conf_parser *p, struct weir_str value)
{
	uint64_t n = 0;
	int r = weir_str_ends(value, "%")
	                ? weir_conf_number(p, weir_str(value.p, value.n - 1), 1, 100,
	                                   "share from 1% to 100%", &n)
	                : weir_conf_no_value(p, value, "share such as 50%");

	if (r == 0)
		p->out->budget.share_percent = (unsigned int)n;
	return r;
}

static int take_rate(struct weir_conf_parser *p, struct weir_str value)
{
	int r = weir_conf_bytes(p, value, &p->out->budget.rate);

	return r == 0 && !p->out->budget.rate
	               ? fail(p, value.p, "a rate of 0 zeroes nothing")
	               : r;
}

static int take_idle(struct weir_conf_parser *p, struct weir_str value)
{
	return weir_conf_switch(p, value, &p->out->budget.idle_only);
}

static int take_floor(struct weir_conf_parser *p, struct weir_str value)
{
	struct weir_count *floor = &p->out->budget.floor_bytes;
	int r = weir_conf_bytes(p, value, &floor->n);

	floor->known = r == 0;
	return r;
}

/* "2M 4G, 1G 8G" */
static int take_keep(struct weir_conf_parser *p, struct weir_str value)
{
	struct weir_str rest = value, part;
	struct weir_conf_keep *to;
	int r = 0;

	if (!value.n)
		return weir_conf_no_value(p, value, "size and amount such as 2M 4G");
	while (r == 0 && weir_str_cut(&rest, ',', &part)) {
		struct weir_str trimmed = weir_str_trim(part), left = trimmed, size;

		if (p->out->budget.nr_keep == WEIR_CONF_SIZES_MAX)
			return fail(p, part.p, "more than %u sizes", WEIR_CONF_SIZES_MAX);
		to = &p->out->budget.keep[p->out->budget.nr_keep];
		if (!weir_str_word(&left, &size) || !weir_str_trim(left).n)
			return weir_conf_no_value(p, trimmed,
			                          "size and amount such as 2M 4G");
		r = weir_conf_page_size(p, size, &to->page_bytes);
		if (r == 0)
			r = weir_conf_bytes(p, weir_str_trim(left), &to->bytes);
		for (size_t i = 0; r == 0 && i < p->out->budget.nr_keep; i++)
			if (p->out->budget.keep[i].page_bytes == to->page_bytes)
				r = fail(p, size.p, "'%.*s' is here twice",
				         WEIR_STR_ARG(size));
		p->out->budget.nr_keep += r == 0;
	}
	return r;
}

static int take_grow(struct weir_conf_parser *p, struct weir_str value)
{
	return weir_conf_switch(p, value, &p->out->grow);
}

static int take_shrink(struct weir_conf_parser *p, struct weir_str value)
{
	return weir_conf_switch(p, value, &p->out->shrink);
}

static int take_renew(struct weir_conf_parser *p, struct weir_str value)
{
	bool all;
	int r;

	if (weir_str_eq(value, "others")) {
		p->out->renew = WEIR_RENEW_OTHERS;
		return 0;
	}
	r = weir_conf_switch(p, value, &all);
	if (r == 0)
		p->out->renew = all ? WEIR_RENEW_ALL : WEIR_RENEW_NONE;
	return r;
}

/* ---- [socket], [http] -------------------------------------------------------------- */

static int take_path(struct weir_conf_parser *p, struct weir_str value)
{
	char *path;

	for (size_t i = 0; i < value.n; i++)
		if ((unsigned char)value.p[i] < 0x20)
			return weir_conf_no_value(p, value, "path");
	if (value.n < 2 || value.p[0] != '/' || value.n > PATH_MAX_)
		return weir_conf_no_value(p, value,
		                          "path of a socket, such as /run/weir/x.sock");
	path = strndup(value.p, value.n);
	if (!path)
		return weir_conf_no_memory(p);
	free(p->out->socket.path);
	p->out->socket.path = path;
	return 0;
}

static int take_mode(struct weir_conf_parser *p, struct weir_str value)
{
	unsigned int mode = 0;

	for (size_t i = 0; i < value.n && i < 5; i++) {
		if (value.p[i] < '0' || value.p[i] > '7')
			return weir_conf_no_value(p, value, "mode such as 0660");
		mode = mode * 8 + (unsigned int)(value.p[i] - '0');
	}
	if (!value.n || value.n > 4 || mode > 0777)
		return weir_conf_no_value(p, value, "mode such as 0660");
	p->out->socket.mode = mode;
	return 0;
}

static int take_socket_group(struct weir_conf_parser *p, struct weir_str value)
{
	return weir_conf_id(p, value, &p->out->socket.group);
}

/* Loopback only: what the ledger says of a host is not for the net. */
static int take_listen(struct weir_conf_parser *p, struct weir_str value)
{
	static const struct {
		const char *start, *address;
	} known[] = { { "127.0.0.1:", "127.0.0.1" }, { "[::1]:", "::1" } };
	uint64_t port = 0;
	int r;

	for (size_t i = 0; i < WEIR_NELEM(known); i++) {
		if (!weir_str_starts(value, known[i].start))
			continue;
		r = weir_conf_number(p, weir_str_skip(value, strlen(known[i].start)), 1,
		                     65535, "port", &port);
		if (r < 0)
			return r;
		p->out->http.address = strdup(known[i].address);
		p->out->http.port = (uint16_t)port;
		return p->out->http.address ? 0 : weir_conf_no_memory(p);
	}
	return weir_conf_no_value(p, value,
	                          "address such as 127.0.0.1:9642 or [::1]:9642");
}

/* ---- [rule NAME] ------------------------------------------------------------------- */

static int take_user(struct weir_conf_parser *p, struct weir_str value)
{
	return weir_conf_id(p, value, &rule(p)->user);
}

static int take_group(struct weir_conf_parser *p, struct weir_str value)
{
	return weir_conf_id(p, value, &rule(p)->group);
}

static int take_most(struct weir_conf_parser *p, struct weir_str value)
{
	return weir_conf_bytes(p, value, &rule(p)->most_bytes);
}

static int take_leases(struct weir_conf_parser *p, struct weir_str value)
{
	return weir_conf_number(p, value, 0, 65536, "number of leases", &rule(p)->leases);
}

static int take_rule_sizes(struct weir_conf_parser *p, struct weir_str value)
{
	return weir_conf_sizes(p, value, rule(p)->sizes, WEIR_RULE_SIZES_MAX,
	                       &rule(p)->nr_sizes, weir_conf_page_size);
}

static int take_nodes(struct weir_conf_parser *p, struct weir_str value)
{
	int r = value.n ? weir_ranges_parse(value, &rule(p)->nodes) : -EBADMSG;

	if (r == -ENOMEM)
		return weir_conf_no_memory(p);
	if (r < 0 || weir_ranges_next(&rule(p)->nodes, WEIR_NODE_MAX + 1) <= WEIR_ID_MAX)
		return weir_conf_no_value(p, value, "list of nodes such as 0-3,6");
	return 0;
}

static int take_ttl(struct weir_conf_parser *p, struct weir_str value)
{
	return weir_conf_time(p, value, &rule(p)->ttl_ns);
}

static int take_cold(struct weir_conf_parser *p, struct weir_str value)
{
	bool cold = true;
	int r = weir_conf_switch(p, value, &cold);

	rule(p)->no_cold = !cold;
	return r;
}

static int take_for_user(struct weir_conf_parser *p, struct weir_str value)
{
	struct weir_rule *to = rule(p);
	struct weir_str rest = value, word;
	int r = 0;

	while (r == 0 && weir_str_word(&rest, &word)) {
		if (to->nr_for_users == WEIR_RULE_USERS_MAX)
			return fail(p, word.p, "more than %u users", WEIR_RULE_USERS_MAX);
		if (weir_grow(&to->for_users, &to->cap_for_users, to->nr_for_users,
		              sizeof(*to->for_users)) < 0)
			return weir_conf_no_memory(p);
		r = weir_conf_id(p, word, &to->for_users[to->nr_for_users]);
		to->nr_for_users += r == 0;
	}
	return r < 0 || to->nr_for_users ? r : weir_conf_no_value(p, value, "user");
}

/* ---- the table --------------------------------------------------------------------- */

static const struct key {
	enum weir_conf_section section;
	const char *name;
	int (*take)(struct weir_conf_parser *p, struct weir_str value);
} keys[] = {
	{ WEIR_CONF_WARM, "any", take_any },
	{ WEIR_CONF_WARM, "flavours", take_flavours },
	{ WEIR_CONF_WARM, "verify", take_verify },
	{ WEIR_CONF_BUDGET, "cpus", take_cpus },
	{ WEIR_CONF_BUDGET, "cpu-share", take_share },
	{ WEIR_CONF_BUDGET, "rate", take_rate },
	{ WEIR_CONF_BUDGET, "idle-only", take_idle },
	{ WEIR_CONF_BUDGET, "floor", take_floor },
	{ WEIR_CONF_BUDGET, "keep-free", take_keep },
	{ WEIR_CONF_POOL, "grow", take_grow },
	{ WEIR_CONF_POOL, "shrink", take_shrink },
	{ WEIR_CONF_POOL, "renew", take_renew },
	{ WEIR_CONF_LISTEN, "path", take_path },
	{ WEIR_CONF_LISTEN, "mode", take_mode },
	{ WEIR_CONF_LISTEN, "group", take_socket_group },
	{ WEIR_CONF_HTTP, "listen", take_listen },
	{ WEIR_CONF_RULE, "user", take_user },
	{ WEIR_CONF_RULE, "group", take_group },
	{ WEIR_CONF_RULE, "most", take_most },
	{ WEIR_CONF_RULE, "leases", take_leases },
	{ WEIR_CONF_RULE, "sizes", take_rule_sizes },
	{ WEIR_CONF_RULE, "nodes", take_nodes },
	{ WEIR_CONF_RULE, "ttl", take_ttl },
	{ WEIR_CONF_RULE, "cold", take_cold },
	{ WEIR_CONF_RULE, "for-user", take_for_user },
};

static const struct {
	const char *name;
	bool named;
	const char *example;
} sections[WEIR_CONF_SECTIONS] = {
	[WEIR_CONF_WARM] = { "warm", true, "[warm 2M]" },
	[WEIR_CONF_BUDGET] = { "budget", false, "[budget]" },
	[WEIR_CONF_POOL] = { "pool", false, "[pool]" },
	[WEIR_CONF_LISTEN] = { "socket", false, "[socket]" },
	[WEIR_CONF_HTTP] = { "http", false, "[http]" },
	[WEIR_CONF_RULE] = { "rule", true, "[rule admins]" },
};

/* Where the line of a key is kept: its place among those of the section. */
static size_t key_place(const struct weir_conf_parser *p, const char *name)
{
	size_t nth = 0;

	for (size_t i = 0; i < WEIR_NELEM(keys); i++) {
		if (keys[i].section != p->section)
			continue;
		if (strcmp(keys[i].name, name) == 0)
			break;
		nth++;
	}
	return nth < WEIR_CONF_KEYS_MAX ? nth : WEIR_CONF_KEYS_MAX - 1;
}

static int take_key(struct weir_conf_parser *p, const struct weir_ini_item *item)
{
	struct weir_str name = item->name;
	unsigned int *line;

	if (p->section == WEIR_CONF_NONE)
		return fail(p, item->text.p, "'%.*s' stands before the first section",
		            WEIR_STR_ARG(name));
	if (p->section == WEIR_CONF_WARM && weir_str_starts(name, "node"))
		return take_node(p, name, item->value);
	for (size_t i = 0; i < WEIR_NELEM(keys); i++) {
		if (keys[i].section != p->section || !weir_str_eq(name, keys[i].name))
			continue;
		line = &p->key_line[key_place(p, keys[i].name)];
		if (*line)
			return fail(p, name.p,
			            "'%.*s' is here again: line %u has it already",
			            WEIR_STR_ARG(name), *line);
		*line = p->ini.line_nr;
		return keys[i].take(p, item->value);
	}
	return fail(p, name.p, "[%s] has no key '%.*s'", sections[p->section].name,
	            WEIR_STR_ARG(name));
}

/* What only the end of a section tells. */
static int leave_section(struct weir_conf_parser *p)
{
	const char *what = NULL;

	if (p->section == WEIR_CONF_RULE && !rule(p)->user.name && !rule(p)->group.name)
		what = "this rule names no user and no group";
	else if (p->section == WEIR_CONF_RULE && !p->key_line[key_place(p, "most")])
		what = "this rule says nothing of 'most'";
	if (!what)
		return 0;
	return weir_err_set(p->err, -EBADMSG, "%s:%u:1: %s", p->ini.file, p->entered_line,
	                    what);
}

static int enter_warm(struct weir_conf_parser *p, struct weir_str name)
{
	struct weir_conf *conf = p->out;
	uint64_t page_bytes = 0;
	int r = weir_conf_page_size(p, name, &page_bytes);

	if (r < 0)
		return r;
	if (weir_conf_warm(conf, page_bytes))
		return fail(p, name.p, "[warm %.*s] is here again", WEIR_STR_ARG(name));
	if (conf->nr_warm == WEIR_CONF_SIZES_MAX)
		return fail(p, name.p, "more than %u page sizes", WEIR_CONF_SIZES_MAX);
	p->idx = conf->nr_warm++;
	conf->warm[p->idx].page_bytes = page_bytes;
	return 0;
}

static int enter_rule(struct weir_conf_parser *p, struct weir_str name)
{
	struct weir_rules *rules = &p->out->rules;

	if (!weir_conf_is_name(name))
		return weir_conf_no_value(p, name, "name of a rule");
	for (size_t i = 0; i < rules->nr; i++)
		if (weir_str_eq(name, rules->v[i].name))
			return fail(p, name.p, "[rule %.*s] is here again",
			            WEIR_STR_ARG(name));
	if (rules->nr == WEIR_CONF_RULES_MAX)
		return fail(p, name.p, "more than %u rules", WEIR_CONF_RULES_MAX);
	if (weir_grow(&rules->v, &rules->cap, rules->nr, sizeof(*rules->v)) < 0)
		return weir_conf_no_memory(p);
	p->idx = rules->nr;
	rules->v[p->idx].leases = WEIR_RULE_LEASES;
	rules->v[p->idx].name = strndup(name.p, name.n);
	return rules->v[rules->nr++].name ? 0 : weir_conf_no_memory(p);
}

static int enter_once(struct weir_conf_parser *p, const struct weir_ini_item *item)
{
	unsigned int *line = &p->section_line[p->section];

	if (*line)
		return fail(p, item->text.p, "[%s] is here again: line %u has it already",
		            sections[p->section].name, *line);
	*line = p->ini.line_nr;
	return 0;
}

static int take_section(struct weir_conf_parser *p, const struct weir_ini_item *item)
{
	int r = leave_section(p);

	if (r < 0)
		return r;
	for (size_t i = WEIR_CONF_WARM; i < WEIR_CONF_SECTIONS; i++) {
		if (!weir_str_eq(item->name, sections[i].name))
			continue;
		if (sections[i].named != (item->value.n > 0))
			return fail(p, item->text.p, "[%s]: %s: %s", sections[i].name,
			            item->value.n ? "takes no name" : "which one",
			            sections[i].example);
		p->section = (enum weir_conf_section)i;
		p->entered_line = p->ini.line_nr;
		memset(p->key_line, 0, sizeof(p->key_line));
		if (p->section == WEIR_CONF_WARM)
			return enter_warm(p, item->value);
		return p->section == WEIR_CONF_RULE ? enter_rule(p, item->value)
		                                    : enter_once(p, item);
	}
	return fail(p, item->name.p, "there is no section [%.*s]",
	            WEIR_STR_ARG(item->name));
}

static int parse(struct weir_conf_parser *p)
{
	struct weir_ini_item item;
	int r;

	for (;;) {
		r = weir_ini_next(&p->ini, "[warm 2M]", &item, p->err);
		if (r < 0)
			return r;
		if (item.kind == WEIR_INI_END)
			return leave_section(p);
		r = item.kind == WEIR_INI_SECTION ? take_section(p, &item)
		                                  : take_key(p, &item);
		if (r < 0)
			return r;
	}
}

/* ---- the whole --------------------------------------------------------------------- */

void weir_conf_done(struct weir_conf *conf)
{
	for (size_t i = 0; i < conf->nr_warm; i++)
		free(conf->warm[i].targets);
	free(conf->socket.path);
	free(conf->socket.group.name);
	free(conf->http.address);
	weir_rules_done(&conf->rules);
	*conf = (struct weir_conf){ 0 };
}

int weir_conf_init(struct weir_conf *conf)
{
	*conf = (struct weir_conf){ 0 };
	conf->budget.share_percent = 100;
	conf->socket.mode = 0666;
	conf->socket.path = strdup(WEIR_CONF_SOCKET);
	return conf->socket.path ? 0 : -ENOMEM;
}

int weir_conf_parse(const char *file, struct weir_str text, struct weir_conf *out,
                    struct weir_err *err)
{
	struct weir_conf conf;
	struct weir_conf_parser p = { .out = &conf,
		                      .err = err,
		                      .ini = weir_ini(file, text) };
	int r = weir_conf_init(&conf);

	if (r < 0)
		return weir_conf_no_memory(&p);
	if (text.n > WEIR_CONF_TEXT_MAX)
		r = weir_err_set(err, -E2BIG, "%s:1:1: longer than %u bytes", file,
		                 WEIR_CONF_TEXT_MAX);
	else
		r = parse(&p);
	if (r < 0) {
		weir_conf_done(&conf);
		return r;
	}
	*out = conf;
	return 0;
}

const struct weir_conf_warm *weir_conf_warm(const struct weir_conf *conf,
                                            uint64_t page_bytes)
{
	for (size_t i = 0; i < conf->nr_warm; i++)
		if (conf->warm[i].page_bytes == page_bytes)
			return &conf->warm[i];
	return NULL;
}
