/* dl: libraries that only some commands need are loaded when they are needed.
 *
 * `weir status` on a live machine runs in about the time that the dynamic loader takes
 * for libarchive and what hangs on it; so such libraries are not linked but opened here,
 * by the name of their stable ABI, and called through pointers of their own types.
 *
 *	static struct {
 *		__typeof__(mnt_new_table) *new_table;
 *	} mnt;
 *	static const struct weir_dl_symbol symbols[] = { { "mnt_new_table", &mnt.new_table
 *} };
 */
#ifndef WEIR_BASE_DL_H
#define WEIR_BASE_DL_H

#include "base/err.h"

#include <stddef.h>

struct weir_dl_symbol {
	const char *name;
	void *slot; /* a function pointer of the symbol's type */
};

/* Loads @soname once and fills every slot. -ELIBACC with words when the library or one of
 * the symbols is not there; @needed_for ("reading capture archives") is part of them. The
 * library stays loaded until the process ends. */
int weir_dl_load(const char *soname, const struct weir_dl_symbol *symbols, size_t nr,
                 const char *needed_for, struct weir_err *err);

#endif
