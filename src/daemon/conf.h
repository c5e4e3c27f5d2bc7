/* conf: the configuration of weird, weird.conf(5): what is kept warm, at what cost, and
 * for whom. Pure: names of users and groups are looked up by others.
 *
 * Exact or refused: an unknown section or key, a value that is not exact or one that is
 * there twice is an error with file, line and column. */
#ifndef WEIR_DAEMON_CONF_H
#define WEIR_DAEMON_CONF_H

#include "daemon/rules.h"
#include "facts/fact.h"
#include "warm/store.h"

#define WEIR_CONF_PATH         "/etc/weir/weird.conf"
#define WEIR_CONF_TEXT_MAX     (1U << 20) /* 1,024 rules take 100 KiB */
#define WEIR_CONF_RULES_MAX    1024U
#define WEIR_CONF_SIZES_MAX    8U  /* HUGE_MAX_HSTATE is 4 at most */
#define WEIR_CONF_FLAVOURS_MAX 16U /* as the store has */

#define WEIR_CONF_SOCKET "/run/weir/weird.sock"

struct weir_conf_target {
	int node; /* -1: any */
	uint64_t bytes;
};

struct weir_conf_warm {
	uint64_t page_bytes;
	struct weir_conf_target *targets; /* by node; or one for any */
	size_t nr_targets, cap_targets;
	uint64_t flavours[WEIR_CONF_FLAVOURS_MAX]; /* none: learned */
	size_t nr_flavours;
	bool verify_full;
};

struct weir_conf_keep {
	uint64_t page_bytes, bytes;
};

struct weir_conf {
	struct weir_conf_warm warm[WEIR_CONF_SIZES_MAX]; /* as written */
	size_t nr_warm;
	struct {
		unsigned int cpus;          /* of each node; 0: all */
		unsigned int share_percent; /* of the time; 1 to 100 */
		uint64_t rate;              /* bytes a second; 0: as fast as it goes */
		bool idle_only;
		struct weir_count floor_bytes; /* not known: weir set's own */
		struct weir_conf_keep keep[WEIR_CONF_SIZES_MAX];
		size_t nr_keep;
	} budget;
	bool grow, shrink;
	enum weir_renew renew;
	struct {
		char *path; /* never NULL */
		unsigned int mode;
		struct weir_rule_id group;
	} socket;
	struct {
		char *address; /* NULL: no HTTP; "127.0.0.1" or "::1" */
		uint16_t port;
	} http;
	struct weir_rules rules;
};

void weir_conf_done(struct weir_conf *conf);

/* All defaults: 0 or -ENOMEM. */
int weir_conf_init(struct weir_conf *conf);

/* 0; -EBADMSG with "FILE:LINE:COLUMN: words"; -E2BIG likewise; -ENOMEM. *out is written
 * on success only. */
int weir_conf_parse(const char *file, struct weir_str text, struct weir_conf *out,
                    struct weir_err *err);

/* NULL: nothing is said of this size. */
const struct weir_conf_warm *weir_conf_warm(const struct weir_conf *conf,
                                            uint64_t page_bytes);

/* As a text that weir_conf_parse() reads back to the same; what has its default is left
 * out. Added to *out. -ENOMEM. */
int weir_conf_format(const struct weir_conf *conf, struct weir_buf *out);

/* What is different in @now: lines "- [budget] rate = 4G" and "+ [budget] rate = 2G", in
 * the order of their sections. Added to *out. -ENOMEM. */
int weir_conf_diff(const struct weir_conf *was, const struct weir_conf *now,
                   struct weir_buf *out);

#endif
