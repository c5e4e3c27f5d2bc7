/* explain_words: see explain_words.h; and the list of sentences itself, explain.h. */
#include "plan/explain_words.h"

#include "base/own.h"
#include "base/size.h"
#include "holders/ledger.h"
#include "plan/explain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

const char *weir_topic_word(enum weir_topic topic)
{
	static const char *const words[] = {
		[WEIR_TOPIC_PAGES] = "pages",       [WEIR_TOPIC_HOLDER] = "holder",
		[WEIR_TOPIC_RESERVED] = "reserved", [WEIR_TOPIC_SURPLUS] = "surplus",
		[WEIR_TOPIC_DIFFER] = "differ",     [WEIR_TOPIC_MINIMUM] = "minimum",
		[WEIR_TOPIC_BOOT] = "boot",         [WEIR_TOPIC_GROWTH] = "growth",
		[WEIR_TOPIC_UNKNOWN] = "unknown",   [WEIR_TOPIC_WRITE] = "write",
		[WEIR_TOPIC_RULE] = "rule",
	};

	return words[topic];
}

void weir_sentences_done(struct weir_sentences *out)
{
	for (size_t i = 0; i < out->nr; i++)
		free(out->v[i].text);
	free(out->v);
	*out = (struct weir_sentences){ 0 };
}

int weir_sentences_add(struct weir_sentences *out, enum weir_topic topic,
                       uint64_t size_bytes, const char *fmt, ...)
{
	struct weir_sentence *to;
	va_list ap;
	int n;

	if (weir_grow(&out->v, &out->cap, out->nr, sizeof(out->v[0])) < 0)
		return -ENOMEM;
	to = &out->v[out->nr];
	va_start(ap, fmt);
	n = vasprintf(&to->text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	to->topic = topic;
	to->size_bytes = size_bytes;
	out->nr++;
	return 0;
}

struct weir_words weir_words_size(uint64_t bytes)
{
	struct weir_words n;

	(void)weir_format_size(bytes, n.text, sizeof(n.text));
	return n;
}

struct weir_words weir_words_human(uint64_t bytes)
{
	struct weir_words n;

	(void)weir_format_human(bytes, n.text, sizeof(n.text));
	return n;
}

struct weir_words weir_words_task(const struct weir_ledger *ledger, size_t task)
{
	const struct weir_holding_task *t = &ledger->holdings.tasks[task];
	char shown[48];
	struct weir_words n;

	(void)weir_str_show(weir_strz(t->name ? t->name : "?"), shown, sizeof(shown));
	(void)snprintf(n.text, sizeof(n.text), "process %" PRIu64 " (%s)", t->pid, shown);
	return n;
}

struct weir_words weir_words_hold(const struct weir_ledger *ledger,
                                  const struct weir_hold *hold)
{
	static const char *const what[] = {
		[WEIR_HOLD_PRIVATE] = "private memory of ",
		[WEIR_HOLD_ANON] = "shared memory of ",
		[WEIR_HOLD_FILE] = "the file ",
		[WEIR_HOLD_MEMFD] = "the memfd ",
		[WEIR_HOLD_SHM] = "a SysV segment ",
		[WEIR_HOLD_MOUNT] = "the minimum of the mount ",
		[WEIR_HOLD_POISONED] = "memory errors, nobody's, and never given back",
		[WEIR_HOLD_WARM] = "warm memory that weird keeps for leases",
		[WEIR_HOLD_LEASED] = "warm memory, ",
		[WEIR_HOLD_WAITING] = "warm memory that is waited for, of the ended ",
	};
	char file[WEIR_LEASE_TEXT_MAX];
	struct weir_words n;
	size_t at;

	(void)weir_str_show(weir_hold_name(ledger, hold), file, sizeof(file));
	if (weir_hold_is_warm(hold))
		(void)weir_lease_text(hold->region, file);
	at = (size_t)snprintf(n.text, sizeof(n.text), "%s%s", what[hold->kind],
	                      hold->kind == WEIR_HOLD_PRIVATE ? "" : file);
	if (at >= sizeof(n.text) || hold->kind == WEIR_HOLD_MOUNT ||
	    hold->kind == WEIR_HOLD_POISONED || hold->kind == WEIR_HOLD_WARM)
		return n;
	if (!hold->nr_users) {
		(void)snprintf(n.text + at, sizeof(n.text) - at,
		               "%swhich no process has open",
		               hold->kind == WEIR_HOLD_PRIVATE ? "" : ", ");
		return n;
	}
	at += (size_t)snprintf(n.text + at, sizeof(n.text) - at, "%s%s",
	                       hold->kind == WEIR_HOLD_PRIVATE || !*file ? "" : " of ",
	                       weir_words_task(ledger, hold->users[0].task).text);
	if (at < sizeof(n.text) && hold->nr_users > 1)
		(void)snprintf(n.text + at, sizeof(n.text) - at, " and %zu other%s",
		               hold->nr_users - 1, weir_words_s(hold->nr_users - 1));
	return n;
}
