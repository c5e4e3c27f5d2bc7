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
	const char *words = strerrordesc_np(-code);
	size_t n;
	va_list ap;

	if (!err)
		return code;
	err->code = code;
	va_start(ap, fmt);
	(void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	n = strlen(err->msg);
	if (words)
		(void)snprintf(err->msg + n, sizeof(err->msg) - n, ": %s", words);
	else /* the kernel's own, such as ENOTSUPP (524), which some files let out */
		(void)snprintf(err->msg + n, sizeof(err->msg) - n, ": error %d", -code);
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
