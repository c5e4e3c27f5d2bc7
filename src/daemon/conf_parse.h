/* conf_parse: the parser of weird.conf(5), for its parts: what it is at, and the kinds of
 * values. All return 0, -EBADMSG with words, or -ENOMEM. */
#ifndef WEIR_DAEMON_CONF_PARSE_H
#define WEIR_DAEMON_CONF_PARSE_H

#include "base/ini.h"
#include "daemon/conf.h"

enum weir_conf_section {
	WEIR_CONF_NONE,
	WEIR_CONF_WARM,
	WEIR_CONF_BUDGET,
	WEIR_CONF_POOL,
	WEIR_CONF_LISTEN,
	WEIR_CONF_HTTP,
	WEIR_CONF_RULE,
	WEIR_CONF_SECTIONS
};

enum { WEIR_CONF_KEYS_MAX = 16 }; /* of one section */

struct weir_conf_parser {
	struct weir_conf *out;
	struct weir_err *err;
	struct weir_ini ini;
	enum weir_conf_section section;
	unsigned int section_line[WEIR_CONF_SECTIONS]; /* of those that are there once */
	unsigned int
		key_line[WEIR_CONF_KEYS_MAX]; /* in this section, by place in the table */
	size_t idx;                           /* of the warm size or rule */
	unsigned int entered_line;
};

int weir_conf_no_memory(struct weir_conf_parser *p);

/* "'VALUE' is no WANT" */
int weir_conf_no_value(struct weir_conf_parser *p, struct weir_str value,
                       const char *want);

int weir_conf_bytes(struct weir_conf_parser *p, struct weir_str value, uint64_t *out);
int weir_conf_page_size(struct weir_conf_parser *p, struct weir_str value, uint64_t *out);
int weir_conf_number(struct weir_conf_parser *p, struct weir_str value, uint64_t least,
                     uint64_t most, const char *want, uint64_t *out);
int weir_conf_switch(struct weir_conf_parser *p, struct weir_str value, bool *out);
int weir_conf_time(struct weir_conf_parser *p, struct weir_str value, uint64_t *out_ns);

/* Of sections, users and groups. */
bool weir_conf_is_name(struct weir_str s);
int weir_conf_id(struct weir_conf_parser *p, struct weir_str value,
                 struct weir_rule_id *out);

/* Words parted by blanks, each once: @most of them at most, one at least. */
int weir_conf_sizes(struct weir_conf_parser *p, struct weir_str value, uint64_t *out,
                    size_t most, size_t *nr,
                    int (*one)(struct weir_conf_parser *p, struct weir_str word,
                               uint64_t *out));

#endif
