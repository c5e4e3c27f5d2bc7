/* mount_ask: see mount_ask.h. */
#include "apply/mount_ask.h"

#include "base/ckd.h"
#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <inttypes.h>

#define MODE_DEFAULT 0755U

#define SIZE(bytes) \
	weir_format_size((bytes), (char[WEIR_SIZE_TEXT_MAX]){ 0 }, WEIR_SIZE_TEXT_MAX).p

/* ---- what a person wrote ---- */

int weir_mount_amount_parse(struct weir_str s, uint64_t page_bytes, uint64_t *out_bytes)
{
	bool pages = weir_str_ends(s, "p");
	uint64_t n;
	int r;

	if (pages)
		r = weir_parse_u64(weir_str(s.p, s.n - 1), &n);
	else
		r = weir_parse_size(s, &n);
	if (r < 0)
		return r;
	/* bytes = pages * page size; the kernel's loff_t is signed */
	if ((pages && ckd_mul(&n, n, page_bytes)) || n > INT64_MAX)
		return -ERANGE;
	*out_bytes = n;
	return 0;
}

int weir_mount_mode_parse(struct weir_str s, uint64_t *out)
{
	uint64_t n = 0;

	if (!s.n || s.n > 5)
		return -EBADMSG;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '7')
			return -EBADMSG;
		n = n * 8 + (uint64_t)(s.p[i] - '0');
	}
	*out = n;
	return 0;
}

/* ---- what the kernel would make of it ---- */

static int check_amount(const char *name, struct weir_count amount, uint64_t page_bytes,
                        struct weir_err *err)
{
	uint64_t whole = amount.n - amount.n % page_bytes;

	if (!amount.known || (amount.n && amount.n == whole))
		return 0;
	if (!whole)
		return weir_err_set(err, -EINVAL,
		                    "--%s %s is less than one page of %s: the kernel "
		                    "would round it down to none",
		                    name, SIZE(amount.n), SIZE(page_bytes));
	return weir_err_set(err, -EINVAL,
	                    "--%s %s is not whole pages of %s: the kernel would round it "
	                    "down to %s (%" PRIu64 " page%s)",
	                    name, SIZE(amount.n), SIZE(page_bytes), SIZE(whole),
	                    whole / page_bytes, whole / page_bytes == 1 ? "" : "s");
}

int weir_mount_ask_check(const struct weir_mount_ask *ask, struct weir_err *err)
{
	int r = check_amount("size", ask->size_bytes, ask->page_bytes, err);

	if (r == 0)
		r = check_amount("min-size", ask->min_size_bytes, ask->page_bytes, err);
	if (r < 0)
		return r;
	if (ask->size_bytes.known && ask->min_size_bytes.known &&
	    ask->min_size_bytes.n > ask->size_bytes.n)
		return weir_err_set(err, -EINVAL,
		                    "--min-size %s is more than --size %s: no such mount",
		                    SIZE(ask->min_size_bytes.n), SIZE(ask->size_bytes.n));
	if (ask->nr_inodes.known &&
	    (ask->nr_inodes.n < 2 || ask->nr_inodes.n > INT32_MAX))
		return weir_err_set(err, -EINVAL,
		                    "--inodes %" PRIu64
		                    ": the root directory is one of them, so that it "
		                    "takes 2 or more to have a file, and at most %d",
		                    ask->nr_inodes.n, INT32_MAX);
	if (ask->mode.known && ask->mode.n > WEIR_MOUNT_MODE_MAX)
		return weir_err_set(err, -EINVAL,
		                    "--mode %" PRIo64
		                    ": the kernel takes modes up to 1777 here",
		                    ask->mode.n);
	return 0;
}

/* ---- for the kernel ---- */

static int add_size(struct weir_buf *out, const char *name, struct weir_count bytes)
{
	if (!bytes.known)
		return 0;
	return weir_buf_printf(out, ",%s=%s", name, SIZE(bytes.n));
}

static int add_number(struct weir_buf *out, const char *name, struct weir_count n)
{
	if (!n.known)
		return 0;
	return weir_buf_printf(out, ",%s=%" PRIu64, name, n.n);
}

int weir_mount_options(const struct weir_mount_ask *ask, struct weir_buf *out)
{
	int r = weir_buf_printf(out, "pagesize=%s", SIZE(ask->page_bytes));

	if (r == 0)
		r = add_size(out, "size", ask->size_bytes);
	if (r == 0)
		r = add_size(out, "min_size", ask->min_size_bytes);
	if (r == 0 && ask->mode.known)
		r = weir_buf_printf(out, ",mode=%" PRIo64, ask->mode.n);
	if (r == 0)
		r = add_number(out, "uid", ask->uid);
	if (r == 0)
		r = add_number(out, "gid", ask->gid);
	return r == 0 ? add_number(out, "nr_inodes", ask->nr_inodes) : r;
}

int weir_mount_custom_dir(uint64_t page_bytes, struct weir_count default_page,
                          struct weir_buf *out)
{
	int r = weir_buf_addz(out, "/dev/hugepages");

	if (r == 0 && !(default_page.known && default_page.n == page_bytes))
		r = weir_buf_addz(out, SIZE(page_bytes));
	return r;
}

int weir_mount_sizes(const struct weir_pools *pools, struct weir_buf *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < pools->nr; i++)
		r = weir_buf_printf(out, "%s%s",
		                    !i                  ? ""
		                    : i + 1 < pools->nr ? ", "
		                                        : " and ",
		                    SIZE(pools->sizes[i].size_bytes));
	return r;
}

/* ---- beside a mount that is there ---- */

static int begin_difference(struct weir_buf *out)
{
	return out->n ? weir_buf_addz(out, ", ") : 0;
}

static int differ_size(struct weir_buf *out, const char *name, struct weir_count has,
                       struct weir_count asked)
{
	int r;

	if (has.known == asked.known && has.n == asked.n)
		return 0;
	r = begin_difference(out);
	if (r < 0)
		return r;
	if (!has.known)
		return weir_buf_printf(out, "no %s= and not %s", name, SIZE(asked.n));
	if (!asked.known)
		return weir_buf_printf(out, "%s=%s and not none", name, SIZE(has.n));
	return weir_buf_printf(out, "%s=%s and not %s", name, SIZE(has.n), SIZE(asked.n));
}

static int differ_number(struct weir_buf *out, const char *name, uint64_t has,
                         struct weir_count asked)
{
	int r;

	if (!asked.known || asked.n == has)
		return 0;
	r = begin_difference(out);
	return r < 0 ? r
	             : weir_buf_printf(out, "%s=%" PRIu64 " and not %" PRIu64, name, has,
	                               asked.n);
}

static int differ_inodes(struct weir_buf *out, struct weir_count has,
                         struct weir_count asked)
{
	int r;

	if (has.known && asked.known)
		return differ_number(out, "nr_inodes", has.n, asked);
	if (has.known == asked.known)
		return 0;
	r = begin_difference(out);
	if (r < 0)
		return r;
	return has.known
	               ? weir_buf_printf(out, "nr_inodes=%" PRIu64 " and not none", has.n)
	               : weir_buf_printf(out, "no nr_inodes= and not %" PRIu64, asked.n);
}

static int differ_mode(struct weir_buf *out, uint64_t has, struct weir_count asked)
{
	int r;

	if (!asked.known || asked.n == has)
		return 0;
	r = begin_difference(out);
	return r < 0 ? r
	             : weir_buf_printf(out, "mode=%" PRIo64 " and not %" PRIo64, has,
	                               asked.n);
}

int weir_mount_differs(const struct weir_mount_ask *ask,
                       const struct weir_hugetlbfs *mount, struct weir_buf *out)
{
	int r = 0;

	if (!mount->page_bytes.known || mount->page_bytes.n != ask->page_bytes)
		r = differ_size(out, "pagesize", mount->page_bytes,
		                WEIR_COUNT(ask->page_bytes));
	if (r == 0)
		r = differ_size(out, "size", mount->size_bytes, ask->size_bytes);
	if (r == 0)
		r = differ_size(out, "min_size", mount->min_size_bytes,
		                ask->min_size_bytes);
	if (r == 0)
		r = differ_inodes(out, mount->nr_inodes, ask->nr_inodes);
	/* the kernel tells these three only where they are not the usual */
	if (r == 0)
		r = differ_mode(out, mount->mode.known ? mount->mode.n : MODE_DEFAULT,
		                ask->mode);
	if (r == 0)
		r = differ_number(out, "uid", mount->uid.n, ask->uid);
	return r == 0 ? differ_number(out, "gid", mount->gid.n, ask->gid) : r;
}

/* ---- room ---- */

static struct weir_count minus(struct weir_count a, struct weir_count b)
{
	if (!a.known || !b.known)
		return (struct weir_count){ 0 };
	return WEIR_COUNT(a.n > b.n ? a.n - b.n : 0);
}

struct weir_mount_room weir_mount_room(const struct weir_mount_ask *ask,
                                       const struct weir_pools *pools)
{
	const struct weir_huge_size *size = weir_pools_size(pools, ask->page_bytes);
	struct weir_mount_room room = { 0 };
	uint64_t have;

	if (ask->min_size_bytes.known)
		room.wanted = ask->min_size_bytes.n / ask->page_bytes;
	if (!size)
		return room;
	room.free = minus(size->all.free, size->all.reserved);
	room.growth = minus(size->overcommit, size->all.surplus);
	if (!room.free.known || !room.growth.known)
		return room;
	if (ckd_add(&have, room.free.n, room.growth.n))
		have = UINT64_MAX; /* no limit: it has all it wants */
	room.missing = WEIR_COUNT(room.wanted > have ? room.wanted - have : 0);
	return room;
}
