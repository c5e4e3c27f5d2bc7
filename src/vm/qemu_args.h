/* qemu_args: the small languages of a QEMU command line: words as a shell splits them,
 * options that take an argument or not, key=value lists, sizes, numbers, switches.
 * qemu.h says what they mean. */
#ifndef WEIR_VM_QEMU_ARGS_H
#define WEIR_VM_QEMU_ARGS_H

#include "vm/demand.h"
#include "vm/tree.h"

/* Linux gives a new program a quarter of its stack for arguments: 2M of 8M. */
#define WEIR_QEMU_TEXT_MAX (2U << 20)

/* Splits @text into words as a POSIX shell does, each followed by a NUL: quotes, \, line
 * ends behind \, comments. Words VAR=value at the start are left out, as libvirt's log
 * has them. -EBADMSG for what a shell would expand or that is more than one command,
 * -E2BIG, -ENOMEM. */
int weir_qemu_split(struct weir_str text, struct weir_buf *out, struct weir_err *err);

/* The options that change what weir knows; all others are OTHER. */
enum weir_qemu_option {
	WEIR_QEMU_OTHER,
	WEIR_QEMU_IMAGE, /* a word that is no option: a disk */
	WEIR_QEMU_BLOCKDEV,
	WEIR_QEMU_DEVICE,
	WEIR_QEMU_MACHINE,
	WEIR_QEMU_MEM_PATH,
	WEIR_QEMU_MEM_PREALLOC,
	WEIR_QEMU_MEMORY,
	WEIR_QEMU_NAME,
	WEIR_QEMU_NETDEV,
	WEIR_QEMU_NUMA,
	WEIR_QEMU_OBJECT,
	WEIR_QEMU_OVERCOMMIT,
	WEIR_QEMU_REALTIME,
	WEIR_QEMU_GLOBAL,     /* -global, -set: may change any default */
	WEIR_QEMU_READCONFIG, /* names a file with more options */
};

/* Takes the next option with its argument (or "") off *rest, which holds words followed
 * by NULs; @word is the option as it stands there. 0; 1 at the end; -EBADMSG when the
 * argument is missing. */
int weir_qemu_next(struct weir_str *rest, enum weir_qemu_option *option,
                   struct weir_str *word, struct weir_str *arg, struct weir_err *err);

/* "a=1,b,c=x,,y" or {JSON} into a tree whose top is a map. @implied is the key of a first
 * part without one; later such parts are switches: "on", or with "no" in front "off". */
int weir_qemu_keys(struct weir_str arg, const char *implied, struct weir_tree *out,
                   struct weir_err *err);

/* The last value of @key, as QEMU has it, or false. */
bool weir_qemu_get(const struct weir_tree *keys, const char *key, struct weir_str *out);

/* A size as QEMU reads it: digits with a fraction or 0x and hexadecimal digits, then one
 * of B K M G T P E in either case; @unit is meant where none is given. -EBADMSG, or
 * -ERANGE past 2^64-1. */
int weir_qemu_size(struct weir_str s, char unit, uint64_t *out_bytes);

int weir_qemu_number(struct weir_str s, uint64_t *out); /* 10, 0x10, 010: as in C */
int weir_qemu_switch(struct weir_str s, bool *out);     /* on, off, yes, no, ... */

#endif
