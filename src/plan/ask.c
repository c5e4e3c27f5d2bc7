/* ask: see ask.h.
 *
 * Messages are those of QEMU 7.2 and the kernel; later versions word some of them
 * otherwise. What of QEMU's own is registered as memory besides the RAM: OVMF's flash,
 * option ROMs, video memory; the manual gives the numbers that are taken. */
#include "plan/ask.h"

#include "base/own.h"
#include "base/size.h"
#include "facts/snapshot.h"
#include "model/start_sizes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum weir_vm_vendor weir_host_vendor(const struct weir_snapshot *snap)
{
	static const struct {
		const char *id;
		enum weir_vm_vendor vendor;
	} known[] = {
		{ "GenuineIntel", WEIR_VENDOR_INTEL },
		{ "AuthenticAMD", WEIR_VENDOR_AMD },
		{ "HygonGenuine", WEIR_VENDOR_HYGON },
	};

	for (size_t i = 0; i < WEIR_NELEM(known); i++)
		if (strcmp(snap->cpu.vendor, known[i].id) == 0)
			return known[i].vendor;
	return WEIR_VENDOR_UNKNOWN;
}

static char *words(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));
static char *words(const char *fmt, va_list ap)
{
	char *text;

	return vasprintf(&text, fmt, ap) < 0 ? NULL : text;
}

static int put(char **to, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int put(char **to, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	free(*to);
	*to = words(fmt, ap);
	va_end(ap);
	return *to ? 0 : -ENOMEM;
}

static int note(struct weir_ask *ask, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static int note(struct weir_ask *ask, const char *fmt, ...)
{
	weir_auto(weir_freep) char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = words(fmt, ap);
	va_end(ap);
	return text ? weir_buf_printf(&ask->notes, "%s\n", text) : -ENOMEM;
}

/* ---- page sizes and mounts --------------------------------------------------------- */

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	while (n && dir[n - 1] == '/')
		n--;
	return strncmp(path, dir, n) == 0 && (path[n] == '/' || !path[n]);
}

/* The hugetlbfs that a path lies on: the one mounted deepest. */
static const struct weir_hugetlbfs *mount_of(const struct weir_snapshot *snap,
                                             const char *path)
{
	const struct weir_hugetlbfs *best = NULL;

	for (size_t i = 0; i < snap->mounts.nr; i++) {
		const struct weir_hugetlbfs *m = &snap->mounts.v[i];

		if (!m->covered && is_below(path, m->target) &&
		    (!best || strlen(m->target) >= strlen(best->target)))
			best = m;
	}
	return best;
}

static const struct weir_hugetlbfs *mount_of_size(const struct weir_snapshot *snap,
                                                  uint64_t page_bytes)
{
	for (size_t i = 0; i < snap->mounts.nr; i++)
		if (!snap->mounts.v[i].covered &&
		    snap->mounts.v[i].page_bytes.n == page_bytes)
			return &snap->mounts.v[i];
	return NULL;
}

static const struct weir_path *path_of(const struct weir_ask_options *options,
                                       const char *path)
{
	for (size_t i = 0; i < options->nr_paths; i++)
		if (strcmp(options->paths[i].path, path) == 0)
			return &options->paths[i];
	return NULL;
}

static int refuse(struct weir_ask *ask, const char *qemu, const char *help,
                  const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static int refuse(struct weir_ask *ask, const char *qemu, const char *help,
                  const char *fmt, ...)
{
	va_list ap;

	if (ask->refused) /* the first thing wrong is what QEMU stops at */
		return 0;
	ask->refused = true;
	va_start(ap, fmt);
	ask->refusal.reason = words(fmt, ap);
	va_end(ap);
	if (!ask->refusal.reason || (qemu && put(&ask->refusal.qemu, "%s", qemu) < 0) ||
	    (help && put(&ask->refusal.help, "%s", help) < 0))
		return -ENOMEM;
	return 0;
}

static int refuse_size(struct weir_ask *ask, const struct weir_vm_memory *mem,
                       uint64_t page_bytes)
{
	char size[WEIR_SIZE_TEXT_MAX], qemu[80];

	/* memfd_create(2): MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_HUGETLB and the size */
	(void)snprintf(qemu, sizeof(qemu),
	               "failed to create memfd with flags 0x%x: No such device",
	               7U | (unsigned int)(__builtin_ctzll(page_bytes) << 26));
	return refuse(ask,
	              mem->backing == WEIR_BACKING_MEMFD
	                      ? qemu
	                      : "hugetlbfs filesystem is not mounted",
	              "use a page size that 'weir status' shows",
	              "memory '%s' wants pages of %s, which this kernel does not have",
	              mem->id, weir_format_size(page_bytes, size, sizeof(size)).p);
}

static int on_mount(struct weir_ask *ask, const struct weir_hugetlbfs *m,
                    struct weir_ask_memory *out)
{
	if (!m->page_bytes.known)
		return note(ask, "the page size of %s is not known", m->target);
	out->mount = m->same_as;
	out->page_bytes = m->page_bytes.n;
	return 0;
}

/* QEMU makes a file in the directory, or opens the one that is named. */
static int cannot_open(struct weir_ask *ask, const struct weir_vm_memory *mem,
                       const char *why, const char *help)
{
	weir_auto(weir_freep) char *qemu = NULL;

	if (put(&qemu, "can't open backing store %s for guest RAM: %s", mem->path, why) <
	    0)
		return -ENOMEM;
	return refuse(ask, qemu, help, "memory '%s' cannot use %s: %s", mem->id,
	              mem->path, why);
}

static bool may_write(const struct weir_ask_options *options, const struct weir_path *at)
{
	bool is_member = at->gid == options->gid;

	if (!options->user_known || !options->uid)
		return true;
	for (size_t i = 0; i < options->nr_groups; i++)
		is_member = is_member || at->gid == options->groups[i];
	if (at->uid == options->uid)
		return at->mode & 0200;
	return at->mode & (is_member ? 020 : 02);
}

static int check_path(struct weir_ask *ask, const struct weir_vm_memory *mem,
                      const struct weir_hugetlbfs *m, const struct weir_path *there)
{
	if (!there || !there->known)
		return 0;
	if (!there->exists && !there->parent_exists)
		return cannot_open(ask, mem, "No such file or directory",
		                   "make the directory, or mount a hugetlbfs there");
	if (m && m->read_only && (there->is_dir || !there->exists))
		return cannot_open(ask, mem, "Read-only file system",
		                   "mount it writable");
	if (!may_write(&ask->options, there))
		return cannot_open(ask, mem, "Permission denied",
		                   "mount it with mode=, uid= or gid= for its user");
	return 0;
}

static int see_file(struct weir_ask *ask, const struct weir_vm_memory *mem,
                    const struct weir_path *there, struct weir_ask_memory *out)
{
	weir_auto(weir_freep) char *qemu = NULL;

	if (out->page_bytes)
		out->present_pages = there->allocated_bytes / out->page_bytes;
	if (!there->size_bytes || there->size_bytes >= mem->size_bytes)
		return 0;
	if (put(&qemu,
	        "backing store size 0x%" PRIx64
	        " does not match 'size' option 0x%" PRIx64,
	        there->size_bytes, mem->size_bytes) < 0)
		return -ENOMEM;
	return refuse(ask, qemu, "remove the file, or ask for its size",
	              "the file %s has %" PRIu64 " bytes, memory '%s' wants %" PRIu64,
	              mem->path, there->size_bytes, mem->id, mem->size_bytes);
}

static int resolve_file(const struct weir_snapshot *snap, struct weir_ask *ask,
                        const struct weir_vm_memory *mem, struct weir_ask_memory *out)
{
	const struct weir_hugetlbfs *m = mount_of(snap, mem->path);
	const struct weir_path *there = path_of(&ask->options, mem->path);
	int r = m ? on_mount(ask, m, out) : 0;

	if (r == 0 && mem->path[0] != '/')
		r = note(ask, "%s is relative to where QEMU starts, which is not known",
		         mem->path);
	if (r == 0 && !snap->mounts.known)
		r = note(ask, "the mounts are not known: %s is taken to be no hugetlbfs",
		         mem->path);
	if (r == 0)
		r = check_path(ask, mem, m, there);
	if (r < 0 || !there || !there->known)
		return r;
	if (!m && there->fs_free_bytes.known)
		out->file_room = there->fs_free_bytes.n;
	return there->exists && !there->is_dir ? see_file(ask, mem, there, out) : 0;
}

static int resolve(const struct weir_snapshot *snap, struct weir_ask *ask,
                   const struct weir_vm_memory *mem, struct weir_ask_memory *out)
{
	const struct weir_hugetlbfs *m;

	out->mount = SIZE_MAX;
	out->file_room = UINT64_MAX;
	out->bytes = mem->size_bytes;
	if (mem->backing == WEIR_BACKING_FILE)
		return resolve_file(snap, ask, mem, out);
	if (!mem->huge)
		return 0;
	out->page_bytes = mem->page_bytes ? mem->page_bytes : snap->mem.huge_size.n;
	if (!out->page_bytes)
		return refuse(ask,
		              "failed to create memfd with flags 0x7: No such device",
		              "back the memory with base pages",
		              "memory '%s' wants huge pages, which this kernel does not "
		              "have",
		              mem->id);
	if (snap->pools.known && !weir_pools_size(&snap->pools, out->page_bytes))
		return refuse_size(ask, mem, out->page_bytes);
	if (mem->backing != WEIR_BACKING_HUGE || !snap->mounts.known)
		return 0;
	m = mount_of_size(snap, out->page_bytes);
	if (!m) {
		char size[WEIR_SIZE_TEXT_MAX], help[128];

		(void)weir_format_size(out->page_bytes, size, sizeof(size));
		(void)snprintf(help, sizeof(help),
		               "mount -t hugetlbfs -o pagesize=%s none DIR, then "
		               "restart libvirtd",
		               size);
		return refuse(ask, NULL, help,
		              "no hugetlbfs of %s pages is mounted; libvirt says "
		              "'hugetlbfs filesystem is not mounted or disabled by "
		              "administrator config'",
		              size);
	}
	return on_mount(ask, m, out);
}

/* A file is rounded up to whole pages, unless it is smaller than one; a memfd is not. */
static int round_memory(struct weir_ask *ask, const struct weir_vm_memory *mem,
                        struct weir_ask_memory *out)
{
	weir_auto(weir_freep) char *qemu = NULL;
	char size[WEIR_SIZE_TEXT_MAX];

	if (!out->page_bytes || out->bytes % out->page_bytes == 0)
		return 0;
	if (mem->backing == WEIR_BACKING_MEMFD) {
		if (put(&qemu, "failed to resize memfd to %" PRIu64 ": Invalid argument",
		        out->bytes) < 0)
			return -ENOMEM;
		return refuse(ask, qemu, "ask for whole pages",
		              "memory '%s' is not a multiple of its pages of %s", mem->id,
		              weir_format_size(out->page_bytes, size, sizeof(size)).p);
	}
	if (out->bytes < out->page_bytes) {
		if (put(&qemu,
		        "memory size 0x%" PRIx64
		        " must be equal to or larger than page size 0x%" PRIx64,
		        out->bytes, out->page_bytes) < 0)
			return -ENOMEM;
		return refuse(ask, qemu, "ask for whole pages",
		              "memory '%s' is smaller than one page of %s", mem->id,
		              weir_format_size(out->page_bytes, size, sizeof(size)).p);
	}
	out->bytes += out->page_bytes - out->bytes % out->page_bytes;
	return 0;
}

/* Base pages: the kernel refuses at once what is more than all of its memory and swap, or
 * in mode 2 beyond CommitLimit (mm/util.c, __vm_enough_memory()), and a file has what its
 * file system has. */
static struct weir_count most_at_once(const struct weir_snapshot *snap,
                                      const struct weir_ask_options *options)
{
	if (options->overcommit_memory.known && options->overcommit_memory.n == 2)
		return weir_count_sub(snap->mem.commit_limit, snap->mem.committed);
	return weir_count_add(snap->mem.total, snap->mem.swap_total);
}

static int check_base(const struct weir_snapshot *snap, struct weir_ask *ask,
                      const struct weir_vm_memory *mem, const struct weir_ask_memory *of)
{
	struct weir_count all = most_at_once(snap, &ask->options);
	weir_auto(weir_freep) char *qemu = NULL;
	char size[WEIR_SIZE_TEXT_MAX];

	if (of->page_bytes)
		return 0;
	if (of->bytes > of->file_room && mem->prealloc)
		return refuse(
			ask,
			"qemu_prealloc_mem: preallocating memory failed: Bad address",
			"make the file system larger",
			"the file system of %s has room for %s", mem->path,
			weir_format_human(of->file_room, size, sizeof(size)));
	if (mem->backing == WEIR_BACKING_FILE || !mem->reserve || !all.known ||
	    of->bytes <= all.n ||
	    (ask->options.overcommit_memory.known &&
	     ask->options.overcommit_memory.n == 1))
		return 0;
	if (put(&qemu, "cannot set up guest memory '%s': Cannot allocate memory",
	        mem->id) < 0)
		return -ENOMEM;
	return refuse(ask, qemu, "ask for less", "memory '%s' is larger than %s (%s)",
	              mem->id,
	              ask->options.overcommit_memory.n == 2
	                      ? "what vm.overcommit_memory=2 leaves to promise"
	                      : "all memory and swap of this host",
	              weir_format_human(all.n, size, sizeof(size)));
}

/* ---- what QEMU wants to be a multiple of what -------------------------------------- */

/* include/qemu/osdep.h: QEMU_VMALLOC_ALIGN of x86 */
#define ANON_ALIGN (UINT64_C(2) << 20)
/* hw/virtio/virtio-mem.c: VIRTIO_MEM_DEFAULT_THP_SIZE, VIRTIO_MEM_MIN_BLOCK_SIZE */
#define THP_BYTES (UINT64_C(2) << 20)
#define BLOCK_MIN (UINT64_C(1) << 20)

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* What of the memory's alignment QEMU says when it opens the file (file_ram_alloc()). */
static int check_align(const struct weir_snapshot *snap, struct weir_ask *ask,
                       const struct weir_vm_memory *mem, const struct weir_ask_memory *of)
{
	uint64_t page = of->page_bytes ? of->page_bytes : snap->page_bytes.n;
	weir_auto(weir_freep) char *qemu = NULL;

	if (!page || mem->align_bytes % page == 0)
		return 0;
	if (put(&qemu,
	        "alignment 0x%" PRIx64 " must be multiples of page size 0x%" PRIx64,
	        mem->align_bytes, page) < 0)
		return -ENOMEM;
	return refuse(ask, qemu, "leave align= away",
	              "the alignment of memory '%s' is no multiple of its pages",
	              mem->id);
}

static uint64_t block_of(const struct weir_snapshot *snap,
                         const struct weir_vm_memory *mem,
                         const struct weir_ask_memory *of)
{
	uint64_t thp = snap->thp.pmd_size.known ? snap->thp.pmd_size.n : THP_BYTES;

	if (mem->block_bytes)
		return mem->block_bytes;
	return larger(of->page_bytes ? of->page_bytes : thp, BLOCK_MIN);
}

/* hw/virtio/virtio-mem.c, virtio_mem_device_realize() */
static int check_virtio_mem(struct weir_ask *ask, const struct weir_vm_memory *mem,
                            uint64_t page, uint64_t block)
{
	weir_auto(weir_freep) char *qemu = NULL;

	if (ask->demand->mem_lock)
		return refuse(ask, "Incompatible with mlock",
		              "do not lock the VM's memory, or give it all at start",
		              "memory '%s' is of virtio-mem, and all memory is locked",
		              mem->id);
	if (put(&qemu,
	        block < page ? "'block-size' property has to be at least the page size "
	                       "(0x%" PRIx64 ")"
	                     : "'requested-size' property has to be multiples of "
	                       "'block-size' (0x%" PRIx64 ")",
	        block < page ? page : block) < 0)
		return -ENOMEM;
	if (block < page)
		return refuse(ask, qemu, "leave block-size= away",
		              "a block of memory '%s' is smaller than its pages",
		              mem->id);
	if (mem->requested_bytes % block)
		return refuse(ask, qemu, "request whole blocks",
		              "what is requested of memory '%s' is no multiple of its "
		              "blocks",
		              mem->id);
	return 0;
}

/* hw/mem/memory-device.c: the size of a device before the device itself looks. */
static int check_device(const struct weir_snapshot *snap, struct weir_ask *ask,
                        const struct weir_vm_memory *mem,
                        const struct weir_ask_memory *of)
{
	uint64_t page = of->page_bytes ? of->page_bytes : snap->page_bytes.n;
	uint64_t align = mem->backing == WEIR_BACKING_ANON
	                         ? ANON_ALIGN
	                         : larger(page, mem->align_bytes);
	uint64_t block = mem->is_virtio_mem ? block_of(snap, mem, of) : 1;
	weir_auto(weir_freep) char *qemu = NULL;

	align = larger(align, block);
	if (!mem->is_whole || mem->size_bytes % align == 0)
		return mem->is_virtio_mem ? check_virtio_mem(ask, mem, page, block) : 0;
	if (put(&qemu, "backend memory size must be multiple of 0x%" PRIx64, align) < 0)
		return -ENOMEM;
	return refuse(ask, qemu, "round its size up",
	              "the size of memory '%s' is no multiple of its alignment", mem->id);
}

/* ---- what the host can do ---------------------------------------------------------- */

static bool has_cpus(const struct weir_snapshot *snap, uint64_t nodes)
{
	for (size_t i = 0; i < snap->nodes.nr; i++) {
		const struct weir_node *node = &snap->nodes.v[i];

		if (node->id < WEIR_VM_NODES_MAX && nodes >> node->id & 1 &&
		    (!node->cpus_known || node->cpus.nr))
			return true;
	}
	return false;
}

static int check_threads(const struct weir_snapshot *snap, struct weir_ask *ask)
{
	for (size_t i = 0; snap->nodes.known && i < ask->demand->nr_thread_nodes; i++)
		if (!has_cpus(snap, ask->demand->thread_nodes[i]))
			return refuse(ask, "The nodes select no CPUs",
			              "name nodes that 'weir status --table nodes' shows",
			              "a thread-context is bound to nodes without CPUs");
	return 0;
}

/* A cpuset has no other nodes: who names only such is told so before memory is asked. */
static int check_nodes(const struct weir_snapshot *snap, struct weir_ask *ask)
{
	uint64_t there = 0;

	for (size_t i = 0; i < snap->nodes.nr; i++)
		if (snap->nodes.v[i].id < WEIR_VM_NODES_MAX)
			there |= UINT64_C(1) << snap->nodes.v[i].id;
	if (!snap->nodes.known || !ask->nodes || (ask->nodes & there))
		return 0;
	return refuse(ask, NULL, "name nodes that 'weir status --table nodes' shows",
	              "it is confined to nodes that this host does not have");
}

static int check_backend(const struct weir_snapshot *snap, struct weir_ask *ask,
                         const struct weir_vm_memory *mem)
{
	uint64_t there = 0;

	if (mem->prealloc && !mem->reserve && !mem->is_virtio_mem)
		return refuse(ask, "'prealloc=on' and 'reserve=off' are incompatible",
		              "drop one of them", "memory '%s' asks for both", mem->id);
	for (size_t i = 0; i < snap->nodes.nr; i++)
		if (snap->nodes.v[i].id < WEIR_VM_NODES_MAX)
			there |= UINT64_C(1) << snap->nodes.v[i].id;
	if (snap->nodes.known && mem->host_nodes && !(mem->host_nodes & there))
		return refuse(ask,
		              "cannot bind memory to host NUMA nodes: Invalid argument",
		              "name nodes that 'weir status --table nodes' shows",
		              "memory '%s' is bound to nodes that this host does not "
		              "have",
		              mem->id);
	return 0;
}

static const struct {
	enum weir_vm_kind kind;
	enum weir_vm_vendor vendor;
	size_t at; /* of the module's parameter in struct weir_confidential */
} needs[] = {
	{ WEIR_VM_SEV, WEIR_VENDOR_AMD, offsetof(struct weir_confidential, sev) },
	{ WEIR_VM_SEV_ES, WEIR_VENDOR_AMD, offsetof(struct weir_confidential, sev_es) },
	{ WEIR_VM_SNP, WEIR_VENDOR_AMD, offsetof(struct weir_confidential, sev_snp) },
	{ WEIR_VM_CSV1, WEIR_VENDOR_HYGON, offsetof(struct weir_confidential, sev) },
	{ WEIR_VM_CSV2, WEIR_VENDOR_HYGON, offsetof(struct weir_confidential, sev_es) },
	{ WEIR_VM_CSV3, WEIR_VENDOR_HYGON, offsetof(struct weir_confidential, sev) },
	{ WEIR_VM_TDX, WEIR_VENDOR_INTEL, offsetof(struct weir_confidential, tdx) },
};

bool weir_host_offers(const struct weir_snapshot *snap, enum weir_vm_kind kind)
{
	enum weir_vm_vendor vendor = weir_host_vendor(snap);
	/* the areas that a kernel sets aside for CSV3 it sets aside where it can */
	bool csv = snap->confidential.csv.known || snap->klog.nr_csv_nodes;

	for (size_t i = 0; i < WEIR_NELEM(needs); i++) {
		struct weir_count on;

		if (needs[i].kind != kind)
			continue;
		memcpy(&on, (const char *)&snap->confidential + needs[i].at, sizeof(on));
		return vendor == needs[i].vendor && (on.n || (!on.known && csv));
	}
	return kind == WEIR_VM_PLAIN;
}

/* Wrong CPU, or switched off. What the host does not tell is said, and not held against
 * the VM. */
static int check_kind(const struct weir_snapshot *snap, struct weir_ask *ask)
{
	const struct weir_demand *vm = ask->demand;
	enum weir_vm_vendor vendor = weir_host_vendor(snap);
	const char *kind = weir_vm_kind_word(vm->kind);

	for (size_t i = 0; i < WEIR_NELEM(needs); i++) {
		struct weir_count on;

		if (needs[i].kind != vm->kind)
			continue;
		memcpy(&on, (const char *)&snap->confidential + needs[i].at, sizeof(on));
		if (vendor != WEIR_VENDOR_UNKNOWN && vendor != needs[i].vendor)
			return refuse(ask, NULL, "start it on a host with such a CPU",
			              "this CPU (%s) has no %s", snap->cpu.vendor, kind);
		if (on.known && !on.n)
			return refuse(ask, NULL,
			              "switch it on in the firmware and in the kvm "
			              "module's parameters",
			              "KVM says that %s is off on this host", kind);
		if (!on.known && !weir_host_offers(snap, vm->kind))
			return weir_buf_printf(
				&ask->doubts,
				"whether this host can do %s is not known: no kvm module "
				"tells\n",
				kind);
	}
	return 0;
}

/* Address space ids (SEV and CSV) or key ids (TDX) that nobody has. What is in use the
 * root of the cgroup tree tells since 6.11. */
uint64_t weir_host_ids_left(const struct weir_snapshot *snap, enum weir_vm_kind kind)
{
	const struct weir_misc *all = &snap->cgroups.misc_capacity;
	const struct weir_misc *used = &snap->cgroups.misc_usage;
	struct weir_count left = { 0 };

	switch (kind) {
	case WEIR_VM_PLAIN: return UINT64_MAX;
	case WEIR_VM_SEV:
	case WEIR_VM_CSV1: left = weir_count_sub(all->sev, used->sev); break;
	case WEIR_VM_SEV_ES:
	case WEIR_VM_SNP:
	case WEIR_VM_CSV2:
	case WEIR_VM_CSV3: left = weir_count_sub(all->sev_es, used->sev_es); break;
	case WEIR_VM_TDX: left = weir_count_sub(all->tdx, used->tdx); break;
	}
	return left.known ? left.n : UINT64_MAX;
}

/* The unit of CSV3's memory is a power of two, 8 MiB at least (model/csv.c). */
static bool is_smr(struct weir_count bytes)
{
	return bytes.n >= WEIR_CSV_SMR_BYTES_MIN && (bytes.n & (bytes.n - 1)) == 0;
}

static uint64_t smr_bytes(const struct weir_snapshot *snap)
{
	if (is_smr(snap->confidential.csv_smr_bytes))
		return snap->confidential.csv_smr_bytes.n;
	return is_smr(snap->klog.csv_smr_entry_bytes) ? snap->klog.csv_smr_entry_bytes.n
	                                              : WEIR_CSV_SMR_BYTES_MIN;
}

static uint64_t memlock(const struct weir_ask *ask)
{
	if (ask->demand->memlock_known)
		return ask->demand->memlock_bytes;
	return ask->options.memlock_known ? ask->options.memlock_bytes : UINT64_MAX;
}

int weir_ask_make(const struct weir_snapshot *snap, const struct weir_demand *demand,
                  const struct weir_ask_options *options, struct weir_ask *out)
{
	int r = 0;

	memset(out, 0, sizeof(*out));
	out->demand = demand;
	out->options = *options;
	out->memory = calloc(demand->nr_memory + 1, sizeof(*out->memory));
	if (!out->memory)
		return -ENOMEM;
	out->nodes = options->nodes ? options->nodes : demand->task_nodes;
	out->memlock_bytes = memlock(out);
	out->smr_bytes = smr_bytes(snap);
	/* the percentage wins over it */
	if (snap->boot.csv_use_hugetlb.n && !snap->boot.csv_percentage.n)
		out->csv_page_bytes = WEIR_GIB;
	out->extra_bytes = demand->overhead_bytes ? demand->overhead_bytes
	                                          : WEIR_START_EXTRA_BYTES;
	out->slot_bytes = WEIR_START_FLASH_BYTES;
	out->ids_left = weir_host_ids_left(snap, demand->kind);
	r = check_nodes(snap, out);
	if (r == 0)
		r = check_threads(snap, out);
	if (r == 0)
		r = check_kind(snap, out);
	if (r == 0 && !out->ids_left)
		r = refuse(out, "failed to initialize ret=-16 fw_error=0",
		           "end a VM of its kind, or give the kind more ids in the "
		           "firmware",
		           "no address space id for %s is left",
		           weir_vm_kind_word(demand->kind));
	for (size_t i = 0; r == 0 && i < demand->nr_memory; i++) {
		r = check_backend(snap, out, &demand->memory[i]);
		if (r == 0)
			r = resolve(snap, out, &demand->memory[i], &out->memory[i]);
		if (r == 0)
			r = check_align(snap, out, &demand->memory[i], &out->memory[i]);
		if (r == 0)
			r = round_memory(out, &demand->memory[i], &out->memory[i]);
		if (r == 0)
			r = check_base(snap, out, &demand->memory[i], &out->memory[i]);
	}
	for (size_t i = 0; r == 0 && i < demand->nr_memory; i++) /* after all backends */
		r = check_device(snap, out, &demand->memory[i], &out->memory[i]);
	return r;
}

void weir_ask_done(struct weir_ask *ask)
{
	free(ask->memory);
	free(ask->refusal.reason);
	free(ask->refusal.help);
	free(ask->refusal.qemu);
	free(ask->refusal.kernel);
	weir_buf_done(&ask->notes);
	weir_buf_done(&ask->doubts);
	memset(ask, 0, sizeof(*ask));
}
