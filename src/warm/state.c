/* state: see state.h. A lease writes one line, so this is on its way: most of it is one
 * printf a line. */
#include "warm/state.h"

#include <inttypes.h>

int weir_warm_put_dir(const struct weir_warm_dir *dir, struct weir_buf *out)
{
	int r = weir_buf_printf(
		out, "store page=%" PRIu64 " device=%" PRIu64 ":%" PRIu64 " dir=\"",
		dir->page_bytes, dir->device >> 32, dir->device & UINT32_MAX);

	if (r == 0)
		r = weir_buf_add_escaped(out, weir_strz(dir->path));
	return r < 0 ? r : weir_buf_addz(out, "\"\n");
}

int weir_warm_put_target(const struct weir_warm_target *target, struct weir_buf *out)
{
	return weir_buf_printf(out, "target page=%" PRIu64 " node=%d bytes=%" PRIu64 "\n",
	                       target->page_bytes, target->node, target->bytes);
}

static int put_owner(const struct weir_warm_owner *owner, struct weir_buf *out)
{
	int r = weir_buf_printf(out, " owner=%s", weir_owner_word(owner->kind));

	if (r == 0 && owner->kind == WEIR_OWNER_PID)
		r = weir_buf_printf(out, ":%d:%" PRIu64, owner->pid, owner->start);
	if (r == 0 && owner->kind == WEIR_OWNER_UNIT) {
		r = weir_buf_addz(out, ":\"");
		if (r == 0)
			r = weir_buf_add_escaped(out, weir_strz(owner->unit));
		if (r == 0)
			r = weir_buf_addz(out, "\"");
	}
	return r;
}

static int put_lease(const struct weir_warm_lease *lease, struct weir_buf *out)
{
	int r = weir_buf_printf(out,
	                        " lease=%" PRIu64 " name=\"%s\" uid=%" PRIu32
	                        " gid=%" PRIu32 " since=%" PRIu64 " until=%" PRIu64,
	                        lease->id, lease->name, lease->uid, lease->gid,
	                        lease->since_ns, lease->until_ns);

	if (r == 0)
		r = put_owner(&lease->owner, out);
	if (r == 0 && lease->opened)
		r = weir_buf_addz(out, " opened=1");
	return r;
}

int weir_warm_put_region(const struct weir_warm_region *region, struct weir_buf *out)
{
	int r = weir_buf_printf(
		out,
		"region %" PRIu64 " state=%s page=%" PRIu64 " node=%d inode=%" PRIu64
		" bytes=%" PRIu64 " filled=%" PRIu64,
		region->id, weir_region_state_word(region->state), region->page_bytes,
		region->node, region->inode, region->bytes, region->filled_bytes);

	if (r == 0 && region->lease.id)
		r = put_lease(&region->lease, out);
	return r < 0 ? r : weir_buf_addz(out, "\n");
}

int weir_warm_put_gone(uint64_t region, struct weir_buf *out)
{
	return weir_buf_printf(out, "gone %" PRIu64 "\n", region);
}

int weir_warm_put_end(const struct weir_warm_state *state, struct weir_buf *out)
{
	return weir_buf_printf(out, "next region=%" PRIu64 " lease=%" PRIu64 "\nend\n",
	                       state->next_region, state->next_lease);
}

int weir_warm_state_put(const struct weir_warm_state *state, struct weir_buf *out)
{
	int r = weir_buf_printf(out,
	                        "weir-warm 1 pid=%" PRIu64 " start=%" PRIu64 " boot=%s\n",
	                        state->pid.n, state->pid_start.n, state->boot_id);

	for (size_t i = 0; r == 0 && i < state->nr_dirs; i++)
		r = weir_warm_put_dir(&state->dirs[i], out);
	for (size_t i = 0; r == 0 && i < state->nr_targets; i++)
		r = weir_warm_put_target(&state->targets[i], out);
	for (size_t i = 0; r == 0 && i < state->nr_regions; i++)
		r = weir_warm_put_region(&state->regions[i], out);
	return r < 0 ? r : weir_warm_put_end(state, out);
}
