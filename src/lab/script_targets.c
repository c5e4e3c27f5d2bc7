/* script_targets: what a write goes to, short or as the kernel's path. See step.h, enum
 * weir_target.
 *
 * The kernel's paths are turned into the short form piece by piece:
 *	/sys/kernel/mm/hugepages/hugepages-2048kB/FILE                     2M/FILE
 *	/sys/devices/system/node/node1/hugepages/hugepages-2048kB/FILE     2M/node1/FILE
 *	/proc/sys/vm/FILE                                                  proc/FILE
 *	/sys/fs/cgroup/GROUP/hugetlb.2MB.max                               GROUP/2M.max */
#include "lab/script_parse.h"

#include "base/own.h"
#include "base/size.h"

#include <errno.h>

static const struct {
	const char *file;
	enum weir_target pool, proc;
	bool in_proc, of_node;
} files[] = {
	{ "nr_hugepages", WEIR_TARGET_NR, WEIR_TARGET_PROC_NR, true, true },
	{ "nr_overcommit_hugepages", WEIR_TARGET_OVERCOMMIT, WEIR_TARGET_PROC_OVERCOMMIT,
	  true, false },
	{ "nr_hugepages_mempolicy", WEIR_TARGET_MEMPOLICY, WEIR_TARGET_PROC_MEMPOLICY,
	  true, false },
	{ "demote", WEIR_TARGET_DEMOTE, WEIR_TARGET_DEMOTE, false, true },
	{ "demote_size", WEIR_TARGET_DEMOTE_SIZE, WEIR_TARGET_DEMOTE_SIZE, false, true },
};

/* Takes @prefix off *s. */
static bool take(struct weir_str *s, const char *prefix)
{
	if (!weir_str_starts(*s, prefix))
		return false;
	*s = weir_str_skip(*s, strlen(prefix));
	return true;
}

static int find_size(struct weir_parse *p, struct weir_str token, struct weir_str text,
                     uint64_t *out)
{
	char sizes[80];

	if (weir_parse_size(text, out) < 0 || !weir_parse_is_page(p, *out))
		return weir_parse_bad(p, token, "%.*s is no page size of this host: %s",
		                      WEIR_STR_ARG(text),
		                      weir_parse_pages(p, sizes, sizeof(sizes)));
	return 0;
}

static int find_file(struct weir_parse *p, struct weir_str token, struct weir_str file,
                     bool proc, struct weir_step *step)
{
	bool of_node = step->flags & WEIR_STEP_NODE;

	for (size_t i = 0; i < WEIR_NELEM(files); i++) {
		if (!weir_str_eq(file, files[i].file) || (proc && !files[i].in_proc) ||
		    (of_node && !files[i].of_node))
			continue;
		step->target = proc ? files[i].proc : files[i].pool;
		return 0;
	}
	if (proc)
		return weir_parse_bad(
			p, token,
			"/proc/sys/vm has nr_hugepages, nr_hugepages_mempolicy "
			"and nr_overcommit_hugepages");
	if (of_node)
		return weir_parse_bad(p, token,
		                      "a node has nr_hugepages, demote and demote_size");
	return weir_parse_bad(p, token,
	                      "a pool has nr_hugepages, nr_hugepages_mempolicy, "
	                      "nr_overcommit_hugepages, demote and demote_size");
}

/* "2M.max", "hugetlb.2MB.rsvd.max": the kernel's sizes end in KB, MB, GB. */
static int parse_group(struct weir_parse *p, struct weir_str token, struct weir_str group,
                       struct weir_str limit, struct weir_step *step)
{
	bool kernels = take(&limit, "hugetlb.");
	struct weir_str size, which;

	if (!weir_str_split(limit, '.', &size, &which))
		size = which = limit;
	if (kernels && weir_str_ends(size, "B"))
		size.n--;
	if (weir_str_eq(which, "max"))
		step->target = WEIR_TARGET_CG_MAX;
	else if (weir_str_eq(which, "rsvd.max"))
		step->target = WEIR_TARGET_CG_RSVD_MAX;
	else
		return weir_parse_bad(p, token, "a cgroup has 2M.max and 2M.rsvd.max");
	step->name = group;
	return find_size(p, token, size, &step->page_bytes);
}

/* "2M/nr_hugepages", "2M/node1/nr_hugepages". */
static int parse_pool(struct weir_parse *p, struct weir_str token, struct weir_str size,
                      struct weir_str rest, struct weir_step *step)
{
	struct weir_str node, file = rest;
	uint64_t n;
	int r;

	r = find_size(p, token, size, &step->page_bytes);
	if (r < 0)
		return r;
	if (weir_str_split(rest, '/', &node, &file)) {
		if (!take(&node, "node") ||
		    !weir_is_number(node, WEIR_MODEL_NODES_MAX - 1, &n))
			return weir_parse_bad(p, token, "no node0 to node%d",
			                      WEIR_MODEL_NODES_MAX - 1);
		step->node = (unsigned int)n;
		step->flags |= WEIR_STEP_NODE;
	}
	return find_file(p, token, file, false, step);
}

/* "hugepages-2048kB/FILE" below a node's or the global directory. */
static int parse_sysfs(struct weir_parse *p, struct weir_str token, struct weir_str rest,
                       struct weir_step *step)
{
	struct weir_str size, file;
	int r;

	if (!take(&rest, "hugepages-") || !weir_str_split(rest, '/', &size, &file))
		return weir_parse_bad(p, token, "expected hugepages-2048kB/FILE in it");
	r = find_size(p, token, size, &step->page_bytes);
	return r < 0 ? r : find_file(p, token, file, false, step);
}

static int parse_path(struct weir_parse *p, struct weir_str token, struct weir_step *step)
{
	struct weir_str rest = token, node, group, limit;
	uint64_t n;

	if (take(&rest, "/proc/sys/vm/"))
		return find_file(p, token, rest, true, step);
	if (take(&rest, "/sys/kernel/mm/hugepages/"))
		return parse_sysfs(p, token, rest, step);
	if (take(&rest, "/sys/devices/system/node/node") &&
	    weir_str_split(rest, '/', &node, &rest) && take(&rest, "hugepages/")) {
		if (!weir_is_number(node, WEIR_MODEL_NODES_MAX - 1, &n))
			return weir_parse_bad(p, token, "no node0 to node%d",
			                      WEIR_MODEL_NODES_MAX - 1);
		step->node = (unsigned int)n;
		step->flags |= WEIR_STEP_NODE;
		return parse_sysfs(p, token, rest, step);
	}
	rest = token;
	if (take(&rest, "/sys/fs/cgroup/") && weir_str_split(rest, '/', &group, &limit))
		return parse_group(p, token, group, limit, step);
	return weir_parse_bad(p, token,
	                      "no pool's file, sysctl or cgroup limit that weir knows");
}

int weir_parse_target(struct weir_parse *p, struct weir_str file, struct weir_step *step)
{
	struct weir_str first, rest;
	int r;

	if (weir_str_starts(file, "/"))
		r = parse_path(p, file, step);
	else if (!weir_str_split(file, '/', &first, &rest))
		return weir_parse_bad(
			p, file,
			"no FILE such as 2M/nr_hugepages, 2M/node1/nr_hugepages, "
			"proc/nr_hugepages, GROUP/2M.max");
	else if (weir_str_eq(first, "proc"))
		r = find_file(p, file, rest, true, step);
	else if (first.n && weir_is_digit(first.p[0]))
		r = parse_pool(p, file, first, rest, step);
	else
		r = parse_group(p, file, first, rest, step);
	if (r == 0 && step->name.n)
		r = weir_parse_known(p, step->name, WEIR_NAME_GROUP);
	return r;
}
