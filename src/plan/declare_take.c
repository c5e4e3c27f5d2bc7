/* declare_take: wishes and the present state into a declaration. */
#include "plan/declare.h"

#include "base/own.h"
#include "base/size.h"
#include "facts/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define MODE_DEFAULT 0755U /* of a hugetlbfs without mode= */

#define SIZE_TEXT(bytes) \
	weir_format_size((bytes), (char[WEIR_SIZE_TEXT_MAX]){ 0 }, WEIR_SIZE_TEXT_MAX).p

static struct weir_declared_number made(uint64_t n)
{
	return (struct weir_declared_number){ true, n, { .file = WEIR_NO_FILE } };
}

static struct weir_count present(const struct weir_snapshot *snap, uint64_t page_bytes,
                                 int node)
{
	const struct weir_huge_size *size = weir_pools_size(&snap->pools, page_bytes);

	if (!size)
		return (struct weir_count){ 0 };
	for (size_t i = 0; node >= 0 && i < size->nr_nodes; i++)
		if (size->nodes[i].node == (unsigned int)node)
			return weir_pool_persistent(&size->nodes[i].pool);
	if (node > 0 || (node == 0 && size->nr_nodes))
		return (struct weir_count){ 0 };
	return weir_pool_persistent(&size->all);
}

/* What the wish comes to, as a number. */
static int resolve(const struct weir_wish *wish, struct weir_count now, uint64_t *out,
                   struct weir_err *err)
{
	char text[WEIR_WISH_TEXT_MAX];

	if (wish->how == WEIR_WISH_EXACTLY) {
		*out = wish->pages;
		return 0;
	}
	(void)weir_wish_text(wish, text, sizeof(text));
	if (!now.known)
		return weir_err_set(err, -ENODATA,
		                    "'%s': it is not known how many there are now", text);
	if (wish->how == WEIR_WISH_LESS && wish->pages > now.n)
		return weir_err_set(err, -EINVAL, "'%s': there are %" PRIu64 " now", text,
		                    now.n);
	/* neither is more than 2^40 (wish.c) and 2^63 (fact.h) */
	*out = wish->how == WEIR_WISH_MORE ? now.n + wish->pages : now.n - wish->pages;
	return 0;
}

/* From "all nodes together" to each node as it is now. */
static int split(struct weir_declared_pool *pool, const struct weir_snapshot *snap,
                 struct weir_buf *notes, struct weir_err *err)
{
	const struct weir_huge_size *size = weir_pools_size(&snap->pools,
	                                                    pool->page_bytes);
	int r = 0;

	pool->pages = (struct weir_declared_number){ 0 };
	for (size_t i = 0; size && r == 0 && i < size->nr_nodes; i++) {
		struct weir_count now = weir_pool_persistent(&size->nodes[i].pool);

		if (!now.known)
			return weir_err_set(
				err, -ENODATA, "the pool of %s on node %u is not known",
				SIZE_TEXT(pool->page_bytes), size->nodes[i].node);
		r = weir_declared_set_node(pool, size->nodes[i].node, made(now.n));
	}
	if (r == 0)
		r = weir_buf_printf(notes,
		                    "pages of %s were declared for all nodes together, "
		                    "and now are for each node, as it is\n",
		                    SIZE_TEXT(pool->page_bytes));
	return r < 0 ? weir_err_sys(err, r, "take wishes") : 0;
}

static int take_pages(struct weir_declared_pool *pool, const struct weir_wish *wish,
                      const struct weir_snapshot *snap, struct weir_buf *notes,
                      struct weir_err *err)
{
	uint64_t pages = 0;
	int r = resolve(wish, present(snap, wish->page_bytes, wish->node), &pages, err);

	if (r < 0)
		return r;
	if (wish->node < 0) {
		pool->nr_nodes = 0;
		pool->pages = made(pages);
		return 0;
	}
	if (pool->pages.given)
		r = split(pool, snap, notes, err);
	if (r < 0)
		return r;
	r = weir_declared_set_node(pool, (unsigned int)wish->node, made(pages));
	return r < 0 ? weir_err_sys(err, r, "take wishes") : 0;
}

static int take(struct weir_declaration *decl, const struct weir_wish *wish,
                const struct weir_snapshot *snap, struct weir_buf *notes,
                struct weir_err *err)
{
	const struct weir_huge_size *size = weir_pools_size(&snap->pools,
	                                                    wish->page_bytes);
	struct weir_declared_pool *pool;
	char text[WEIR_WISH_TEXT_MAX];
	uint64_t limit = 0;
	int r;

	if (wish->kind == WEIR_WISH_PINNABLE)
		return weir_err_set(err, -EINVAL,
		                    "'%s' is about the pages that are there now, and "
		                    "cannot be declared",
		                    weir_wish_text(wish, text, sizeof(text)));
	if (snap->pools.known && !size)
		return weir_err_set(err, -EINVAL, "this kernel has no pages of %s",
		                    SIZE_TEXT(wish->page_bytes));
	pool = weir_declaration_pool(decl, wish->page_bytes);
	if (!pool)
		return weir_err_sys(err, -ENOMEM, "take wishes");
	if (wish->kind == WEIR_WISH_POOL)
		return take_pages(pool, wish, snap, notes, err);
	r = resolve(wish, size ? size->overcommit : (struct weir_count){ 0 }, &limit,
	            err);
	if (r == 0)
		pool->overcommit = made(limit);
	return r;
}

int weir_declaration_take(struct weir_declaration *decl, const struct weir_wishes *wishes,
                          const struct weir_snapshot *snap, struct weir_buf *notes,
                          struct weir_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < wishes->nr; i++)
		r = take(decl, &wishes->v[i], snap, notes, err);
	return r;
}

/* ---- from now ------------------------------------------------------------------------
 */

static int not_known(struct weir_err *err, const struct weir_huge_size *size)
{
	return weir_err_set(err, -ENODATA, "the pool of %s is not known",
	                    SIZE_TEXT(size->size_bytes));
}

/* A pool that has nothing and had nothing said of it is left out. */
static int from_pool(struct weir_declaration *decl, const struct weir_huge_size *size,
                     struct weir_err *err)
{
	struct weir_count all = weir_pool_persistent(&size->all);
	bool was = weir_declared_pool(decl, size->size_bytes) != NULL;
	bool limit = size->overcommit.known && size->overcommit.n;
	struct weir_declared_pool *pool;
	int r = 0;

	if (!all.known)
		return not_known(err, size);
	if (!all.n && !limit && !was)
		return 0;
	pool = weir_declaration_pool(decl, size->size_bytes);
	if (!pool)
		return weir_err_sys(err, -ENOMEM, "write what there is");
	pool->nr_nodes = 0;
	pool->pages = size->nr_nodes > 1 ? (struct weir_declared_number){ 0 }
	                                 : made(all.n);
	for (size_t i = 0; r == 0 && size->nr_nodes > 1 && i < size->nr_nodes; i++) {
		struct weir_count pages = weir_pool_persistent(&size->nodes[i].pool);

		if (!pages.known)
			return not_known(err, size);
		r = weir_declared_set_node(pool, size->nodes[i].node, made(pages.n));
	}
	/* of gigantic pages no kernel takes a limit, not even 0 */
	if (size->overcommit.known &&
	    (size->overcommit.n || size->size_bytes < WEIR_DECLARE_BOOT_BYTES))
		pool->overcommit = made(size->overcommit.n);
	return r < 0 ? weir_err_sys(err, r, "write what there is") : 0;
}

/* systemd's dev-hugepages.mount, which every host has that runs it. */
static bool is_systemds(const struct weir_hugetlbfs *m, const struct weir_snapshot *snap)
{
	return strcmp(m->target, "/dev/hugepages") == 0 && !m->has_subpool &&
	       !m->nr_inodes.known && snap->mem.huge_size.known &&
	       m->page_bytes.n == snap->mem.huge_size.n;
}

static bool is_declared(const struct weir_declaration *decl, const char *target)
{
	for (size_t i = 0; i < decl->nr_mounts; i++)
		if (strcmp(decl->mounts[i].target, target) == 0)
			return true;
	return false;
}

static struct weir_declared_number if_known(struct weir_count n, uint64_t plain)
{
	return n.known && n.n != plain ? made(n.n) : (struct weir_declared_number){ 0 };
}

static int id_text(struct weir_count id, struct weir_declared_text *out)
{
	if (!id.known || !id.n)
		return 0;
	out->at.file = WEIR_NO_FILE;
	return asprintf(&out->z, "%" PRIu64, id.n) < 0 ? (out->z = NULL, -ENOMEM) : 0;
}

static int add_mount(struct weir_declaration *decl, const struct weir_hugetlbfs *m)
{
	struct weir_declared_mount *out;
	int r = weir_grow(&decl->mounts, &decl->cap_mounts, decl->nr_mounts,
	                  sizeof(decl->mounts[0]));

	if (r < 0)
		return r;
	out = &decl->mounts[decl->nr_mounts++];
	out->at.file = WEIR_NO_FILE;
	out->target = strdup(m->target);
	out->page_bytes = made(m->page_bytes.n);
	out->size_bytes = if_known(m->size_bytes, 0);
	out->min_size_bytes = if_known(m->min_size_bytes, 0);
	out->nr_inodes = if_known(m->nr_inodes, 0);
	out->mode = if_known(m->mode, MODE_DEFAULT);
	out->uid = m->uid;
	out->gid = m->gid;
	r = id_text(m->uid, &out->user);
	if (r == 0)
		r = id_text(m->gid, &out->group);
	return out->target ? r : -ENOMEM;
}

/* What is mounted twice is declared once; what is hidden, or has no name that could be
 * written, not at all. */
static int from_mount(struct weir_declaration *decl, const struct weir_snapshot *snap,
                      size_t i, struct weir_buf *notes)
{
	const struct weir_hugetlbfs *m = &snap->mounts.v[i];

	if (m->covered || m->same_as != i || is_systemds(m, snap) ||
	    is_declared(decl, m->target))
		return 0;
	if (!m->page_bytes.known || !weir_declare_path_is_fine(weir_strz(m->target)) ||
	    decl->nr_mounts >= WEIR_DECLARE_LIST_MAX)
		return weir_buf_printf(notes, "the mount at %s cannot be declared\n",
		                       m->target);
	return add_mount(decl, m);
}

static void drop_mounts(struct weir_declaration *decl)
{
	for (size_t i = 0; i < decl->nr_mounts; i++) {
		free(decl->mounts[i].target);
		free(decl->mounts[i].user.z);
		free(decl->mounts[i].group.z);
	}
	decl->nr_mounts = 0;
}

int weir_declaration_from(struct weir_declaration *decl, const struct weir_snapshot *snap,
                          struct weir_buf *notes, struct weir_err *err)
{
	int r = 0;

	if (!snap->pools.known)
		return weir_err_set(err, -ENODATA,
		                    "the pools of this host are not known");
	for (size_t i = 0; r == 0 && i < snap->pools.nr; i++)
		r = from_pool(decl, &snap->pools.sizes[i], err);
	if (r < 0)
		return r;
	if (!snap->mounts.known)
		return weir_err_set(err, -ENODATA,
		                    "the mounts of this host are not known");
	drop_mounts(decl);
	for (size_t i = 0; r == 0 && i < snap->mounts.nr; i++)
		r = from_mount(decl, snap, i, notes);
	return r < 0 ? weir_err_sys(err, r, "write what there is") : 0;
}
