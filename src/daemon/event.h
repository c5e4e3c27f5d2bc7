/* event: what weird tells of itself: one event, one line, "msg key=value ..." on stderr.
 *As a service of systemd each line begins with its priority, "<6>". Strings from outside
 * are quoted, and what a terminal would act on is escaped.
 *
 *	weir_event(&log, WEIR_EVENT_INFO, "lease", "lease=%ju name=%s", n, weir_quote(&q,
 *z));
 */
#ifndef WEIR_DAEMON_EVENT_H
#define WEIR_DAEMON_EVENT_H

#include "base/str.h"

enum weir_event_level {
	WEIR_EVENT_ERROR = 3,
	WEIR_EVENT_WARNING,
	WEIR_EVENT_NOTICE,
	WEIR_EVENT_INFO
};

#define WEIR_EVENT_BURST 200U /* lines of one second; what is beyond is counted */

struct weir_events {
	int fd;
	bool with_priority;
	uint64_t (*now_ns)(void); /* NULL: nothing is dropped */
	uint64_t second, nr_in_second, nr_dropped;
};

/* stderr; with priorities where systemd reads it (JOURNAL_STREAM). */
void weir_events_init(struct weir_events *log, uint64_t (*now_ns)(void));

/* @fmt: what stands behind @msg; "" for nothing. */
void weir_event(struct weir_events *log, enum weir_event_level level, const char *msg,
                const char *fmt, ...) __attribute__((format(printf, 4, 5)));

struct weir_quote {
	char text[320];
};

/* "\"text\"", cut at its end when it is too long. Returns q->text. */
const char *weir_quote(struct weir_quote *q, const char *z);

#endif
