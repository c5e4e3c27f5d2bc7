/* rules: see rules.h. Pure.
 *
 * One table says for each switch which presets have it; the presets are columns of that
 * table. So a row can be held against the row of the same name in docs/kernel-rules.md,
 * and a preset more is one column more.
 *
 * What a preset stands for: 5.10 is Debian's 5.10.262, 6.1 is 6.1.192, 6.12 is 6.12.117
 * and 6.18 is 6.18.15; each was measured, and so was 6.18.44. 6.6 was read, not run.
 * Versions in the comments are those of mainline where the behaviour changed; stable
 * trees may have taken it over, which is why the rows and not the versions count. */
#include "model/rules.h"

#include "base/own.h"

#include <errno.h>

enum { K5_10, K6_1, K6_6, K6_12, K6_18, K6_18_44, NR_KERNELS };

#define ALL      ((1U << NR_KERNELS) - 1)
#define ONLY(k)  (1U << (k))
#define FROM(k)  (ALL & ~(ONLY(k) - 1))
#define UNTIL(k) (ONLY(k) | (ONLY(k) - 1))
#define NONE     0U

/* X(preset, switch, presets that have it); functions are in mm/hugetlb.c unless said */
#define BORDERS(X, k)                                                                    \
	/* set_max_huge_pages(); 6.7 takes the surplus of the other nodes out */         \
	X(k, node_target_from_total, UNTIL(K6_6))                                        \
	/* kernel/sysctl.c __do_proc_doulongvec_minmax(); measured on either side */     \
	X(k, proc_ignores_negative, ONLY(K5_10))                                         \
	/* 6.7 collects the new pages: prep_and_add_allocated_folios() */                \
	X(k, grown_last_first, UNTIL(K6_6))                                              \
	/* set_max_huge_pages(), 6.15 */                                                 \
	X(k, shrink_minds_surplus, FROM(K6_18))                                          \
	/* demote_store(), 5.16 */                                                       \
	X(k, demote, FROM(K6_1))                                                         \
	/* demote_free_hugetlb_folios() went through free_huge_folio() until 6.10 */     \
	X(k, demote_eats_surplus, ONLY(K6_1) | ONLY(K6_6))                               \
	/* demote_pool_huge_page() takes a list of pages, 6.10 */                        \
	X(k, demote_bulk, FROM(K6_12))                                                   \
	/* return_unused_surplus_pages() left at once for every gigantic size */         \
	X(k, gigantic_surplus_returned, FROM(K6_1))                                      \
	/* nr_overcommit_hugepages_store(); 7.2 allows it */                             \
	X(k, gigantic_overcommit, NONE)                                                  \
	/* alloc_hugetlb_folio() with enum map_chg_state, 6.15 */                        \
	X(k, reserve_by_charge, FROM(K6_18))                                             \
	/* __unmap_hugepage_range(), 6.9 */                                              \
	X(k, zap_keeps_reservation, FROM(K6_12))                                         \
	/* the same; mended in 7.2 and taken back to 6.12.117, not to 6.18.44 */         \
	X(k, zap_minds_sharers, ONLY(K6_12))                                             \
	/* gather_surplus_pages(): a loop over the nodes, gone again in 6.18 */          \
	X(k, surplus_lowest_node, ONLY(K6_12))                                           \
	/* gather_surplus_pages() hands policy_mbind_nodemask() on, 6.10 or 6.11 */      \
	X(k, surplus_minds_bind, FROM(K6_12))                                            \
	/* hugetlb_reserve_pages(), the way out after a failed hugetlb_acct_memory() */  \
	X(k, failed_reserve_drops_min, FROM(K6_18))                                      \
	X(k, failed_reserve_leaks_used, ONLY(K6_18))                                     \
	/* alloc_hugetlb_folio(), out_subpool_put, 6.15; read, not measured */           \
	X(k, failed_fault_leaks_used, FROM(K6_18))                                       \
	/* alloc_hugetlb_folio(): the subpool's answer counts for copies too */          \
	X(k, owner_copy_uses_subpool, FROM(K6_1))                                        \
	/* mm/madvise.c madvise_dontneed_free_valid_vma(), 5.18 */                       \
	X(k, dontneed, FROM(K6_1))                                                       \
	/* mm/madvise.c madvise_populate(), 5.14 */                                      \
	X(k, populate, FROM(K6_1))                                                       \
	/* move_hugetlb_page_tables(), 5.16 */                                           \
	X(k, mremap_moves, FROM(K6_1))                                                   \
	/* mm/mremap.c remap_move(), 6.17 */                                             \
	X(k, mremap_moves_many, FROM(K6_18))                                             \
	/* mm/memory.c copy_page_range(); vma_needs_copy() passes hugetlb over, 6.0 */   \
	X(k, fork_copies_tables, ONLY(K5_10))                                            \
	/* mm/mempolicy.c, 5.15 */                                                       \
	X(k, preferred_many, FROM(K6_1))                                                 \
	/* mm/hugetlb_cgroup.c hugetlb_cgroup_read_numa_stat(), 5.17 */                  \
	X(k, cgroup_numa_stat, FROM(K6_1))                                               \
	/* hugetlb_no_page(): the size is looked at before the page cache */             \
	X(k, fault_minds_size_first, ONLY(K5_10))                                        \
	/* hugetlb_cgroup_move_usage(), taken back to 6.12.117; measured on all          \
	 * but 6.18.44 */                                                                \
	X(k, numa_stat_follows, ONLY(K6_12))                                             \
	/* mm/migrate.c do_pages_move(); measured on either side */                      \
	X(k, move_hides_failure, ONLY(K5_10))                                            \
	/* htlb_allow_alloc_fallback(), 6.10 */                                          \
	X(k, migrate_strict_node, FROM(K6_12))                                           \
	/* dissolve_free_hugetlb_folio(), 6.15 and taken back to 6.12.117 */             \
	X(k, dissolve_takes_surplus, FROM(K6_12))                                        \
	/* mm/memory-failure.c; measured on either side */                               \
	X(k, poison_signals_injector, FROM(K6_12))                                       \
	/* fs/hugetlbfs/inode.c hugetlbfs_read_iter(), 6.6 and taken back to 6.1.192 */  \
	X(k, poison_read_fails, FROM(K6_1))                                              \
	/* fs/hugetlbfs/inode.c hugetlbfs_error_remove_page() does nothing since 6.2,    \
	 * taken back to 6.1.192; measured on either side */                             \
	X(k, poison_leaves_file, ONLY(K5_10))                                            \
	/* mm/page_alloc.c __rmqueue(), 5.8 */                                           \
	X(k, cma_half, ALL)                                                              \
	/* mm/gup.c is_pinnable_page(), 5.13 */                                          \
	X(k, pin_minds_movable, FROM(K6_1))                                              \
	/* mm/gup.c try_grab_folio() refuses it in follow_hugetlb_page(); measured */    \
	X(k, pin_present_fails, ONLY(K6_1))                                              \
	/* io_uring/rsrc.c io_pin_pages() with pin_user_pages_fast(): measured */        \
	X(k, pin_fast_first, FROM(K6_12))                                                \
	/* mm/hugetlb.c folio_isolate_hugetlb(); measured on 6.18.15 */                  \
	X(k, pin_moved_sticks, ONLY(K6_18))                                              \
	/* mm/hugetlb.c copy_hugetlb_page_range(), 5.12 */                               \
	X(k, fork_copies_pinned, FROM(K6_1))                                             \
	/* arch/x86/kvm/svm/sev.c sev_mem_enc_register_region(), 6.15, taken back to     \
	 * 6.1.192 and 6.12.117 */                                                       \
	X(k, sev_pins_longterm, FROM(K6_1))                                              \
	/* mm/page_alloc.c: one per-CPU list of THP for all migratetypes, 6.0 to 6.9;    \
	 * mm/gup.c __gup_longterm_locked() tries again and again; read, not run */      \
	X(k, pin_thp_loops, ONLY(K6_1) | ONLY(K6_6))                                     \
	/* mm/compaction.c __compaction_suitable() counts the CMA as usable, until       \
	 * 6.13; read, not run */                                                        \
	X(k, compaction_counts_cma, UNTIL(K6_12))                                        \
	/* mm/page_alloc.c alloc_contig_range(), 5.13 */                                 \
	X(k, cma_moves_huge, FROM(K6_1))                                                 \
	/* mm/page_alloc.c build_zonelists(): a place in the list, then a count, 5.16 */ \
	X(k, zonelist_load_by_place, ONLY(K5_10))                                        \
	/* hugepages_setup(), 5.16 */                                                    \
	X(k, boot_node_lists, FROM(K6_1))                                                \
	/* hugetlb_pages_alloc_boot(): padata jobs, each with a node mask of its own */  \
	X(k, boot_jobs_restart, ONLY(K6_12))

#define SET(k, field, presets) .field = (((presets) >> (k)) & 1U) != 0,
#define PRESET(k, text, hvo) \
	[k] = { .name = (text), .rules = { BORDERS(SET, k).hvo_kib_2m = (hvo) } }

/* hvo: 7 of 8 pages of struct page go back (28 KiB). Where the 8 lay in boot memory all
 * of them go back, and the one that stays is taken from elsewhere (32 KiB). 5.10: no HVO.
 */
const struct weir_kernel weir_kernels[] = {
	PRESET(K5_10, "5.10", 0),  PRESET(K6_1, "6.1", 28),
	PRESET(K6_6, "6.6", 28),   PRESET(K6_12, "6.12", 32),
	PRESET(K6_18, "6.18", 32), PRESET(K6_18_44, "6.18.44", 32),
};
const size_t weir_nr_kernels = NR_KERNELS;

static const struct {
	const char *word;
	size_t at; /* of the bool in struct weir_rules */
} switches[] = {
#define X(field, word, what) { word, offsetof(struct weir_rules, field) },
	WEIR_RULE_SWITCHES(X)
#undef X
};

/* Every switch has its row; a row twice is a compiler's warning (-Woverride-init). */
#define COUNT(k, field, presets) +1
_Static_assert(0 BORDERS(COUNT, 0) == WEIR_NELEM(switches), "a switch without a row");
_Static_assert(WEIR_NELEM(weir_kernels) == NR_KERNELS, "a preset without a name");

/* "5.10, 6.1, ..." for messages. */
static const char *list_kernels(char *out, size_t cap)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < weir_nr_kernels; i++) {
		size_t len = strlen(weir_kernels[i].name);

		if (n + len + 3 > cap)
			break;
		if (n) {
			memcpy(out + n, ", ", 2);
			n += 2;
		}
		memcpy(out + n, weir_kernels[i].name, len + 1);
		n += len;
	}
	return out;
}

struct version {
	uint64_t part[3];
};

/* Takes a decimal number off *s. */
static bool take_number(struct weir_str *s, uint64_t *out)
{
	size_t n = 0;

	while (n < s->n && weir_is_digit(s->p[n]))
		n++;
	if (weir_parse_u64(weir_str(s->p, n), out) < 0)
		return false;
	*s = weir_str_skip(*s, n);
	return true;
}

/* "6.12.117+deb12-amd64": two or three numbers, then whatever the distribution adds. */
static bool parse_version(struct weir_str s, struct version *out)
{
	*out = (struct version){ 0 };
	if (!take_number(&s, &out->part[0]) || !weir_str_starts(s, "."))
		return false;
	s = weir_str_skip(s, 1);
	if (!take_number(&s, &out->part[1]))
		return false;
	if (s.n > 1 && s.p[0] == '.' && weir_is_digit(s.p[1])) {
		s = weir_str_skip(s, 1);
		if (!take_number(&s, &out->part[2]))
			return false;
	}
	return !s.n || s.p[0] == '+' || s.p[0] == '-' || s.p[0] == '.' || s.p[0] == '_' ||
	       s.p[0] == '~';
}

static int compare(const struct version *a, const struct version *b)
{
	for (size_t i = 0; i < WEIR_NELEM(a->part); i++)
		if (a->part[i] != b->part[i])
			return (a->part[i] > b->part[i]) - (a->part[i] < b->part[i]);
	return 0;
}

int weir_kernel_find(struct weir_str name, size_t *out_idx, struct weir_err *err)
{
	struct version want, have;
	char list[80], shown[64];
	size_t found = weir_nr_kernels;

	if (!parse_version(name, &want))
		return weir_err_set(err, -EBADMSG,
		                    "'%s' is no kernel version; there are rules for %s",
		                    weir_str_show(name, shown, sizeof(shown)),
		                    list_kernels(list, sizeof(list)));
	for (size_t i = 0; i < weir_nr_kernels; i++)
		if (parse_version(weir_strz(weir_kernels[i].name), &have) &&
		    compare(&have, &want) <= 0)
			found = i;
	if (found == weir_nr_kernels)
		return weir_err_set(
			err, -ENOENT,
			"kernel %s is older than %s, the oldest with known rules",
			weir_str_show(name, shown, sizeof(shown)), weir_kernels[0].name);
	*out_idx = found;
	return 0;
}

static bool *find_switch(struct weir_rules *rules, struct weir_str word)
{
	for (size_t i = 0; i < WEIR_NELEM(switches); i++)
		if (weir_str_eq(word, switches[i].word))
			return (bool *)(void *)((char *)rules + switches[i].at);
	return NULL;
}

/* "6.12-demote" would be taken for a release of that name. */
static int refuse_glued(struct weir_str word, struct weir_err *err)
{
	struct weir_rules rules;
	char shown[64];

	for (size_t i = 1; i < word.n; i++) {
		if ((word.p[i] != '+' && word.p[i] != '-') ||
		    !find_switch(&rules, weir_str_skip(word, i + 1)))
			continue;
		return weir_err_set(err, -EBADMSG,
		                    "'%s': a blank is missing before the '%c'",
		                    weir_str_show(word, shown, sizeof(shown)), word.p[i]);
	}
	return 0;
}

int weir_rules_parse(struct weir_str text, struct weir_rules *out, size_t *out_kernel,
                     struct weir_err *err)
{
	struct weir_rules rules;
	struct weir_str word;
	char shown[64];
	size_t kernel = 0;
	int r;

	if (!weir_str_word(&text, &word))
		return weir_err_set(err, -EBADMSG, "a kernel is missing, such as %s",
		                    WEIR_KERNEL_DEFAULT);
	r = refuse_glued(word, err);
	if (r < 0)
		return r;
	r = weir_kernel_find(word, &kernel, err);
	if (r < 0)
		return r;
	rules = weir_kernels[kernel].rules;
	while (weir_str_word(&text, &word)) {
		bool on = word.p[0] == '+', *field;

		(void)weir_str_show(word, shown, sizeof(shown));
		if (!on && word.p[0] != '-')
			return weir_err_set(err, -EBADMSG,
			                    "'%s': a switch begins with + or -", shown);
		field = find_switch(&rules, weir_str_skip(word, 1));
		if (!field)
			return weir_err_set(
				err, -EBADMSG,
				"'%s': no such switch; weir-scenario(5) lists them",
				shown);
		*field = on;
	}
	*out = rules;
	*out_kernel = kernel;
	return 0;
}

/* Is this preset @name ("6.18") or below it ("6.18.44")? */
static bool is_or_below(const char *preset, struct weir_str name)
{
	size_t n = strlen(preset);

	return n >= name.n && memcmp(preset, name.p, name.n) == 0 &&
	       (n == name.n || preset[name.n] == '.');
}

/* The presets that a part without '+' and '-' means; none: 0. */
static uint64_t mask_of(struct weir_str name)
{
	uint64_t mask = 0;
	size_t kernel, dots = 0;

	for (size_t i = 0; i < weir_nr_kernels; i++)
		if (is_or_below(weir_kernels[i].name, name))
			mask |= UINT64_C(1) << i;
	if (mask)
		return mask;
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] != '.' && !weir_is_digit(name.p[i]))
			return 0;
		dots += name.p[i] == '.';
	}
	/* "6.18.15": no preset, but one stands for it */
	if (dots != 2 || weir_str_ends(name, ".") ||
	    weir_kernel_find(name, &kernel, NULL) < 0)
		return 0;
	return UINT64_C(1) << kernel;
}

static int parse_part(struct weir_str part, uint64_t *out_mask, struct weir_err *err)
{
	bool later = weir_str_ends(part, "+"), earlier = weir_str_starts(part, "-");
	struct weir_str name = earlier ? weir_str_skip(part, 1) : part;
	uint64_t mask = 0, all = (UINT64_C(1) << weir_nr_kernels) - 1;
	char list[80], shown[64];

	if (later && name.n)
		name.n--;
	if (name.n && !(later && earlier))
		mask = mask_of(name);
	if (!mask)
		return weir_err_set(
			err, -EBADMSG,
			"'%s': no kernel with known rules; there are %s, as 6.1, "
			"6.1+ or -6.1",
			weir_str_show(part, shown, sizeof(shown)),
			list_kernels(list, sizeof(list)));
	if (later) /* all from the lowest bit up */
		mask = all & ~((mask & -mask) - 1);
	if (earlier) /* all up to the highest bit */
		for (size_t i = weir_nr_kernels; i-- > 1;)
			mask |= (mask >> 1) & (UINT64_C(1) << (i - 1));
	*out_mask |= mask;
	return 0;
}

int weir_kernels_parse(struct weir_str text, uint64_t *out_mask, struct weir_err *err)
{
	struct weir_str rest = text, part;
	uint64_t mask = 0;
	int r;

	if (!text.n || weir_str_ends(text, ","))
		return weir_err_set(err, -EBADMSG, "a kernel is missing, such as %s",
		                    WEIR_KERNEL_DEFAULT);
	while (weir_str_cut(&rest, ',', &part)) {
		r = parse_part(part, &mask, err);
		if (r < 0)
			return r;
	}
	*out_mask = mask;
	return 0;
}
