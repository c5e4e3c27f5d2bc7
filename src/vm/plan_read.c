/* plan_read: see plan_read.h. A mapping is read by the table of its keys; the words of an
 * error list what there is, from the same table. */
#include "vm/plan_read.h"

#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <stdio.h>

#define VFIO_MAX 4096U /* devices of one VM; PCI has places for 65,536 */

typedef const struct weir_tree_node entry; /* a key with its value */

int weir_plan_wrong(const struct weir_plan_reader *rd, entry *e, const char *what)
{
	struct weir_str key = weir_tree_name(rd->tree, e);
	struct weir_str text = weir_tree_text(rd->tree, e);

	if (e->type != WEIR_TREE_TEXT)
		(void)weir_err_set(rd->err, -EBADMSG, "line %u: %.*s: %s", e->line,
		                   WEIR_STR_ARG(key), what);
	else
		(void)weir_err_set(rd->err, -EBADMSG, "line %u: %.*s: '%.*s' %s", e->line,
		                   WEIR_STR_ARG(key), WEIR_STR_ARG(text), what);
	return -EBADMSG;
}

/* ---- values ------------------------------------------------------------------------ */

static int get_text(const struct weir_plan_reader *rd, entry *e, struct weir_str *out)
{
	if (e->type != WEIR_TREE_TEXT || !e->text_n)
		return weir_plan_wrong(rd, e, "one value is wanted");
	*out = weir_tree_text(rd->tree, e);
	return 0;
}

static int get_size(const struct weir_plan_reader *rd, entry *e, bool zero_is_fine,
                    uint64_t *out)
{
	struct weir_str text = weir_str("", 0);
	uint64_t bytes;
	int r = get_text(rd, e, &text);

	if (r < 0)
		return r;
	r = weir_parse_size(text, &bytes);
	if (r == -EBADMSG)
		return weir_plan_wrong(rd, e, "is no size: digits, then K, M, G or T");
	if (r < 0 || bytes > WEIR_VM_BYTES_MAX)
		return weir_plan_wrong(rd, e, "is more than 4P");
	if (!bytes && !zero_is_fine)
		return weir_plan_wrong(rd, e, "is no memory");
	*out = bytes;
	return 0;
}

static int get_number(const struct weir_plan_reader *rd, entry *e, uint64_t max,
                      uint64_t *out)
{
	struct weir_str text = weir_str("", 0);
	uint64_t n;
	int r = get_text(rd, e, &text);

	if (r < 0)
		return r;
	if (weir_parse_u64(text, &n) < 0)
		return weir_plan_wrong(rd, e, "is no number");
	if (n > max)
		return weir_plan_wrong(rd, e, "is too large");
	*out = n;
	return 0;
}

static int get_bool(const struct weir_plan_reader *rd, entry *e, bool *out)
{
	static const char *const yes[] = { "true", "yes", "on" };
	static const char *const no[] = { "false", "no", "off" };
	struct weir_str text = weir_str("", 0);
	int r = get_text(rd, e, &text);

	if (r < 0)
		return r;
	for (size_t i = 0; i < WEIR_NELEM(yes); i++) {
		if (!weir_str_eq(text, yes[i]) && !weir_str_eq(text, no[i]))
			continue;
		*out = weir_str_eq(text, yes[i]);
		return 0;
	}
	return weir_plan_wrong(rd, e, "is neither true nor false");
}

static int add_nodes(const struct weir_plan_reader *rd, entry *e, struct weir_str text,
                     uint64_t *mask)
{
	struct weir_str part, first, last;
	uint64_t from, to;

	while (weir_str_cut(&text, ',', &part)) {
		first = last = part;
		(void)weir_str_split(part, '-', &first, &last);
		if (weir_parse_u64(first, &from) < 0 || weir_parse_u64(last, &to) < 0 ||
		    from > to)
			return weir_plan_wrong(rd, e,
			                       "is no list of nodes such as 0,2-3");
		if (to >= WEIR_VM_NODES_MAX)
			return weir_plan_wrong(rd, e, "has nodes above 63");
		for (uint64_t node = from; node <= to; node++)
			*mask |= UINT64_C(1) << node;
	}
	return 0;
}

/* 0-3,8 or [0, 1, 8] */
static int get_nodes(const struct weir_plan_reader *rd, entry *e, uint64_t *out)
{
	uint64_t mask = 0;
	struct weir_str text = weir_str("", 0);
	int r = 0;

	if (e->type == WEIR_TREE_LIST) {
		for (entry *item = weir_tree_first(rd->tree, e); item;
		     item = weir_tree_next(rd->tree, item)) {
			if (r == 0)
				r = get_text(rd, item, &text);
			if (r == 0)
				r = add_nodes(rd, item, text, &mask);
		}
	} else {
		r = get_text(rd, e, &text);
		if (r == 0)
			r = add_nodes(rd, e, text, &mask);
	}
	if (r == 0 && !mask)
		return weir_plan_wrong(rd, e, "has no node");
	if (r == 0)
		*out = mask;
	return r;
}

struct word {
	const char *word;
	unsigned int value;
};

static int get_word(const struct weir_plan_reader *rd, entry *e, const struct word *words,
                    size_t nr, unsigned int *out)
{
	char choice[128] = "is none of";
	struct weir_str text = weir_str("", 0);
	int r = get_text(rd, e, &text);

	if (r < 0)
		return r;
	for (size_t i = 0; i < nr; i++) {
		size_t n = strlen(choice);

		if (weir_str_eq(text, words[i].word)) {
			*out = words[i].value;
			return 0;
		}
		(void)snprintf(choice + n, sizeof(choice) - n, "%s %s", i ? "," : "",
		               words[i].word);
	}
	return weir_plan_wrong(rd, e, choice);
}

static int get_policy(const struct weir_plan_reader *rd, entry *e,
                      struct weir_plan_memory *said)
{
	static const struct word words[] = {
		{ "default", WEIR_VM_POLICY_DEFAULT },
		{ "preferred", WEIR_VM_POLICY_PREFERRED },
		{ "bind", WEIR_VM_POLICY_BIND },
		{ "interleave", WEIR_VM_POLICY_INTERLEAVE },
	};
	unsigned int policy = 0;
	int r = get_word(rd, e, words, WEIR_NELEM(words), &policy);

	said->policy = (enum weir_vm_policy)policy;
	said->policy_said = true;
	return r;
}

static int get_backing(const struct weir_plan_reader *rd, entry *e,
                       struct weir_plan_memory *said)
{
	static const struct word words[] = {
		{ "anon", WEIR_PLAN_ANON },
		{ "memfd", WEIR_PLAN_MEMFD },
		{ "file", WEIR_PLAN_FILE },
		{ "hugetlbfs", WEIR_PLAN_HUGETLBFS },
	};
	unsigned int backing = 0;
	int r = get_word(rd, e, words, WEIR_NELEM(words), &backing);

	said->backing = (enum weir_plan_backing)backing;
	return r;
}

static int get_pages(const struct weir_plan_reader *rd, entry *e,
                     struct weir_plan_memory *said)
{
	struct weir_str text = weir_str("", 0);
	uint64_t bytes;
	int r = get_text(rd, e, &text);

	if (r < 0)
		return r;
	said->pages = WEIR_PLAN_PAGES_HUGE;
	said->page_bytes = 0;
	if (weir_str_eq(text, "huge"))
		return 0;
	if (weir_parse_size(text, &bytes) < 0 || !bytes || bytes & (bytes - 1) ||
	    bytes < 4 * WEIR_KIB || bytes > 64 * WEIR_GIB)
		return weir_plan_wrong(rd, e,
		                       "is no page size such as 4K, 2M, 1G, or huge");
	if (bytes == 4 * WEIR_KIB)
		said->pages = WEIR_PLAN_PAGES_SMALL;
	else
		said->page_bytes = bytes;
	return 0;
}

static int get_kind(const struct weir_plan_reader *rd, entry *e, enum weir_vm_kind *out)
{
	struct weir_str text = weir_str("", 0);
	int r = get_text(rd, e, &text);

	if (r < 0 || weir_vm_kind_find(text, out))
		return r;
	return weir_plan_wrong(
		rd, e, "is none of plain, sev, sev-es, snp, csv1, csv2, csv3, tdx");
}

/* ---- keys -------------------------------------------------------------------------- */

enum key {
	KEY_BACKING,
	KEY_COUNT,
	KEY_CPUSET,
	KEY_FREE_PAGE_REPORTING,
	KEY_HOST_NODES,
	KEY_KIND,
	KEY_LOCKED,
	KEY_MEMLOCK,
	KEY_MEMORY,
	KEY_NAME,
	KEY_NODE,
	KEY_NODES,
	KEY_OVERHEAD,
	KEY_PAGES,
	KEY_PATH,
	KEY_POLICY,
	KEY_PREALLOC,
	KEY_REQUESTED,
	KEY_RESERVE,
	KEY_SHARED,
	KEY_VFIO,
	KEY_VIRTIO_MEM,
};

struct key_name {
	const char *name;
	enum key key;
};

static const struct key_name vm_keys[] = {
	{ "name", KEY_NAME },
	{ "kind", KEY_KIND },
	{ "memory", KEY_MEMORY },
	{ "nodes", KEY_NODES },
	{ "pages", KEY_PAGES },
	{ "backing", KEY_BACKING },
	{ "path", KEY_PATH },
	{ "shared", KEY_SHARED },
	{ "prealloc", KEY_PREALLOC },
	{ "reserve", KEY_RESERVE },
	{ "host-nodes", KEY_HOST_NODES },
	{ "policy", KEY_POLICY },
	{ "cpuset", KEY_CPUSET },
	{ "locked", KEY_LOCKED },
	{ "vfio", KEY_VFIO },
	{ "memlock", KEY_MEMLOCK },
	{ "overhead", KEY_OVERHEAD },
	{ "free-page-reporting", KEY_FREE_PAGE_REPORTING },
	{ "virtio-mem", KEY_VIRTIO_MEM },
	{ "count", KEY_COUNT },
};

static const struct key_name node_keys[] = {
	{ "memory", KEY_MEMORY },
	{ "host", KEY_HOST_NODES },
	{ "policy", KEY_POLICY },
	{ "pages", KEY_PAGES },
};

static const struct key_name virtio_mem_keys[] = {
	{ "size", KEY_MEMORY },       { "requested", KEY_REQUESTED },
	{ "node", KEY_NODE },         { "host", KEY_HOST_NODES },
	{ "policy", KEY_POLICY },     { "pages", KEY_PAGES },
	{ "prealloc", KEY_PREALLOC }, { "reserve", KEY_RESERVE },
};

static const struct key_name file_keys[] = {
	{ "vms", KEY_NAME },
};

static int find_key(const struct weir_plan_reader *rd, entry *e,
                    const struct key_name *keys, size_t nr, enum key *out)
{
	struct weir_str name = weir_tree_name(rd->tree, e);
	char all[sizeof(((struct weir_err *)0)->msg)] = "";

	for (size_t i = 0; i < nr; i++) {
		size_t n = strlen(all);

		if (weir_str_eq(name, keys[i].name)) {
			*out = keys[i].key;
			return 0;
		}
		(void)snprintf(all + n, sizeof(all) - n, "%s%s", i ? ", " : "",
		               keys[i].name);
	}
	return weir_err_set(rd->err, -EBADMSG,
	                    "line %u: no such key '%.*s'; there are %s", e->line,
	                    (int)(name.n < 30 ? name.n : 30), name.p, all);
}

static int read_switches(const struct weir_plan_reader *rd, entry *e, enum key key,
                         struct weir_plan_memory *said)
{
	bool on = false;
	int r = get_bool(rd, e, &on);

	if (key == KEY_PREALLOC) {
		said->prealloc = on;
	} else if (key == KEY_RESERVE) {
		said->no_reserve = !on;
	} else {
		said->shared_said = true;
		said->shared = on;
	}
	return r;
}

/* The keys of a VM's memory, of a guest node and of virtio-mem. */
static int read_memory_key(const struct weir_plan_reader *rd, entry *e, enum key key,
                           struct weir_plan_memory *said)
{
	uint64_t node = 0;
	int r;

	switch (key) {
	case KEY_MEMORY:
		said->has_size = true;
		return get_size(rd, e, false, &said->bytes);
	case KEY_PAGES: return get_pages(rd, e, said);
	case KEY_BACKING: return get_backing(rd, e, said);
	case KEY_PATH: return get_text(rd, e, &said->path);
	case KEY_PREALLOC:
	case KEY_RESERVE:
	case KEY_SHARED: return read_switches(rd, e, key, said);
	case KEY_HOST_NODES: return get_nodes(rd, e, &said->host_nodes);
	case KEY_POLICY: return get_policy(rd, e, said);
	case KEY_REQUESTED: return get_size(rd, e, true, &said->requested);
	case KEY_NODE:
		r = get_number(rd, e, WEIR_VM_NODES_MAX - 1, &node);
		said->node = (unsigned int)node;
		return r;
	case KEY_COUNT:
	case KEY_CPUSET:
	case KEY_FREE_PAGE_REPORTING:
	case KEY_KIND:
	case KEY_LOCKED:
	case KEY_MEMLOCK:
	case KEY_NAME:
	case KEY_NODES:
	case KEY_OVERHEAD:
	case KEY_VFIO:
	case KEY_VIRTIO_MEM: break;
	}
	return -EINVAL; /* of no table of memory */
}

static int get_memlock(const struct weir_plan_reader *rd, entry *e,
                       struct weir_plan_vm *said)
{
	said->memlock_said = true;
	if (weir_str_eq(weir_tree_text(rd->tree, e), "unlimited")) {
		said->memlock_bytes = UINT64_MAX;
		return 0;
	}
	return get_size(rd, e, true, &said->memlock_bytes);
}

static int get_list(const struct weir_plan_reader *rd, entry *e,
                    const struct weir_tree_node **out)
{
	if (e->type != WEIR_TREE_LIST || !e->first)
		return weir_plan_wrong(rd, e, "a list of mappings is wanted");
	*out = e;
	return 0;
}

static int get_name(const struct weir_plan_reader *rd, entry *e, struct weir_str *out)
{
	int r = get_text(rd, e, out);

	if (r == 0 && out->n > WEIR_VM_NAME_MAX - 5) /* room for "-1024" */
		return weir_plan_wrong(rd, e, "is too long a name");
	return r;
}

static int get_count(const struct weir_plan_reader *rd, entry *e,
                     struct weir_plan_vm *said)
{
	int r = get_number(rd, e, WEIR_VM_DEMANDS_MAX, &said->count);

	said->count_said = true;
	if (r == 0 && !said->count)
		return weir_plan_wrong(rd, e, "is none");
	return r;
}

static int read_vm_key(const struct weir_plan_reader *rd, entry *e,
                       struct weir_plan_vm *said)
{
	enum key key;
	int r = find_key(rd, e, vm_keys, WEIR_NELEM(vm_keys), &key);

	if (r < 0)
		return r;
	switch (key) {
	case KEY_NAME: return get_name(rd, e, &said->name);
	case KEY_KIND: return get_kind(rd, e, &said->kind);
	case KEY_NODES: return get_list(rd, e, &said->nodes);
	case KEY_VIRTIO_MEM: return get_list(rd, e, &said->virtio_mem);
	case KEY_CPUSET: return get_nodes(rd, e, &said->cpuset);
	case KEY_LOCKED: return get_bool(rd, e, &said->locked);
	case KEY_FREE_PAGE_REPORTING: return get_bool(rd, e, &said->free_page_reporting);
	case KEY_VFIO: return get_number(rd, e, VFIO_MAX, &said->nr_vfio);
	case KEY_MEMLOCK: return get_memlock(rd, e, said);
	case KEY_OVERHEAD: return get_size(rd, e, true, &said->overhead);
	case KEY_COUNT: return get_count(rd, e, said);
	case KEY_BACKING:
	case KEY_HOST_NODES:
	case KEY_MEMORY:
	case KEY_NODE:
	case KEY_PAGES:
	case KEY_PATH:
	case KEY_POLICY:
	case KEY_PREALLOC:
	case KEY_REQUESTED:
	case KEY_RESERVE:
	case KEY_SHARED: break;
	}
	return read_memory_key(rd, e, key, &said->memory);
}

/* A mapping of @keys, over what @said already has. */
static int read_memory_map(const struct weir_plan_reader *rd,
                           const struct weir_tree_node *map, const struct key_name *keys,
                           size_t nr, struct weir_plan_memory *said)
{
	enum key key;

	said->line = map->line;
	if (map->type != WEIR_TREE_MAP)
		return weir_err_set(rd->err, -EBADMSG,
		                    "line %u: a mapping such as {%s: 8G} is wanted",
		                    map->line, keys[0].name);
	for (entry *e = weir_tree_first(rd->tree, map); e;
	     e = weir_tree_next(rd->tree, e)) {
		int r = find_key(rd, e, keys, nr, &key);

		if (r == 0)
			r = read_memory_key(rd, e, key, said);
		if (r < 0)
			return r;
	}
	if (!said->has_size)
		return weir_err_set(rd->err, -EBADMSG, "line %u: '%s' is missing",
		                    map->line, keys[0].name);
	return 0;
}

int weir_plan_read_node(const struct weir_plan_reader *rd,
                        const struct weir_tree_node *map, struct weir_plan_memory *said)
{
	return read_memory_map(rd, map, node_keys, WEIR_NELEM(node_keys), said);
}

int weir_plan_read_virtio_mem(const struct weir_plan_reader *rd,
                              const struct weir_tree_node *map,
                              struct weir_plan_memory *said)
{
	return read_memory_map(rd, map, virtio_mem_keys, WEIR_NELEM(virtio_mem_keys),
	                       said);
}

int weir_plan_read_vm(const struct weir_plan_reader *rd, const struct weir_tree_node *map,
                      struct weir_plan_vm *said)
{
	int r = 0;

	if (map->type != WEIR_TREE_MAP)
		return weir_err_set(rd->err, -EBADMSG,
		                    "line %u: a VM is a mapping such as {memory: 8G}",
		                    map->line);
	for (entry *e = weir_tree_first(rd->tree, map); r == 0 && e;
	     e = weir_tree_next(rd->tree, e))
		r = read_vm_key(rd, e, said);
	return r;
}

int weir_plan_read_top(const struct weir_plan_reader *rd,
                       const struct weir_tree_node **out)
{
	const struct weir_tree_node *top = &rd->tree->v[0], *list = NULL;
	enum key key;
	int r = 0;

	for (entry *e = weir_tree_first(rd->tree, top); e;
	     e = weir_tree_next(rd->tree, e))
		if (weir_str_eq(weir_tree_name(rd->tree, e), "vms"))
			list = e;
	*out = NULL;
	if (!list)
		return 0;
	for (entry *e = weir_tree_first(rd->tree, top); r == 0 && e;
	     e = weir_tree_next(rd->tree, e))
		r = find_key(rd, e, file_keys, WEIR_NELEM(file_keys), &key);
	return r < 0 ? r : get_list(rd, list, out);
}
