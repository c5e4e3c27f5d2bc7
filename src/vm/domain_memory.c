/* domain_memory: which memory backends libvirt makes of a domain.
 *
 * The rules are those of qemuBuildMemoryBackendProps() in libvirt 9.0, in its order:
 * memfd if that is the source, else huge pages, else a file if the source is "file" or an
 * access mode is said, else anonymous memory. Huge pages and allocation "immediate" mean
 * prealloc. virtio-mem gets reserve=off, and prealloc on its device. The mode of numatune
 * is for all backends that no <memnode> names, and strict and restrictive also bind the
 * process by its cpuset; the two others set its policy (qemuProcessHook()).
 *
 * libvirt rounds memory up to MiB on x86 and arm64, and so does this; on POWER it rounds
 * to 256 MiB. Pages of 4 KiB are the host's own, so that <page size='4'/> is none. */
#include "vm/domain_read.h"

#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <stdio.h>

#define HOST_PAGE 4096U
/* memory_backing_dir of qemu.conf; below it are the domain's name and the backend's */
#define FILE_DIR "/var/lib/libvirt/qemu/ram"

/* ---- memoryBacking ----------------------------------------------------------------- */

static int read_page(struct weir_domain_read *rd, weir_element *element)
{
	struct weir_domain_size size = { .unit = weir_str("", 0), .align = 1 };
	struct weir_domain_page page = { 0 };
	struct weir_str nodeset;
	int r;

	if (rd->nr_pages == WEIR_DOMAIN_PAGES_MAX)
		return weir_domain_wrong(rd, element, "more than %u of them",
		                         WEIR_DOMAIN_PAGES_MAX);
	if (!weir_domain_attr(rd, element, "size", &size.text))
		return weir_domain_wrong(rd, element, "has no size");
	(void)weir_domain_attr(rd, element, "unit", &size.unit);
	r = weir_domain_bytes(rd, element, size, &page.bytes);
	if (r < 0)
		return r;
	if (page.bytes & (page.bytes - 1))
		return weir_domain_wrong(rd, element, "size %.*s is no power of two",
		                         WEIR_STR_ARG(size.text));
	if (weir_domain_attr(rd, element, "nodeset", &nodeset)) {
		r = weir_domain_nodes(rd, element, nodeset, &page.cells);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < rd->nr_pages; i++)
		if (rd->pages[i].cells & page.cells || rd->pages[i].cells == page.cells)
			return weir_domain_wrong(rd, element,
			                         "a guest node has two page sizes");
	rd->pages[rd->nr_pages++] = page;
	return 0;
}

static int read_hugepages(struct weir_domain_read *rd, weir_element *hugepages)
{
	for (weir_element *element = weir_tree_first(rd->tree, hugepages); element;
	     element = weir_tree_next(rd->tree, element)) {
		int r;

		if (!weir_str_eq(weir_tree_name(rd->tree, element), "page") ||
		    element->type != WEIR_TREE_MAP)
			continue;
		r = read_page(rd, element);
		if (r < 0)
			return r;
	}
	if (!rd->nr_pages)
		rd->nr_pages = 1; /* one of the default size, for all */
	return 0;
}

static int read_source(struct weir_domain_read *rd, weir_element *source)
{
	struct weir_str type;

	if (!weir_domain_attr(rd, source, "type", &type))
		return 0;
	if (weir_str_eq(type, "file"))
		rd->source = WEIR_DOMAIN_SOURCE_FILE;
	else if (weir_str_eq(type, "anonymous"))
		rd->source = WEIR_DOMAIN_SOURCE_ANON;
	else if (weir_str_eq(type, "memfd"))
		rd->source = WEIR_DOMAIN_SOURCE_MEMFD;
	else
		return weir_domain_wrong(rd, source,
		                         "type='%.*s' is none of file, anonymous, memfd",
		                         WEIR_STR_ARG(type));
	return 0;
}

static int read_allocation(struct weir_domain_read *rd, weir_element *allocation)
{
	struct weir_str text;

	if (weir_domain_attr(rd, allocation, "mode", &text)) {
		rd->is_immediate = weir_str_eq(text, "immediate");
		if (!rd->is_immediate && !weir_str_eq(text, "ondemand"))
			return weir_domain_wrong(rd, allocation,
			                         "mode='%.*s' is neither immediate nor "
			                         "ondemand",
			                         WEIR_STR_ARG(text));
	}
	if (weir_domain_attr(rd, allocation, "threads", &text) &&
	    weir_parse_u64(text, &rd->threads) < 0)
		return weir_domain_wrong(rd, allocation, "threads='%.*s' is no number",
		                         WEIR_STR_ARG(text));
	return 0;
}

static int read_backing(struct weir_domain_read *rd, weir_element *domain)
{
	weir_element *backing = weir_domain_at(rd, domain, "memoryBacking");
	weir_element *hugepages = weir_domain_at(rd, backing, "hugepages");
	weir_element *source = weir_domain_at(rd, backing, "source");
	weir_element *access = weir_domain_at(rd, backing, "access");
	weir_element *allocation = weir_domain_at(rd, backing, "allocation");
	int r = hugepages ? read_hugepages(rd, hugepages) : 0;

	if (r == 0 && source)
		r = read_source(rd, source);
	if (r == 0 && access)
		r = weir_domain_access(rd, access, "mode", &rd->access);
	if (r == 0 && allocation)
		r = read_allocation(rd, allocation);
	rd->demand->mem_lock = weir_domain_at(rd, backing, "locked") != NULL;
	return r;
}

/* ---- one backend ------------------------------------------------------------------- */

/* What a backend is to be, before the rules at the top decide. */
struct wanted {
	const char *id;
	uint64_t bytes;
	int cell;                       /* -1: none */
	uint64_t page_bytes;            /* a device's own; 0: as memoryBacking says */
	uint64_t nodes;                 /* a device's own; 0: as numatune says */
	enum weir_domain_access access; /* a device's own */
	struct weir_str path;           /* of an NVDIMM */
	bool is_virtio_mem;
};

/* The <page> for this guest node: that with its number, else that without nodeset. */
static const struct weir_domain_page *find_page(const struct weir_domain_read *rd,
                                                int cell)
{
	const struct weir_domain_page *fallback = NULL;

	for (size_t i = 0; i < rd->nr_pages; i++) {
		const struct weir_domain_page *page = &rd->pages[i];

		if (!page->cells || (!rd->nr_cells && page->cells & 1))
			fallback = page; /* nodeset='0' of a guest without nodes */
		else if (cell >= 0 && page->cells >> cell & 1)
			return page;
	}
	return fallback;
}

static void set_policy(const struct weir_domain_read *rd, const struct wanted *wanted,
                       struct weir_vm_memory *memory)
{
	const struct weir_domain_cell *cell = wanted->cell >= 0 ? &rd->cells[wanted->cell]
	                                                        : NULL;
	enum weir_domain_mode mode = rd->mode; /* strict where nothing is said */
	uint64_t nodes = rd->nodes;

	if (cell && cell->is_tuned) {
		mode = cell->mode;
		nodes = cell->nodes;
	}
	if (wanted->nodes)
		nodes = wanted->nodes;
	memory->policy = nodes ? weir_domain_policy(mode) : WEIR_VM_POLICY_DEFAULT;
	memory->host_nodes = memory->policy == WEIR_VM_POLICY_DEFAULT ? 0 : nodes;
}

static int set_backing(const struct weir_domain_read *rd, const struct wanted *wanted,
                       enum weir_domain_access access, struct weir_vm_memory *memory)
{
	const struct weir_domain_page *page = find_page(rd, wanted->cell);
	uint64_t page_bytes = wanted->page_bytes ? wanted->page_bytes
	                      : page             ? page->bytes
	                                         : 0;
	bool huge = (page || wanted->page_bytes) && page_bytes != HOST_PAGE;

	if (wanted->path.n) {
		memory->backing = WEIR_BACKING_FILE;
		memory->prealloc = true;
		return weir_vm_text(&memory->path, wanted->path);
	}
	memory->prealloc = huge || rd->is_immediate;
	memory->huge = huge;
	memory->page_bytes = huge ? page_bytes : 0;
	if (rd->source == WEIR_DOMAIN_SOURCE_MEMFD) {
		memory->backing = WEIR_BACKING_MEMFD;
		/* libvirt says nothing then, and QEMU's default is "on" */
		memory->shared = access != WEIR_DOMAIN_PRIVATE;
	} else if (huge) {
		memory->backing = WEIR_BACKING_HUGE;
	} else if (rd->source == WEIR_DOMAIN_SOURCE_FILE ||
	           access != WEIR_DOMAIN_ACCESS_UNSAID) {
		memory->backing = WEIR_BACKING_FILE;
		return weir_vm_text(&memory->path, weir_strz(FILE_DIR));
	}
	return 0;
}

static int add_memory(struct weir_domain_read *rd, const struct wanted *wanted,
                      struct weir_vm_memory **out)
{
	struct weir_vm_memory *memory = weir_demand_add(rd->demand);
	enum weir_domain_access access = wanted->access;
	int r;

	if (!memory)
		return -ENOMEM;
	if (access == WEIR_DOMAIN_ACCESS_UNSAID && wanted->cell >= 0)
		access = rd->cells[wanted->cell].access;
	if (access == WEIR_DOMAIN_ACCESS_UNSAID)
		access = rd->access;
	memory->size_bytes = wanted->bytes;
	memory->guest_node = wanted->cell;
	memory->shared = access == WEIR_DOMAIN_SHARED;
	memory->prealloc_threads = rd->threads;
	set_policy(rd, wanted, memory);
	r = weir_vm_text(&memory->id, weir_strz(wanted->id));
	if (r == 0)
		r = set_backing(rd, wanted, access, memory);
	if (wanted->is_virtio_mem) {
		memory->is_virtio_mem = true;
		memory->device_prealloc = memory->prealloc;
		memory->prealloc = false;
		memory->reserve = false;
	}
	*out = r < 0 ? NULL : memory;
	return r;
}

/* ---- devices ----------------------------------------------------------------------- */

static const struct model {
	const char *name, *id;
	bool has_path, is_whole, is_virtio_mem;
} models[] = {
	{ "dimm", "memdimm", false, true, false },
	{ "nvdimm", "memnvdimm", true, false, false },
	{ "virtio-pmem", "memvirtiopmem", true, true, false },
	{ "virtio-mem", "memvirtiomem", false, true, true },
};

static const struct model *find_model(struct weir_str name)
{
	for (size_t i = 0; i < WEIR_NELEM(models); i++)
		if (weir_str_eq(name, models[i].name))
			return &models[i];
	return NULL;
}

static int read_device_source(struct weir_domain_read *rd, weir_element *element,
                              struct wanted *wanted)
{
	weir_element *pagesize = weir_domain_at(rd, element, "source/pagesize");
	weir_element *nodemask = weir_domain_at(rd, element, "source/nodemask");
	int r = weir_domain_access(rd, element, "access", &wanted->access);

	if (r == 0 && pagesize)
		r = weir_domain_element_bytes(rd, pagesize, 1, false,
		                              &wanted->page_bytes);
	if (r == 0 && wanted->page_bytes & (wanted->page_bytes - 1))
		r = weir_domain_wrong(rd, pagesize, "no power of two");
	if (r == 0 && nodemask)
		r = weir_domain_nodes(rd, nodemask, weir_domain_text(rd, nodemask),
		                      &wanted->nodes);
	return r;
}

static int read_target(struct weir_domain_read *rd, weir_element *element,
                       struct wanted *wanted)
{
	weir_element *size = weir_domain_at(rd, element, "target/size");
	weir_element *node = weir_domain_at(rd, element, "target/node");
	unsigned int cell = 0;
	int r;

	if (!size)
		return weir_domain_wrong(rd, element, "has no <target><size>");
	r = weir_domain_element_bytes(rd, size, WEIR_MIB, false, &wanted->bytes);
	if (r < 0 || !node)
		return r;
	r = weir_domain_node(rd, node, weir_domain_text(rd, node), &cell);
	if (r < 0)
		return r;
	if (rd->nr_cells && cell >= rd->nr_cells)
		return weir_domain_wrong(rd, node, "there is no guest node %u", cell);
	wanted->cell = (int)cell;
	return 0;
}

static int read_virtio_mem(struct weir_domain_read *rd, weir_element *element,
                           uint64_t bytes, uint64_t *out, uint64_t *out_block)
{
	weir_element *requested = weir_domain_at(rd, element, "target/requested");
	weir_element *block = weir_domain_at(rd, element, "target/block");
	uint64_t block_bytes = 0;
	int r;

	if (!requested)
		return weir_domain_wrong(rd, element, "has no <target><requested>");
	r = weir_domain_element_bytes(rd, requested, 1, true, out);
	if (r == 0 && block)
		r = weir_domain_element_bytes(rd, block, 1, false, &block_bytes);
	if (r < 0)
		return r;
	if (*out > bytes)
		return weir_domain_wrong(rd, requested, "is more than <size>");
	if (block_bytes & (block_bytes - 1) || (block && block_bytes < WEIR_MIB))
		return weir_domain_wrong(rd, block, "no power of two of at least 1 MiB");
	if (block_bytes && *out % block_bytes)
		return weir_domain_wrong(rd, requested, "is no multiple of <block>");
	*out_block = block_bytes;
	return 0;
}

/* The @idx-th device of its model. */
static int read_device(struct weir_domain_read *rd, weir_element *element,
                       const struct model *model, unsigned int idx)
{
	weir_element *path = weir_domain_at(rd, element, "source/path");
	struct wanted wanted = { .cell = -1,
		                 .path = weir_str("", 0),
		                 .is_virtio_mem = model->is_virtio_mem };
	struct weir_vm_memory *memory = NULL;
	uint64_t requested = 0, block = 0;
	char id[32];
	int r;

	if (rd->demand->nr_memory == WEIR_VM_MEMORIES_MAX)
		return weir_domain_wrong(rd, element, "more than %u memories",
		                         WEIR_VM_MEMORIES_MAX);
	(void)snprintf(id, sizeof(id), "%s%u", model->id, idx);
	wanted.id = id;
	if (model->has_path) {
		if (!path || !weir_domain_text(rd, path).n)
			return weir_domain_wrong(rd, element, "has no <source><path>");
		wanted.path = weir_domain_text(rd, path);
	}
	r = read_device_source(rd, element, &wanted);
	if (r == 0)
		r = read_target(rd, element, &wanted);
	if (r == 0 && model->is_virtio_mem)
		r = read_virtio_mem(rd, element, wanted.bytes, &requested, &block);
	if (r == 0)
		r = add_memory(rd, &wanted, &memory);
	if (r < 0 || !memory)
		return r;
	memory->is_device = true;
	memory->is_whole = model->is_whole;
	memory->requested_bytes = requested;
	memory->block_bytes = block;
	return 0;
}

static int read_devices(struct weir_domain_read *rd, weir_element *domain,
                        uint64_t *out_bytes)
{
	weir_element *devices = weir_domain_at(rd, domain, "devices");
	unsigned int nr[WEIR_NELEM(models)] = { 0 };
	struct weir_str name = weir_str("", 0);
	const struct model *model;
	int r;

	*out_bytes = 0;
	if (!devices)
		return 0;
	for (weir_element *element = weir_tree_first(rd->tree, devices); element;
	     element = weir_tree_next(rd->tree, element)) {
		if (!weir_str_eq(weir_tree_name(rd->tree, element), "memory") ||
		    element->type != WEIR_TREE_MAP)
			continue;
		(void)weir_domain_attr(rd, element, "model", &name);
		model = find_model(name);
		r = model ? read_device(rd, element, model, nr[model - models]++)
		          : weir_demand_note(rd->demand,
		                             "line %u: memory model '%.*s' is not "
		                             "counted",
		                             element->line, WEIR_STR_ARG(name));
		if (r < 0)
			return r;
		if (model) /* of 256, each at most 2^52 */
			*out_bytes +=
				rd->demand->memory[rd->demand->nr_memory - 1].size_bytes;
	}
	return 0;
}

/* ---- all of it --------------------------------------------------------------------- */

static int add_cells(struct weir_domain_read *rd)
{
	struct weir_vm_memory *memory = NULL;
	char id[32];

	for (unsigned int i = 0; i < rd->nr_cells; i++) {
		struct wanted wanted = { .id = id,
			                 .bytes = rd->cells[i].bytes,
			                 .cell = (int)i,
			                 .path = weir_str("", 0) };
		int r;

		(void)snprintf(id, sizeof(id), "ram-node%u", i);
		r = add_memory(rd, &wanted, &memory);
		if (r < 0)
			return r;
		rd->demand->ram_bytes += memory->size_bytes;
	}
	return 0;
}

/* Of a guest without nodes <memory> is all, devices included; they are read after RAM, as
 * that comes first, so that it is made smaller in the end. */
static int add_ram(struct weir_domain_read *rd, weir_element *domain)
{
	weir_element *element = weir_domain_at(rd, domain, "memory");
	struct wanted wanted = { .id = "pc.ram", .cell = -1, .path = weir_str("", 0) };
	struct weir_vm_memory *memory = NULL;
	int r;

	if (rd->nr_cells)
		return add_cells(rd);
	if (!element)
		return weir_domain_wrong(rd, domain, "has no <memory>");
	r = weir_domain_element_bytes(rd, element, WEIR_MIB, false, &wanted.bytes);
	if (r < 0)
		return r;
	rd->demand->ram_bytes = wanted.bytes;
	return add_memory(rd, &wanted, &memory);
}

static int take_devices_off(struct weir_domain_read *rd, weir_element *domain,
                            uint64_t device_bytes)
{
	struct weir_demand *demand = rd->demand;

	if (rd->nr_cells || !device_bytes)
		return 0;
	if (device_bytes >= demand->ram_bytes)
		return weir_domain_wrong(rd, weir_domain_at(rd, domain, "memory"),
		                         "not more than what its memory devices have");
	demand->ram_bytes -= device_bytes;
	demand->memory[0].size_bytes = demand->ram_bytes;
	return 0;
}

/* Sizes that change nothing here are still to be right. */
static int check_others(struct weir_domain_read *rd, weir_element *domain)
{
	weir_element *current = weir_domain_at(rd, domain, "currentMemory");
	weir_element *max = weir_domain_at(rd, domain, "maxMemory");
	uint64_t bytes = 0;
	int r = 0;

	if (max)
		r = weir_domain_element_bytes(rd, max, 1, false, &bytes);
	if (r == 0 && max && bytes < rd->demand->ram_bytes)
		r = weir_domain_wrong(rd, max, "is less than the memory at start");
	if (r < 0 || !current)
		return r;
	r = weir_domain_element_bytes(rd, current, 1, true, &bytes);
	if (r == 0 && bytes && bytes < rd->demand->ram_bytes)
		r = weir_demand_note(rd->demand,
		                     "line %u: <currentMemory>: what the balloon gives "
		                     "back is not counted",
		                     current->line);
	return r;
}

static int check_pages(const struct weir_domain_read *rd, weir_element *domain)
{
	weir_element *hugepages = weir_domain_at(rd, domain, "memoryBacking/hugepages");

	for (size_t i = 0; i < rd->nr_pages; i++) {
		uint64_t cells = rd->pages[i].cells;
		unsigned int nr = rd->nr_cells ? rd->nr_cells : 1;

		if (nr < WEIR_VM_NODES_MAX && cells >> nr)
			return weir_domain_wrong(rd, hugepages,
			                         "a nodeset has guest nodes that there "
			                         "are not; 0 to %u are",
			                         nr - 1);
	}
	return 0;
}

int weir_domain_memory(struct weir_domain_read *rd, weir_element *domain)
{
	uint64_t device_bytes = 0;
	int r = read_backing(rd, domain);

	if (r == 0)
		r = weir_domain_cells(rd, domain);
	if (r == 0)
		r = check_pages(rd, domain);
	if (r == 0)
		r = weir_domain_numatune(rd, domain);
	if (r == 0)
		r = add_ram(rd, domain);
	if (r == 0)
		r = read_devices(rd, domain, &device_bytes);
	if (r == 0)
		r = take_devices_off(rd, domain, device_bytes);
	if (r == 0)
		r = check_others(rd, domain);
	return r;
}
