/* persist: what must be in a system's files so that it has after each boot what is
 * declared: the declaration itself, huge pages on the kernel command line, a service that
 * applies the rest early, mount units. Made as a list of changes to be shown; nothing is
 * written here but by weir_file_changes_make(). */
#ifndef WEIR_APPLY_PERSIST_H
#define WEIR_APPLY_PERSIST_H

#include "apply/files.h"
#include "facts/snapshot.h"
#include "plan/declare.h"
#include "plan/foreign.h"

#define WEIR_STEP_WORDS 6U

/* A command that makes the system take notice of what was written. */
struct weir_persist_step {
	char *argv[WEIR_STEP_WORDS]; /* ended by NULL */
	const char *why;
};

struct weir_persist {
	struct weir_declaration decl; /* as it will be, drop-ins included */
	struct weir_file_changes changes;
	struct weir_persist_step *steps;
	size_t nr_steps, cap_steps;
	struct weir_foreigns foreigns;
	struct weir_buf conflicts; /* others that set the same, a line each */
	struct weir_buf notes;     /* what is to be known, a line each */
	bool boot_is_asked; /* nothing is to be changed or run for the next boot to be
	                       asked for what is declared */
	bool grubby_seen;   /* what grubby does can be seen in the entries: then its step
	                       is there as long as it has not done it */
};
void weir_persist_done(struct weir_persist *persist);

struct weir_persist_options {
	const struct weir_wishes *wishes; /* taken into pools.conf; NULL: none */
	bool from_now; /* pools.conf becomes what there is; so it does, without being
	                * asked, when nothing is declared and nothing is wished */
};

/* 0; -EBADMSG for an error in a declaration; -EEXIST where a drop-in says otherwise than
 * what is wished, or where something is in the way of a file; else as
 * weir_declaration_take(). */
int weir_persist_make(const struct weir_root *root, const struct weir_snapshot *snap,
                      const struct weir_persist_options *options,
                      struct weir_persist *out, struct weir_err *err);

/* ---- for the parts of persist -------------------------------------------------------
 */

/* Adds a step, unless it is there. -ENOMEM. */
int weir_persist_step(struct weir_persist *persist, const char *why,
                      const char *const *argv, size_t nr);

/* persist_boot.c: what is to be asked for on the kernel command line, such as
 * "hugepagesz=1G hugepages=0:8,1:8". Pure. Added to *out. -ENOMEM. */
int weir_boot_args(const struct weir_declaration *decl, bool node_lists,
                   struct weir_buf *out);

/* Which requests of a command line are weir's to replace: those for sizes that are
 * declared for boot, and those that it once wrote. */
struct weir_boot_ours {
	const struct weir_declaration *decl;
	struct weir_str recorded; /* as in WEIR_BOOT_RECORD */
};

/* Where it is kept what was asked for in places that are not weir's own. */
#define WEIR_BOOT_RECORD "/var/lib/weir/kernel-cmdline"

/* Takes these out of one line: what stays goes to @out, what goes to @gone, and what is
 * not for the kernel ("-- ...") is *init. Pure. -ENOMEM. */
int weir_boot_take_out(struct weir_str line, const struct weir_boot_ours *ours,
                       struct weir_str *init, struct weir_buf *out,
                       struct weir_buf *gone);

/* /etc/kernel/cmdline with @args in their place. Pure. Added to *out. -ENOMEM. */
int weir_boot_edit_cmdline(struct weir_str text, const struct weir_boot_ours *ours,
                           struct weir_str args, struct weir_buf *out);

/* persist_grubby.c: what the entries of a boot loader have of it. */
#define WEIR_BOOT_ENTRIES "/boot/loader/entries"
struct weir_boot_entries {
	size_t nr, nr_have;     /* of Linux; of these, with just what is asked for */
	struct weir_buf gone;   /* what is ours in one that has something else */
	struct weir_buf others; /* requests of others, of the first */
	bool differ;            /* those of another entry */
};
void weir_boot_entries_done(struct weir_boot_entries *entries);

/* *out: zero before; and afterwards, where they cannot be read. 0 or -ENOMEM. */
int weir_boot_entries_read(const struct weir_root *root, const char *dir,
                           const struct weir_boot_ours *ours, struct weir_str args,
                           struct weir_boot_entries *out);

int weir_persist_grubby(const struct weir_root *root, const struct weir_boot_ours *ours,
                        struct weir_str args, struct weir_persist *out,
                        struct weir_err *err);

int weir_persist_boot(const struct weir_root *root, const struct weir_snapshot *snap,
                      struct weir_persist *out, struct weir_err *err);

/* persist_units.c: the name of the unit that mounts at @path: systemd-escape --path.
 * Pure. Added to *out. -ENOMEM. */
int weir_unit_of_path(struct weir_str path, const char *suffix, struct weir_buf *out);

int weir_persist_units(const struct weir_root *root, struct weir_persist *out,
                       struct weir_err *err);

#endif
