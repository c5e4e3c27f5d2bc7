/* change: what the commands that change the pools share: a plan as text and as JSON, the
 * question before it is carried out, how it ended. */
#ifndef WEIR_CLI_CHANGE_H
#define WEIR_CLI_CHANGE_H

#include "apply/apply.h"
#include "base/json.h"

#include <stdio.h>

struct weir_change_style {
	const char *command; /* "set": for messages */
	unsigned int width;
	bool json;    /* one document, at the end */
	bool dry_run; /* the shell's lines for it, and no more */
	bool yes;     /* nobody is asked */
};

/* change_text.c */
void weir_change_print(const struct weir_plan *plan, unsigned int width, FILE *out);
void weir_change_shell(const struct weir_plan *plan, FILE *out);
void weir_change_print_end(const struct weir_plan *plan,
                           const struct weir_applied *applied, unsigned int width,
                           FILE *out);

/* change_json.c. @applied: NULL where nothing was done. 0 or -ENOMEM. */
int weir_change_json(const struct weir_plan *plan, const struct weir_applied *applied,
                     FILE *out, struct weir_err *err);
void weir_change_json_tallies(struct weir_json *j, const char *key,
                              const struct weir_tallies *all);
void weir_change_json_ops(struct weir_json *j, const struct weir_op *ops, size_t nr);

/* change.c: shows @plan, asks, carries it out on @host, shows how it ended. Returns the
 * exit status. @host NULL: a captured host, on which nothing can be changed. */
int weir_change_run(const struct weir_host *host, const struct weir_plan *plan,
                    struct weir_apply_options *options,
                    const struct weir_change_style *style);

/* Takes back a change that was cut off: shows how, asks, does it. Returns the exit
 * status.
 */
int weir_change_take_back(const struct weir_host *host,
                          const struct weir_apply_options *options,
                          const struct weir_entry *entry,
                          const struct weir_change_style *style);

/* The same before anything else is done, when there is one. 0, or the exit status. */
int weir_change_recover(const struct weir_host *host,
                        const struct weir_apply_options *options,
                        const struct weir_change_style *style);

/* Each line of @notes as a message. */
void weir_change_tell(const char *command, const struct weir_buf *notes);

/* "Do it?" on the terminal. False: no, or nobody to ask. */
bool weir_change_ask(const struct weir_change_style *style, const char *question);

/* The command line as it was typed, for the log; the caller's. NULL: no memory. */
char *weir_change_command(int argc, char **argv);

/* ---- change_options.c: the options that set, apply and undo share ---- */

struct weir_change_options {
	unsigned int allow; /* guards, a mask; set and apply only */
	struct weir_apply_options apply;
	struct weir_change_style style;
};

enum { /* above what a command has of its own */
       WEIR_CHANGE_ALLOW = 512,
       WEIR_CHANGE_TIMEOUT,
       WEIR_CHANGE_DROP_CACHES,
       WEIR_CHANGE_PRESSURE,
       WEIR_CHANGE_KEEP_PARTIAL,
       WEIR_CHANGE_STATE,
};

#define WEIR_CHANGE_SHORT_OPTIONS "nyJh"
#define WEIR_CHANGE_LONG_ALLOW                                      \
	{                                                           \
		"allow", required_argument, NULL, WEIR_CHANGE_ALLOW \
	}
/* the rest of getopt's table, its end included */
#define WEIR_CHANGE_LONG_OPTIONS                                                       \
	{ "timeout", required_argument, NULL, WEIR_CHANGE_TIMEOUT },                   \
		{ "drop-caches", no_argument, NULL, WEIR_CHANGE_DROP_CACHES },         \
		{ "pressure", no_argument, NULL, WEIR_CHANGE_PRESSURE },               \
		{ "keep-partial", no_argument, NULL, WEIR_CHANGE_KEEP_PARTIAL },       \
		{ "state", required_argument, NULL, WEIR_CHANGE_STATE },               \
		{ "dry-run", no_argument, NULL, 'n' },                                 \
		{ "yes", no_argument, NULL, 'y' }, { "json", no_argument, NULL, 'J' }, \
		{ "help", no_argument, NULL, 'h' },                                    \
	{                                                                              \
		NULL, 0, NULL, 0                                                       \
	}

#define WEIR_CHANGE_HELP_ALLOW                                                \
	"      --allow GUARDS   although a guard refuses: surplus, subpool, " \
	"lease,\n"                                                            \
	"                       floor, vm, declared, reach; several with commas\n"
#define WEIR_CHANGE_HELP_GROWING                                               \
	"      --timeout TIME   of growing: 30, 30s, 2m (default 30s)\n"       \
	"      --drop-caches    when pages do not come, drop the page cache\n" \
	"      --pressure       ... and put the node under memory pressure\n"  \
	"      --keep-partial   keep what was got when not all came\n"
#define WEIR_CHANGE_HELP_REST                                                 \
	"      --state DIR      journal and lock (default /var/lib/weir)\n"   \
	"  -n, --dry-run        show the plan and the shell's lines for it\n" \
	"  -y, --yes            do not ask\n"                                 \
	"  -J, --json           as JSON, see weir-json(5)\n"                  \
	"  -h, --help           this help\n\n"

/* Takes what getopt_long() returned. 0, or the exit status after words. */
int weir_change_take_option(int c, const char *arg, struct weir_change_options *opts);

/* Says that @arg is not right for --@name. The exit status. */
int weir_change_bad_option(const struct weir_change_options *opts, const char *name,
                           const char *arg, const char *right);

#endif
