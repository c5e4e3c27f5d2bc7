/* event: see event.h. A line is written in one piece, so that those of children of weird
 * do not get into it. */
#include "daemon/event.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048
#define NS             UINT64_C(1000000000)

void weir_events_init(struct weir_events *log, uint64_t (*now_ns)(void))
{
	*log = (struct weir_events){
		.fd = STDERR_FILENO,
		.with_priority = getenv("JOURNAL_STREAM") != NULL,
		.now_ns = now_ns,
	};
}

static void put_line(const struct weir_events *log, enum weir_event_level level,
                     const char *msg, const char *rest)
{
	static const char *const words[] = { "?",       "?",      "?",   "error",
		                             "warning", "notice", "info" };
	char line[LINE_MAX_BYTES + 64];
	size_t n;
	int r;

	if (log->with_priority)
		r = snprintf(line, sizeof(line) - 1, "<%d>%s%s%s", (int)level, msg,
		             *rest ? " " : "", rest);
	else
		r = snprintf(line, sizeof(line) - 1, "%s %s%s%s", words[level], msg,
		             *rest ? " " : "", rest);
	if (r < 0)
		return;
	n = (size_t)r < sizeof(line) - 2 ? (size_t)r : sizeof(line) - 2;
	line[n++] = '\n';
	/* whom nobody reads any more has nobody to tell it */
	if (write(log->fd, line, n) < 0)
		return;
}

/* False: this second has had its lines. Errors are always told. */
static bool may_tell(struct weir_events *log, enum weir_event_level level)
{
	uint64_t second = log->now_ns ? log->now_ns() / NS : 0, dropped = log->nr_dropped;
	char rest[64];

	if (!log->now_ns || level == WEIR_EVENT_ERROR)
		return true;
	if (second != log->second) {
		log->second = second;
		log->nr_in_second = log->nr_dropped = 0;
	}
	if (dropped && !log->nr_dropped) {
		(void)snprintf(rest, sizeof(rest), "lines=%ju", (uintmax_t)dropped);
		put_line(log, WEIR_EVENT_NOTICE, "log-dropped", rest);
	}
	if (log->nr_in_second++ < WEIR_EVENT_BURST)
		return true;
	log->nr_dropped++;
	return false;
}

void weir_event(struct weir_events *log, enum weir_event_level level, const char *msg,
                const char *fmt, ...)
{
	char rest[LINE_MAX_BYTES];
	va_list ap;

	if (!may_tell(log, level))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(rest, sizeof(rest), fmt, ap);
	va_end(ap);
	put_line(log, level, msg, rest);
}

const char *weir_quote(struct weir_quote *q, const char *z)
{
	size_t n = 0;

	q->text[n++] = '"';
	/* the longest of one byte is "\x1b" */
	for (; z && *z && n + 6 < sizeof(q->text); z++) {
		unsigned char c = (unsigned char)*z;

		if (c == '"' || c == '\\') {
			q->text[n++] = '\\';
			q->text[n++] = (char)c;
		} else if (c < 0x20 || c >= 0x7f) {
			n += (size_t)snprintf(q->text + n, 5, "\\x%02x", c);
		} else {
			q->text[n++] = (char)c;
		}
	}
	q->text[n++] = '"';
	q->text[n] = '\0';
	return q->text;
}
