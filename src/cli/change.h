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

/* "30", "30s", "2m": milliseconds. False: not one. */
bool weir_change_timeout(const char *arg, uint64_t *out_ms);
/* "surplus,floor" as a mask. False: not one of the guards. */
bool weir_change_allow(const char *arg, unsigned int *mask);

#endif
