#include "facts/klog.h"

#include "fuzz.h"

/* Every line that the filter gives is a line of the log, and they come in its order. */
static void check_subset(struct weir_str log, struct weir_str kept)
{
	struct weir_str line, from;

	must(kept.n == 0 || kept.p[kept.n - 1] == '\n');
	while (weir_str_line(&kept, &line)) {
		bool found = false;

		must(line.n > 0 && line.n <= WEIR_KLOG_LINE_MAX);
		while (!found && weir_str_line(&log, &from)) {
			if (weir_str_ends(from, "\r"))
				from.n--;
			found = from.n == line.n && memcmp(from.p, line.p, line.n) == 0;
		}
		must(found);
	}
}

static void check_count(struct weir_count c)
{
	must(c.known ? c.n <= WEIR_COUNT_MAX : c.n == 0);
}

static void check_facts(const struct weir_klog *klog)
{
	for (size_t i = 0; i < klog->nr_shortfalls; i++) {
		must(klog->shortfalls[i].got <= klog->shortfalls[i].asked);
		check_count(klog->shortfalls[i].size_bytes);
		check_count(klog->shortfalls[i].node);
	}
	for (size_t i = 0; i < klog->nr_sizes; i++)
		check_count(klog->sizes[i].size_bytes);
	for (size_t i = 0; i < klog->nr_areas; i++) {
		must(klog->areas[i].size_bytes <= WEIR_COUNT_MAX);
		check_count(klog->areas[i].base);
		check_count(klog->areas[i].node);
	}
	for (size_t i = 0; i < WEIR_KLOG_NR_TECHS; i++) {
		const struct weir_klog_kvm *kvm = &klog->kvm[i];

		check_count(kvm->nr_asids);
		must(kvm->state == WEIR_KLOG_ENABLED ||
		     !(kvm->nr_asids.known || kvm->asid_first.known));
		must(kvm->asid_first.n <= kvm->asid_last.n);
	}
	for (size_t i = 0; i < klog->nr_notes; i++)
		must(klog->notes[i].text && klog->notes[i].topic != WEIR_KLOG_OTHER);
	check_count(klog->csv_smr_entry_bytes);
	must(klog->rmp_first.n <= klog->rmp_last.n);
	must(klog->tdx_first_keyid.n <= klog->tdx_last_keyid.n);
}

/* The facts are those of the lines that are kept: no others, and all of them. */
static void check_same(const struct weir_klog *a, const struct weir_klog *b)
{
	must(a->nr_shortfalls == b->nr_shortfalls && a->nr_sizes == b->nr_sizes &&
	     a->nr_csv_nodes == b->nr_csv_nodes && a->nr_areas == b->nr_areas &&
	     a->nr_notes == b->nr_notes && a->tdx == b->tdx &&
	     a->nr_notes_left_off == b->nr_notes_left_off);
	for (size_t i = 0; i < a->nr_notes; i++)
		must(strcmp(a->notes[i].text, b->notes[i].text) == 0);
	for (size_t i = 0; i < WEIR_KLOG_NR_TECHS; i++)
		must(a->kvm[i].state == b->kvm[i].state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_str log = weir_str((const char *)data, size);
	struct weir_buf once = { 0 }, twice = { 0 };
	struct weir_klog klog, again;
	struct weir_err err = { 0 };
	int r;

	must(weir_klog_filter(log, &once) == 0);
	check_subset(log, weir_buf_str(&once));
	must(weir_klog_filter(weir_buf_str(&once), &twice) == 0);
	must(once.n == twice.n && (once.n == 0 || memcmp(once.p, twice.p, once.n) == 0));

	r = weir_klog_parse(log, &klog, &err);
	must(r == 0 || r == WEIR_GARBLED);
	must(r == 0 || err.msg[0]);
	must(weir_klog_parse(weir_buf_str(&once), &again, NULL) == r);
	check_facts(&klog);
	check_same(&klog, &again);
	weir_klog_done(&klog);
	weir_klog_done(&again);
	weir_buf_done(&once);
	weir_buf_done(&twice);
	return 0;
}
