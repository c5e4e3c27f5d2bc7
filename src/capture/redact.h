/* redact: takes the names out of a capture: of users, hosts, processes and VMs.
 *
 * Names are collected from where they are known to stand, and then replaced by the same
 * word everywhere, so that what belongs together still does; words.h has the rule of what
 * is a word. Collected are
 *	hosts       /proc/sys/kernel/hostname, and its first label
 *	users       /etc/passwd of the host, ids 1000 to 65533; what follows "/home/"
 *	processes   comm, Name, the base name of argv[0]; units of systemd,
 *"NAME.service"; the log's "Killing NAME:PID" VMs         -name and -uuid of QEMU, --id
 *of Firecracker; the N-NAME of libvirt's "machine-qemu\x2dN\x2dNAME.scope",
 *"qemu/N-NAME", "qemu/domain-N-NAME" and "qemu-N-NAME.libvirt-qemu" and replaced, so that
 *no word of the kernel is ever damaged, only where names can be: /proc/PID/          comm
 *and Name; paths of cgroup, maps and numa_maps; arguments /proc/self/mountinfo   root,
 *target, source; lines of other file systems than hugetlbfs and cgroups are left off
 *	/@/link/...         the text
 *	/@/statfs/ and /@/stat/, cgroup trees   the path, but not the names of cgroup
 *files
 *	/run/weir/warm.state   names of leases, and units
 *	/@/klog             what stands before "kernel:", and the names of processes
 *	/proc/cmdline       only parameters about memory keep their value
 *
 * Arguments are left off, but for those of well-known programs, without which a capture
 * of VMs says little; and of theirs only those about memory stay (redact_args.c has both
 * lists). The base name stays of argv[0].
 *
 * What stays: numbers, such as ids of users and processes; names of cgroups, directories
 * and files that are not one of the above; names of users in a directory service that
 * have nothing in /home; and words that are in paths of every host ("user", "system"). */
#ifndef WEIR_CAPTURE_REDACT_H
#define WEIR_CAPTURE_REDACT_H

#include "capture/words.h"
#include "host/manifest.h"
#include "host/members.h"

#define WEIR_PASSWD_MAX (4U << 20) /* 50,000 accounts */

/* @passwd: the text of the host's /etc/passwd, perhaps empty; nothing of it is kept. The
 * same input gives the same output. -ENOMEM; -EFBIG or -EEXIST when a file became too
 * large or two of them one, which no host of this world makes happen; with words. After
 * a failure @files are partly redacted and not to be used. */
int weir_redact(struct weir_members *files, struct weir_manifest *manifest,
                struct weir_str passwd, struct weir_err *err);

/* --- what the parts share: redact.c, redact_names.c, redact_args.c --- */

#define WEIR_REDACT_HOSTNAME_PATH "/proc/sys/kernel/hostname"
#define WEIR_REDACT_KLOG_PATH     "/@/klog"

/* Files in which something is replaced; from WEIR_REDACT_MOUNTINFO on of paths or names.
 */
enum weir_redact_kind {
	WEIR_REDACT_NOTHING,
	WEIR_REDACT_HOSTNAME,
	WEIR_REDACT_CMDLINE,
	WEIR_REDACT_KLOG,
	WEIR_REDACT_MOUNTINFO,
	WEIR_REDACT_LINK,
	WEIR_REDACT_COMM,
	WEIR_REDACT_STATUS,
	WEIR_REDACT_ARGS,
	WEIR_REDACT_CGROUP,
	WEIR_REDACT_MAPS,
	WEIR_REDACT_NUMA_MAPS,
	WEIR_REDACT_TASK_MOUNTS, /* of another mount namespace */
	WEIR_REDACT_STAT,        /* of weird */
	WEIR_REDACT_WARM,        /* weird's state: names of leases, units */
};

enum weir_redact_kind weir_redact_kind(const char *path);

/* Bytes of "/proc/123" in front of @path, or 0. */
size_t weir_redact_process_n(struct weir_str path);

/* The part of a path that can hold names; empty for the kernel's own paths. */
struct weir_str weir_redact_named_part(const char *path);

/* The process that a line of the log names, or nothing. */
struct weir_str weir_redact_klog_process(struct weir_str line);

/* The name in a /proc/PID/stat, between the brackets; or nothing. */
struct weir_str weir_redact_stat_name(struct weir_str text);

/* The next value in quotes behind @key in weird's state; takes it off *rest. */
bool weir_redact_warm_value(struct weir_str *rest, const char *key,
                            struct weir_str *value);
#define WEIR_REDACT_WARM_DIR  " dir=\""
#define WEIR_REDACT_WARM_NAME " name=\""
#define WEIR_REDACT_WARM_UNIT " owner=unit:\""

/* Fills and seals the empty @words. */
int weir_redact_collect(const struct weir_members *files, struct weir_str passwd,
                        struct weir_words *words);

/* The program's name in argv[0]: "/usr/bin/qemu-system-x86_64" -> "qemu-system-x86_64",
 * "postgres: alice sales" -> "postgres". */
struct weir_str weir_redact_program(struct weir_str argv0);

/* True for the well-known programs, also when the kernel cut the name at 15 bytes. */
bool weir_redact_is_known(struct weir_str program);

/* Adds what stays of the NUL-separated arguments @text to @out. */
int weir_redact_args(const struct weir_words *words, struct weir_str text,
                     struct weir_buf *out);

/* The values of QEMU's -name and -uuid and Firecracker's --id. Takes the next name off
 * *rest, which begins as the whole of the arguments; false after the last. */
bool weir_redact_vm_arg(struct weir_str *rest, struct weir_str *name);

/* The kernel's command line, by the same rules. */
int weir_redact_cmdline(const struct weir_words *words, struct weir_str text,
                        struct weir_buf *out);

#endif
