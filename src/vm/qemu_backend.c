/* qemu_backend: the properties of memory backends and of thread contexts, which allocate
 * for them. Read from QEMU 7.2: backends/hostmem*.c, util/thread-context.c. Which
 * properties there are is read from qapi/qom.json of 7.2 to 10.0, because what a later
 * QEMU takes must not be refused: that an older one does is not noticed. */
#include "vm/qemu_read.h"

#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <inttypes.h>

#define QEMU_NODES_MAX 128U /* include/sysemu/numa.h, MAX_NODES */

/* What an object may be, a bit each. */
#define OF_RAM     1U
#define OF_FILE    2U
#define OF_MEMFD   4U
#define OF_SHM     8U  /* QEMU 9.1 */
#define OF_EPC     16U /* SGX */
#define OF_CONTEXT 32U /* thread-context, 7.2 */
#define OF_MEMORY  (OF_RAM | OF_FILE | OF_MEMFD | OF_SHM | OF_EPC)

static const struct {
	const char *type;
	unsigned int of;
} types[] = {
	{ "memory-backend-ram", OF_RAM },     { "memory-backend-file", OF_FILE },
	{ "memory-backend-memfd", OF_MEMFD }, { "memory-backend-shm", OF_SHM },
	{ "memory-backend-epc", OF_EPC },     { "thread-context", OF_CONTEXT },
};

static const struct property {
	const char *name;
	unsigned int of;
	bool is_switch;
} properties[] = {
	{ "align", OF_FILE, false },
	{ "cpu-affinity", OF_CONTEXT, false },
	{ "discard-data", OF_FILE, true },
	{ "dump", OF_MEMORY, true },
	{ "host-nodes", OF_MEMORY, false },
	{ "hugetlb", OF_MEMFD, true },
	{ "hugetlbsize", OF_MEMFD, false },
	{ "id", OF_MEMORY | OF_CONTEXT, false },
	{ "mem-path", OF_FILE, false },
	{ "merge", OF_MEMORY, true },
	{ "node-affinity", OF_CONTEXT, false },
	{ "offset", OF_FILE, false }, /* 8.1 */
	{ "pmem", OF_FILE, true },
	{ "policy", OF_MEMORY, false },
	{ "prealloc", OF_MEMORY, true },
	{ "prealloc-context", OF_MEMORY, false }, /* 7.2 */
	{ "prealloc-threads", OF_MEMORY, false },
	{ "qom-type", OF_MEMORY | OF_CONTEXT, false },
	{ "readonly", OF_FILE, true },
	{ "reserve", OF_MEMORY, true },
	{ "rom", OF_FILE, false }, /* 8.2 */
	{ "seal", OF_MEMFD, true },
	{ "share", OF_MEMORY, true },
	{ "size", OF_MEMORY, false },
	{ "x-use-canonical-path-for-ramblock-id", OF_MEMORY, true },
};

static const struct property *find_property(struct weir_str name, unsigned int of)
{
	for (size_t i = 0; i < WEIR_NELEM(properties); i++)
		if (properties[i].of & of && weir_str_eq(name, properties[i].name))
			return &properties[i];
	return NULL;
}

int weir_qemu_check_properties(const struct weir_tree *keys, struct weir_str type,
                               struct weir_err *err)
{
	unsigned int of = 0;

	for (size_t i = 0; i < WEIR_NELEM(types); i++)
		if (weir_str_eq(type, types[i].type))
			of = types[i].of;
	if (!of)
		return weir_err_set(err, -EBADMSG,
		                    "no QEMU has it (QEMU: Parameter 'qom-type' does not "
		                    "accept value '%.*s')",
		                    WEIR_STR_ARG(type));
	for (const struct weir_tree_node *child = weir_tree_first(keys, &keys->v[0]);
	     child; child = weir_tree_next(keys, child)) {
		struct weir_str name = weir_tree_name(keys, child);
		const struct property *known;
		bool unused;
		int r;

		name.n = weir_str_index(name, '.'); /* "host-nodes.0" is of a list */
		known = find_property(name, of);
		if (!known)
			return weir_err_set(err, -EBADMSG,
			                    "%.*s has no such property in any QEMU "
			                    "(QEMU: Invalid parameter '%.*s')",
			                    WEIR_STR_ARG(type), WEIR_STR_ARG(name));
		r = known->is_switch
		            ? weir_qemu_get_switch(keys, known->name, &unused, err)
		            : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

int weir_qemu_get_size(const struct weir_tree *keys, const char *key, char unit,
                       uint64_t *out, struct weir_err *err)
{
	struct weir_str text;
	uint64_t bytes;
	int r;

	if (!weir_qemu_get(keys, key, &text))
		return 0;
	r = weir_qemu_size(text, unit, &bytes);
	if (r == -EBADMSG)
		return weir_err_set(err, r,
		                    "%s='%.*s' is no size: digits, then K, M, G or T",
		                    key, WEIR_STR_ARG(text));
	if (r < 0)
		return weir_err_set(err, -EBADMSG,
		                    "%s=%.*s is more than 4P (QEMU: Value '%.*s' is out "
		                    "of range for parameter '%s')",
		                    key, WEIR_STR_ARG(text), WEIR_STR_ARG(text), key);
	if (bytes > WEIR_VM_BYTES_MAX)
		return weir_err_set(err, -EBADMSG, "%s=%.*s is more than 4P", key,
		                    WEIR_STR_ARG(text));
	*out = bytes;
	return 0;
}

int weir_qemu_get_number(const struct weir_tree *keys, const char *key, uint64_t *out,
                         struct weir_err *err)
{
	struct weir_str text;

	if (!weir_qemu_get(keys, key, &text))
		return 0;
	if (weir_qemu_number(text, out) < 0)
		return weir_err_set(err, -EBADMSG, "%s='%.*s' is no number", key,
		                    WEIR_STR_ARG(text));
	return 0;
}

int weir_qemu_get_switch(const struct weir_tree *keys, const char *key, bool *out,
                         struct weir_err *err)
{
	struct weir_str text;

	if (!weir_qemu_get(keys, key, &text))
		return 0;
	if (weir_qemu_switch(text, out) < 0)
		return weir_err_set(err, -EBADMSG,
		                    "%s='%.*s' is neither on nor off (QEMU: Parameter "
		                    "'%s' expects 'on' or 'off')",
		                    key, WEIR_STR_ARG(text), key);
	return 0;
}

int weir_qemu_get_node(const struct weir_tree *keys, const char *key, int *out,
                       struct weir_err *err)
{
	uint64_t node = 0;
	struct weir_str text;
	int r = weir_qemu_get_number(keys, key, &node, err);

	if (r < 0 || !weir_qemu_get(keys, key, &text))
		return r;
	if (node >= WEIR_VM_NODES_MAX)
		return weir_err_set(err, -EBADMSG, "%s=%.*s: nodes are 0 to %d", key,
		                    WEIR_STR_ARG(text), WEIR_VM_NODES_MAX - 1);
	*out = (int)node;
	return 0;
}

/* "3" or "0-3" */
static int add_nodes(const char *key, struct weir_str text, uint64_t *mask,
                     struct weir_err *err)
{
	struct weir_str first = text, last = text;
	uint64_t from, to;

	(void)weir_str_split(text, '-', &first, &last);
	if (weir_qemu_number(first, &from) < 0 || weir_qemu_number(last, &to) < 0 ||
	    from > to)
		return weir_err_set(err, -EBADMSG,
		                    "%s='%.*s' is neither a node nor a range such as "
		                    "0-3 (QEMU: Parameter '%s' expects a uint64 value "
		                    "or range)",
		                    key, WEIR_STR_ARG(text), key);
	if (to >= QEMU_NODES_MAX && strcmp(key, "host-nodes") == 0)
		return weir_err_set(err, -EBADMSG,
		                    "host-nodes=%.*s: nodes are 0 to %d (QEMU: Invalid "
		                    "host-nodes value: %" PRIu64 ")",
		                    WEIR_STR_ARG(text), WEIR_VM_NODES_MAX - 1, to);
	if (to >= WEIR_VM_NODES_MAX)
		return weir_err_set(err, -EBADMSG, "%s=%.*s: nodes are 0 to %d", key,
		                    WEIR_STR_ARG(text), WEIR_VM_NODES_MAX - 1);
	for (uint64_t node = from; node <= to; node++)
		*mask |= UINT64_C(1) << node;
	return 0;
}

/* "host-nodes=0-1,host-nodes=3", "host-nodes.0=1", [0, 1], 0: all that are said count. */
static int get_nodes(const struct weir_tree *keys, const char *key, uint64_t *mask,
                     struct weir_err *err)
{
	int r = 0;

	for (const struct weir_tree_node *child = weir_tree_first(keys, &keys->v[0]);
	     child; child = weir_tree_next(keys, child)) {
		struct weir_str name = weir_tree_name(keys, child);

		name.n = weir_str_index(name, '.');
		if (!weir_str_eq(name, key))
			continue;
		if (child->type == WEIR_TREE_TEXT)
			r = add_nodes(key, weir_tree_text(keys, child), mask, err);
		for (const struct weir_tree_node *node = weir_tree_first(keys, child);
		     node; node = weir_tree_next(keys, node))
			if (r == 0)
				r = add_nodes(key, weir_tree_text(keys, node), mask, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static const char *const policies[] = {
	[WEIR_VM_POLICY_DEFAULT] = "default",
	[WEIR_VM_POLICY_PREFERRED] = "preferred",
	[WEIR_VM_POLICY_BIND] = "bind",
	[WEIR_VM_POLICY_INTERLEAVE] = "interleave",
};

static int get_policy(const struct weir_tree *keys, enum weir_vm_policy *out,
                      struct weir_err *err)
{
	struct weir_str text;

	if (!weir_qemu_get(keys, "policy", &text))
		return 0;
	for (size_t i = 0; i < WEIR_NELEM(policies); i++) {
		if (!weir_str_eq(text, policies[i]))
			continue;
		*out = (enum weir_vm_policy)i;
		return 0;
	}
	return weir_err_set(err, -EBADMSG,
	                    "policy is none of default, preferred, bind, interleave "
	                    "(QEMU: Parameter 'policy' does not accept value '%.*s')",
	                    WEIR_STR_ARG(text));
}

/* What QEMU refuses: backends/hostmem.c, host_memory_backend_memory_complete(). */
static int check(const struct weir_tree *keys, struct weir_str type,
                 const struct weir_vm_memory *memory, struct weir_err *err)
{
	struct weir_str text = weir_str("", 0);

	if (!memory->size_bytes && !weir_qemu_get(keys, "size", &text))
		return weir_err_set(err, -EBADMSG,
		                    "no size (QEMU: Parameter 'size' is missing)");
	if (!memory->size_bytes)
		return weir_err_set(err, -EBADMSG,
		                    "no memory (QEMU: property 'size' of %.*s doesn't "
		                    "take value '0')",
		                    WEIR_STR_ARG(type));
	if (memory->backing == WEIR_BACKING_FILE && !memory->path)
		return weir_err_set(err, -EBADMSG,
		                    "no path (QEMU: Parameter 'mem-path' is missing)");
	if (memory->prealloc && !memory->reserve)
		return weir_err_set(err, -EBADMSG,
		                    "both at once, perhaps by -mem-prealloc (QEMU: "
		                    "'prealloc=on' and 'reserve=off' are incompatible)");
	/* QEMU's own words are as long as a message may be */
	if (memory->policy == WEIR_VM_POLICY_DEFAULT && memory->host_nodes)
		return weir_err_set(err, -EBADMSG,
		                    "QEMU: host-nodes must be empty for policy default, "
		                    "or you should explicitly specify a policy other "
		                    "than default");
	if (memory->policy != WEIR_VM_POLICY_DEFAULT && !memory->host_nodes)
		return weir_err_set(err, -EBADMSG,
		                    "policy wants nodes (QEMU: host-nodes must be set "
		                    "for policy %s)",
		                    policies[memory->policy]);
	if (memory->align_bytes & (memory->align_bytes - 1))
		return weir_err_set(err, -EBADMSG,
		                    "align (QEMU: alignment 0x%" PRIx64
		                    " must be a power of two)",
		                    memory->align_bytes);
	return 0;
}

static int get_file(const struct weir_tree *keys, struct weir_vm_memory *memory,
                    struct weir_err *err)
{
	struct weir_str path;
	int r = weir_qemu_get_size(keys, "align", 'B', &memory->align_bytes, err);

	if (r < 0 || !weir_qemu_get(keys, "mem-path", &path) || !path.n)
		return r;
	return weir_vm_text(&memory->path, path);
}

/* QEMU looks at hugetlbsize also where hugetlb is off and it comes to nothing. */
static int get_memfd(const struct weir_tree *keys, struct weir_vm_memory *memory,
                     struct weir_err *err)
{
	uint64_t page_bytes = 0;
	struct weir_str text;
	int r = weir_qemu_get_switch(keys, "hugetlb", &memory->huge, err);

	if (r == 0)
		r = weir_qemu_get_size(keys, "hugetlbsize", 'B', &page_bytes, err);
	if (r < 0 || !weir_qemu_get(keys, "hugetlbsize", &text))
		return r;
	if (!page_bytes)
		return weir_err_set(err, -EBADMSG,
		                    "hugetlbsize=0 (QEMU: Property 'memory-backend-memfd."
		                    "hugetlbsize' doesn't take value '0')");
	if (page_bytes & (page_bytes - 1))
		return weir_err_set(err, -EBADMSG,
		                    "hugetlbsize=%.*s (QEMU: Hugepage size must be a "
		                    "power of 2)",
		                    WEIR_STR_ARG(text));
	memory->page_bytes = memory->huge ? page_bytes : 0;
	return 0;
}

static int get_threads(const struct weir_tree *keys, struct weir_str type, uint64_t *out,
                       struct weir_err *err)
{
	struct weir_str text;
	int r = weir_qemu_get_number(keys, "prealloc-threads", out, err);

	if (r == 0 && !*out && weir_qemu_get(keys, "prealloc-threads", &text))
		return weir_err_set(err, -EBADMSG,
		                    "no thread (QEMU: property 'prealloc-threads' of "
		                    "%.*s doesn't take value '0')",
		                    WEIR_STR_ARG(type));
	return r;
}

int weir_qemu_backend_keys(const struct weir_tree *keys, struct weir_str type,
                           bool fallback_prealloc, struct weir_vm_memory *memory,
                           struct weir_err *err)
{
	bool is_file = weir_str_eq(type, "memory-backend-file");
	/* shm (QEMU 9.1) is a memfd under another name */
	bool is_memfd = weir_str_eq(type, "memory-backend-memfd") ||
	                weir_str_eq(type, "memory-backend-shm");
	int r;

	memory->reserve = true;
	memory->guest_node = -1;
	memory->prealloc = fallback_prealloc;
	memory->shared = is_memfd; /* hostmem-memfd.c: its default */
	memory->backing = is_file    ? WEIR_BACKING_FILE
	                  : is_memfd ? WEIR_BACKING_MEMFD
	                             : WEIR_BACKING_ANON;
	r = weir_qemu_get_size(keys, "size", 'B', &memory->size_bytes, err);
	if (r == 0)
		r = weir_qemu_get_switch(keys, "share", &memory->shared, err);
	if (r == 0)
		r = weir_qemu_get_switch(keys, "prealloc", &memory->prealloc, err);
	if (r == 0)
		r = weir_qemu_get_switch(keys, "reserve", &memory->reserve, err);
	if (r == 0)
		r = get_threads(keys, type, &memory->prealloc_threads, err);
	if (r == 0)
		r = get_policy(keys, &memory->policy, err);
	if (r == 0)
		r = get_nodes(keys, "host-nodes", &memory->host_nodes, err);
	if (r == 0 && is_file)
		r = get_file(keys, memory, err);
	if (r == 0 && is_memfd)
		r = get_memfd(keys, memory, err);
	return r < 0 ? r : check(keys, type, memory, err);
}

/* CPUs that are named one by one are not read: that they exist is taken for granted. */
int weir_qemu_context_keys(const struct weir_tree *keys, struct weir_demand *demand,
                           struct weir_err *err)
{
	struct weir_str text;
	uint64_t nodes = 0;
	int r = get_nodes(keys, "node-affinity", &nodes, err);

	if (r < 0 || !nodes)
		return r;
	if (weir_qemu_get(keys, "cpu-affinity", &text))
		return weir_err_set(err, -EBADMSG,
		                    "cpu-affinity and node-affinity (QEMU: Mixing CPU "
		                    "and node affinity not supported)");
	r = weir_grow(&demand->thread_nodes, &demand->cap_thread_nodes,
	              demand->nr_thread_nodes, sizeof(*demand->thread_nodes));
	if (r == 0)
		demand->thread_nodes[demand->nr_thread_nodes++] = nodes;
	return r;
}
