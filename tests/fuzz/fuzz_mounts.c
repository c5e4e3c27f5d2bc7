/* mounts: what is found is printed as the kernel would, and is found again. */
#include "facts/mounts.h"

#include "fuzz.h"

#include <inttypes.h>

/* mangle() in fs/proc_namespace.c */
static void add_mangled(struct weir_buf *out, const char *z)
{
	for (; *z; z++)
		must((strchr(" \t\n\\#", *z) ? weir_buf_printf(out, "\\%03o", *z)
		                             : weir_buf_add(out, weir_str(z, 1))) == 0);
}

static void add_option(struct weir_buf *out, const char *name, struct weir_count n)
{
	if (n.known)
		must(weir_buf_printf(out, ",%s=%" PRIu64, name, n.n) == 0);
}

static void print(const struct weir_hugetlbfs *m, struct weir_buf *out)
{
	must(weir_buf_printf(out, "%u 1 %u:%u / ", m->id, m->major, m->minor) == 0);
	add_mangled(out, m->target);
	must(weir_buf_addz(out, " rw - hugetlbfs ") == 0);
	add_mangled(out, m->source);
	must(weir_buf_addz(out, m->read_only ? " ro" : " rw") == 0);
	add_option(out, "pagesize", m->page_bytes);
	add_option(out, "size", m->size_bytes);
	add_option(out, "min_size", m->min_size_bytes);
	add_option(out, "nr_inodes", m->nr_inodes);
	add_option(out, "uid", m->uid);
	add_option(out, "gid", m->gid);
	if (m->mode.known)
		must(weir_buf_printf(out, ",mode=%" PRIo64, m->mode.n) == 0);
	must(weir_buf_addz(out, "\n") == 0);
}

static int same(struct weir_count a, struct weir_count b)
{
	return a.known == b.known && a.n == b.n;
}

static void find_again(const struct weir_hugetlbfs *m)
{
	weir_auto(weir_buf_done) struct weir_buf line = { 0 };
	struct weir_mounts again;
	const struct weir_hugetlbfs *a;

	if (weir_str_ends(weir_strz(m->target), "//deleted"))
		return; /* taken off again: the kernel's mark of a removed mount point */
	print(m, &line);
	must(weir_mounts_parse(weir_buf_str(&line), (struct weir_count){ 0 }, &again,
	                       NULL) == 0);
	must(again.nr == 1);
	a = again.v;
	must(a->id == m->id && a->major == m->major && a->minor == m->minor);
	must(strcmp(a->target, m->target) == 0 && strcmp(a->source, m->source) == 0);
	must(a->read_only == m->read_only && a->same_as == 0);
	must(same(a->page_bytes, m->page_bytes) && same(a->size_bytes, m->size_bytes) &&
	     same(a->min_size_bytes, m->min_size_bytes) && same(a->mode, m->mode) &&
	     same(a->nr_inodes, m->nr_inodes) && same(a->uid, m->uid) &&
	     same(a->gid, m->gid));
	weir_mounts_done(&again);
}

static void check_mount(const struct weir_mounts *mounts, size_t i)
{
	const struct weir_hugetlbfs *m = &mounts->v[i];
	const struct weir_hugetlbfs *first = &mounts->v[m->same_as];

	must(m->same_as <= i && first->same_as == m->same_as);
	must(first->major == m->major && first->minor == m->minor);
	must(m->target[0] == '/' && m->source);
	must(!m->page_bytes.known ||
	     (m->page_bytes.n && (m->page_bytes.n & (m->page_bytes.n - 1)) == 0));
	must(m->mode.n <= 07777 && m->uid.n <= UINT32_MAX && m->gid.n <= UINT32_MAX);
	must(m->has_subpool || (!m->size_bytes.known && !m->min_size_bytes.known));
	find_again(m);
}

static void check_statfs(struct weir_str text, bool has_subpool)
{
	struct weir_statfs s;
	struct weir_err err = { 0 };
	int r = weir_statfs_parse(text, has_subpool, &s, &err);

	must(r == 0 || (r == WEIR_GARBLED && err.msg[0]));
	must(!s.limited || (has_subpool && s.blocks.known && s.free_blocks.known));
	must(has_subpool || (!s.blocks.known && !s.files.known && !s.free_files.known));
	must(s.blocks.n <= WEIR_COUNT_MAX && s.files.n <= WEIR_COUNT_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_str text = weir_str((const char *)data, size);
	struct weir_count page = { size & 1, (size & 1) ? 2U << 20 : 0 };
	struct weir_mounts m;
	struct weir_err err = { 0 };
	int r = weir_mounts_parse(text, page, &m, &err);

	must(r == 0 || (r == WEIR_GARBLED && err.msg[0]));
	must(m.known && m.nr <= WEIR_MOUNTS_MAX);
	must(!m.cgroup2 || m.cgroup2[0] == '/');
	must(!m.cgroup1_hugetlb || m.cgroup1_hugetlb[0] == '/');
	for (size_t i = 0; i < m.nr; i++)
		check_mount(&m, i);
	weir_mounts_done(&m);
	check_statfs(text, size & 2);
	return 0;
}
