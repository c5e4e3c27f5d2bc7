/* load_given: pages that somebody has, given back before a model is made: what would be
 * free if they were. Where they lie is not known: by load->place, they come from where
 * nothing may be pinned last, or first. */
#include "lab/load_host.h"

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool is_pinnable(unsigned int site)
{
	return site < WEIR_SITE_CMA && site != WEIR_ZONE_MOVABLE;
}

static uint64_t used_at(const struct weir_load_node *node, size_t size, bool pinnable)
{
	uint64_t sum = 0;

	for (unsigned int s = 0; s < WEIR_SITE_NR; s++)
		if (is_pinnable(s) == pinnable)
			sum += node->at[size][s] - node->free_at[size][s];
	return sum;
}

/* Frees up to @pages of the places that are pinnable, or not; what is left to free. */
static uint64_t free_at(struct weir_load_node *node, size_t size, bool pinnable,
                        uint64_t pages)
{
	for (unsigned int s = 0; s < WEIR_SITE_NR && pages; s++) {
		uint64_t part = node->at[size][s] - node->free_at[size][s];

		if (is_pinnable(s) != pinnable)
			continue;
		part = min(part, pages);
		node->free_at[size][s] += part;
		pages -= part;
	}
	return pages;
}

/* How many were given. */
static uint64_t give(struct weir_load *load, struct weir_load_node *node, size_t size,
                     uint64_t pages)
{
	uint64_t used = node->nr[size] - node->free[size];
	bool first = load->place == WEIR_LOAD_FEW;

	pages = min(pages, used);
	if (pages < used && used_at(node, size, true) && used_at(node, size, false))
		load->place_known = false;
	(void)free_at(node, size, !first, free_at(node, size, first, pages));
	node->free[size] += pages;
	return pages;
}

void weir_load_give(struct weir_load *load, const struct weir_load_given *given,
                    size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		uint64_t left = given[i].pages;

		for (size_t k = 0; k < load->nr_sizes; k++)
			for (size_t n = 0; n < load->nr_nodes; n++)
				if (load->sizes[k].page_bytes == given[i].page_bytes &&
				    (given[i].node < 0 ||
				     load->nodes[n].id == (unsigned int)given[i].node))
					left -= give(load, &load->nodes[n], k, left);
	}
}
