/* klog: see klog.h. One table says which messages are ours and who reads them. Each
 * reader walks along the message with weir_eat(): it is a fact only when every word and
 * number of it came as expected. */
#include "facts/klog.h"

#include "base/ckd.h"
#include "base/own.h"
#include "base/size.h"
#include "facts/klog_words.h"

#include <errno.h>

struct reader {
	struct weir_klog *out;
	struct weir_str line; /* the message being read */
	const char *garbled;  /* what the first bad one was taken for */
	struct weir_str garbled_line;
};

/* What a reader made of a message. */
enum {
	READ_NOT_MINE, /* no fact: a complaint, or nothing */
	READ_MINE,     /* a fact, or one that is garbled */
		       /* or -ENOMEM */
};

static int bad(struct reader *rd, const char *what)
{
	if (!rd->garbled) {
		rd->garbled = what;
		rd->garbled_line = rd->line;
	}
	return READ_MINE;
}

/* Adds the element of @size bytes at @item to an array of klog.h. */
static int keep(struct reader *rd, void *items, size_t *nr, size_t *cap, const void *item,
                size_t size)
{
	int r;

	if (*nr >= WEIR_KLOG_FACTS_MAX)
		return bad(rd, "one more than any kernel reports");
	r = weir_grow(items, cap, *nr, size);
	if (r < 0)
		return r;
	memcpy(*(char **)items + *nr * size, item, size);
	++*nr;
	return READ_MINE;
}

#define KEEP(rd, array, item)                                                          \
	keep((rd), &(rd)->out->array, &(rd)->out->nr_##array, &(rd)->out->cap_##array, \
	     (item), sizeof(*(rd)->out->array))

static int read_shortfall(struct reader *rd, struct weir_str s)
{
	struct weir_klog_shortfall got = { 0 };
	unsigned int node;

	if (!weir_eat_count(&s, &got.asked) || !weir_eat(&s, " of page size ") ||
	    !weir_eat_page_size(&s, &got.size_bytes) || !weir_eat(&s, " failed"))
		return bad(rd, "huge pages that were not there at boot");
	if (weir_eat(&s, " node")) {
		if (!weir_eat_node(&s, &node))
			return bad(rd, "huge pages that were not there at boot");
		got.node = WEIR_COUNT(node);
	}
	(void)weir_eat(&s, ".");
	s = weir_str_trim(s);
	if (!weir_eat(&s, "Only allocated ") || !weir_eat_count(&s, &got.got) ||
	    !weir_eat(&s, " hugepages") || got.got > got.asked)
		return bad(rd, "huge pages that were not there at boot");
	return KEEP(rd, shortfalls, &got);
}

static int read_registered(struct reader *rd, struct weir_str s)
{
	struct weir_klog_size got = { 0 };

	if (!weir_eat_page_size(&s, &got.size_bytes) ||
	    !weir_eat(&s, " page size, pre-allocated ") ||
	    !weir_eat_count(&s, &got.pages) || !weir_eat(&s, " pages"))
		return bad(rd, "a page size");
	return KEEP(rd, sizes, &got);
}

/* "HugeTLB: ..."; "HugeTLB registered ..." up to 6.1 */
static int read_hugetlb(struct reader *rd, struct weir_str s)
{
	(void)weir_eat(&s, ":");
	(void)weir_eat(&s, " ");
	if (weir_eat(&s, "allocating "))
		return read_shortfall(rd, s);
	if (weir_eat(&s, "registered "))
		return read_registered(rd, s);
	return READ_NOT_MINE;
}

/* "Reserved 64 MiB at 0x..., on node 0"; the node is new in 6.8, and -1 where it does not
 * matter; areas in several ranges (6.15) give no address. */
static int read_cma(struct reader *rd, struct weir_str s)
{
	struct weir_klog_cma_area got = { 0 };
	unsigned int node;
	uint64_t mib, n;

	if (!weir_eat(&s, "Reserved "))
		return READ_NOT_MINE;
	if (!weir_eat_count(&s, &mib) || !weir_eat(&s, " MiB") ||
	    ckd_mul(&got.size_bytes, mib, WEIR_MIB) || got.size_bytes > WEIR_COUNT_MAX)
		return bad(rd, "a CMA area");
	if (weir_eat(&s, " at ")) {
		if (!weir_eat_hex(&s, &n))
			return bad(rd, "a CMA area");
		got.base = WEIR_COUNT(n);
	} else if (!weir_eat(&s, " in ")) {
		return bad(rd, "a CMA area");
	}
	if (weir_eat(&s, " on node ") && weir_eat_node(&s, &node))
		got.node = WEIR_COUNT(node);
	return KEEP(rd, areas, &got);
}

/* "created CMA memory pool at 0x..., size 64 MiB": an area of the device tree */
static int read_device_tree(struct reader *rd, struct weir_str s)
{
	struct weir_klog_cma_area got = { .base.known = true };
	uint64_t mib;

	if (!weir_eat_hex(&s, &got.base.n) || !weir_eat(&s, ", size ") ||
	    !weir_eat_count(&s, &mib) || !weir_eat(&s, " MiB") ||
	    ckd_mul(&got.size_bytes, mib, WEIR_MIB) || got.size_bytes > WEIR_COUNT_MAX)
		return bad(rd, "a CMA area");
	return KEEP(rd, areas, &got);
}

/* "CSV-CMA: ", "CSV-SMCR: ", "CSV: ": which of them says what changed with the kernels */
static int read_csv(struct reader *rd, struct weir_str s)
{
	struct weir_klog_csv_node got = { 0 };
	struct weir_str head, rest;
	uint64_t bytes;

	if (!weir_str_split(s, ' ', &head, &rest))
		return READ_NOT_MINE;
	s = rest;
	if (weir_eat(&s, "SMR entry size is ")) {
		if (!weir_eat_hex(&s, &bytes) || s.n)
			return bad(rd, "the size of an SMR entry");
		rd->out->csv_smr_entry_bytes = WEIR_COUNT(bytes);
		return READ_MINE;
	}
	if (!weir_eat(&s, "Node ") || !weir_eat_node(&s, &got.node) ||
	    !weir_eat(&s, " - reserve size "))
		return READ_NOT_MINE;
	if (!weir_eat_hex(&s, &got.reserved_bytes) ||
	    !weir_eat(&s, ", (expected size ") ||
	    !weir_eat_hex(&s, &got.expected_bytes) || !weir_eat(&s, ")"))
		return bad(rd, "a node's CSV memory");
	return KEEP(rd, csv_nodes, &got);
}

/* " (ASIDs 1 - 99)", ": 99 ASIDs" before 6.2, or nothing */
static bool eat_asids(struct weir_str *s, struct weir_klog_kvm *out)
{
	uint64_t first, last;

	if (weir_eat(s, ": ")) {
		if (!weir_eat_count(s, &first) || !weir_eat(s, " ASIDs"))
			return false;
		out->nr_asids = WEIR_COUNT(first);
		return true;
	}
	if (!weir_eat(s, " (ASIDs "))
		return !s->n;
	if (!weir_eat_count(s, &first) || !weir_eat(s, " - ") ||
	    !weir_eat_count(s, &last) || !weir_eat(s, ")"))
		return false;
	if (first <= last) {
		out->asid_first = WEIR_COUNT(first);
		out->asid_last = WEIR_COUNT(last);
		out->nr_asids = WEIR_COUNT(last - first + 1);
	}
	return true;
}

/* "SEV enabled (ASIDs 100 - 509)", "CSV2 disabled (ASIDs 0 - 0)" */
static int read_kvm(struct reader *rd, struct weir_str s)
{
	static const char *const techs[] = {
		[WEIR_KLOG_SEV] = "SEV",         [WEIR_KLOG_SEV_ES] = "SEV-ES",
		[WEIR_KLOG_SEV_SNP] = "SEV-SNP", [WEIR_KLOG_CSV] = "CSV",
		[WEIR_KLOG_CSV2] = "CSV2",       [WEIR_KLOG_CSV3] = "CSV3",
	};
	struct weir_klog_kvm got = { 0 };
	struct weir_str tech, rest;

	if (!weir_str_split(s, ' ', &tech, &rest))
		return READ_NOT_MINE;
	if (weir_eat(&rest, "enabled") || weir_eat(&rest, "supported"))
		got.state = WEIR_KLOG_ENABLED;
	else if (weir_eat(&rest, "disabled"))
		got.state = WEIR_KLOG_DISABLED;
	else if (weir_eat(&rest, "unusable"))
		got.state = WEIR_KLOG_UNUSABLE;
	else
		return READ_NOT_MINE;
	for (size_t i = 0; i < WEIR_NELEM(techs); i++) {
		if (!weir_str_eq(tech, techs[i]))
			continue;
		if (!eat_asids(&rest, &got))
			return bad(rd, "what KVM can do");
		rd->out->kvm[i] = (struct weir_klog_kvm){ .state = got.state };
		if (got.state == WEIR_KLOG_ENABLED)
			rd->out->kvm[i] = got;
		return READ_MINE;
	}
	return READ_NOT_MINE;
}

/* "RMP table physical range [0x... - 0x...]"; "address" and no brackets in trees before
 * it was merged */
static int read_snp(struct reader *rd, struct weir_str s)
{
	uint64_t first, last;

	if (!weir_eat(&s, "RMP table physical "))
		return READ_NOT_MINE;
	if (!weir_eat(&s, "range ") && !weir_eat(&s, "address "))
		return bad(rd, "the RMP table");
	(void)weir_eat(&s, "[");
	if (!weir_eat_hex(&s, &first) || !weir_eat(&s, " - ") ||
	    !weir_eat_hex(&s, &last) || first > last)
		return bad(rd, "the RMP table");
	rd->out->rmp_first = WEIR_COUNT(first);
	rd->out->rmp_last = WEIR_COUNT(last);
	return READ_MINE;
}

static int read_tdx(struct reader *rd, struct weir_str s)
{
	uint64_t first, end, kib, bytes;

	if (weir_eat(&s, "BIOS enabled: private KeyID range [")) {
		if (!weir_eat_count(&s, &first) || !weir_eat(&s, ", ") ||
		    !weir_eat_count(&s, &end) || !weir_eat(&s, ")") || first >= end)
			return bad(rd, "the TDX key ids");
		rd->out->tdx_first_keyid = WEIR_COUNT(first);
		rd->out->tdx_last_keyid = WEIR_COUNT(end - 1);
		return READ_MINE;
	}
	if (weir_eat_count(&s, &kib) && weir_eat(&s, " KB allocated for PAMT")) {
		if (ckd_mul(&bytes, kib, 1024U) || bytes > WEIR_COUNT_MAX)
			return bad(rd, "the TDX page table");
		rd->out->tdx_pamt_bytes = WEIR_COUNT(bytes);
		return READ_MINE;
	}
	if (weir_str_find(rd->line, "initialization failed") >= 0)
		rd->out->tdx = WEIR_KLOG_TDX_FAILED; /* and its words are a complaint */
	else if (weir_str_ends(rd->line, "odule initialized"))
		rd->out->tdx = WEIR_KLOG_TDX_INITIALIZED;
	return READ_NOT_MINE;
}

static const struct ours {
	const char *prefix;
	enum weir_klog_topic topic;
	bool whole; /* @read gets the message from its start, else what follows @prefix */
	int (*read)(struct reader *rd, struct weir_str s);
} ours[] = {
	{ "HugeTLB", WEIR_KLOG_ABOUT_HUGETLB, false, read_hugetlb },
	{ "hugetlb: ", WEIR_KLOG_ABOUT_HUGETLB, false, NULL },
	{ "hugetlb_cma: ", WEIR_KLOG_ABOUT_HUGETLB, false, NULL },
	{ "hugetlbfs: ", WEIR_KLOG_ABOUT_HUGETLB, false, NULL },
	{ "cma: ", WEIR_KLOG_ABOUT_CMA, false, read_cma },
	{ "Reserved memory: created CMA memory pool at ", WEIR_KLOG_ABOUT_CMA, false,
	  read_device_tree },
	{ "CSV-", WEIR_KLOG_ABOUT_CSV, true, read_csv },
	{ "CSV: ", WEIR_KLOG_ABOUT_CSV, true, read_csv },
	{ "CSV3: ", WEIR_KLOG_ABOUT_CSV, false, NULL },
	{ "csv_mem_percentage ", WEIR_KLOG_ABOUT_CSV, false, NULL },
	{ "csv_use_hugetlb ", WEIR_KLOG_ABOUT_CSV, false, NULL },
	{ "kvm_amd: SEV", WEIR_KLOG_ABOUT_KVM, true, read_kvm },
	{ "kvm_amd: CSV", WEIR_KLOG_ABOUT_KVM, true, read_kvm },
	{ "SVM: SEV", WEIR_KLOG_ABOUT_KVM, true, read_kvm },
	{ "SVM: CSV", WEIR_KLOG_ABOUT_KVM, true, read_kvm },
	{ "SEV supported: ", WEIR_KLOG_ABOUT_KVM, true, read_kvm },
	{ "SEV-ES supported: ", WEIR_KLOG_ABOUT_KVM, true, read_kvm },
	{ "SEV-SNP: ", WEIR_KLOG_ABOUT_SNP, false, read_snp },
	{ "virt/tdx: ", WEIR_KLOG_ABOUT_TDX, false, read_tdx },
	{ "Memory failure: ", WEIR_KLOG_ABOUT_FAILURE, false, NULL },
	{ "Soft offlin", WEIR_KLOG_ABOUT_FAILURE, false, NULL }, /* -ing, -e: */
};

/* "ccp 0000:05:00.2: " is in front of what the security processor's driver says. */
static struct weir_str without_device(struct weir_str s)
{
	struct weir_str rest = s, word;
	static const char *const about[] = {
		"SEV", "sev ", "CSV", "csv ", "Fail to set SMR", "Fail to alloc SMCR"
	};

	if (!weir_eat(&rest, "ccp ") || !weir_str_word(&rest, &word) ||
	    !weir_str_ends(word, ":"))
		return weir_str(s.p, 0);
	rest = weir_str_trim(rest);
	for (size_t i = 0; i < WEIR_NELEM(about); i++)
		if (weir_str_starts(rest, about[i]))
			return rest;
	return weir_str(s.p, 0);
}

static const struct ours *find_ours(struct weir_str msg)
{
	static const struct ours of_device = { "", WEIR_KLOG_ABOUT_CSV, true, NULL };

	for (size_t i = 0; i < WEIR_NELEM(ours); i++)
		if (weir_str_starts(msg, ours[i].prefix))
			return &ours[i];
	return without_device(msg).n ? &of_device : NULL;
}

int weir_klog_filter(struct weir_str text, struct weir_buf *out)
{
	struct weir_str line;
	int r = 0;

	while (r == 0 && weir_klog_next_line(&text, &line)) {
		if (!find_ours(weir_klog_message(line)))
			continue;
		r = weir_buf_add(out, line);
		if (r == 0)
			r = weir_buf_addz(out, "\n");
	}
	return r;
}

static bool complains(enum weir_klog_topic topic, struct weir_str msg)
{
	static const char *const words[] = {
		"fail",
		"Fail",
		"nvalid",
		"gnoring",
		"skip",
		"Don't",
		"not been reserved",
		"not supported",
		"nsupported",
		"unavailable",
		"limited to",
		"must be",
		"isn't",
		"does not",
		"rounded down",
		"Not enough",
		"disabl",
	};

	if (topic == WEIR_KLOG_ABOUT_FAILURE)
		return true;
	for (size_t i = 0; i < WEIR_NELEM(words); i++)
		if (weir_str_find(msg, words[i]) >= 0)
			return true;
	return false;
}

static int note(struct weir_klog *out, enum weir_klog_topic topic, struct weir_str msg)
{
	struct weir_klog_note *at;
	int r;

	if (out->nr_notes >= WEIR_KLOG_NOTES_MAX) {
		out->nr_notes_left_off++;
		return 0;
	}
	r = weir_grow(&out->notes, &out->cap_notes, out->nr_notes, sizeof(*out->notes));
	if (r < 0)
		return r;
	at = &out->notes[out->nr_notes];
	at->topic = topic;
	at->text = strndup(msg.p, msg.n);
	if (!at->text)
		return -ENOMEM;
	out->nr_notes++;
	return 0;
}

/* What a reader of @ours is given: from the word that it knows on. */
static struct weir_str readers_part(const struct ours *hit, struct weir_str msg)
{
	if (!hit->whole)
		return weir_str_skip(msg, strlen(hit->prefix));
	(void)(weir_eat(&msg, "kvm_amd: ") || weir_eat(&msg, "SVM: "));
	return msg;
}

static int read_line(struct reader *rd, struct weir_str line)
{
	struct weir_str msg = weir_klog_message(line);
	const struct ours *hit = find_ours(msg);
	int r = READ_NOT_MINE;

	if (!hit)
		return 0;
	rd->line = msg;
	if (hit->read)
		r = hit->read(rd, readers_part(hit, msg));
	if (r == READ_NOT_MINE && complains(hit->topic, msg))
		r = note(rd->out, hit->topic, msg);
	return r < 0 ? r : 0;
}

int weir_klog_parse(struct weir_str text, struct weir_klog *out, struct weir_err *err)
{
	struct reader rd = { .out = out };
	struct weir_str line;
	int r = 0;

	*out = (struct weir_klog){ 0 };
	while (r == 0 && weir_klog_next_line(&text, &line))
		r = read_line(&rd, line);
	if (r < 0) {
		weir_klog_done(out);
		return weir_err_sys(err, r, "kernel log");
	}
	if (rd.garbled)
		return weir_err_set(err, WEIR_GARBLED, "%s, but not understood: '%.*s'",
		                    rd.garbled, WEIR_STR_ARG(rd.garbled_line));
	return 0;
}

void weir_klog_done(struct weir_klog *klog)
{
	for (size_t i = 0; i < klog->nr_notes; i++)
		free(klog->notes[i].text);
	free(klog->notes);
	free(klog->shortfalls);
	free(klog->sizes);
	free(klog->csv_nodes);
	free(klog->areas);
	*klog = (struct weir_klog){ 0 };
}
