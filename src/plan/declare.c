/* declare: the declaration as data; declare_parse.c reads it, declare_write.c writes it.
 */
#include "plan/declare.h"

#include "base/own.h"

#include <errno.h>
#include <stdio.h>

void weir_declaration_done(struct weir_declaration *decl)
{
	for (size_t i = 0; i < decl->nr_files; i++)
		free(decl->files[i]);
	for (size_t i = 0; i < decl->nr_pools; i++)
		free(decl->pools[i].nodes);
	for (size_t i = 0; i < decl->nr_mounts; i++) {
		free(decl->mounts[i].target);
		free(decl->mounts[i].user.z);
		free(decl->mounts[i].group.z);
	}
	for (size_t i = 0; i < decl->nr_vms; i++) {
		free(decl->vms[i].name);
		free(decl->vms[i].file.z);
	}
	free(decl->files);
	free(decl->pools);
	free(decl->mounts);
	free(decl->vms);
	*decl = (struct weir_declaration){ 0 };
}

bool weir_declaration_is_empty(const struct weir_declaration *decl)
{
	return !decl->nr_pools && !decl->nr_mounts && !decl->nr_vms &&
	       !decl->floor_bytes.given;
}

const struct weir_declared_pool *weir_declared_pool(const struct weir_declaration *decl,
                                                    uint64_t page_bytes)
{
	for (size_t i = 0; i < decl->nr_pools; i++)
		if (decl->pools[i].page_bytes == page_bytes)
			return &decl->pools[i];
	return NULL;
}

const struct weir_declared_number *weir_declared_node(
	const struct weir_declared_pool *pool, unsigned int node)
{
	for (size_t i = 0; i < pool->nr_nodes; i++)
		if (pool->nodes[i].node == node)
			return &pool->nodes[i].pages;
	return NULL;
}

struct weir_count weir_declared_pages(const struct weir_declared_pool *pool)
{
	struct weir_count sum = WEIR_COUNT(0);

	if (pool->pages.given)
		return WEIR_COUNT(pool->pages.n);
	if (!pool->nr_nodes)
		return (struct weir_count){ 0 };
	for (size_t i = 0; i < pool->nr_nodes; i++)
		sum = weir_count_add(sum, WEIR_COUNT(pool->nodes[i].pages.n));
	return sum;
}

bool weir_declared_at_boot(const struct weir_declared_pool *pool)
{
	if (!pool->pages.given && !pool->nr_nodes)
		return false;
	return pool->boot.given ? pool->boot.n != 0
	                        : pool->page_bytes >= WEIR_DECLARE_BOOT_BYTES;
}

struct weir_declared_pool *weir_declaration_pool(struct weir_declaration *decl,
                                                 uint64_t page_bytes)
{
	for (size_t i = 0; i < decl->nr_pools; i++)
		if (decl->pools[i].page_bytes == page_bytes)
			return &decl->pools[i];
	if (decl->nr_pools >= WEIR_DECLARE_POOLS_MAX ||
	    weir_grow(&decl->pools, &decl->cap_pools, decl->nr_pools,
	              sizeof(decl->pools[0])) < 0)
		return NULL;
	decl->pools[decl->nr_pools].page_bytes = page_bytes;
	decl->pools[decl->nr_pools].at.file = WEIR_NO_FILE;
	return &decl->pools[decl->nr_pools++];
}

int weir_declared_set_node(struct weir_declared_pool *pool, unsigned int node,
                           struct weir_declared_number pages)
{
	size_t at = 0;

	while (at < pool->nr_nodes && pool->nodes[at].node < node)
		at++;
	if (at == pool->nr_nodes || pool->nodes[at].node != node) {
		if (weir_grow(&pool->nodes, &pool->cap_nodes, pool->nr_nodes,
		              sizeof(pool->nodes[0])) < 0)
			return -ENOMEM;
		for (size_t i = pool->nr_nodes++; i > at; i--)
			pool->nodes[i] = pool->nodes[i - 1];
	}
	pool->nodes[at] = (struct weir_declared_node){ node, pages };
	return 0;
}

static int add_wish(const struct weir_declared_pool *pool, enum weir_wish_kind kind,
                    int node, uint64_t pages, struct weir_wishes *out,
                    struct weir_err *err)
{
	struct weir_wish wish = { .kind = kind,
		                  .how = WEIR_WISH_EXACTLY,
		                  .page_bytes = pool->page_bytes,
		                  .node = node,
		                  .pages = pages };

	return weir_wishes_add(out, &wish, err);
}

int weir_declaration_wishes(const struct weir_declaration *decl, struct weir_wishes *out,
                            struct weir_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < decl->nr_pools; i++) {
		const struct weir_declared_pool *pool = &decl->pools[i];

		if (pool->pages.given)
			r = add_wish(pool, WEIR_WISH_POOL, WEIR_WISH_ALL_NODES,
			             pool->pages.n, out, err);
		for (size_t k = 0; r == 0 && k < pool->nr_nodes; k++)
			r = add_wish(pool, WEIR_WISH_POOL, (int)pool->nodes[k].node,
			             pool->nodes[k].pages.n, out, err);
		if (r == 0 && pool->overcommit.given)
			r = add_wish(pool, WEIR_WISH_OVERCOMMIT, WEIR_WISH_ALL_NODES,
			             pool->overcommit.n, out, err);
	}
	return r;
}

const char *weir_origin_text(const struct weir_declaration *decl, struct weir_origin at,
                             char *out, size_t cap)
{
	if (at.file == WEIR_NO_FILE || at.file >= decl->nr_files)
		(void)snprintf(out, cap, "%s", "");
	else
		(void)snprintf(out, cap, "%.400s:%u", decl->files[at.file], at.line);
	return out;
}
