/* domain_numa: the guest's nodes (<cpu><numa>) and the host's (<numatune>), as
 * conf/numa_conf.c of libvirt 9.0 reads them. */
#include "vm/domain_read.h"

#include "base/own.h"
#include "base/size.h"

#include <errno.h>

static int read_cell(struct weir_domain_read *rd, weir_element *element)
{
	struct weir_domain_size size = { .unit = weir_str("", 0), .align = WEIR_MIB };
	struct weir_domain_cell *cell;
	struct weir_str id;
	unsigned int at = rd->nr_cells;
	int r;

	if (weir_domain_attr(rd, element, "id", &id)) {
		r = weir_domain_node(rd, element, id, &at);
		if (r < 0)
			return r;
	} else if (at >= WEIR_VM_NODES_MAX) {
		return weir_domain_wrong(rd, element, "more than %d of them",
		                         WEIR_VM_NODES_MAX);
	}
	cell = &rd->cells[at];
	if (cell->seen)
		return weir_domain_wrong(rd, element, "id %u occurs twice", at);
	if (!weir_domain_attr(rd, element, "memory", &size.text))
		return weir_domain_wrong(rd, element, "has no memory");
	(void)weir_domain_attr(rd, element, "unit", &size.unit);
	r = weir_domain_bytes(rd, element, size, &cell->bytes);
	if (r == 0)
		r = weir_domain_access(rd, element, "memAccess", &cell->access);
	cell->seen = true;
	rd->nr_cells++;
	return r;
}

int weir_domain_cells(struct weir_domain_read *rd, weir_element *domain)
{
	weir_element *numa = weir_domain_at(rd, domain, "cpu/numa");

	if (!numa)
		return 0;
	for (weir_element *element = weir_tree_first(rd->tree, numa); element;
	     element = weir_tree_next(rd->tree, element)) {
		int r;

		if (!weir_str_eq(weir_tree_name(rd->tree, element), "cell") ||
		    element->type != WEIR_TREE_MAP)
			continue;
		r = read_cell(rd, element);
		if (r < 0)
			return r;
	}
	for (unsigned int i = 0; i < rd->nr_cells; i++)
		if (!rd->cells[i].seen)
			return weir_domain_wrong(rd, numa,
			                         "cells are numbered from 0 without "
			                         "gaps; there is no %u",
			                         i);
	return 0;
}

static int read_mode(struct weir_domain_read *rd, weir_element *element,
                     enum weir_domain_mode *out)
{
	static const char *const words[] = {
		[WEIR_DOMAIN_STRICT] = "strict",
		[WEIR_DOMAIN_PREFERRED] = "preferred",
		[WEIR_DOMAIN_INTERLEAVE] = "interleave",
		[WEIR_DOMAIN_RESTRICTIVE] = "restrictive",
	};
	struct weir_str text;

	if (!weir_domain_attr(rd, element, "mode", &text))
		return 0;
	for (unsigned int i = 0; i < WEIR_NELEM(words); i++) {
		if (!weir_str_eq(text, words[i]))
			continue;
		*out = (enum weir_domain_mode)i;
		return 0;
	}
	return weir_domain_wrong(rd, element,
	                         "mode='%.*s' is none of strict, preferred, interleave, "
	                         "restrictive",
	                         WEIR_STR_ARG(text));
}

enum weir_vm_policy weir_domain_policy(enum weir_domain_mode mode)
{
	switch (mode) {
	case WEIR_DOMAIN_STRICT: return WEIR_VM_POLICY_BIND;
	case WEIR_DOMAIN_PREFERRED: return WEIR_VM_POLICY_PREFERRED;
	case WEIR_DOMAIN_INTERLEAVE: return WEIR_VM_POLICY_INTERLEAVE;
	case WEIR_DOMAIN_RESTRICTIVE: break; /* by the cpuset alone */
	}
	return WEIR_VM_POLICY_DEFAULT;
}

static int read_tuned_memory(struct weir_domain_read *rd, weir_element *memory)
{
	struct weir_demand *demand = rd->demand;
	struct weir_str nodeset;
	int r = read_mode(rd, memory, &rd->mode);

	if (r < 0)
		return r;
	if (weir_domain_attr_is(rd, memory, "placement", "auto") ||
	    !weir_domain_attr(rd, memory, "nodeset", &nodeset))
		return weir_demand_note(demand,
		                        "line %u: <numatune>: numad chooses the nodes "
		                        "when the VM starts; here it has all",
		                        memory->line);
	r = weir_domain_nodes(rd, memory, nodeset, &rd->nodes);
	if (r < 0)
		return r;
	rd->is_tuned = true;
	if (rd->mode == WEIR_DOMAIN_STRICT || rd->mode == WEIR_DOMAIN_RESTRICTIVE) {
		demand->task_nodes = rd->nodes;
	} else {
		demand->task_policy = weir_domain_policy(rd->mode);
		demand->task_policy_nodes = rd->nodes;
	}
	return 0;
}

static int read_memnode(struct weir_domain_read *rd, weir_element *element)
{
	struct weir_str id, nodeset;
	struct weir_domain_cell *cell;
	unsigned int at = 0;
	int r;

	if (!weir_domain_attr(rd, element, "cellid", &id) ||
	    !weir_domain_attr(rd, element, "nodeset", &nodeset))
		return weir_domain_wrong(rd, element, "lacks cellid or nodeset");
	r = weir_domain_node(rd, element, id, &at);
	if (r < 0)
		return r;
	if (at >= rd->nr_cells)
		return weir_domain_wrong(rd, element,
		                         "cellid %u is no cell of <cpu><numa>", at);
	cell = &rd->cells[at];
	if (cell->is_tuned)
		return weir_domain_wrong(rd, element, "cellid %u occurs twice", at);
	cell->is_tuned = true;
	r = read_mode(rd, element, &cell->mode);
	return r < 0 ? r : weir_domain_nodes(rd, element, nodeset, &cell->nodes);
}

int weir_domain_numatune(struct weir_domain_read *rd, weir_element *domain)
{
	weir_element *tune = weir_domain_at(rd, domain, "numatune");
	weir_element *memory = weir_domain_at(rd, tune, "memory");
	int r = memory ? read_tuned_memory(rd, memory) : 0;

	if (r < 0 || !tune)
		return r;
	for (weir_element *element = weir_tree_first(rd->tree, tune); element;
	     element = weir_tree_next(rd->tree, element)) {
		if (!weir_str_eq(weir_tree_name(rd->tree, element), "memnode") ||
		    element->type != WEIR_TREE_MAP)
			continue;
		r = read_memnode(rd, element);
		if (r < 0)
			return r;
	}
	return 0;
}
