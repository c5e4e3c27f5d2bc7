/* mountinfo: one line of /proc/PID/mountinfo (fs/proc_namespace.c, show_mountinfo(),
 *v6.6):
 *
 *	36 35 98:0 /root /mnt rw,noatime shared:1 - ext4 /dev/sda rw,errors=continue
 *
 * Blanks, tabs, newlines, '#' and backslashes in paths are escaped as \ooo there.
 *
 * Parsed here and not by libmount for two reasons that were measured and met: loading it
 * and the libraries below it takes as long as all else that `weir status` does; and with
 *a table from elsewhere it looks at this machine (a source of /dev/root is resolved from
 * /proc/cmdline, libmount/src/tab_parse.c, 2.38). The tests hold this parser to
 *libmount's results. */
#ifndef WEIR_FACTS_MOUNTINFO_H
#define WEIR_FACTS_MOUNTINFO_H

#include "base/str.h"

struct weir_mount_line { /* borrows; paths are still escaped */
	unsigned int id, major, minor;
	struct weir_str root, target;
	struct weir_str mount_options, type, source, fs_options;
};

/* False for a line that no kernel writes. */
bool weir_mountinfo_line(struct weir_str line, struct weir_mount_line *out);

/* The value of @name in "rw,pagesize=2M": false when it is not there, "" without a value.
 */
bool weir_mount_option(struct weir_str options, const char *name, struct weir_str *value);

#endif
