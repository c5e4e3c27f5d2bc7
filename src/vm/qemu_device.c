/* qemu_device: devices of a QEMU command line that bring memory or pin it.
 *
 * Read from QEMU 7.2: hw/mem/memory-device.c, hw/mem/pc-dimm.c, hw/virtio/virtio-mem.c,
 * hw/i386/pc.c. What these refuse is refused here with their words, as far as it follows
 * from the words alone; what depends on the size of the host's pages is left to who knows
 * the host. Properties of devices are so many, and so different from version to version,
 * that those that are not read are passed over. */
#include "vm/qemu_read.h"

#include "base/own.h"

#include <errno.h>
#include <inttypes.h>

#define BLOCK_MIN (UINT64_C(1) << 20) /* VIRTIO_MEM_MIN_BLOCK_SIZE */

/* ---- memory devices ---------------------------------------------------------------- */

enum sort { NO_MEMORY_DEVICE, DIMM, NVDIMM, VIRTIO_PMEM, VIRTIO_MEM };

static enum sort sort_of(struct weir_str driver)
{
	if (weir_str_eq(driver, "pc-dimm"))
		return DIMM;
	if (weir_str_eq(driver, "nvdimm"))
		return NVDIMM;
	if (weir_str_starts(driver, "virtio-pmem"))
		return VIRTIO_PMEM;
	return weir_str_starts(driver, "virtio-mem") ? VIRTIO_MEM : NO_MEMORY_DEVICE;
}

/* pc_dimm_get_free_slot() */
static int take_slot(struct weir_qemu_read *rd, const struct weir_tree *keys)
{
	uint64_t slot = 0;
	struct weir_str text;
	int r;

	if (!rd->slots.n)
		return weir_err_set(rd->err, -EBADMSG,
		                    "-m has no slots (QEMU: no slots where allocated, "
		                    "please specify the 'slots' option)");
	if (weir_qemu_get(keys, "slot", &text) && !weir_str_starts(text, "-")) {
		r = weir_qemu_get_number(keys, "slot", &slot, rd->err);
		if (r < 0)
			return r;
		if (slot >= rd->slots.n)
			return weir_err_set(rd->err, -EBADMSG,
			                    "QEMU: invalid slot number %.*s, valid range "
			                    "is [0-%" PRIu64 "]",
			                    WEIR_STR_ARG(text), rd->slots.n - 1);
	}
	if (rd->slots_taken == rd->slots.n)
		return weir_err_set(rd->err, -EBADMSG,
		                    "-m has slots=%" PRIu64
		                    " (QEMU: no free slots available)",
		                    rd->slots.n);
	rd->slots_taken++;
	return 0;
}

/* memory_device_check_addable() */
static int take_space(struct weir_qemu_read *rd, uint64_t bytes)
{
	/* what -m says, also where RAM is as large as its backend and -m is silent */
	uint64_t space = rd->max.n > rd->demand.ram_bytes
	                         ? rd->max.n - rd->demand.ram_bytes
	                         : 0;

	if (!space)
		return weir_err_set(rd->err, -EBADMSG,
		                    "QEMU: memory devices (e.g. for memory hotplug) are "
		                    "not enabled, please specify the maxmem option");
	if (bytes > space - rd->space_taken)
		return weir_err_set(
			rd->err, -EBADMSG,
			"QEMU: not enough space, currently 0x%" PRIx64
			" in use of total space for memory devices 0x%" PRIx64,
			rd->space_taken, space);
	rd->space_taken += bytes;
	return 0;
}

/* Without -numa there is one node, of which QEMU tells the guest or not. */
static int check_node(struct weir_qemu_read *rd, const struct weir_tree *keys,
                      enum sort sort, int *node)
{
	unsigned int nr = rd->nr_guest_nodes ? rd->nr_guest_nodes : 1;
	int r = sort == VIRTIO_PMEM ? 0 : weir_qemu_get_node(keys, "node", node, rd->err);

	if (r < 0 || *node < (int)nr)
		return r;
	if (sort == VIRTIO_MEM)
		return weir_err_set(rd->err, -EBADMSG,
		                    "QEMU: 'node' property has value '%d', which exceeds"
		                    "the number of numa nodes: %u",
		                    *node, nr);
	return weir_err_set(rd->err, -EBADMSG,
	                    "QEMU: 'DIMM property node has value %d' which exceeds the "
	                    "number of numa nodes: %u",
	                    *node, nr);
}

static int read_block(struct weir_qemu_read *rd, const struct weir_tree *keys,
                      uint64_t *out)
{
	struct weir_str text;
	int r = weir_qemu_get_size(keys, "block-size", 'B', out, rd->err);

	if (r < 0 || !weir_qemu_get(keys, "block-size", &text))
		return r;
	if (*out < BLOCK_MIN)
		return weir_err_set(rd->err, -EBADMSG,
		                    "block-size=%.*s (QEMU: 'block-size' property has "
		                    "to be at least 0x%" PRIx64 ")",
		                    WEIR_STR_ARG(text), BLOCK_MIN);
	if (*out & (*out - 1))
		return weir_err_set(rd->err, -EBADMSG,
		                    "block-size=%.*s (QEMU: 'block-size' property has to "
		                    "be a power of two)",
		                    WEIR_STR_ARG(text));
	return 0;
}

/* Blocks are of BLOCK_MIN at least; that they may be larger by default the host knows. */
static int read_requested(struct weir_qemu_read *rd, const struct weir_tree *keys,
                          struct weir_vm_memory *memory)
{
	uint64_t block = memory->block_bytes ? memory->block_bytes : BLOCK_MIN;
	uint64_t requested = 0;
	struct weir_str text;
	int r = weir_qemu_get_size(keys, "requested-size", 'B', &requested, rd->err);

	if (r < 0 || !weir_qemu_get(keys, "requested-size", &text))
		return r;
	if (requested % block)
		return weir_err_set(rd->err, -EBADMSG,
		                    "requested-size=%.*s (QEMU: 'requested-size' "
		                    "property has to be multiples of 'block-size' "
		                    "(0x%" PRIx64 "))",
		                    WEIR_STR_ARG(text), block);
	memory->requested_bytes = requested;
	if (requested <= memory->size_bytes)
		return 0;
	/* only a request of a VM that runs is compared with the size */
	memory->requested_bytes = memory->size_bytes;
	return weir_demand_note(&rd->demand,
	                        "requested-size=%.*s is more than memory '%s' has: all "
	                        "of it counts as plugged",
	                        WEIR_STR_ARG(text), memory->id);
}

static int virtio_mem(struct weir_qemu_read *rd, const struct weir_tree *keys,
                      struct weir_vm_memory *memory)
{
	int r = read_block(rd, keys, &memory->block_bytes);

	if (r == 0)
		r = read_requested(rd, keys, memory);
	if (r == 0)
		r = weir_qemu_get_switch(keys, "prealloc", &memory->device_prealloc,
		                         rd->err);
	if (r < 0)
		return r;
	memory->is_virtio_mem = true;
	if (memory->prealloc)
		return weir_demand_note(
			&rd->demand,
			"memory '%s' of virtio-mem has prealloc=on, and so "
			"is allocated before anything of it is plugged",
			memory->id);
	return 0;
}

static int memory_device(struct weir_qemu_read *rd, const struct weir_tree *keys,
                         enum sort sort, struct weir_vm_memory *memory)
{
	int r = 0, node = 0;
	struct weir_str text;

	if (sort == NVDIMM && !rd->has_nvdimm)
		return weir_err_set(rd->err, -EBADMSG,
		                    "QEMU: nvdimm is not enabled: missing 'nvdimm' in "
		                    "'-M'");
	if (sort == DIMM || sort == NVDIMM)
		r = take_slot(rd, keys);
	if (r == 0)
		r = take_space(rd, memory->size_bytes);
	if (r == 0)
		r = check_node(rd, keys, sort, &node);
	if (r < 0)
		return r;
	/* an NVDIMM cuts off what is beyond a multiple */
	memory->is_whole = sort != NVDIMM;
	if (sort == VIRTIO_MEM || weir_qemu_get(keys, "node", &text))
		memory->guest_node = node;
	return sort == VIRTIO_MEM ? virtio_mem(rd, keys, memory) : 0;
}

static int use_memdev(struct weir_qemu_read *rd, const struct weir_tree *keys,
                      struct weir_str driver, const char *key)
{
	struct weir_qemu_backend *backend = NULL;
	enum sort sort = sort_of(driver);
	struct weir_str memdev;
	int r;

	if (!weir_qemu_get(keys, key, &memdev))
		return 0;
	r = weir_qemu_use_backend(rd, key, memdev, WEIR_QEMU_PLUGGED, &backend);
	if (!backend)
		return r;
	backend->memory.is_device = true;
	if (sort != NO_MEMORY_DEVICE)
		return memory_device(rd, keys, sort, &backend->memory);
	return weir_demand_note(&rd->demand, "memory '%.*s' belongs to a device '%.*s'",
	                        WEIR_STR_ARG(memdev), WEIR_STR_ARG(driver));
}

/* ---- any device -------------------------------------------------------------------- */

int weir_qemu_understand_device(struct weir_qemu_read *rd,
                                const struct weir_qemu_kept *kept)
{
	static const char *const memdevs[] = { "memdev", "volatile-memdev",
		                               "persistent-memdev" };
	const struct weir_tree *keys = &kept->keys;
	struct weir_str driver = weir_str("", 0), id;
	bool reporting = false;
	int r = 0;

	(void)weir_qemu_get(keys, "driver", &driver);
	if (weir_qemu_get(keys, "id", &id) && weir_qemu_is_twice(rd, kept, id))
		return weir_err_set(rd->err, -EBADMSG,
		                    "QEMU: Duplicate ID '%.*s' for device",
		                    WEIR_STR_ARG(id));
	if (weir_str_starts(driver, "vfio-pci") ||
	    weir_str_starts(driver, "vhost-vdpa-device"))
		rd->demand.nr_vfio++;
	if (sort_of(driver) != NO_MEMORY_DEVICE && !weir_qemu_get(keys, "memdev", &id))
		return weir_err_set(rd->err, -EBADMSG,
		                    "QEMU: 'memdev' property must be set");
	for (size_t i = 0; r == 0 && i < WEIR_NELEM(memdevs); i++)
		r = use_memdev(rd, keys, driver, memdevs[i]);
	if (r == 0 && weir_str_starts(driver, "virtio-balloon"))
		r = weir_qemu_get_switch(keys, "free-page-reporting", &reporting,
		                         rd->err);
	rd->demand.free_page_reporting |= reporting;
	return r;
}

void weir_qemu_count_vdpa(struct weir_qemu_read *rd, const struct weir_tree *keys)
{
	struct weir_str type = weir_str("", 0);

	if (!weir_qemu_get(keys, "type", &type))
		(void)weir_qemu_get(keys, "driver", &type);
	if (weir_str_eq(type, "vhost-vdpa") || weir_str_eq(type, "virtio-blk-vhost-vdpa"))
		rd->demand.nr_vfio++;
}
