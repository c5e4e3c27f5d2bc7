/* foreign: who else sets huge pages on a host: lines of the files in which it is done,
 * and what each sets. Only text is looked at: what a script makes of a variable is not
 * known, and then so is the value. Pure; apply/foreign.h finds the files.
 *
 * Sources: sysctl.conf(5); tuned.conf(5) and its bootloader plug-in; grub-mkconfig's
 * defaults; the Boot Loader Specification; tmpfiles.d(5); Proxmox' qm.conf(5). */
#ifndef WEIR_PLAN_FOREIGN_H
#define WEIR_PLAN_FOREIGN_H

#include "base/buf.h"
#include "facts/fact.h"

/* How a file begins that weir wrote itself: it is not foreign. */
#define WEIR_MARK "# Written by weir persist"

#define WEIR_FOREIGN_MAX 4096U /* lines; more is no host that anybody understands */

enum weir_foreign_source {
	WEIR_FOREIGN_SYSCTL,
	WEIR_FOREIGN_TUNED,
	WEIR_FOREIGN_GRUB,    /* /etc/default/grub and beside it */
	WEIR_FOREIGN_CMDLINE, /* /etc/kernel/cmdline */
	WEIR_FOREIGN_LOADER,  /* /boot/loader/entries */
	WEIR_FOREIGN_UNIT,    /* systemd services and timers */
	WEIR_FOREIGN_SCRIPT,  /* rc.local, hooks */
	WEIR_FOREIGN_TMPFILES,
	WEIR_FOREIGN_PROXMOX, /* a VM's hugepages:, for which Proxmox sets pools */
};
const char *weir_foreign_word(enum weir_foreign_source source); /* "sysctl", ... */

enum weir_foreign_what {
	WEIR_SETS_PAGES,
	WEIR_SETS_OVERCOMMIT,
	WEIR_SETS_SHM_GROUP,
	WEIR_SETS_DEFAULT_SIZE, /* value: bytes */
};
const char *weir_foreign_what_word(enum weir_foreign_what what); /* "pages", ... */

struct weir_foreign {
	enum weir_foreign_source source;
	enum weir_foreign_what what;
	char *file;
	unsigned int line;
	char *text; /* as written, without blanks at its ends; cut when it is long */
	bool default_size; /* of the default size, whichever that is */
	struct weir_count
		page_bytes;      /* unknown: of the default size, or it cannot be told */
	struct weir_count node;  /* unknown: of all nodes */
	struct weir_count value; /* unknown: it cannot be told */
};

struct weir_foreigns {
	struct weir_foreign *v;
	size_t nr, cap;
};
void weir_foreigns_done(struct weir_foreigns *list);

/* Each adds what it finds in a @file's @text to *out: nothing where the text begins with
 * WEIR_MARK. 0, -ENOMEM, -E2BIG. */
int weir_foreign_sysctl(struct weir_str text, const char *file,
                        struct weir_foreigns *out);
int weir_foreign_grub(struct weir_str text, const char *file, struct weir_foreigns *out);
int weir_foreign_cmdline(struct weir_str text, const char *file,
                         struct weir_foreigns *out);
int weir_foreign_loader(struct weir_str text, const char *file,
                        struct weir_foreigns *out);
int weir_foreign_unit(struct weir_str text, const char *file, struct weir_foreigns *out);
int weir_foreign_script(struct weir_str text, const char *file,
                        struct weir_foreigns *out);
int weir_foreign_tmpfiles(struct weir_str text, const char *file,
                          struct weir_foreigns *out);
/* @includes: names of other profiles that this one begins with, a line each. */
int weir_foreign_tuned(struct weir_str text, const char *file, struct weir_buf *includes,
                       struct weir_foreigns *out);
/* @hooks: the hook scripts that are named, "STORAGE:PATH" a line. */
int weir_foreign_proxmox(struct weir_str text, const char *file, struct weir_buf *hooks,
                         struct weir_foreigns *out);

#endif
