/* qemu_meaning: what the options of a QEMU command line mean together: objects first,
 * then the machine, guest nodes and devices, which name them. The demand gets its memory
 * last, RAM in front.
 *
 * Rules are those of QEMU 7.2: softmmu/vl.c (qemu_resolve_machine_memdev,
 * create_default_memdev), hw/core/numa.c (numa_complete_configuration),
 * hw/virtio/virtio-mem.c. Left out: -mem-prealloc's number of threads, which is that of
 * CPUs. */
#include "vm/qemu_read.h"

#include "base/own.h"
#include "base/size.h"

#include <errno.h>

#define POLICY_SEV   UINT64_C(0x1) /* target/i386/sev.c, DEFAULT_GUEST_POLICY */
#define POLICY_SNP   UINT64_C(0x30000)
#define POLICY_OTHER UINT64_C(0)

int weir_qemu_in_words(const struct weir_qemu_read *rd, int r, struct weir_str word,
                       struct weir_str arg)
{
	int shown = arg.n > 80 ? 80 : (int)arg.n;

	return weir_err_wrap(rd->err, r, "%.*s '%.*s%s'", WEIR_STR_ARG(word), shown,
	                     arg.p, shown < (int)arg.n ? "..." : "");
}

static struct weir_qemu_backend *find_backend(struct weir_qemu_read *rd,
                                              struct weir_str id)
{
	for (size_t i = 0; i < rd->nr_backends; i++) {
		struct weir_str have = rd->backends[i].id;

		if (have.n == id.n && memcmp(have.p, id.p, id.n) == 0)
			return &rd->backends[i];
	}
	return NULL;
}

/* The backend that @key names, from now on used by this. */
static int use_backend(struct weir_qemu_read *rd, const char *key, struct weir_str id,
                       enum weir_qemu_use use, struct weir_qemu_backend **out)
{
	struct weir_qemu_backend *backend = find_backend(rd, id);

	if (!backend)
		return weir_err_set(rd->err, -EBADMSG, "%s=%.*s: no such memory backend",
		                    key, WEIR_STR_ARG(id));
	if (backend->use != WEIR_QEMU_UNUSED)
		return weir_err_set(rd->err, -EBADMSG, "%s=%.*s is in use already", key,
		                    WEIR_STR_ARG(id));
	backend->use = use;
	*out = backend;
	return 0;
}

/* qom/object_interfaces.c wants what util/id.c calls well-formed. */
static bool is_id(struct weir_str id)
{
	for (size_t i = 0; i < id.n; i++) {
		char c = id.p[i];
		bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!is_letter &&
		    (!i || (!weir_is_digit(c) && c != '-' && c != '.' && c != '_')))
			return false;
	}
	return id.n > 0;
}

/* Of all options of this sort before @kept, does one have its id? */
static bool is_twice(const struct weir_qemu_read *rd, const struct weir_qemu_kept *kept,
                     struct weir_str id)
{
	for (const struct weir_qemu_kept *k = rd->kept; k < kept; k++) {
		struct weir_str other;

		if (k->option == kept->option && weir_qemu_get(&k->keys, "id", &other) &&
		    other.n == id.n && memcmp(other.p, id.p, id.n) == 0)
			return true;
	}
	return false;
}

static int check_id(const struct weir_qemu_read *rd, const struct weir_qemu_kept *kept,
                    struct weir_str id)
{
	if (!is_id(id))
		return weir_err_set(rd->err, -EBADMSG,
		                    "id='%.*s': an id is a letter, then letters, digits, "
		                    "'-', '.', '_'",
		                    WEIR_STR_ARG(id));
	if (is_twice(rd, kept, id))
		return weir_err_set(rd->err, -EBADMSG, "id=%.*s occurs twice",
		                    WEIR_STR_ARG(id));
	return 0;
}

static int understand_object(struct weir_qemu_read *rd, struct weir_qemu_kept *kept)
{
	struct weir_str type = weir_str("", 0), id = weir_str("", 0);
	struct weir_qemu_backend *backend = NULL;
	int r;

	if (!weir_qemu_get(&kept->keys, "qom-type", &type))
		return weir_err_set(rd->err, -EBADMSG, "qom-type is missing");
	(void)weir_qemu_get(&kept->keys, "id", &id);
	r = check_id(rd, kept, id);
	if (r < 0 || !weir_str_starts(type, "memory-backend-"))
		return r;
	if (rd->nr_backends == WEIR_VM_MEMORIES_MAX - 1) /* one is left for pc.ram */
		return weir_err_set(rd->err, -E2BIG, "more than %u memory backends",
		                    WEIR_VM_MEMORIES_MAX - 1);
	r = weir_grow(&rd->backends, &rd->cap_backends, rd->nr_backends,
	              sizeof(*rd->backends));
	if (r < 0)
		return r;
	backend = &rd->backends[rd->nr_backends++];
	backend->id = id;
	backend->is_counted = !weir_str_eq(type, "memory-backend-epc");
	r = weir_vm_text(&backend->memory.id, id);
	if (r < 0)
		return r;
	if (!backend->is_counted)
		r = weir_demand_note(&rd->demand,
		                     "memory-backend-epc '%s': SGX memory is not the "
		                     "host's, and is not counted",
		                     backend->memory.id);
	return r < 0 ? r
	             : weir_qemu_backend_keys(&kept->keys, type, rd->mem_prealloc,
	                                      &backend->memory, rd->err);
}

static int understand_guest_object(struct weir_qemu_read *rd)
{
	struct weir_demand *demand = &rd->demand;
	const struct weir_qemu_kept *kept = NULL;
	struct weir_str id, type = weir_str("", 0);
	int r;

	if (!rd->guest_object.n)
		return 0;
	for (size_t i = 0; i < rd->nr_kept && !kept; i++)
		if (rd->kept[i].option == WEIR_QEMU_OBJECT &&
		    weir_qemu_get(&rd->kept[i].keys, "id", &id) &&
		    id.n == rd->guest_object.n &&
		    memcmp(id.p, rd->guest_object.p, id.n) == 0)
			kept = &rd->kept[i];
	if (!kept)
		return weir_err_set(rd->err, -EBADMSG,
		                    "-machine confidential-guest-support=%.*s: no such "
		                    "object",
		                    WEIR_STR_ARG(rd->guest_object));
	(void)weir_qemu_get(&kept->keys, "qom-type", &type);
	demand->has_guest_object = true;
	demand->guest_policy = weir_str_eq(type, "sev-guest")       ? POLICY_SEV
	                       : weir_str_eq(type, "sev-snp-guest") ? POLICY_SNP
	                                                            : POLICY_OTHER;
	if (demand->guest_policy) {
		r = weir_qemu_get_number(&kept->keys, "policy", &demand->guest_policy,
		                         rd->err);
		if (r < 0)
			return weir_qemu_in_words(rd, r, kept->word, kept->arg);
	}
	if (weir_str_eq(type, "sev-guest"))
		demand->kind = weir_vm_sev_kind(demand->guest_policy, rd->vendor);
	else if (weir_str_eq(type, "sev-snp-guest"))
		demand->kind = WEIR_VM_SNP;
	else if (weir_str_eq(type, "tdx-guest"))
		demand->kind = WEIR_VM_TDX;
	else
		return weir_demand_note(demand,
		                        "guest object '%.*s' of type '%.*s' is not known "
		                        "and counts as plain",
		                        WEIR_STR_ARG(id), WEIR_STR_ARG(type));
	return 0;
}

struct nodes {
	uint64_t seen;   /* guest nodes that -numa defined */
	uint64_t bytes;  /* of their memdevs */
	unsigned int nr; /* that have a memdev */
};

static int understand_numa(struct weir_qemu_read *rd, const struct weir_qemu_kept *kept,
                           struct nodes *nodes)
{
	struct weir_str type = weir_str("", 0), memdev;
	struct weir_qemu_backend *backend = NULL;
	uint64_t unused = 0;
	int r, node = 0;

	(void)weir_qemu_get(&kept->keys, "type", &type);
	if (!weir_str_eq(type, "node"))
		return 0; /* distances, caches, CPUs */
	while (node < WEIR_VM_NODES_MAX && nodes->seen & UINT64_C(1) << node)
		node++; /* the next free one, unless it is said */
	r = weir_qemu_get_node(&kept->keys, "nodeid", &node, rd->err);
	if (r == 0) /* "mem" divides the RAM among nodes that the host does not see */
		r = weir_qemu_get_size(&kept->keys, "mem", 'M', &unused, rd->err);
	if (r < 0)
		return r;
	if (node >= WEIR_VM_NODES_MAX)
		return weir_err_set(rd->err, -EBADMSG, "nodes are 0 to %d",
		                    WEIR_VM_NODES_MAX - 1);
	if (nodes->seen & UINT64_C(1) << node)
		return weir_err_set(rd->err, -EBADMSG, "node %d occurs twice", node);
	nodes->seen |= UINT64_C(1) << node;
	if (!weir_qemu_get(&kept->keys, "memdev", &memdev))
		return 0;
	if (weir_qemu_get(&kept->keys, "mem", &type))
		return weir_err_set(rd->err, -EBADMSG,
		                    "mem and memdev exclude each other");
	if (rd->main_memory.n)
		return weir_err_set(rd->err, -EBADMSG,
		                    "memdev and -machine memory-backend exclude each "
		                    "other");
	r = use_backend(rd, "memdev", memdev, WEIR_QEMU_RAM, &backend);
	if (!backend)
		return r;
	backend->memory.guest_node = node;
	backend->order = nodes->nr++;
	nodes->bytes += backend->memory.size_bytes; /* of 255, each at most 2^52 */
	return 0;
}

static int virtio_mem(struct weir_qemu_read *rd, const struct weir_tree *keys,
                      struct weir_vm_memory *memory)
{
	uint64_t requested = 0;
	int r = weir_qemu_get_size(keys, "requested-size", 'B', &requested, rd->err);

	if (r == 0)
		r = weir_qemu_get_switch(keys, "prealloc", &memory->device_prealloc,
		                         rd->err);
	if (r < 0)
		return r;
	if (requested > memory->size_bytes)
		return weir_err_set(rd->err, -EBADMSG,
		                    "requested-size is more than '%s' has", memory->id);
	memory->is_virtio_mem = true;
	memory->requested_bytes = requested;
	memory->guest_node = memory->guest_node < 0 ? 0 : memory->guest_node;
	if (memory->prealloc)
		return weir_demand_note(
			&rd->demand,
			"memory '%s' of virtio-mem has prealloc=on, and so "
			"is allocated before anything of it is plugged",
			memory->id);
	return 0;
}

static bool is_memory_device(struct weir_str driver)
{
	return weir_str_eq(driver, "pc-dimm") || weir_str_eq(driver, "nvdimm") ||
	       weir_str_starts(driver, "virtio-mem") ||
	       weir_str_starts(driver, "virtio-pmem");
}

static int use_memdev(struct weir_qemu_read *rd, const struct weir_tree *keys,
                      struct weir_str driver, const char *key)
{
	struct weir_qemu_backend *backend = NULL;
	struct weir_str memdev;
	int r;

	if (!weir_qemu_get(keys, key, &memdev))
		return 0;
	r = use_backend(rd, key, memdev, WEIR_QEMU_PLUGGED, &backend);
	if (!backend)
		return r;
	backend->memory.is_device = true;
	if (!is_memory_device(driver))
		return weir_demand_note(&rd->demand,
		                        "memory '%.*s' belongs to a device '%.*s'",
		                        WEIR_STR_ARG(memdev), WEIR_STR_ARG(driver));
	r = weir_qemu_get_node(keys, "node", &backend->memory.guest_node, rd->err);
	if (r == 0 && weir_str_starts(driver, "virtio-mem"))
		r = virtio_mem(rd, keys, &backend->memory);
	return r;
}

static int understand_device(struct weir_qemu_read *rd, const struct weir_qemu_kept *kept)
{
	static const char *const memdevs[] = { "memdev", "volatile-memdev",
		                               "persistent-memdev" };
	const struct weir_tree *keys = &kept->keys;
	struct weir_str driver = weir_str("", 0), id;
	bool reporting = false;
	int r = 0;

	(void)weir_qemu_get(keys, "driver", &driver);
	if (weir_qemu_get(keys, "id", &id) && is_twice(rd, kept, id))
		return weir_err_set(rd->err, -EBADMSG, "id=%.*s occurs twice",
		                    WEIR_STR_ARG(id));
	if (weir_str_starts(driver, "vfio-pci") ||
	    weir_str_starts(driver, "vhost-vdpa-device"))
		rd->demand.nr_vfio++;
	if (is_memory_device(driver) && !weir_qemu_get(keys, "memdev", &id))
		return weir_err_set(rd->err, -EBADMSG, "memdev is missing");
	for (size_t i = 0; r == 0 && i < WEIR_NELEM(memdevs); i++)
		r = use_memdev(rd, keys, driver, memdevs[i]);
	if (r == 0 && weir_str_starts(driver, "virtio-balloon"))
		r = weir_qemu_get_switch(keys, "free-page-reporting", &reporting,
		                         rd->err);
	rd->demand.free_page_reporting |= reporting;
	return r;
}

static void count_vdpa(struct weir_qemu_read *rd, const struct weir_tree *keys)
{
	struct weir_str type = weir_str("", 0);

	if (!weir_qemu_get(keys, "type", &type))
		(void)weir_qemu_get(keys, "driver", &type);
	if (weir_str_eq(type, "vhost-vdpa") || weir_str_eq(type, "virtio-blk-vhost-vdpa"))
		rd->demand.nr_vfio++;
}

/* RAM that no backend is given for: QEMU makes one of its own (create_default_memdev). */
static int add_default_ram(struct weir_qemu_read *rd)
{
	struct weir_vm_memory *memory = weir_demand_add(&rd->demand);
	int r;

	if (!memory)
		return -ENOMEM;
	memory->size_bytes = rd->demand.ram_bytes;
	memory->prealloc = rd->mem_prealloc;
	r = weir_vm_text(&memory->id, weir_strz("pc.ram"));
	if (r < 0 || !rd->mem_path.n)
		return r;
	memory->backing = WEIR_BACKING_FILE;
	return weir_vm_text(&memory->path, rd->mem_path);
}

static int wrong_sum(struct weir_qemu_read *rd, const char *whose, uint64_t bytes)
{
	char want[WEIR_SIZE_TEXT_MAX], have[WEIR_SIZE_TEXT_MAX];

	(void)weir_format_size(bytes, want, sizeof(want));
	(void)weir_format_size(rd->demand.ram_bytes, have, sizeof(have));
	return weir_err_set(rd->err, -EBADMSG,
	                    "-m is %s%s and %s %s: QEMU wants them equal",
	                    rd->has_size ? "" : "not said and so ", have, whose, want);
}

/* Which backends are RAM, and that they are as much as -m says. */
static int understand_ram(struct weir_qemu_read *rd, const struct nodes *nodes)
{
	struct weir_qemu_backend *backend = NULL;
	int r;

	if ((rd->main_memory.n || nodes->nr) && rd->mem_path.n)
		return weir_err_set(rd->err, -EBADMSG,
		                    "-mem-path '%.*s' and a memory backend for the RAM "
		                    "exclude each other",
		                    WEIR_STR_ARG(rd->mem_path));
	if (!rd->main_memory.n) {
		if (nodes->nr && nodes->bytes != rd->demand.ram_bytes)
			return wrong_sum(rd, "the memory of -numa", nodes->bytes);
		return nodes->nr ? 0 : add_default_ram(rd);
	}
	r = use_backend(rd, "-machine memory-backend", rd->main_memory, WEIR_QEMU_RAM,
	                &backend);
	if (!backend)
		return r;
	if (!rd->has_size) /* the one case where -m follows the backend */
		rd->demand.ram_bytes = backend->memory.size_bytes;
	if (backend->memory.size_bytes != rd->demand.ram_bytes)
		return wrong_sum(rd, "its backend", backend->memory.size_bytes);
	return 0;
}

/* Hands a backend over to the demand. */
static int give(struct weir_qemu_read *rd, struct weir_qemu_backend *backend)
{
	struct weir_vm_memory *memory;

	if (!backend->is_counted)
		return 0;
	memory = weir_demand_add(&rd->demand);
	if (!memory)
		return -ENOMEM;
	free(memory->id);
	*memory = backend->memory;
	backend->memory.id = backend->memory.path = NULL;
	if (backend->use != WEIR_QEMU_UNUSED)
		return 0;
	return weir_demand_note(&rd->demand,
	                        "memory '%s' is used by nothing; QEMU maps it all the "
	                        "same",
	                        memory->id);
}

/* RAM by its node, then what is mapped for nothing, then devices. */
static int give_all(struct weir_qemu_read *rd, const struct nodes *nodes)
{
	static const enum weir_qemu_use rest[] = { WEIR_QEMU_UNUSED, WEIR_QEMU_PLUGGED };
	int r = 0;

	for (unsigned int order = 0; order == 0 || order < nodes->nr; order++)
		for (size_t i = 0; r == 0 && i < rd->nr_backends; i++)
			if (rd->backends[i].use == WEIR_QEMU_RAM &&
			    rd->backends[i].order == order)
				r = give(rd, &rd->backends[i]);
	for (size_t u = 0; u < WEIR_NELEM(rest); u++)
		for (size_t i = 0; r == 0 && i < rd->nr_backends; i++)
			if (rd->backends[i].use == rest[u])
				r = give(rd, &rd->backends[i]);
	return r;
}

int weir_qemu_understand(struct weir_qemu_read *rd)
{
	struct nodes nodes = { 0 };
	int r;

	for (size_t i = 0; i < rd->nr_kept; i++) {
		if (rd->kept[i].option != WEIR_QEMU_OBJECT)
			continue;
		r = understand_object(rd, &rd->kept[i]);
		if (r < 0)
			return weir_qemu_in_words(rd, r, rd->kept[i].word,
			                          rd->kept[i].arg);
	}
	r = understand_guest_object(rd);
	for (size_t i = 0; r == 0 && i < rd->nr_kept; i++) {
		if (rd->kept[i].option != WEIR_QEMU_NUMA)
			continue;
		r = understand_numa(rd, &rd->kept[i], &nodes);
		if (r < 0)
			return weir_qemu_in_words(rd, r, rd->kept[i].word,
			                          rd->kept[i].arg);
	}
	for (unsigned int node = 0;
	     r == 0 && node < WEIR_VM_NODES_MAX && nodes.seen >> node; node++)
		if (!(nodes.seen >> node & 1))
			return weir_err_set(
				rd->err, -EBADMSG,
				"-numa: there is no node %u, but one above it", node);
	if (r == 0)
		r = understand_ram(rd, &nodes);
	for (size_t i = 0; r == 0 && i < rd->nr_kept; i++) {
		const struct weir_qemu_kept *kept = &rd->kept[i];

		if (kept->option == WEIR_QEMU_BLOCKDEV ||
		    kept->option == WEIR_QEMU_NETDEV)
			count_vdpa(rd, &kept->keys);
		if (kept->option == WEIR_QEMU_DEVICE)
			r = understand_device(rd, kept);
		if (r < 0)
			return weir_qemu_in_words(rd, r, kept->word, kept->arg);
	}
	return r < 0 ? r : give_all(rd, &nodes);
}
