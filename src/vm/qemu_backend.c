/* qemu_backend: the keys of a memory backend. Read from QEMU 7.2: backends/hostmem*.c,
 * qapi/qom.json (MemoryBackendProperties). */
#include "vm/qemu_read.h"

#include "base/own.h"
#include "base/size.h"

#include <errno.h>

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
	if (r < 0 || bytes > WEIR_VM_BYTES_MAX)
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
		return weir_err_set(err, -EBADMSG, "%s='%.*s' is neither on nor off", key,
		                    WEIR_STR_ARG(text));
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
static int add_nodes(struct weir_str text, uint64_t *mask, struct weir_err *err)
{
	struct weir_str first = text, last = text;
	uint64_t from, to;

	(void)weir_str_split(text, '-', &first, &last);
	if (weir_qemu_number(first, &from) < 0 || weir_qemu_number(last, &to) < 0 ||
	    from > to)
		return weir_err_set(err, -EBADMSG,
		                    "host-nodes='%.*s' is neither a node nor a range "
		                    "such as 0-3",
		                    WEIR_STR_ARG(text));
	if (to >= WEIR_VM_NODES_MAX)
		return weir_err_set(err, -EBADMSG, "host-nodes=%.*s: nodes are 0 to %d",
		                    WEIR_STR_ARG(text), WEIR_VM_NODES_MAX - 1);
	for (uint64_t node = from; node <= to; node++)
		*mask |= UINT64_C(1) << node;
	return 0;
}

/* "host-nodes=0-1,host-nodes=3", "host-nodes.0=1", [0, 1], 0: all that are said count. */
static int get_host_nodes(const struct weir_tree *keys, uint64_t *mask,
                          struct weir_err *err)
{
	int r = 0;

	for (const struct weir_tree_node *child = weir_tree_first(keys, &keys->v[0]);
	     child; child = weir_tree_next(keys, child)) {
		struct weir_str name = weir_tree_name(keys, child);

		if (!weir_str_eq(name, "host-nodes") &&
		    !weir_str_starts(name, "host-nodes."))
			continue;
		if (child->type == WEIR_TREE_TEXT)
			r = add_nodes(weir_tree_text(keys, child), mask, err);
		for (const struct weir_tree_node *node = weir_tree_first(keys, child);
		     node; node = weir_tree_next(keys, node))
			if (r == 0)
				r = add_nodes(weir_tree_text(keys, node), mask, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int get_policy(const struct weir_tree *keys, enum weir_vm_policy *out,
                      struct weir_err *err)
{
	static const struct {
		const char *word;
		enum weir_vm_policy policy;
	} policies[] = {
		{ "default", WEIR_VM_POLICY_DEFAULT },
		{ "preferred", WEIR_VM_POLICY_PREFERRED },
		{ "bind", WEIR_VM_POLICY_BIND },
		{ "interleave", WEIR_VM_POLICY_INTERLEAVE },
	};
	struct weir_str text;

	if (!weir_qemu_get(keys, "policy", &text))
		return 0;
	for (size_t i = 0; i < WEIR_NELEM(policies); i++) {
		if (!weir_str_eq(text, policies[i].word))
			continue;
		*out = policies[i].policy;
		return 0;
	}
	return weir_err_set(err, -EBADMSG,
	                    "policy='%.*s' is none of default, preferred, bind, "
	                    "interleave",
	                    WEIR_STR_ARG(text));
}

/* What QEMU refuses: backends/hostmem.c, host_memory_backend_memory_complete(). */
static int check(const struct weir_vm_memory *memory, struct weir_err *err)
{
	if (!memory->size_bytes)
		return weir_err_set(err, -EBADMSG, "size is missing or 0");
	if (memory->backing == WEIR_BACKING_FILE && !memory->path)
		return weir_err_set(err, -EBADMSG, "mem-path is missing");
	if (memory->prealloc && !memory->reserve)
		return weir_err_set(err, -EBADMSG,
		                    "prealloc=on and reserve=off exclude each other");
	if (memory->policy == WEIR_VM_POLICY_DEFAULT && memory->host_nodes)
		return weir_err_set(err, -EBADMSG,
		                    "host-nodes wants a policy other than default");
	if (memory->policy != WEIR_VM_POLICY_DEFAULT && !memory->host_nodes)
		return weir_err_set(err, -EBADMSG, "policy wants host-nodes");
	if (memory->page_bytes & (memory->page_bytes - 1))
		return weir_err_set(err, -EBADMSG, "hugetlbsize is no power of two");
	return 0;
}

static int get_file(const struct weir_tree *keys, struct weir_vm_memory *memory)
{
	struct weir_str path;

	if (!weir_qemu_get(keys, "mem-path", &path) || !path.n)
		return 0;
	return weir_vm_text(&memory->path, path);
}

static int get_memfd(const struct weir_tree *keys, struct weir_vm_memory *memory,
                     struct weir_err *err)
{
	int r = weir_qemu_get_switch(keys, "hugetlb", &memory->huge, err);

	if (r == 0 && memory->huge)
		r = weir_qemu_get_size(keys, "hugetlbsize", 'B', &memory->page_bytes,
		                       err);
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
		r = weir_qemu_get_number(keys, "prealloc-threads",
		                         &memory->prealloc_threads, err);
	if (r == 0)
		r = get_policy(keys, &memory->policy, err);
	if (r == 0)
		r = get_host_nodes(keys, &memory->host_nodes, err);
	if (r == 0 && is_file)
		r = get_file(keys, memory);
	if (r == 0 && is_memfd)
		r = get_memfd(keys, memory, err);
	return r < 0 ? r : check(memory, err);
}
