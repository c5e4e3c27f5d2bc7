/* check_text: verdicts for people: what a tired one needs first, the rest with
 * --explain. */
#include "cli/check.h"

#include "base/own.h"
#include "base/size.h"
#include "cli/cli.h"

#include <inttypes.h>

static const char *word(const struct weir_verdict *v)
{
	switch (v->word) {
	case WEIR_VERDICT_YES: return "yes";
	case WEIR_VERDICT_BUT: return "yes, but";
	case WEIR_VERDICT_NO: return "NO";
	}
	return "";
}

static void put_line(FILE *out, const char *first, const char *text, unsigned int width)
{
	weir_cli_wrap(out, first, text, (unsigned int)strlen(first), width);
}

static const char *const what[WEIR_SOURCE_NR] = {
	[WEIR_SOURCE_POOL] = "pool pages",
	[WEIR_SOURCE_POOL_CMA] = "pool pages in the CMA",
	[WEIR_SOURCE_POOL_MOVABLE] = "pool pages in ZONE_MOVABLE",
	[WEIR_SOURCE_BASE] = "ordinary memory",
	[WEIR_SOURCE_BASE_CMA] = "ordinary memory in the CMA",
	[WEIR_SOURCE_BASE_MOVABLE] = "ordinary memory in ZONE_MOVABLE",
	[WEIR_SOURCE_CSV] = "CSV memory",
};

/* "takes 31G of pool pages, 28M of ordinary memory from node 1" */
static void put_sum(FILE *out, const struct weir_verdict *v, unsigned int width)
{
	weir_auto(weir_buf_done) struct weir_buf line = { 0 };
	char size[WEIR_SIZE_TEXT_MAX];
	const char *comma = "";

	for (int s = 0; s < WEIR_SOURCE_NR; s++) {
		uint64_t bytes = 0;

		for (size_t i = 0; i < v->nr_sources; i++)
			bytes += v->sources[i].bytes[s];
		if (!bytes)
			continue;
		(void)weir_buf_printf(&line, "%s%s of %s", comma,
		                      weir_format_human(bytes, size, sizeof(size)),
		                      what[s]);
		comma = ", ";
	}
	if (!line.n)
		return;
	(void)weir_buf_addz(&line, v->nr_sources == 1 ? " from node " : " from nodes ");
	for (size_t i = 0; i < v->nr_sources; i++)
		(void)weir_buf_printf(&line, "%s%u", i ? "," : "", v->sources[i].node);
	put_line(out, "  takes ", line.p, width);
}

/* The same node by node. */
static void put_from(FILE *out, const struct weir_verdict *v)
{
	char size[WEIR_SIZE_TEXT_MAX];

	for (size_t i = 0; i < v->nr_sources; i++)
		for (int s = 0; s < WEIR_SOURCE_NR; s++)
			if (v->sources[i].bytes[s])
				(void)fprintf(out, "  node %-3u %8s %s\n",
				              v->sources[i].node,
				              weir_format_human(v->sources[i].bytes[s],
				                                size, sizeof(size)),
				              what[s]);
}

/* What of its memory is ready, and what zeroing that would take otherwise. */
static void put_warm(FILE *out, const struct weir_verdict *v, unsigned int width)
{
	weir_auto(weir_buf_done) struct weir_buf line = { 0 };
	char size[2][WEIR_SIZE_TEXT_MAX];
	uint64_t ms = weir_offer_zeroing_ms(&v->offer);

	if (!v->offer.nr)
		return;
	(void)weir_buf_printf(
		&line, "%s of %s are ready",
		weir_format_human(v->offer.warm_bytes, size[0], sizeof(size[0])),
		weir_format_human(v->offer.need_bytes, size[1], sizeof(size[1])));
	if (v->offer.nr == 1 && v->offer.v[0].node >= 0)
		(void)weir_buf_printf(&line, " on node %d", v->offer.v[0].node);
	(void)weir_buf_printf(&line,
	                      ": 'weir lease' hands them over as they are; zeroing them "
	                      "%s takes about ",
	                      v->offer.at_start ? "at its start" : "as it touches them");
	if (ms < 1000)
		(void)weir_buf_printf(&line, "%" PRIu64 " ms", ms);
	else
		(void)weir_buf_printf(&line, "%" PRIu64 ".%" PRIu64 " s", ms / 1000,
		                      ms % 1000 / 100);
	(void)weir_buf_addz(&line, " (at 4 GB/s)");
	if (line.p)
		put_line(out, "  warm: ", line.p, width);
}

static void put_all(const struct weir_verdict *v, const struct weir_ask *ask,
                    const struct weir_check_style *style, FILE *out)
{
	struct weir_str notes = weir_buf_str(&ask->notes), note;
	char line[512];

	put_from(out, v);
	for (size_t i = 0; i < v->demand->nr_notes; i++)
		put_line(out, "  note: ", v->demand->notes[i], style->width);
	while (weir_str_line(&notes, &note))
		put_line(out, "  note: ", weir_str_show(note, line, sizeof(line)),
		         style->width);
}

static void put_one(const struct weir_verdict *v, const struct weir_ask *ask,
                    const struct weir_check_style *style, FILE *out)
{
	char size[WEIR_SIZE_TEXT_MAX];

	weir_cli_put(out, weir_strz(v->demand->name));
	(void)fprintf(out, " (%s%s, %s): %s\n", weir_vm_kind_word(v->demand->kind),
	              v->demand->nr_vfio ? "+VFIO" : "",
	              weir_format_human(weir_demand_bytes(v->demand), size, sizeof(size)),
	              word(v));
	if (v->reason)
		put_line(out, "  ", v->reason, style->width);
	for (size_t i = 0; i < v->nr_but; i++)
		put_line(out, "  - ", v->but[i], style->width);
	if (v->word != WEIR_VERDICT_NO && !style->explain)
		put_sum(out, v, style->width);
	put_warm(out, v, style->width);
	if (v->qemu)
		put_line(out, v->word == WEIR_VERDICT_NO ? "  QEMU:   " : "  or QEMU:   ",
		         v->qemu, style->width);
	if (v->kernel)
		put_line(out,
		         v->word == WEIR_VERDICT_NO ? "  kernel: " : "  and kernel: ",
		         v->kernel, style->width);
	for (size_t i = 0; i < v->nr_remedies; i++) {
		put_line(out, "  -> ", v->remedies[i].text, style->width);
		if (v->remedies[i].command) {
			(void)fputs("     ", out);
			weir_cli_put(out, weir_strz(v->remedies[i].command));
			(void)fputc('\n', out);
		}
	}
	if (style->explain)
		put_all(v, ask, style, out);
}

void weir_check_print(const struct weir_verdicts *verdicts, const struct weir_ask *asks,
                      const struct weir_check_style *style, FILE *out)
{
	struct weir_str notes = weir_buf_str(&verdicts->notes), note;
	char line[512];

	for (size_t i = 0; i < verdicts->nr; i++)
		put_one(&verdicts->v[i], &asks[i], style, out);
	while (style->explain && weir_str_line(&notes, &note))
		put_line(out, "note: ", weir_str_show(note, line, sizeof(line)),
		         style->width);
}
