/* err: formats the words of a failure; see err.h for the rules. */
#include "base/err.h"

#include <stdio.h>
#include <string.h>

int weir_err_set(struct weir_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	err->code = code;
	va_start(ap, fmt);
	(void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap); /* cut is fine: a message */
	va_end(ap);
	return code;
}

int weir_err_sys(struct weir_err *err, int code, const char *fmt, ...)
{
	size_t n;
	va_list ap;

	if (!err)
		return code;
	err->code = code;
	va_start(ap, fmt);
	(void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	n = strlen(err->msg);
	(void)snprintf(err->msg + n, sizeof(err->msg) - n, ": %s",
	               strerrordesc_np(-code));
	return code;
}

int weir_err_wrap(struct weir_err *err, int code, const char *fmt, ...)
{
	char old[sizeof(err->msg)];
	size_t n;
	va_list ap;

	if (!err)
		return code;
	memcpy(old, err->msg, sizeof(old));
	err->code = code;
	va_start(ap, fmt);
	(void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	n = strlen(err->msg);
	(void)snprintf(err->msg + n, sizeof(err->msg) - n, ": %s", old);
	return code;
}
