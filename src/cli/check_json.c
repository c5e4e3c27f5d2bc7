/* check_json: verdicts as one JSON document, described in weir-json(5). */
#include "cli/check.h"

#include "base/json.h"
#include "base/own.h"

#include <errno.h>

#define SCHEMA 1

static void words(struct weir_json *j, const char *key, char *const *v, size_t nr)
{
	weir_json_open(j, key, '[');
	for (size_t i = 0; i < nr; i++)
		weir_json_strz(j, NULL, v[i]);
	weir_json_close(j);
}

static void sources(struct weir_json *j, const struct weir_verdict *v)
{
	weir_json_open(j, "sources", '[');
	for (size_t i = 0; i < v->nr_sources; i++) {
		weir_json_open(j, NULL, '{');
		weir_json_u64(j, "node", v->sources[i].node);
		for (int s = 0; s < WEIR_SOURCE_NR; s++)
			if (v->sources[i].bytes[s])
				weir_json_u64(j, weir_source_text((enum weir_source)s),
				              v->sources[i].bytes[s]);
		weir_json_close(j);
	}
	weir_json_close(j);
}

static void remedies(struct weir_json *j, const struct weir_verdict *v)
{
	weir_json_open(j, "remedies", '[');
	for (size_t i = 0; i < v->nr_remedies; i++) {
		weir_json_open(j, NULL, '{');
		weir_json_strz(j, "text", v->remedies[i].text);
		weir_json_strz(j, "command", v->remedies[i].command);
		weir_json_close(j);
	}
	weir_json_close(j);
}

static void leases(struct weir_json *j, const struct weir_verdict *v)
{
	weir_json_open(j, "leases", '[');
	for (size_t i = 0; i < v->offer.nr; i++) {
		const struct weir_offer_part *part = &v->offer.v[i];

		weir_json_open(j, NULL, '{');
		weir_json_strz(j, "memory", v->demand->memory[part->memory].id);
		weir_json_u64(j, "bytes", part->bytes);
		weir_json_u64(j, "warm_bytes", part->warm_bytes);
		weir_json_u64(j, "page_bytes", part->page_bytes);
		if (part->node >= 0)
			weir_json_u64(j, "node", (uint64_t)part->node);
		else
			weir_json_null(j, "node");
		weir_json_close(j);
	}
	weir_json_close(j);
}

/* What weird could lease it; null where that is nothing. */
static void warm(struct weir_json *j, const struct weir_verdict *v)
{
	if (!v->offer.nr) {
		weir_json_null(j, "warm");
		return;
	}
	weir_json_open(j, "warm", '{');
	weir_json_bool(j, "needed", v->by_lease);
	weir_json_u64(j, "need_bytes", v->offer.need_bytes);
	weir_json_u64(j, "ready_bytes", v->offer.warm_bytes);
	weir_json_u64(j, "zeroing_ms", weir_offer_zeroing_ms(&v->offer));
	weir_json_bool(j, "at_start", v->offer.at_start);
	leases(j, v);
	weir_json_close(j);
}

static void numbers(struct weir_json *j, const struct weir_verdict *v)
{
	if (v->has_count) {
		weir_json_u64(j, "unit_bytes", v->unit_bytes);
		weir_json_u64(j, "need", v->need);
		weir_json_u64(j, "have_min", v->have_min);
		weir_json_u64(j, "have_max", v->have_max);
		return;
	}
	weir_json_null(j, "unit_bytes");
	weir_json_null(j, "need");
	weir_json_null(j, "have_min");
	weir_json_null(j, "have_max");
}

static void one(struct weir_json *j, const struct weir_verdict *v)
{
	weir_json_open(j, NULL, '{');
	weir_json_strz(j, "name", v->demand->name);
	weir_json_strz(j, "kind", weir_vm_kind_word(v->demand->kind));
	weir_json_u64(j, "memory_bytes", weir_demand_bytes(v->demand));
	weir_json_strz(j, "verdict", weir_verdict_text(v->word));
	weir_json_bool(j, "certain", v->certain);
	weir_json_strz(j, "decides", v->decides);
	numbers(j, v);
	weir_json_strz(j, "reason", v->reason);
	weir_json_strz(j, "qemu_message", v->qemu);
	weir_json_strz(j, "kernel_message", v->kernel);
	words(j, "but", v->but, v->nr_but);
	weir_json_u64(j, "twice_bytes", v->twice_bytes);
	sources(j, v);
	warm(j, v);
	remedies(j, v);
	words(j, "notes", v->demand->notes, v->demand->nr_notes);
	weir_json_close(j);
}

int weir_check_json(const struct weir_verdicts *verdicts, FILE *out, struct weir_err *err)
{
	weir_auto(weir_json_done) struct weir_json j = { 0 };
	struct weir_str notes = weir_buf_str(&verdicts->notes), note;

	weir_json_open(&j, NULL, '{');
	weir_json_u64(&j, "schema", SCHEMA);
	weir_json_open(&j, "vms", '[');
	for (size_t i = 0; i < verdicts->nr; i++)
		one(&j, &verdicts->v[i]);
	weir_json_close(&j);
	weir_json_open(&j, "notes", '[');
	while (weir_str_line(&notes, &note))
		weir_json_str(&j, NULL, note);
	weir_json_close(&j);
	weir_json_close(&j);
	if (j.failed)
		return weir_err_sys(err, j.failed, "write JSON");
	(void)fwrite(j.out.p, 1, j.out.n, out);
	return 0;
}
