/* klog: see klog.h. One table says which messages are ours and who reads them. Each
 * reader walks along the message with eat(): it is a fact only when every word and number
 * of it came as expected. */
#include "facts/klog.h"

#include "base/ckd.h"
#include "base/own.h"
#include "base/ranges.h"
#include "base/size.h"

#include <errno.h>

static bool is_text(struct weir_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

/* The next line that can be the kernel's, without a carriage return behind it. */
static bool next_line(struct weir_str *rest, struct weir_str *line)
{
	while (weir_str_line(rest, line)) {
		if (weir_str_ends(*line, "\r"))
			line->n--;
		if (line->n && line->n <= WEIR_KLOG_LINE_MAX && is_text(*line))
			return true;
	}
	return false;
}

/* "6,339,5140900,-;" of /dev/kmsg; later kernels may add fields before the ';'. */
static struct weir_str without_kmsg(struct weir_str s)
{
	struct weir_str head, rest;

	if (!s.n || !weir_is_digit(s.p[0]) || !weir_str_split(s, ';', &head, &rest))
		return s;
	for (size_t i = 0; i < head.n; i++)
		if (head.p[i] == ' ')
			return s;
	return memchr(head.p, ',', head.n) ? rest : s;
}

/* Brackets: "<6>", "[    0.123456]", "[    T0]", "[Mon Jan  1 00:00:00 2024]". */
static struct weir_str without_brackets(struct weir_str s)
{
	for (;;) {
		struct weir_str head, rest;

		s = weir_str_trim(s);
		if (!(weir_str_starts(s, "<") && weir_str_split(s, '>', &head, &rest)) &&
		    !(weir_str_starts(s, "[") && weir_str_split(s, ']', &head, &rest)))
			return s;
		if (head.n > 40) /* no stamp is as long */
			return s;
		s = rest;
	}
}

/* The message itself. "Jan  1 00:00:00 host kernel: " is the journal's and syslog's; with
 * a colon and a blank before it, another program says it. */
static struct weir_str message(struct weir_str line)
{
	struct weir_str s = without_brackets(without_kmsg(line));
	struct weir_str head = weir_str(s.p, s.n < 160 ? s.n : 160);
	ptrdiff_t at = weir_str_find(head, " kernel: ");

	head.n = at >= 0 ? (size_t)at : 0;
	if (at >= 0 && weir_str_find(head, ": ") < 0)
		s = without_brackets(weir_str_skip(s, (size_t)at + strlen(" kernel: ")));
	return s;
}

static bool eat(struct weir_str *s, const char *z)
{
	if (!weir_str_starts(*s, z))
		return false;
	*s = weir_str_skip(*s, strlen(z));
	return true;
}

static bool eat_count(struct weir_str *s, uint64_t *out)
{
	struct weir_str digits = *s;
	uint64_t n;

	for (digits.n = 0; digits.n < s->n && weir_is_digit(s->p[digits.n]);)
		digits.n++;
	if (weir_parse_u64(digits, &n) < 0 || n > WEIR_COUNT_MAX)
		return false;
	*s = weir_str_skip(*s, digits.n);
	*out = n;
	return true;
}

static bool eat_node(struct weir_str *s, unsigned int *out)
{
	struct weir_str rest = *s;
	uint64_t n;

	if (!eat_count(&rest, &n) || n > WEIR_ID_MAX)
		return false;
	*s = rest;
	*out = (unsigned int)n;
	return true;
}

/* "0x1000": an address or a size */
static bool eat_hex(struct weir_str *s, uint64_t *out)
{
	struct weir_str rest = *s, digits;
	uint64_t n;

	if (!eat(&rest, "0x"))
		return false;
	digits = rest;
	for (digits.n = 0; digits.n < rest.n; digits.n++)
		if (!weir_is_digit(rest.p[digits.n]) &&
		    !(rest.p[digits.n] >= 'a' && rest.p[digits.n] <= 'f'))
			break;
	if (weir_parse_hex(digits, &n) < 0 || n > WEIR_COUNT_MAX)
		return false;
	*s = weir_str_skip(rest, digits.n);
	*out = n;
	return true;
}

static uint64_t unit_bytes(struct weir_str *s)
{
	static const char units[] = "KMGTPE";

	if (s->n >= 3 && s->p[1] == 'i' && s->p[2] == 'B') {
		const char *at = memchr(units, s->p[0], sizeof(units) - 1);

		if (at) {
			*s = weir_str_skip(*s, 3);
			return UINT64_C(1) << (10 * (at - units + 1));
		}
	}
	return eat(s, "B") ? 1 : 0;
}

/* "2.00 MiB", "32.0 MiB", "512 KiB": three digits, cut (lib/string_helpers.c
 * string_get_size()). Page sizes are powers of two, of which all three digits are before
 * the point or zeros behind it; with other digits behind it the size is not known. */
static bool eat_page_size(struct weir_str *s, struct weir_count *out)
{
	struct weir_str rest = *s;
	uint64_t whole, unit, bytes;
	bool exact = true;

	if (!eat_count(&rest, &whole))
		return false;
	if (eat(&rest, ".")) {
		size_t digits = 0;

		for (; rest.n && weir_is_digit(rest.p[0]);
		     rest = weir_str_skip(rest, 1)) {
			exact = exact && rest.p[0] == '0';
			digits++;
		}
		if (!digits)
			return false;
	}
	if (!eat(&rest, " "))
		return false;
	unit = unit_bytes(&rest);
	if (!unit || ckd_mul(&bytes, whole, unit) || bytes > WEIR_COUNT_MAX)
		return false;
	*s = rest;
	*out = exact ? WEIR_COUNT(bytes) : (struct weir_count){ 0 };
	return true;
}

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

	if (!eat_count(&s, &got.asked) || !eat(&s, " of page size ") ||
	    !eat_page_size(&s, &got.size_bytes) || !eat(&s, " failed"))
		return bad(rd, "huge pages that were not there at boot");
	if (eat(&s, " node")) {
		if (!eat_node(&s, &node))
			return bad(rd, "huge pages that were not there at boot");
		got.node = WEIR_COUNT(node);
	}
	(void)eat(&s, ".");
	s = weir_str_trim(s);
	if (!eat(&s, "Only allocated ") || !eat_count(&s, &got.got) ||
	    !eat(&s, " hugepages") || got.got > got.asked)
		return bad(rd, "huge pages that were not there at boot");
	return KEEP(rd, shortfalls, &got);
}

static int read_registered(struct reader *rd, struct weir_str s)
{
	struct weir_klog_size got = { 0 };

	if (!eat_page_size(&s, &got.size_bytes) ||
	    !eat(&s, " page size, pre-allocated ") || !eat_count(&s, &got.pages) ||
	    !eat(&s, " pages"))
		return bad(rd, "a page size");
	return KEEP(rd, sizes, &got);
}

/* "HugeTLB: ..."; "HugeTLB registered ..." up to 6.1 */
static int read_hugetlb(struct reader *rd, struct weir_str s)
{
	(void)eat(&s, ":");
	(void)eat(&s, " ");
	if (eat(&s, "allocating "))
		return read_shortfall(rd, s);
	if (eat(&s, "registered "))
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

	if (!eat(&s, "Reserved "))
		return READ_NOT_MINE;
	if (!eat_count(&s, &mib) || !eat(&s, " MiB") ||
	    ckd_mul(&got.size_bytes, mib, WEIR_MIB) || got.size_bytes > WEIR_COUNT_MAX)
		return bad(rd, "a CMA area");
	if (eat(&s, " at ")) {
		if (!eat_hex(&s, &n))
			return bad(rd, "a CMA area");
		got.base = WEIR_COUNT(n);
	} else if (!eat(&s, " in ")) {
		return bad(rd, "a CMA area");
	}
	if (eat(&s, " on node ") && eat_node(&s, &node))
		got.node = WEIR_COUNT(node);
	return KEEP(rd, areas, &got);
}

/* "created CMA memory pool at 0x..., size 64 MiB": an area of the device tree */
static int read_device_tree(struct reader *rd, struct weir_str s)
{
	struct weir_klog_cma_area got = { .base.known = true };
	uint64_t mib;

	if (!eat_hex(&s, &got.base.n) || !eat(&s, ", size ") || !eat_count(&s, &mib) ||
	    !eat(&s, " MiB") || ckd_mul(&got.size_bytes, mib, WEIR_MIB) ||
	    got.size_bytes > WEIR_COUNT_MAX)
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
	if (eat(&s, "SMR entry size is ")) {
		if (!eat_hex(&s, &bytes) || s.n)
			return bad(rd, "the size of an SMR entry");
		rd->out->csv_smr_entry_bytes = WEIR_COUNT(bytes);
		return READ_MINE;
	}
	if (!eat(&s, "Node ") || !eat_node(&s, &got.node) || !eat(&s, " - reserve size "))
		return READ_NOT_MINE;
	if (!eat_hex(&s, &got.reserved_bytes) || !eat(&s, ", (expected size ") ||
	    !eat_hex(&s, &got.expected_bytes) || !eat(&s, ")"))
		return bad(rd, "a node's CSV memory");
	return KEEP(rd, csv_nodes, &got);
}

/* " (ASIDs 1 - 99)", ": 99 ASIDs" before 6.2, or nothing */
static bool eat_asids(struct weir_str *s, struct weir_klog_kvm *out)
{
	uint64_t first, last;

	if (eat(s, ": ")) {
		if (!eat_count(s, &first) || !eat(s, " ASIDs"))
			return false;
		out->nr_asids = WEIR_COUNT(first);
		return true;
	}
	if (!eat(s, " (ASIDs "))
		return !s->n;
	if (!eat_count(s, &first) || !eat(s, " - ") || !eat_count(s, &last) ||
	    !eat(s, ")"))
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
	if (eat(&rest, "enabled") || eat(&rest, "supported"))
		got.state = WEIR_KLOG_ENABLED;
	else if (eat(&rest, "disabled"))
		got.state = WEIR_KLOG_DISABLED;
	else if (eat(&rest, "unusable"))
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

	if (!eat(&s, "RMP table physical "))
		return READ_NOT_MINE;
	if (!eat(&s, "range ") && !eat(&s, "address "))
		return bad(rd, "the RMP table");
	(void)eat(&s, "[");
	if (!eat_hex(&s, &first) || !eat(&s, " - ") || !eat_hex(&s, &last) ||
	    first > last)
		return bad(rd, "the RMP table");
	rd->out->rmp_first = WEIR_COUNT(first);
	rd->out->rmp_last = WEIR_COUNT(last);
	return READ_MINE;
}

static int read_tdx(struct reader *rd, struct weir_str s)
{
	uint64_t first, end, kib, bytes;

	if (eat(&s, "BIOS enabled: private KeyID range [")) {
		if (!eat_count(&s, &first) || !eat(&s, ", ") || !eat_count(&s, &end) ||
		    !eat(&s, ")") || first >= end)
			return bad(rd, "the TDX key ids");
		rd->out->tdx_first_keyid = WEIR_COUNT(first);
		rd->out->tdx_last_keyid = WEIR_COUNT(end - 1);
		return READ_MINE;
	}
	if (eat_count(&s, &kib) && eat(&s, " KB allocated for PAMT")) {
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

	if (!eat(&rest, "ccp ") || !weir_str_word(&rest, &word) ||
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

	while (r == 0 && next_line(&text, &line)) {
		if (!find_ours(message(line)))
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
	(void)(eat(&msg, "kvm_amd: ") || eat(&msg, "SVM: "));
	return msg;
}

static int read_line(struct reader *rd, struct weir_str line)
{
	struct weir_str msg = message(line);
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
	while (r == 0 && next_line(&text, &line))
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
