/* keep: what is kept of processes that hold huge pages, and what never. */
#include "capture/keep.h"

#include "fake_host.h"
#include "fault.h"
#include "test.h"

#include <errno.h>

static struct weir_hugetlbfs mounted[] = {
	{ .major = 0, .minor = 0x1f, .target = (char[]){ "/dev/hugepages" } },
	{ .major = 0, .minor = 0x1e, .target = (char[]){ "/mnt/huge 1G" } },
};
static const struct weir_mounts mounts = { .known = true, .v = mounted, .nr = 2 };

#define MAPS_REST                                                                   \
	"560000000000-560000001000 r-xp 00000000 08:01 12          /usr/bin/qemu\n" \
	"7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0           [stack]\n"
#define MAPS_FILE \
	"7f0000000000-7f0000400000 rw-s 00000000 00:1f 42          /dev/hugepages/a b\n"
#define MAPS_ANON                                                                   \
	"7f1000000000-7f1000400000 rw-p 00000000 00:10 43          /anon_hugepage " \
	"(deleted)\n"
#define MAPS_MEMFD                                                              \
	"7f2000000000-7f2000400000 rw-s 00000000 00:11 44          /memfd:ram " \
	"(deleted)\n"

#define ALIVE "VmSize:\t 1 kB\n"

static struct fake_file host_files[] = {
	{ "/@/pagesize", "4096\n" },
	{ "/proc/meminfo", "MemTotal: 1 kB\n" },
	{ "/proc/sys/x", "" },
	/* 2: a kernel thread */
	{ "/proc/2/status", "Name:\tkthreadd\nKthread:\t1\n" },
	{ "/proc/2/maps", "" },
	/* 10: touched pages, and all there is to keep */
	{ "/proc/10/status", "Name:\ttouched\n" ALIVE "HugetlbPages:\t 2048 kB\n" },
	{ "/proc/10/maps", MAPS_REST MAPS_FILE },
	{ "/proc/10/numa_maps", "7f00 default file=/dev/hugepages/a\\040b huge N0=1\n"
	                        "7f01 default stack\n" },
	{ "/proc/10/cmdline", "qemu\0-m\0", .size = 8 },
	{ "/proc/10/comm", "touched\n" },
	{ "/proc/10/cgroup", "0::/a\n" },
	{ "/proc/10/environ", "SECRET=1" },
	{ "/proc/10/fd/0", "" },
	{ "/proc/10/fd/3", "" },
	{ "/proc/10/fd/4", "" },
	{ "/@/link/proc/10/fd/0", "/dev/null" },
	{ "/@/link/proc/10/fd/3", "anon_inode:kvm-vm" },
	{ "/@/link/proc/10/fd/4", "/dev/hugepages/a b" },
	/* 11: reserved only */
	{ "/proc/11/status", "Name:\treserved\n" ALIVE "HugetlbPages:\t 0 kB\n" },
	{ "/proc/11/maps", MAPS_ANON MAPS_REST },
	/* 12: an open file only, which was made with MFD_HUGETLB */
	{ "/proc/12/status", "Name:\tfd-only\n" ALIVE },
	{ "/proc/12/maps", MAPS_REST },
	{ "/proc/12/fd/5", "" },
	{ "/@/link/proc/12/fd/5", "/memfd:x (deleted)" },
	{ "/@/statfs/proc/12/fd/5/@", "bsize 2097152\n" },
	/* 13: the same without it, and mapped: nobody's business */
	{ "/proc/13/status", "Name:\tordinary\n" ALIVE },
	{ "/proc/13/maps",
	  "7f20-7f30 rw-s 00000000 00:01 44 /memfd:doublemapper (deleted)\n" },
	{ "/@/statfs/proc/13/map_files/7f20-7f30/@", "bsize 4096\n" },
	{ "/proc/13/fd/5", "" },
	{ "/proc/13/fd/6", "" },
	{ "/@/link/proc/13/fd/5", "/memfd:doublemapper (deleted)" },
	{ "/@/statfs/proc/13/fd/5/@", "bsize 4096\n" },
	{ "/@/link/proc/13/fd/6", "/dev/kvm" },
	/* 14: the same device again, which needs no asking */
	{ "/proc/14/status", "Name:\tordinary2\n" ALIVE },
	{ "/proc/14/maps",
	  "7f20-7f30 rw-s 00000000 00:01 45 /memfd:doublemapper (deleted)\n" },
	/* 15: a huge memfd, of a device that no mount has */
	{ "/proc/15/status", "Name:\tmemfd\n" ALIVE },
	{ "/proc/15/maps", MAPS_MEMFD },
	{ "/@/statfs/proc/15/map_files/7f2000000000-7f2000400000/@", "bsize 2097152\n" },
	/* 16, 17: not ours to see; the first is seen to hold pages */
	{ "/proc/16/status", "Name:\troots\n" ALIVE "HugetlbPages:\t 2048 kB\n" },
	{ "/proc/16/maps", .error = -EACCES },
	{ "/proc/16/cmdline", "roots" },
	{ "/proc/17/status", "Name:\tsecretive\n" ALIVE },
	{ "/proc/17/maps", .error = -EACCES },
	/* 18, 19: ended in the middle */
	{ "/proc/18/fd/0", "" },
	{ "/proc/19/status", "Name:\tgone\n" ALIVE "HugetlbPages:\t 2048 kB\n" },
	{ "/proc/19/maps", .error = -ESRCH },
	/* 20: hidden by the mount option hidepid=1 */
	{ "/proc/20/status", .error = -EACCES },
	{ "/proc/20/maps", .error = -EACCES },
};

struct kept {
	struct weir_record record;
	struct weir_tasks_kept seen;
};

static void kept_done(struct kept *kept)
{
	weir_record_done(&kept->record);
}

static int keep(struct fake_file *files, size_t nr, struct kept *out)
{
	struct fake_host fake;
	struct weir_err err;
	int r;

	*out = (struct kept){ 0 };
	fake_open(&fake, files, nr);
	r = weir_tasks_keep(
		&(struct weir_tasks_keep){ .host = &fake.host, .mounts = &mounts },
		&out->record, &out->seen, &err);
	fake_close(&fake);
	weir_members_sort(&out->record.files);
	weir_manifest_sort(&out->record.manifest);
	return r;
}

static void expect_files(const struct weir_members *files, const char *const *want,
                         size_t nr)
{
	for (size_t i = 0; i < files->nr && i < nr; i++)
		expect_str(files->v[i].path, want[i]);
	expect_u64_eq(files->nr, nr);
}

static void expect_member(const struct weir_members *files, const char *path,
                          const char *want)
{
	const struct weir_member *m = weir_members_find(files, path);

	if (!m || !m->text)
		fail_msg("%s is not kept", path);
	else
		expect_text(weir_str(m->text, m->n), want);
}

static const char *const kept_files[] = {
	"/@/link/proc/10/fd/3",
	"/@/link/proc/10/fd/4",
	"/@/link/proc/12/fd/5",
	/* which files on this device are, a replay asks again */
	"/@/statfs/proc/15/map_files/7f2000000000-7f2000400000/@",
	"/proc/10/cgroup",
	"/proc/10/cmdline",
	"/proc/10/comm",
	"/proc/10/maps",
	"/proc/10/numa_maps",
	"/proc/10/status",
	"/proc/11/maps",
	"/proc/11/status",
	"/proc/12/maps",
	"/proc/12/status",
	"/proc/15/maps",
	"/proc/15/status",
	"/proc/16/cmdline",
	"/proc/16/status",
	"/proc/17",
	"/proc/20",
};

static void keep_takes_holders_and_nothing_of_others(void **state)
{
	weir_auto(kept_done) struct kept kept;

	(void)state;
	expect_int_eq(keep(host_files, WEIR_NELEM(host_files), &kept), 0);
	expect_files(&kept.record.files, kept_files, WEIR_NELEM(kept_files));
	expect_member(&kept.record.files, "/proc/10/maps", MAPS_FILE);
	expect_member(&kept.record.files, "/proc/10/numa_maps",
	              "7f00 default file=/dev/hugepages/a\\040b huge N0=1\n");
	expect_member(&kept.record.files, "/proc/12/maps", "");
	expect_u64_eq(weir_members_find(&kept.record.files, "/proc/10/cmdline")->n, 8);
	expect_u64_eq(kept.seen.nr_holders, 5);
	expect_u64_eq(kept.seen.nr_seen, 9);
	expect_u64_eq(kept.seen.nr_forbidden, 3);
	expect_u64_eq(kept.seen.nr_vanished, 2);
	expect_u64_eq(kept.record.manifest.nr_errors, 3);
	expect_int_eq(weir_manifest_error(&kept.record.manifest, "/proc/16/maps"),
	              -EACCES);
	expect_int_eq(weir_manifest_error(&kept.record.manifest, "/proc/17/maps"),
	              -EACCES);
	expect_int_eq(weir_manifest_error(&kept.record.manifest, "/proc/20/maps"),
	              -EACCES);
}

/* The files of a capture, as a host of their own. */
static size_t as_host(const struct kept *kept, struct fake_file *out, size_t cap)
{
	size_t nr = 0;

	for (size_t i = 0; i < kept->record.files.nr && nr < cap; i++)
		if (kept->record.files.v[i].text)
			out[nr++] =
				(struct fake_file){ .path = kept->record.files.v[i].path,
				                    .text = kept->record.files.v[i].text,
				                    .size = kept->record.files.v[i].n };
	for (size_t i = 0; i < kept->record.manifest.nr_errors && nr < cap; i++)
		out[nr++] = (struct fake_file){
			.path = kept->record.manifest.errors[i].path,
			.error = kept->record.manifest.errors[i].code
		};
	return nr;
}

static void keep_of_a_capture_is_the_same_capture(void **state)
{
	struct fake_file files[64];
	weir_auto(kept_done) struct kept first, again;

	(void)state;
	expect_int_eq(keep(host_files, WEIR_NELEM(host_files), &first), 0);
	expect_int_eq(keep(files, as_host(&first, files, WEIR_NELEM(files)), &again), 0);
	expect_files(&again.record.files, kept_files, WEIR_NELEM(kept_files));
	for (size_t i = 0; i < first.record.files.nr; i++)
		if (first.record.files.v[i].text)
			expect_str(again.record.files.v[i].text,
			           first.record.files.v[i].text);
	expect_u64_eq(again.seen.nr_holders, first.seen.nr_holders);
	expect_u64_eq(again.seen.nr_forbidden, 3);
	expect_u64_eq(again.seen.nr_vanished, 0);
	expect_u64_eq(again.record.manifest.nr_errors, 3);
}

static void keep_of_a_host_without_processes_is_empty(void **state)
{
	struct fake_file files[] = { { "/sys/x", "" } };
	weir_auto(kept_done) struct kept kept;

	(void)state;
	expect_int_eq(keep(files, WEIR_NELEM(files), &kept), 0);
	expect_u64_eq(kept.record.files.nr, 0);
}

static void keep_of_a_forbidden_proc_fails(void **state)
{
	struct fake_file files[] = { { "/proc", .error = -EIO } };
	weir_auto(kept_done) struct kept kept;

	(void)state;
	expect_int_eq(keep(files, WEIR_NELEM(files), &kept), -EIO);
}

static int keep_and_drop(void *ctx)
{
	weir_auto(kept_done) struct kept kept;

	(void)ctx;
	return keep(host_files, WEIR_NELEM(host_files), &kept);
}

static void keep_without_memory_fails_and_leaks_nothing(void **state)
{
	(void)state;
	expect_int_eq(fault_every(keep_and_drop, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(keep_takes_holders_and_nothing_of_others),
		cmocka_unit_test(keep_of_a_capture_is_the_same_capture),
		cmocka_unit_test(keep_of_a_host_without_processes_is_empty),
		cmocka_unit_test(keep_of_a_forbidden_proc_fails),
		cmocka_unit_test(keep_without_memory_fails_and_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
