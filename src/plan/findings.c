/* findings: runs the checks and puts the worst first; see findings.h. The checks stand in
 * checks_*.c, by what they look at. */
#include "plan/checks.h"

#include "base/own.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

const char *weir_severity_word(enum weir_severity severity)
{
	switch (severity) {
	case WEIR_NOTE: return "note";
	case WEIR_WARNING: return "warning";
	case WEIR_PROBLEM: return "problem";
	}
	return "note";
}

struct weir_finding *weir_check_add(struct weir_check *c, enum weir_severity severity,
                                    const char *id)
{
	struct weir_findings *out = c->out;

	if (!c->failed)
		c->failed = weir_grow(&out->v, &out->cap, out->nr, sizeof(*out->v));
	if (c->failed)
		return NULL;
	out->v[out->nr].severity = severity;
	out->v[out->nr].id = id;
	return &out->v[out->nr++];
}

__attribute__((format(printf, 3, 0))) static void write_words(struct weir_check *c,
                                                              char **slot,
                                                              const char *fmt, va_list ap)
{
	if (!c->failed && vasprintf(slot, fmt, ap) < 0) {
		*slot = NULL; /* vasprintf leaves it undefined */
		c->failed = -ENOMEM;
	}
}

void weir_check_text(struct weir_check *c, struct weir_finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (f)
		write_words(c, &f->text, fmt, ap);
	va_end(ap);
}

void weir_check_remedy(struct weir_check *c, struct weir_finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (f)
		write_words(c, &f->remedy, fmt, ap);
	va_end(ap);
}

void weir_check_command(struct weir_check *c, struct weir_finding *f, const char *fmt,
                        ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (f)
		write_words(c, &f->command, fmt, ap);
	va_end(ap);
}

void weir_check_set_pool(struct weir_check *c, struct weir_finding *f,
                         uint64_t size_bytes, uint64_t pages)
{
	weir_check_command(c, f,
	                   "echo %" PRIu64
	                   " > /sys/kernel/mm/hugepages/hugepages-%" PRIu64
	                   "kB/nr_hugepages",
	                   pages, size_bytes / 1024);
}

const char *weir_check_n(struct weir_count count, char text[24])
{
	if (!count.known)
		return "?";
	(void)snprintf(text, 24, "%" PRIu64, count.n);
	return text;
}

/* Stable, unlike qsort: within a severity the order of the checks is the order to read.
 */
static void worst_first(struct weir_findings *out)
{
	for (size_t i = 1; i < out->nr; i++) {
		struct weir_finding f = out->v[i];
		size_t at = i;

		for (; at > 0 && out->v[at - 1].severity < f.severity; at--)
			out->v[at] = out->v[at - 1];
		out->v[at] = f;
	}
}

int weir_findings_make(const struct weir_snapshot *snap, const struct weir_overview *view,
                       struct weir_findings *out)
{
	static void (*const checks[])(struct weir_check *) = {
		weir_check_reading,      weir_check_starving,    weir_check_surplus,
		weir_check_reserved,     weir_check_poison,      weir_check_boot,
		weir_check_csv_cma,      weir_check_mount_names, weir_check_mount_minimum,
		weir_check_cgroups,      weir_check_weird_gone,  weir_check_warm_waiting,
		weir_check_warm_target,  weir_check_node_sum,    weir_check_sysctl,
		weir_check_hidden_sizes,
	};
	struct weir_check c = { .snap = snap, .view = view, .out = out };

	*out = (struct weir_findings){ 0 };
	for (size_t i = 0; i < WEIR_NELEM(checks); i++)
		checks[i](&c);
	if (c.failed) {
		weir_findings_done(out);
		return c.failed;
	}
	worst_first(out);
	return 0;
}

void weir_findings_done(struct weir_findings *findings)
{
	for (size_t i = 0; i < findings->nr; i++) {
		free(findings->v[i].text);
		free(findings->v[i].remedy);
		free(findings->v[i].command);
	}
	free(findings->v);
	*findings = (struct weir_findings){ 0 };
}
