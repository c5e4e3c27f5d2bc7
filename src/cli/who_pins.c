/* who_pins: the column of `weir who` that says what pins memory. Which pages are pinned
 * the kernel does not tell, so this is of processes; but for io_uring. */
#include "cli/who_print.h"

#include "base/size.h"

/* Of all processes that use the holds of a row, each counted once. */
struct pins {
	unsigned int by; /* bits of enum weir_pins_by */
	uint64_t bytes;
};

static bool uses(const struct weir_hold *hold, const struct weir_holdings *all,
                 uint64_t pid)
{
	for (size_t i = 0; i < hold->nr_users; i++)
		if (all->tasks[hold->users[i].task].pid == pid)
			return true;
	return false;
}

static struct pins pins_of(const struct weir_who *who, const struct weir_who_rows *rows,
                           const struct weir_who_row *row)
{
	const struct weir_ledger *ledger = &who->ledger;
	struct pins pins = { 0 };

	for (size_t i = 0; i < ledger->pinners.nr; i++) {
		const struct weir_pinner *p = &ledger->pinners.v[i];
		bool used = false;

		for (size_t k = 0; k < row->nr && !used; k++)
			used = uses(&ledger->holds[rows->holds[row->first + k]],
			            &ledger->holdings, p->pid);
		if (!used)
			continue;
		pins.by |= p->by;
		pins.bytes += p->pinned_bytes.n;
	}
	return pins;
}

static uint64_t registered(const struct weir_who *who, const struct weir_who_rows *rows,
                           const struct weir_who_row *row)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < row->nr; i++)
		sum += who->ledger.holds[rows->holds[row->first + i]].registered_bytes.n;
	return sum;
}

int weir_who_put_pinned(struct weir_who_print *t, const struct weir_who_rows *rows,
                        const struct weir_who_row *row, bool of_holds)
{
	struct pins pins = pins_of(t->who, rows, row);
	uint64_t bytes = of_holds ? registered(t->who, rows, row) : pins.bytes;
	char size[WEIR_SIZE_TEXT_MAX];
	const char *before = "";
	int r = 0;

	for (unsigned int i = 0; r == 0 && i < WEIR_PINS_BY_NR; i++) {
		if (!(pins.by & 1U << i))
			continue;
		r = weir_who_put(t, "%s%s", before, weir_pins_by_word(i));
		before = ",";
	}
	if (r == 0 && bytes)
		r = weir_who_put(t, "%s%s", *before ? ":" : "",
		                 weir_format_size(bytes, size, sizeof(size)).p);
	return r == 0 && !*before && !bytes ? weir_who_put(t, "-") : r;
}

bool weir_who_has_pins(const struct weir_who *who, const struct weir_who_rows *rows)
{
	for (size_t i = 0; i < rows->nr; i++) {
		struct pins pins = pins_of(who, rows, &rows->v[i]);

		if (pins.by || pins.bytes)
			return true;
	}
	return false;
}
