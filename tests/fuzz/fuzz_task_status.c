/* task_status: what is known is plausible, and printed as the kernel would is found
 * again. */
#include "facts/task_status.h"

#include "fuzz.h"

#include <inttypes.h>

static void add(struct weir_buf *out, const char *fmt_name, struct weir_count n,
                const char *unit)
{
	if (n.known)
		must(weir_buf_printf(out, "%s%" PRIu64 "%s\n", fmt_name, n.n, unit) == 0);
}

static int same(struct weir_count a, struct weir_count b)
{
	return a.known == b.known && a.n == b.n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_task_status st, again;
	struct weir_err err = { 0 };
	int r = weir_task_status_parse(weir_str((const char *)data, size), &st, &err);

	must(r == 0 || r == WEIR_GARBLED);
	must((r == 0) == !err.msg[0]);
	must(st.hugetlb_bytes.n % 1024 == 0 && st.pinned_bytes.n % 1024 == 0);
	must(st.hugetlb_bytes.n <= WEIR_COUNT_MAX);
	must(weir_buf_addz(&text, "Name:\t") == 0 && weir_buf_add(&text, st.name) == 0 &&
	     weir_buf_addz(&text, "\n") == 0);
	add(&text, "Pid:\t", st.pid, "");
	add(&text, "Tgid:\t", st.tgid, "");
	add(&text, "PPid:\t", st.ppid, "");
	add(&text, "Uid:\t0\t", st.uid, "\t0\t0");
	add(&text, "Gid:\t0\t", st.gid, "\t0\t0");
	add(&text, "Kthread:\t", st.kthread, "");
	st.hugetlb_bytes.n /= 1024;
	st.pinned_bytes.n /= 1024;
	add(&text, "VmPin:\t  ", st.pinned_bytes, " kB");
	add(&text, "HugetlbPages:\t  ", st.hugetlb_bytes, " kB");
	must(weir_task_status_parse(weir_buf_str(&text), &again, &err) == 0);
	must(again.name.n == st.name.n && same(again.pid, st.pid) &&
	     same(again.uid, st.uid) && same(again.gid, st.gid) &&
	     same(again.tgid, st.tgid) && same(again.ppid, st.ppid) &&
	     same(again.kthread, st.kthread));
	must(again.hugetlb_bytes.n == st.hugetlb_bytes.n * 1024 &&
	     again.pinned_bytes.n == st.pinned_bytes.n * 1024);
	return 0;
}
