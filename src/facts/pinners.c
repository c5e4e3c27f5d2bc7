/* pinners: see pinners.h. Asked of the processes that a walk comes by anyway, from what
 * it has read of them; fdinfo only where there is a ring. */
#include "facts/pinners.h"

#include "base/ckd.h"
#include "base/own.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define FDINFO_MAX (2U << 20) /* 16384 buffers, of 35 bytes each, and some 50 lines */

void weir_pinners_done(struct weir_pinners *pinners)
{
	for (size_t i = 0; i < pinners->nr; i++)
		free(pinners->v[i].buffers);
	free(pinners->v);
	*pinners = (struct weir_pinners){ 0 };
}

const char *weir_pins_by_word(unsigned int bit)
{
	static const char *const words[WEIR_PINS_BY_NR] = {
		"vfio", "iommufd", "rdma", "vdpa", "udmabuf", "io_uring"
	};

	return bit < WEIR_PINS_BY_NR ? words[bit] : "";
}

unsigned int weir_pins_by_link(struct weir_str target)
{
	static const struct {
		const char *prefix;
		unsigned int by;
	} known[] = {
		{ "/dev/vfio/", WEIR_PINS_VFIO },
		{ "anon_inode:[vfio", WEIR_PINS_VFIO },
		{ "/dev/iommu", WEIR_PINS_IOMMUFD },
		{ "/dev/infiniband/uverbs", WEIR_PINS_RDMA },
		{ "/dev/vhost-vdpa", WEIR_PINS_VDPA },
		{ "/dev/udmabuf", WEIR_PINS_UDMABUF },
		{ "anon_inode:[io_uring", WEIR_PINS_IO_URING },
	};

	for (size_t i = 0; i < WEIR_NELEM(known); i++)
		if (weir_str_starts(target, known[i].prefix))
			return known[i].by;
	return 0;
}

const struct weir_pinner *weir_pinners_find(const struct weir_pinners *pinners,
                                            uint64_t pid)
{
	for (size_t i = 0; i < pinners->nr; i++)
		if (pinners->v[i].pid == pid)
			return &pinners->v[i];
	return NULL;
}

/* --- buffers of a ring -------------------------------------------------------------- */

/* "    0: 0x7f31bb1bb000/8192"; "<none>" where there is none. */
static int parse_buffer(struct weir_str line, struct weir_pinner *out)
{
	struct weir_ring_buffer buffer;
	struct weir_str index, value, start, bytes;
	uint64_t ignored;
	int r;

	if (!weir_str_split(weir_str_trim(line), ':', &index, &value) ||
	    weir_parse_u64(index, &ignored) < 0)
		return WEIR_GARBLED;
	value = weir_str_trim(value);
	if (weir_str_eq(value, "<none>"))
		return 0;
	if (!weir_str_split(value, '/', &start, &bytes) ||
	    !weir_str_starts(start, "0x") || weir_parse_hex(start, &buffer.start) < 0 ||
	    weir_parse_u64(bytes, &buffer.bytes) < 0 ||
	    ckd_add(&ignored, buffer.start, buffer.bytes))
		return WEIR_GARBLED;
	if (!buffer.start || !buffer.bytes) /* a sparse table */
		return 0;
	r = weir_grow(&out->buffers, &out->cap_buffers, out->nr_buffers,
	              sizeof(*out->buffers));
	if (r == 0)
		out->buffers[out->nr_buffers++] = buffer;
	return r;
}

int weir_ring_buffers_parse(struct weir_str text, struct weir_pinner *out)
{
	struct weir_str line, key, value;
	uint64_t nr = 0, nr_lines = 0;
	bool there = false;
	int r = 0;

	while (r == 0 && weir_str_line(&text, &line)) {
		if (there && nr_lines < nr && weir_str_starts(line, " ")) {
			r = parse_buffer(line, out);
			nr_lines++;
		} else if (weir_str_split(line, ':', &key, &value) &&
		           weir_str_eq(key, "UserBufs")) {
			there = weir_parse_u64(weir_str_trim(value), &nr) == 0;
		}
	}
	/* not a line: the ring was busy */
	return r != 0 || (there && nr_lines == nr) ? r : WEIR_GARBLED;
}

/* --- the processes ------------------------------------------------------------------ */

static int add_ring(struct weir_tasks *walk, const char *fd, struct weir_pinner *out)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	char path[40];
	int r;

	(void)snprintf(path, sizeof(path), "fdinfo/%.20s", fd);
	r = weir_tasks_read(walk, path, FDINFO_MAX, &text);
	if (r == 0)
		r = weir_ring_buffers_parse(weir_buf_str(&text), out);
	if (r != 0)
		out->buffers_known = false;
	return r == -ENOMEM ? r : 0;
}

/* Takes the buffers. A walk may come by twice: what it saw the second time is more. */
static int keep(struct weir_pinners *pinners, const char *pid, struct weir_pinner *got)
{
	size_t i = 0;
	int r = 0;

	(void)weir_parse_u64(weir_strz(pid), &got->pid);
	while (i < pinners->nr && pinners->v[i].pid != got->pid)
		i++;
	if (i == pinners->nr)
		r = weir_grow(&pinners->v, &pinners->cap, i, sizeof(*pinners->v));
	if (r < 0) {
		free(got->buffers);
		return r;
	}
	if (i == pinners->nr)
		pinners->nr++;
	else
		free(pinners->v[i].buffers);
	pinners->v[i] = *got;
	return 0;
}

int weir_pinners_add(struct weir_pinners *pinners, struct weir_tasks *walk,
                     const struct weir_task *task)
{
	struct weir_pinner got = { .pinned_bytes = task->status.pinned_bytes,
		                   .buffers_known = true };
	int r = 0;

	for (size_t i = 0; r == 0 && i < task->nr_links; i++) {
		struct weir_str target = weir_strz(task->links[i].target);
		unsigned int by = weir_pins_by_link(target);

		got.by |= by;
		got.runs_vm |= weir_str_starts(target, "anon_inode:kvm-vm") ||
		               weir_str_starts(target, "anon_inode:[kvm-vm");
		/* what a ring pins is counted in VmPin: without it there is nothing, or
		 * it is the ring of another process (io_account_mem()) */
		if (by == WEIR_PINS_IO_URING &&
		    (!got.pinned_bytes.known || got.pinned_bytes.n))
			r = add_ring(walk, task->links[i].fd, &got);
	}
	if (got.buffers_known && !got.nr_buffers) /* a ring alone pins nothing */
		got.by &= ~(unsigned int)WEIR_PINS_IO_URING;
	if (r == 0 && (got.by || got.runs_vm || got.pinned_bytes.n ||
	               (task->is_holder && !got.pinned_bytes.known)))
		return keep(pinners, task->pid, &got);
	free(got.buffers);
	return r;
}
