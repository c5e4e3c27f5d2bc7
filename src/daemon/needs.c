/* needs: see needs.h. */
#include "daemon/needs.h"

#include "base/ckd.h"
#include "base/own.h"
#include "facts/snapshot.h"
#include "vm/detect.h"

#include <errno.h>

#define TEXT_MAX_BYTES (4U << 20) /* a domain XML with thousands of devices: 2 MB */

void weir_needs_done(struct weir_needs *needs)
{
	free(needs->v);
	*needs = (struct weir_needs){ 0 };
}

int weir_needs_add(struct weir_needs *needs, uint64_t page_bytes, int node,
                   uint64_t bytes)
{
	struct weir_need *need;

	for (size_t i = 0; i < needs->nr; i++) {
		need = &needs->v[i];
		if (need->page_bytes != page_bytes || need->node != node)
			continue;
		if (ckd_add(&need->bytes, need->bytes, bytes))
			need->bytes = UINT64_MAX;
		return 0;
	}
	if (weir_grow(&needs->v, &needs->cap, needs->nr, sizeof(*needs->v)) < 0)
		return -ENOMEM;
	needs->v[needs->nr++] = (struct weir_need){ page_bytes, bytes, node };
	return 0;
}

/* The only node of a mask, or -1. */
static int only_node(uint64_t nodes)
{
	if (!nodes || nodes & (nodes - 1))
		return -1;
	return __builtin_ctzll(nodes);
}

int weir_needs_of(const struct weir_ask *ask, struct weir_needs *out)
{
	int r = 0;

	for (size_t i = 0; i < ask->demand->nr_memory && r == 0; i++) {
		const struct weir_vm_memory *of = &ask->demand->memory[i];
		const struct weir_ask_memory *memory = &ask->memory[i];
		uint64_t bytes = memory->bytes, present;
		int node = of->policy == WEIR_VM_POLICY_BIND ? only_node(of->host_nodes)
		                                             : only_node(ask->nodes);

		if (!memory->page_bytes)
			continue;
		if (!ckd_mul(&present, memory->present_pages, memory->page_bytes))
			bytes -= present < bytes ? present : bytes;
		if (bytes)
			r = weir_needs_add(out, memory->page_bytes, node, bytes);
	}
	return r;
}

/* ---- reading ----------------------------------------------------------------------- */

static bool is_running(const struct weir_names *running, const char *name)
{
	for (size_t i = 0; i < running->nr; i++)
		if (strcmp(running->v[i].name, name) == 0)
			return true;
	return false;
}

static int read_paths(const struct weir_host *host, const struct weir_demand *demand,
                      struct weir_path *paths, size_t *nr)
{
	int r = 0;

	for (size_t i = 0; i < demand->nr_memory && r == 0; i++)
		if (demand->memory[i].path) {
			r = weir_path_read(host, demand->memory[i].path, true,
			                   &paths[*nr]);
			*nr += r == 0;
		}
	return r;
}

static int add_demand(const struct weir_host *host, const struct weir_snapshot *snap,
                      const struct weir_demand *demand, struct weir_needs *out)
{
	weir_auto(weir_freep) struct weir_path *paths = calloc(demand->nr_memory + 1,
	                                                       sizeof(*paths));
	struct weir_ask_options options = { .paths = paths, .cpu = -1 };
	struct weir_ask ask = { 0 };
	int r;

	if (!paths)
		return -ENOMEM;
	r = read_paths(host, demand, paths, &options.nr_paths);
	if (r == 0)
		r = weir_ask_make(snap, demand, &options, &ask);
	if (r == 0 && !ask.refused)
		r = weir_needs_of(&ask, out);
	weir_ask_done(&ask);
	return r;
}

/* A VM is called by its section, and by its own text. */
static int add_vm(const struct weir_host *host, const struct weir_snapshot *snap,
                  const struct weir_declared_vm *vm, const struct weir_names *running,
                  struct weir_needs *out, struct weir_err *err)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	weir_auto(weir_demands_done) struct weir_demands demands = { 0 };
	int r = weir_host_read(host, vm->file.z, TEXT_MAX_BYTES, &text);

	if (r < 0)
		return weir_err_sys(err, r, "read '%s'", vm->file.z);
	r = weir_vm_parse(weir_buf_str(&text), weir_host_vendor(snap), &demands, err);
	if (r < 0)
		return weir_err_wrap(err, r, "%s", vm->file.z);
	for (size_t i = 0; i < demands.nr && r == 0; i++)
		if (!is_running(running, demands.v[i].name) &&
		    !is_running(running, vm->name))
			r = add_demand(host, snap, &demands.v[i], out);
	return r < 0 ? weir_err_sys(err, r, "%s", vm->file.z) : 0;
}

int weir_needs_read(const struct weir_host *host, const struct weir_snapshot *snap,
                    const struct weir_declaration *decl, const struct weir_names *running,
                    struct weir_needs *out, struct weir_buf *notes)
{
	struct weir_err err = { 0 };
	int r = 0;

	out->nr_declared = decl->nr_vms;
	for (size_t i = 0; i < decl->nr_vms && r == 0; i++) {
		r = add_vm(host, snap, &decl->vms[i], running, out, &err);
		if (r < 0 && r != -ENOMEM)
			r = weir_buf_printf(notes, "VM '%s': %s\n", decl->vms[i].name,
			                    err.msg);
	}
	return r;
}
