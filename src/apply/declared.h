/* declared: the declaration of a system, from its files: /etc/weir/pools.conf, and then
 * drop-ins *.conf in /etc/weir/pools.d, /run/weir/pools.d and /usr/lib/weir/pools.d, as
 * systemd reads its own: sorted by name over all directories; of the same name the first
 * directory's counts, and an empty file or a link to /dev/null stands for nothing. Later
 * files go before earlier ones, key by key. */
#ifndef WEIR_APPLY_DECLARED_H
#define WEIR_APPLY_DECLARED_H

#include "apply/root.h"
#include "plan/declare.h"

#define WEIR_POOLS_CONF "/etc/weir/pools.conf"

enum { WEIR_UNDECLARED = 1 };

/* Reads the declaration below @dir (NULL: this system's "/") into *out, which is checked
 * and complete: hand it to weir_declaration_wishes() and weir_declaration_done().
 *
 * 0; WEIR_UNDECLARED and *out empty, when there is no file or nothing in them; -EBADMSG
 * with "FILE:LINE:COLUMN: words"; -EACCES and the like with words; -ENOMEM. After a
 * failure *out is empty. */
int weir_declared_read(const char *dir, struct weir_declaration *out,
                       struct weir_err *err);

/* The same of an open root. @conf, when not NULL, is taken for the text of pools.conf. */
int weir_declared_read_at(const struct weir_root *root, const struct weir_str *conf,
                          struct weir_declaration *out, struct weir_err *err);

/* Which files of these directories count: *.@suffix, in the order in which they are read,
 * as paths. @dirs: the one that goes first comes first; ended by NULL. @out: empty. */
int weir_drop_ins(const struct weir_root *root, const char *const *dirs,
                  const char *suffix, struct weir_names *out);

#endif
