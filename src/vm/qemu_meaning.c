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
#include <inttypes.h>

#define SLOTS_MAX 256U  /* include/hw/acpi/acpi.h, ACPI_MAX_RAM_SLOTS */
#define MAX_ALIGN 4096U /* of maxmem: TARGET_PAGE_SIZE of x86 */

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

static bool is_same(struct weir_str a, struct weir_str b)
{
	return a.n == b.n && (!a.n || memcmp(a.p, b.p, a.n) == 0);
}

static struct weir_qemu_backend *find_backend(struct weir_qemu_read *rd,
                                              struct weir_str id)
{
	for (size_t i = 0; i < rd->nr_backends; i++) {
		struct weir_str have = rd->backends[i].id;

		if (is_same(have, id))
			return &rd->backends[i];
	}
	return NULL;
}

int weir_qemu_use_backend(struct weir_qemu_read *rd, const char *key, struct weir_str id,
                          enum weir_qemu_use use, struct weir_qemu_backend **out)
{
	struct weir_qemu_backend *backend = find_backend(rd, id);
	bool by_numa = use == WEIR_QEMU_RAM && strcmp(key, "memdev") == 0;

	if (!backend)
		return weir_err_set(rd->err, -EBADMSG,
		                    "%s=%.*s: no such memory backend (QEMU: %s%.*s%s)",
		                    key, WEIR_STR_ARG(id),
		                    use == WEIR_QEMU_PLUGGED ? "Device '"
		                    : by_numa                ? "memdev="
		                                             : "Memory backend '",
		                    WEIR_STR_ARG(id),
		                    by_numa ? " is ambiguous" : "' not found");
	if (backend->use != WEIR_QEMU_UNUSED)
		return weir_err_set(
			rd->err, -EBADMSG, "%s=%.*s is in use already (QEMU: %s%.*s%s)",
			key, WEIR_STR_ARG(id),
			by_numa ? "memory backend " : "busy memdev: ", WEIR_STR_ARG(id),
			by_numa ? " can't be used multiple times" : "");
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

bool weir_qemu_is_twice(const struct weir_qemu_read *rd,
                        const struct weir_qemu_kept *kept, struct weir_str id)
{
	for (const struct weir_qemu_kept *k = rd->kept; k < kept; k++) {
		struct weir_str other;

		if (k->option == kept->option && weir_qemu_get(&k->keys, "id", &other) &&
		    is_same(other, id))
			return true;
	}
	return false;
}

static int check_id(const struct weir_qemu_read *rd, const struct weir_qemu_kept *kept,
                    struct weir_str id)
{
	if (!id.n)
		return weir_err_set(rd->err, -EBADMSG,
		                    "no id (QEMU: Parameter 'id' is missing)");
	if (!is_id(id))
		return weir_err_set(
			rd->err, -EBADMSG,
			"id='%.*s': a letter, then letters, digits, '-', '.', "
			"'_' (QEMU: Parameter 'id' expects an identifier)",
			WEIR_STR_ARG(id));
	if (weir_qemu_is_twice(rd, kept, id))
		return weir_err_set(rd->err, -EBADMSG,
		                    "QEMU: Duplicate ID '%.*s' for object",
		                    WEIR_STR_ARG(id));
	return 0;
}

/* The object of this id, or NULL. */
static const struct weir_qemu_kept *find_object(const struct weir_qemu_read *rd,
                                                struct weir_str id)
{
	for (size_t i = 0; i < rd->nr_kept; i++) {
		const struct weir_qemu_kept *kept = &rd->kept[i];
		struct weir_str other;

		if (kept->option == WEIR_QEMU_OBJECT &&
		    weir_qemu_get(&kept->keys, "id", &other) && is_same(other, id))
			return kept;
	}
	return NULL;
}

/* Contexts may stand behind the backends that they allocate for. */
static int check_context(const struct weir_qemu_read *rd, const struct weir_tree *keys)
{
	const struct weir_qemu_kept *context;
	struct weir_str id, type = weir_str("", 0);

	if (!weir_qemu_get(keys, "prealloc-context", &id))
		return 0;
	context = find_object(rd, id);
	if (!context)
		return weir_err_set(rd->err, -EBADMSG,
		                    "prealloc-context (QEMU: Device '%.*s' not found)",
		                    WEIR_STR_ARG(id));
	(void)weir_qemu_get(&context->keys, "qom-type", &type);
	if (weir_str_eq(type, "thread-context"))
		return 0;
	return weir_err_set(rd->err, -EBADMSG,
	                    "prealloc-context=%.*s (QEMU: Invalid parameter type for "
	                    "'prealloc-context', expected: thread-context)",
	                    WEIR_STR_ARG(id));
}

static int understand_backend(struct weir_qemu_read *rd,
                              const struct weir_qemu_kept *kept, struct weir_str type,
                              struct weir_str id)
{
	struct weir_qemu_backend *backend = NULL;
	int r;

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
	if (r == 0)
		r = weir_qemu_backend_keys(&kept->keys, type, rd->mem_prealloc,
		                           &backend->memory, rd->err);
	return r < 0 ? r : check_context(rd, &kept->keys);
}

static int understand_object(struct weir_qemu_read *rd, struct weir_qemu_kept *kept)
{
	struct weir_str type = weir_str("", 0), id = weir_str("", 0);
	bool is_backend;
	int r;

	if (!weir_qemu_get(&kept->keys, "qom-type", &type))
		return weir_err_set(rd->err, -EBADMSG,
		                    "no type (QEMU: Parameter 'qom-type' is missing)");
	(void)weir_qemu_get(&kept->keys, "id", &id);
	is_backend = weir_str_starts(type, "memory-backend-");
	r = check_id(rd, kept, id);
	if (r < 0 || (!is_backend && !weir_str_eq(type, "thread-context")))
		return r;
	r = weir_qemu_check_properties(&kept->keys, type, rd->err);
	if (r < 0)
		return r;
	return is_backend ? understand_backend(rd, kept, type, id)
	                  : weir_qemu_context_keys(&kept->keys, &rd->demand, rd->err);
}

static int understand_guest_object(struct weir_qemu_read *rd)
{
	struct weir_demand *demand = &rd->demand;
	const struct weir_qemu_kept *kept = find_object(rd, rd->guest_object);
	struct weir_str type = weir_str("", 0);
	int r;

	if (!rd->guest_object.n)
		return 0;
	if (!kept)
		return weir_err_set(rd->err, -EBADMSG,
		                    "-machine confidential-guest-support=%.*s: no such "
		                    "object (QEMU: Device '%.*s' not found)",
		                    WEIR_STR_ARG(rd->guest_object),
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
		                        WEIR_STR_ARG(rd->guest_object),
		                        WEIR_STR_ARG(type));
	return 0;
}

struct nodes {
	uint64_t seen;   /* guest nodes that -numa defined */
	uint64_t bytes;  /* of their memdevs, or by mem= */
	unsigned int nr; /* that have a memdev */
	bool any_mem;    /* by mem= */
};

/* mem= divides the RAM among nodes that the host does not see: a matter of machine types
 * up to 5.0. A type without a version is the newest of its sort; one that ends otherwise
 * is of a distribution, and taken to be old. */
static bool takes_mem(struct weir_str machine)
{
	struct weir_str rest = machine, version = weir_str("", 0), major, minor;
	uint64_t n;

	while (weir_str_cut(&rest, '-', &version))
		;
	if (version.n == machine.n)
		return false;
	if (!weir_str_split(version, '.', &major, &minor) ||
	    weir_parse_u64(major, &n) < 0)
		return true;
	return n < 5 || (n == 5 && weir_str_eq(minor, "0"));
}

#define MIXED                                                         \
	"QEMU: numa configuration should use either mem= or memdev=," \
	"mixing both is not allowed"

static int understand_mem(struct weir_qemu_read *rd, const struct weir_tree *keys,
                          struct nodes *nodes)
{
	uint64_t bytes = 0;
	struct weir_str text;
	int r = weir_qemu_get_size(keys, "mem", 'M', &bytes, rd->err);

	if (r < 0 || !weir_qemu_get(keys, "mem", &text))
		return r;
	if (nodes->nr)
		return weir_err_set(rd->err, -EBADMSG, MIXED);
	if (!takes_mem(rd->machine))
		return weir_err_set(rd->err, -EBADMSG,
		                    "mem=%.*s: use memdev= (QEMU: Parameter -numa "
		                    "node,mem is not supported by this machine type)",
		                    WEIR_STR_ARG(text));
	nodes->any_mem = true;
	nodes->bytes += bytes; /* of 64, each at most 2^52 */
	return 0;
}

static int understand_numa(struct weir_qemu_read *rd, const struct weir_qemu_kept *kept,
                           struct nodes *nodes)
{
	struct weir_str type = weir_str("", 0), memdev;
	struct weir_qemu_backend *backend = NULL;
	int r, node = 0;

	(void)weir_qemu_get(&kept->keys, "type", &type);
	if (!weir_str_eq(type, "node"))
		return 0; /* distances, caches, CPUs */
	while (node < WEIR_VM_NODES_MAX && nodes->seen & UINT64_C(1) << node)
		node++; /* the next free one, unless it is said */
	r = weir_qemu_get_node(&kept->keys, "nodeid", &node, rd->err);
	if (r < 0)
		return r;
	if (node >= WEIR_VM_NODES_MAX)
		return weir_err_set(rd->err, -EBADMSG, "nodes are 0 to %d",
		                    WEIR_VM_NODES_MAX - 1);
	if (nodes->seen & UINT64_C(1) << node)
		return weir_err_set(rd->err, -EBADMSG, "QEMU: Duplicate NUMA nodeid: %d",
		                    node);
	nodes->seen |= UINT64_C(1) << node;
	rd->nr_guest_nodes++;
	if (!weir_qemu_get(&kept->keys, "memdev", &memdev))
		return understand_mem(rd, &kept->keys, nodes);
	if (nodes->any_mem || weir_qemu_get(&kept->keys, "mem", &type))
		return weir_err_set(rd->err, -EBADMSG, MIXED);
	if (rd->main_memory.n)
		return weir_err_set(rd->err, -EBADMSG,
		                    "QEMU: '-machine memory-backend' and '-numa memdev' "
		                    "properties are mutually exclusive");
	r = weir_qemu_use_backend(rd, "memdev", memdev, WEIR_QEMU_RAM, &backend);
	if (!backend)
		return r;
	backend->memory.guest_node = node;
	backend->order = nodes->nr++;
	nodes->bytes += backend->memory.size_bytes; /* of 255, each at most 2^52 */
	return 0;
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

static int wrong_sum(struct weir_qemu_read *rd, uint64_t bytes)
{
	char want[WEIR_SIZE_TEXT_MAX], have[WEIR_SIZE_TEXT_MAX];

	(void)weir_format_size(bytes, want, sizeof(want));
	(void)weir_format_size(rd->demand.ram_bytes, have, sizeof(have));
	return weir_err_set(rd->err, -EBADMSG,
	                    "-m is %s%s and the memory of -numa %s (QEMU: total memory "
	                    "for NUMA nodes (0x%" PRIx64 ") should equal RAM size "
	                    "(0x%" PRIx64 "))",
	                    rd->size.is_said ? "" : "not said and so ", have, want, bytes,
	                    rd->demand.ram_bytes);
}

static int wrong_backend(struct weir_qemu_read *rd, uint64_t bytes)
{
	char want[WEIR_SIZE_TEXT_MAX], have[WEIR_SIZE_TEXT_MAX];

	(void)weir_format_size(bytes, want, sizeof(want));
	(void)weir_format_size(rd->demand.ram_bytes, have, sizeof(have));
	return weir_err_set(rd->err, -EBADMSG,
	                    "-m is %s and its backend %s (QEMU: Machine memory size does "
	                    "not match the size of the memory backend)",
	                    have, want);
}

/* machine_set_mem(), pc_memory_init() */
static int understand_limits(struct weir_qemu_read *rd)
{
	uint64_t ram = rd->demand.ram_bytes;

	if (!rd->max.is_said && rd->slots.is_said)
		return weir_err_set(rd->err, -EBADMSG,
		                    "-m slots=%.*s wants maxmem (QEMU: slots specified "
		                    "but no max-size)",
		                    WEIR_STR_ARG(rd->slots.text));
	if (!rd->max.is_said)
		rd->max.n = ram;
	if (rd->max.n < ram)
		return weir_err_set(rd->err, -EBADMSG,
		                    "-m maxmem=%.*s (QEMU: invalid value of maxmem: "
		                    "maximum memory size (0x%" PRIx64
		                    ") must be at least the initial memory size "
		                    "(0x%" PRIx64 "))",
		                    WEIR_STR_ARG(rd->max.text), rd->max.n, ram);
	if (rd->max.n == ram && rd->slots.n)
		return weir_err_set(rd->err, -EBADMSG,
		                    "-m maxmem=%.*s: no more than the size, and slots "
		                    "(QEMU: invalid value of maxmem: memory slots were "
		                    "specified but maximum memory size (0x%" PRIx64
		                    ") is equal)",
		                    WEIR_STR_ARG(rd->max.text), ram);
	if (rd->slots.n > SLOTS_MAX)
		return weir_err_set(rd->err, -EBADMSG,
		                    "-m slots=%.*s: %u at most (QEMU: unsupported amount "
		                    "of memory slots: %" PRIu64 ")",
		                    WEIR_STR_ARG(rd->slots.text), SLOTS_MAX, rd->slots.n);
	if (rd->max.n > ram && rd->max.n % MAX_ALIGN)
		return weir_err_set(rd->err, -EBADMSG,
		                    "-m maxmem=%.*s (QEMU: maximum memory size must by "
		                    "aligned to multiple of %u bytes)",
		                    WEIR_STR_ARG(rd->max.text), MAX_ALIGN);
	return 0;
}

/* Which backends are RAM, and that they are as much as -m says. */
static int understand_ram(struct weir_qemu_read *rd, const struct nodes *nodes)
{
	struct weir_qemu_backend *backend = NULL;
	int r;

	if ((rd->main_memory.n || nodes->nr) && rd->mem_path.n)
		return weir_err_set(rd->err, -EBADMSG,
		                    "-mem-path '%.*s' and a memory backend for the RAM "
		                    "(QEMU: '-mem-path' can't be used together with"
		                    "'-machine memory-backend')",
		                    WEIR_STR_ARG(rd->mem_path));
	if (!rd->main_memory.n) {
		if (nodes->seen && nodes->bytes != rd->demand.ram_bytes)
			return wrong_sum(rd, nodes->bytes);
		return nodes->nr ? 0 : add_default_ram(rd);
	}
	r = weir_qemu_use_backend(rd, "-machine memory-backend", rd->main_memory,
	                          WEIR_QEMU_RAM, &backend);
	if (!backend)
		return r;
	if (!rd->size.is_said) /* the one case where -m follows the backend */
		rd->demand.ram_bytes = backend->memory.size_bytes;
	if (backend->memory.size_bytes != rd->demand.ram_bytes)
		return wrong_backend(rd, backend->memory.size_bytes);
	if (nodes->seen && nodes->bytes != rd->demand.ram_bytes)
		return wrong_sum(rd, nodes->bytes);
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
				"-numa: there is a node above it (QEMU: numa: Node ID "
				"missing: %u)",
				node);
	if (r == 0)
		r = understand_limits(rd);
	if (r == 0)
		r = understand_ram(rd, &nodes);
	for (size_t i = 0; r == 0 && i < rd->nr_kept; i++) {
		const struct weir_qemu_kept *kept = &rd->kept[i];

		if (kept->option == WEIR_QEMU_BLOCKDEV ||
		    kept->option == WEIR_QEMU_NETDEV)
			weir_qemu_count_vdpa(rd, &kept->keys);
		if (kept->option == WEIR_QEMU_DEVICE)
			r = weir_qemu_understand_device(rd, kept);
		if (r < 0)
			return weir_qemu_in_words(rd, r, kept->word, kept->arg);
	}
	return r < 0 ? r : give_all(rd, &nodes);
}
