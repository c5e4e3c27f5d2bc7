/* ask_memory: one memory of a VM as it meets a host: the page size that its path has, the
 * mount it lies on, and what QEMU refuses of it. See ask.h. */
#include "plan/ask_parts.h"

#include "base/own.h"
#include "base/size.h"
#include "facts/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

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

static int refuse_size(struct weir_ask *ask, const struct weir_vm_memory *mem,
                       uint64_t page_bytes)
{
	char size[WEIR_SIZE_TEXT_MAX], qemu[80];

	/* memfd_create(2): MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_HUGETLB and the size */
	(void)snprintf(qemu, sizeof(qemu),
	               "failed to create memfd with flags 0x%x: No such device",
	               7U | (unsigned int)(__builtin_ctzll(page_bytes) << 26));
	return weir_ask_refuse(
		ask,
		mem->backing == WEIR_BACKING_MEMFD
			? qemu
			: "hugetlbfs filesystem is not mounted",
		"use a page size that 'weir status' shows",
		"memory '%s' wants pages of %s, which this kernel does not have", mem->id,
		weir_format_size(page_bytes, size, sizeof(size)).p);
}

static int on_mount(struct weir_ask *ask, const struct weir_hugetlbfs *m,
                    struct weir_ask_memory *out)
{
	if (!m->page_bytes.known)
		return weir_ask_note(ask, "the page size of %s is not known", m->target);
	out->mount = m->same_as;
	out->page_bytes = m->page_bytes.n;
	return 0;
}

/* QEMU makes a file in the directory, or opens the one that is named. */
static int cannot_open(struct weir_ask *ask, const struct weir_vm_memory *mem,
                       const char *why, const char *help)
{
	weir_auto(weir_freep) char *qemu = NULL;

	if (weir_ask_put(&qemu, "can't open backing store %s for guest RAM: %s",
	                 mem->path, why) < 0)
		return -ENOMEM;
	return weir_ask_refuse(ask, qemu, help, "memory '%s' cannot use %s: %s", mem->id,
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
	if (weir_ask_put(&qemu,
	                 "backing store size 0x%" PRIx64
	                 " does not match 'size' option 0x%" PRIx64,
	                 there->size_bytes, mem->size_bytes) < 0)
		return -ENOMEM;
	return weir_ask_refuse(ask, qemu, "remove the file, or ask for its size",
	                       "the file %s has %" PRIu64
	                       " bytes, memory '%s' wants %" PRIu64,
	                       mem->path, there->size_bytes, mem->id, mem->size_bytes);
}

static int resolve_file(const struct weir_snapshot *snap, struct weir_ask *ask,
                        const struct weir_vm_memory *mem, struct weir_ask_memory *out)
{
	const struct weir_hugetlbfs *m = mount_of(snap, mem->path);
	const struct weir_path *there = path_of(&ask->options, mem->path);
	int r = m ? on_mount(ask, m, out) : 0;

	if (r == 0 && mem->path[0] != '/')
		r = weir_ask_note(
			ask, "%s is relative to where QEMU starts, which is not known",
			mem->path);
	if (r == 0 && !snap->mounts.known)
		r = weir_ask_note(
			ask, "the mounts are not known: %s is taken to be no hugetlbfs",
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
		return weir_ask_refuse(
			ask, "failed to create memfd with flags 0x7: No such device",
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
		return weir_ask_refuse(
			ask, NULL, help,
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
		if (weir_ask_put(&qemu,
		                 "failed to resize memfd to %" PRIu64
		                 ": Invalid argument",
		                 out->bytes) < 0)
			return -ENOMEM;
		return weir_ask_refuse(
			ask, qemu, "ask for whole pages",
			"memory '%s' is not a multiple of its pages of %s", mem->id,
			weir_format_size(out->page_bytes, size, sizeof(size)).p);
	}
	if (out->bytes < out->page_bytes) {
		if (weir_ask_put(&qemu,
		                 "memory size 0x%" PRIx64
		                 " must be equal to or larger than page size 0x%" PRIx64,
		                 out->bytes, out->page_bytes) < 0)
			return -ENOMEM;
		return weir_ask_refuse(
			ask, qemu, "ask for whole pages",
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
		return weir_ask_refuse(
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
	if (weir_ask_put(&qemu, "cannot set up guest memory '%s': Cannot allocate memory",
	                 mem->id) < 0)
		return -ENOMEM;
	return weir_ask_refuse(ask, qemu, "ask for less",
	                       "memory '%s' is larger than %s (%s)", mem->id,
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
	if (weir_ask_put(&qemu,
	                 "alignment 0x%" PRIx64
	                 " must be multiples of page size 0x%" PRIx64,
	                 mem->align_bytes, page) < 0)
		return -ENOMEM;
	return weir_ask_refuse(ask, qemu, "leave align= away",
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
		return weir_ask_refuse(
			ask, "Incompatible with mlock",
			"do not lock the VM's memory, or give it all at start",
			"memory '%s' is of virtio-mem, and all memory is locked",
			mem->id);
	if (weir_ask_put(
		    &qemu,
		    block < page
			    ? "'block-size' property has to be at least the page size "
			      "(0x%" PRIx64 ")"
			    : "'requested-size' property has to be multiples of "
			      "'block-size' (0x%" PRIx64 ")",
		    block < page ? page : block) < 0)
		return -ENOMEM;
	if (block < page)
		return weir_ask_refuse(ask, qemu, "leave block-size= away",
		                       "a block of memory '%s' is smaller than its pages",
		                       mem->id);
	if (mem->requested_bytes % block)
		return weir_ask_refuse(
			ask, qemu, "request whole blocks",
			"what is requested of memory '%s' is no multiple of its "
			"blocks",
			mem->id);
	return 0;
}

/* hw/mem/memory-device.c: the size of a device before the device itself looks. */
int weir_ask_device(const struct weir_snapshot *snap, struct weir_ask *ask, size_t i)
{
	const struct weir_vm_memory *mem = &ask->demand->memory[i];
	const struct weir_ask_memory *of = &ask->memory[i];
	uint64_t page = of->page_bytes ? of->page_bytes : snap->page_bytes.n;
	uint64_t align = mem->backing == WEIR_BACKING_ANON
	                         ? ANON_ALIGN
	                         : larger(page, mem->align_bytes);
	uint64_t block = mem->is_virtio_mem ? block_of(snap, mem, of) : 1;
	weir_auto(weir_freep) char *qemu = NULL;

	align = larger(align, block);
	if (!mem->is_whole || mem->size_bytes % align == 0)
		return mem->is_virtio_mem ? check_virtio_mem(ask, mem, page, block) : 0;
	if (weir_ask_put(&qemu, "backend memory size must be multiple of 0x%" PRIx64,
	                 align) < 0)
		return -ENOMEM;
	return weir_ask_refuse(ask, qemu, "round its size up",
	                       "the size of memory '%s' is no multiple of its alignment",
	                       mem->id);
}

static int check_backend(const struct weir_snapshot *snap, struct weir_ask *ask,
                         const struct weir_vm_memory *mem)
{
	uint64_t there = 0;

	if (mem->prealloc && !mem->reserve && !mem->is_virtio_mem)
		return weir_ask_refuse(
			ask, "'prealloc=on' and 'reserve=off' are incompatible",
			"drop one of them", "memory '%s' asks for both", mem->id);
	for (size_t i = 0; i < snap->nodes.nr; i++)
		if (snap->nodes.v[i].id < WEIR_VM_NODES_MAX)
			there |= UINT64_C(1) << snap->nodes.v[i].id;
	if (snap->nodes.known && mem->host_nodes && !(mem->host_nodes & there))
		return weir_ask_refuse(
			ask, "cannot bind memory to host NUMA nodes: Invalid argument",
			"name nodes that 'weir status --table nodes' shows",
			"memory '%s' is bound to nodes that this host does not "
			"have",
			mem->id);
	return 0;
}

int weir_ask_memory(const struct weir_snapshot *snap, struct weir_ask *ask, size_t i)
{
	const struct weir_vm_memory *mem = &ask->demand->memory[i];
	struct weir_ask_memory *out = &ask->memory[i];
	int r = check_backend(snap, ask, mem);

	if (r == 0)
		r = resolve(snap, ask, mem, out);
	if (r == 0)
		r = check_align(snap, ask, mem, out);
	if (r == 0)
		r = round_memory(ask, mem, out);
	return r < 0 ? r : check_base(snap, ask, mem, out);
}
