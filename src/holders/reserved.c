/* reserved: which hold keeps how many pages reserved.
 *
 * A file has reserved what was mapped of it and has no page yet, also after it was
 * unmapped: the reservation lives as long as the file (mm/hugetlb.c, hugetlb_reserve_
 * pages()). A private mapping has reserved what its process has not touched; a child gets
 * none of it. A mount has reserved what its min_size is more than its files have. */
#include "holders/guess.h"
#include "holders/match.h"

#include "base/own.h"

#include <errno.h>
#include <stdlib.h>

struct item { /* what weir_guess decides about */
	size_t hold;
	uint64_t amount;
	bool usual;
};

struct items {
	struct item *v;
	size_t nr, cap;
};

static int add_item(struct items *items, size_t hold, uint64_t amount, bool usual)
{
	int r;

	if (!amount)
		return 0;
	r = weir_grow(&items->v, &items->cap, items->nr, sizeof(*items->v));
	if (r < 0)
		return r;
	items->v[items->nr++] = (struct item){ hold, amount, usual };
	return 0;
}

static bool is_parent_in(const struct weir_ledger *ledger, const struct weir_hold *hold,
                         uint64_t ppid)
{
	for (size_t i = 0; i < hold->nr_users; i++)
		if (ledger->holdings.tasks[hold->users[i].task].pid == ppid)
			return true;
	return false;
}

/* Of private memory without a file only one process is the owner: it made the mapping.
 * Those who map a file each made their own, unless they got it from their parent. */
static int private_items(const struct weir_ledger *ledger, size_t index,
                         struct items *items)
{
	const struct weir_hold *hold = &ledger->holds[index];
	const struct weir_huge_file *file = &ledger->holdings.files.v[hold->file];
	bool one = weir_str_starts(weir_strz(file->path ? file->path : ""),
	                           "/anon_hugepage");
	int r = 0;

	for (size_t i = 0; r == 0 && i < hold->nr_users; i++) {
		const struct weir_hold_user *user = &hold->users[i];
		uint64_t promised = weir_pages_of(user->mapped_bytes, hold->page_bytes);

		if (is_parent_in(ledger, hold, ledger->holdings.tasks[user->task].ppid))
			continue;
		if (promised > user->resident)
			r = add_item(items, index, promised - user->resident, true);
		if (one)
			break;
	}
	return r;
}

static int file_items(const struct weir_ledger *ledger, size_t index, struct items *items)
{
	const struct weir_hold *hold = &ledger->holds[index];
	const struct weir_huge_file *file = &ledger->holdings.files.v[hold->file];
	uint64_t mapped = hold->mapped_pages, all, more;
	int r;

	all = file->known ? weir_pages_of(file->st.size_bytes, hold->page_bytes) : mapped;
	if (hold->kind == WEIR_HOLD_SHM && all > mapped) /* shmget(2) reserves all */
		mapped = all;
	mapped = mapped > hold->pages ? mapped - hold->pages : 0;
	r = add_item(items, index, mapped, true);
	/* it may have been mapped before, and then keeps the reservation */
	more = all > hold->pages + mapped ? all - hold->pages - mapped : 0;
	return r < 0 ? r : add_item(items, index, more, false);
}

static int hold_items(const struct weir_ledger *ledger, size_t index, struct items *items)
{
	const struct weir_hold *hold = &ledger->holds[index];
	uint64_t all;

	switch (hold->kind) {
	case WEIR_HOLD_PRIVATE: return private_items(ledger, index, items);
	case WEIR_HOLD_POISONED:
	case WEIR_HOLD_MOUNT: return 0;
	case WEIR_HOLD_ANON:
	case WEIR_HOLD_FILE:
	case WEIR_HOLD_WARM:
	case WEIR_HOLD_LEASED:
	case WEIR_HOLD_WAITING:
	case WEIR_HOLD_MEMFD:
	case WEIR_HOLD_SHM: break;
	}
	if (hold->file != WEIR_HOLD_NONE)
		return file_items(ledger, index, items);
	/* a segment that nobody has attached: of huge pages if it has any */
	all = weir_pages_of(hold->shm->size_bytes, hold->page_bytes);
	return add_item(items, index, all > hold->pages ? all - hold->pages : 0,
	                hold->pages > 0);
}

static void take(struct weir_hold *hold, const struct weir_guess *guess)
{
	if (guess->state == WEIR_GUESS_OUT)
		return;
	hold->reserved_max += guess->amount;
	if (guess->state == WEIR_GUESS_IN)
		hold->reserved.n += guess->amount;
	else
		hold->reserved.known = false;
}

static int decide(struct weir_ledger *ledger, uint64_t page_bytes, uint64_t known,
                  const struct items *items)
{
	struct weir_guess *guesses = calloc(items->nr + 1, sizeof(*guesses));
	size_t nr = 0;
	int r;

	if (!guesses)
		return -ENOMEM;
	for (size_t i = 0; i < items->nr; i++)
		if (ledger->holds[items->v[i].hold].page_bytes == page_bytes)
			guesses[nr++] = (struct weir_guess){ .amount = items->v[i].amount,
				                             .usual = items->v[i].usual };
	r = weir_guess_make(guesses, nr, known);
	nr = 0;
	for (size_t i = 0; r == 0 && i < items->nr; i++)
		if (ledger->holds[items->v[i].hold].page_bytes == page_bytes)
			take(&ledger->holds[items->v[i].hold], &guesses[nr++]);
	free(guesses);
	return r;
}

/* What the files on a device have and, as a rule, have reserved. */
static uint64_t used_of(const struct weir_ledger *ledger, size_t mount,
                        const struct items *items)
{
	const struct weir_mounts *mounts = &ledger->holdings.mounts.mounts;
	uint64_t sum = 0;

	for (size_t i = 0; i < ledger->nr_holds; i++)
		if (ledger->holds[i].mount != WEIR_HOLD_NONE &&
		    ledger->holds[i].kind != WEIR_HOLD_MOUNT &&
		    mounts->v[ledger->holds[i].mount].same_as == mounts->v[mount].same_as)
			sum += ledger->holds[i].pages;
	for (size_t i = 0; i < items->nr; i++) {
		const struct weir_hold *hold = &ledger->holds[items->v[i].hold];

		if (items->v[i].usual && hold->mount != WEIR_HOLD_NONE &&
		    mounts->v[hold->mount].same_as == mounts->v[mount].same_as)
			sum += items->v[i].amount;
	}
	return sum;
}

static uint64_t sure_of(const struct weir_ledger *ledger, uint64_t page_bytes)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < ledger->nr_holds; i++)
		if (ledger->holds[i].kind == WEIR_HOLD_MOUNT &&
		    ledger->holds[i].page_bytes == page_bytes)
			sum += ledger->holds[i].reserved.n;
	return sum;
}

/* Of what the kernel counts as reserved, what no mount has yet. */
static uint64_t left_of(const struct weir_ledger *ledger, uint64_t page_bytes)
{
	const struct weir_ledger_size *size = weir_ledger_size(ledger, page_bytes);
	uint64_t sure = sure_of(ledger, page_bytes);

	if (!size || !size->reserved.known)
		return UINT64_MAX; /* a number that it does not give bounds nothing */
	return size->reserved.n > sure ? size->reserved.n - sure : 0;
}

/* A minimum that its files fall short of is reserved as a rule; 6.18 can lose it, see
 * docs/kernel-rules.md. */
static int add_mounts(struct weir_ledger *ledger, const struct items *items)
{
	const struct weir_mounts *mounts = &ledger->holdings.mounts.mounts;

	for (size_t i = 0; i < mounts->nr; i++) {
		const struct weir_hugetlbfs *m = &mounts->v[i];
		uint64_t minimum = m->page_bytes.n ? m->min_size_bytes.n / m->page_bytes.n
		                                   : 0;
		uint64_t used = used_of(ledger, i, items);
		uint64_t left = left_of(ledger, m->page_bytes.n);
		uint64_t kept = minimum > used ? minimum - used : 0;
		struct weir_hold *hold;

		if (kept > left)
			kept = left;
		if (m->same_as != i || !kept)
			continue;
		hold = weir_hold_add(ledger, WEIR_HOLD_MOUNT, m->page_bytes.n);
		if (!hold)
			return -ENOMEM;
		hold->mount = i;
		hold->reserved = WEIR_COUNT(kept);
		hold->reserved_max = kept;
	}
	return 0;
}

int weir_ledger_reserve(struct weir_ledger *ledger)
{
	struct items items = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ledger->nr_holds; i++)
		r = hold_items(ledger, i, &items);
	if (r == 0)
		r = add_mounts(ledger, &items);
	for (size_t i = 0; r == 0 && i < ledger->nr_sizes; i++) {
		uint64_t page_bytes = ledger->sizes[i].page_bytes;

		r = decide(ledger, page_bytes, left_of(ledger, page_bytes), &items);
	}
	free(items.v);
	return r;
}
