/* err: a code for the program, words for the person.
 *
 * The struct lives on the caller's stack and owns no memory. Every function takes NULL
 * for "the caller wants no words". All return the (negative) code they were given, so
 * that a failure is one statement: return weir_err_set(err, -EBADMSG, "...", ...); */
#ifndef WEIR_BASE_ERR_H
#define WEIR_BASE_ERR_H

#include <stdarg.h>

struct weir_err {
	int code;      /* negative errno, 0 when nothing failed */
	char msg[248]; /* one line, cut at the end when it is longer */
};

/* What was attempted, on what, and why it could not be done. */
int weir_err_set(struct weir_err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same with ": " and the system's words for @code behind it. */
int weir_err_sys(struct weir_err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts the caller's words and ": " in front of those already there. */
int weir_err_wrap(struct weir_err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
