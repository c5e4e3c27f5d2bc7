/* plan_file: see plan_file.h.
 *
 * A mapping is read into a struct of what was said (plan_read.h); what that comes to is
 * decided here, when all keys are known, as their order means nothing. Confessed: pages
 * of 4K are "no huge pages", also on hosts whose own pages are larger. */
#include "vm/plan_file.h"

#include "vm/plan_read.h"

#include "base/own.h"

#include <errno.h>
#include <stdio.h>

static int refuse(const struct weir_plan_reader *rd, const struct weir_plan_memory *said,
                  const char *words)
{
	(void)weir_err_set(rd->err, -EBADMSG, "line %u: %s", said->line, words);
	return -EBADMSG;
}

static int set_backing(const struct weir_plan_reader *rd,
                       const struct weir_plan_memory *said, struct weir_vm_memory *memory)
{
	bool huge = said->pages == WEIR_PLAN_PAGES_HUGE;

	memory->page_bytes = huge ? said->page_bytes : 0;
	memory->huge = huge;
	if (said->path.n && said->backing != WEIR_PLAN_FILE &&
	    said->backing != WEIR_PLAN_HUGETLBFS)
		return refuse(rd, said, "path wants backing: file or hugetlbfs");
	switch (said->backing) {
	case WEIR_PLAN_BACKING_UNSAID:
		memory->backing = huge ? WEIR_BACKING_HUGE : WEIR_BACKING_ANON;
		return 0;
	case WEIR_PLAN_ANON:
		if (huge)
			return refuse(rd, said,
			              "anon has no huge pages; memfd and hugetlbfs have");
		memory->backing = WEIR_BACKING_ANON;
		return 0;
	case WEIR_PLAN_MEMFD: memory->backing = WEIR_BACKING_MEMFD; return 0;
	case WEIR_PLAN_FILE:
		if (!said->path.n)
			return refuse(rd, said, "backing: file wants a path");
		if (huge)
			return refuse(rd, said, "huge pages want backing: hugetlbfs");
		memory->backing = WEIR_BACKING_FILE;
		return weir_vm_text(&memory->path, said->path);
	case WEIR_PLAN_HUGETLBFS: break;
	}
	if (said->pages == WEIR_PLAN_PAGES_SMALL)
		return refuse(rd, said, "hugetlbfs has no pages of 4K");
	if (!said->path.n) {
		memory->backing = WEIR_BACKING_HUGE;
		memory->huge = true;
		return 0;
	}
	memory->backing = WEIR_BACKING_FILE; /* what its mount is, is the host's word */
	memory->huge = false;
	return weir_vm_text(&memory->path, said->path);
}

static int set_policy(const struct weir_plan_reader *rd,
                      const struct weir_plan_memory *said, struct weir_vm_memory *memory)
{
	memory->host_nodes = said->host_nodes;
	memory->policy = said->policy;
	if (said->host_nodes && !said->policy_said)
		memory->policy = WEIR_VM_POLICY_BIND;
	if (!said->host_nodes && memory->policy != WEIR_VM_POLICY_DEFAULT)
		return refuse(rd, said, "policy wants host nodes");
	if (said->host_nodes && memory->policy == WEIR_VM_POLICY_DEFAULT)
		return refuse(rd, said, "host nodes want a policy other than default");
	return 0;
}

static int add_memory(const struct weir_plan_reader *rd,
                      const struct weir_plan_memory *said, struct weir_str id,
                      struct weir_demand *demand, struct weir_vm_memory **out)
{
	struct weir_vm_memory *memory = weir_demand_add(demand);
	int r;

	if (!memory)
		return -ENOMEM;
	memory->size_bytes = said->bytes;
	memory->prealloc = said->prealloc;
	memory->reserve = !said->no_reserve;
	r = set_backing(rd, said, memory);
	if (r == 0)
		r = set_policy(rd, said, memory);
	if (r == 0)
		r = weir_vm_text(&memory->id, id);
	if (r < 0)
		return r;
	/* as with QEMU, a memfd is shared unless it is said not to be */
	memory->shared = said->shared_said ? said->shared
	                                   : said->backing == WEIR_PLAN_MEMFD;
	*out = memory;
	return 0;
}

static int add_ram(const struct weir_plan_reader *rd, const struct weir_plan_memory *said,
                   struct weir_str id, struct weir_demand *demand,
                   struct weir_vm_memory **out)
{
	if (said->prealloc && said->no_reserve)
		return refuse(rd, said, "prealloc and reserve: off exclude each other");
	demand->ram_bytes += said->bytes; /* of 64, each at most 2^52 */
	return add_memory(rd, said, id, demand, out);
}

static int add_guest_nodes(const struct weir_plan_reader *rd,
                           const struct weir_plan_vm *vm, struct weir_demand *demand)
{
	struct weir_vm_memory *memory = NULL;
	char id[32];
	int node = 0;

	for (const struct weir_tree_node *map = weir_tree_first(rd->tree, vm->nodes); map;
	     map = weir_tree_next(rd->tree, map)) {
		struct weir_plan_memory said = vm->memory;
		int r, n = snprintf(id, sizeof(id), "ram-node%d", node);

		if (node == WEIR_VM_NODES_MAX)
			return weir_plan_wrong(rd, vm->nodes, "more than 64");
		r = weir_plan_read_node(rd, map, &said);
		if (r == 0)
			r = add_ram(rd, &said, weir_str(id, (size_t)n), demand, &memory);
		if (r < 0 || !memory)
			return r;
		memory->guest_node = node++;
	}
	return 0;
}

static int add_virtio_mem(const struct weir_plan_reader *rd,
                          const struct weir_plan_vm *vm, struct weir_demand *demand)
{
	size_t nr_nodes = demand->nr_memory; /* one without 'nodes' */
	struct weir_vm_memory *memory = NULL;
	char id[32];
	unsigned int nr = 0;

	if (!vm->virtio_mem)
		return 0;
	for (const struct weir_tree_node *map = weir_tree_first(rd->tree, vm->virtio_mem);
	     map; map = weir_tree_next(rd->tree, map)) {
		struct weir_plan_memory said = vm->memory;
		int r, n = snprintf(id, sizeof(id), "vmem%u", nr++);

		if (demand->nr_memory == WEIR_VM_MEMORIES_MAX)
			return weir_plan_wrong(rd, vm->virtio_mem, "too many");
		/* as libvirt does: what is not plugged is not reserved, and what is
		 * plugged is allocated by the device when RAM is at start */
		said.has_size = false;
		said.no_reserve = true;
		r = weir_plan_read_virtio_mem(rd, map, &said);
		if (r == 0 && said.requested > said.bytes)
			r = refuse(rd, &said, "requested is more than size");
		if (r == 0 && said.node >= nr_nodes)
			r = refuse(rd, &said, "there is no such guest node");
		if (r == 0)
			r = add_memory(rd, &said, weir_str(id, (size_t)n), demand,
			               &memory);
		if (r < 0 || !memory)
			return r;
		memory->is_device = true;
		memory->is_whole = true;
		memory->is_virtio_mem = true;
		memory->device_prealloc = said.prealloc;
		memory->prealloc = false;
		memory->requested_bytes = said.requested;
		memory->guest_node = (int)said.node;
	}
	return 0;
}

/* The policy that has this kind; weir_vm_sev_kind() reads it back. */
static uint64_t guest_policy(enum weir_vm_kind kind)
{
	switch (kind) {
	case WEIR_VM_SEV:
	case WEIR_VM_CSV1: return 0x1;
	case WEIR_VM_SEV_ES:
	case WEIR_VM_CSV2: return 0x5;
	case WEIR_VM_CSV3: return 0x45;
	case WEIR_VM_SNP: return 0x30000;
	case WEIR_VM_PLAIN:
	case WEIR_VM_TDX: break;
	}
	return 0;
}

static int fill(const struct weir_plan_reader *rd, const struct weir_plan_vm *vm,
                struct weir_demand *demand)
{
	struct weir_vm_memory *memory = NULL;
	int r;

	demand->kind = vm->kind;
	demand->has_guest_object = vm->kind != WEIR_VM_PLAIN;
	demand->guest_policy = guest_policy(vm->kind);
	demand->mem_lock = vm->locked;
	demand->nr_vfio = vm->nr_vfio;
	demand->task_nodes = vm->cpuset;
	demand->memlock_known = vm->memlock_said;
	demand->memlock_bytes = vm->memlock_bytes;
	demand->overhead_bytes = vm->overhead;
	demand->free_page_reporting = vm->free_page_reporting;
	if (vm->nodes)
		r = add_guest_nodes(rd, vm, demand);
	else
		r = add_ram(rd, &vm->memory, weir_strz("pc.ram"), demand, &memory);
	return r < 0 ? r : add_virtio_mem(rd, vm, demand);
}

static bool is_taken(const struct weir_plan_reader *rd, struct weir_str name)
{
	for (size_t i = 0; i < rd->demands.nr; i++)
		if (weir_str_eq(name, rd->demands.v[i].name))
			return true;
	return false;
}

/* The @nth of @vm, or the only one. */
static int add_one(struct weir_plan_reader *rd, const struct weir_plan_vm *vm,
                   uint64_t nth)
{
	char text[WEIR_VM_NAME_MAX + 1];
	struct weir_demand demand = { 0 };
	int n, r;

	n = vm->count_said
	            ? snprintf(text, sizeof(text), "%.*s-%ju", (int)vm->name.n,
	                       vm->name.p, (uintmax_t)nth)
	            : snprintf(text, sizeof(text), "%.*s", (int)vm->name.n, vm->name.p);
	if (rd->demands.nr == WEIR_VM_DEMANDS_MAX)
		return weir_err_set(rd->err, -E2BIG, "line %u: more than %u VMs",
		                    vm->line, WEIR_VM_DEMANDS_MAX);
	if (is_taken(rd, weir_str(text, (size_t)n)))
		return weir_err_set(rd->err, -EBADMSG,
		                    "line %u: a second VM of the name '%.*s'", vm->line,
		                    WEIR_STR_ARG(weir_strz(text)));
	r = weir_demand_init(&demand, weir_str(text, (size_t)n));
	if (r == 0)
		r = fill(rd, vm, &demand);
	if (r == 0)
		r = weir_demands_take(&rd->demands, &demand);
	if (r < 0)
		weir_demand_done(&demand);
	return r;
}

static int read_vm(struct weir_plan_reader *rd, const struct weir_tree_node *map)
{
	struct weir_plan_vm vm = { .line = map->line,
		                   .name = weir_strz("vm"),
		                   .count = 1 };
	int r;

	vm.memory.line = map->line;
	vm.memory.path = weir_str("", 0);
	r = weir_plan_read_vm(rd, map, &vm);
	if (r < 0)
		return r;
	if (vm.memory.has_size == (vm.nodes != NULL))
		return weir_err_set(rd->err, -EBADMSG,
		                    "line %u: a VM has either 'memory' or 'nodes'",
		                    map->line);
	for (uint64_t nth = 1; r == 0 && nth <= vm.count; nth++)
		r = add_one(rd, &vm, nth);
	return r;
}

static int read_file(struct weir_plan_reader *rd)
{
	const struct weir_tree_node *list = NULL;
	int r = weir_plan_read_top(rd, &list);

	if (r == 0 && !list)
		return read_vm(rd, &rd->tree->v[0]);
	for (const struct weir_tree_node *map = r == 0 ? weir_tree_first(rd->tree, list)
	                                               : NULL;
	     r == 0 && map; map = weir_tree_next(rd->tree, map))
		r = read_vm(rd, map);
	return r;
}

int weir_plan_file_parse(struct weir_str text, struct weir_demands *out,
                         struct weir_err *err)
{
	weir_auto(weir_tree_done) struct weir_tree tree = { 0 };
	struct weir_plan_reader rd = { .tree = &tree, .err = err };
	int r = weir_tree_yaml(text, &tree, err);

	if (r == 0)
		r = read_file(&rd);
	if (r == 0)
		*out = rd.demands;
	else
		weir_demands_done(&rd.demands);
	return r == -ENOMEM ? weir_err_sys(err, r, "VMs in YAML") : r;
}
