/* tasks: which processes hold huge pages, what is kept of them and what never. */
#include "capture/keep.h"
#include "facts/holdings.h"
#include "facts/tasks.h"

#include "fake_host.h"
#include "fault.h"
#include "test.h"

#include <errno.h>

static void status_fields_are_counts_and_effective_ids(void **state)
{
	struct weir_task_status st;
	struct weir_err err = { 0 };
	const char *text =
		"Name:\tqemu: a b\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t7\n"
		"Pid:\t7\nPPid:\t1\nUid:\t0\t107\t0\t107\nGid:\t0\t64055\t0\t0\n"
		"Kthread:\t0\nVmPin:\t     12 kB\nVmSize:\t  9 kB\n"
		"HugetlbPages:\t    4096 kB\n";

	(void)state;
	expect_int_eq(weir_task_status_parse(weir_strz(text), &st, &err), 0);
	expect_text(st.name, "qemu: a b");
	expect_count(st.pid, 7);
	expect_count(st.tgid, 7);
	expect_count(st.ppid, 1);
	expect_count(st.uid, 107);
	expect_count(st.gid, 64055);
	expect_count(st.kthread, 0);
	expect_count(st.pinned_bytes, 12 * 1024);
	expect_count(st.hugetlb_bytes, 4 << 20);
	assert_true(st.has_memory);
}

static void status_odd_lines_leave_their_own_fact_unknown(void **state)
{
	static const struct {
		const char *line;
		int result;
	} cases[] = {
		{ "HugetlbPages:\t-1 kB", WEIR_GARBLED },
		{ "HugetlbPages:\t1", WEIR_GARBLED },
		{ "HugetlbPages:\t1 MB", WEIR_GARBLED },
		{ "HugetlbPages:\t18014398509481984 kB", WEIR_GARBLED },
		{ "HugetlbPages:", WEIR_GARBLED },
		{ "HugetlbPages 4 kB", 0 },
		{ "hugetlbpages:\t4 kB", 0 },
		{ "", 0 },
		{ ":", 0 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_task_status st;
		struct weir_err err = { 0 };
		char text[128];

		(void)snprintf(text, sizeof(text), "Pid:\t9\n%s\nUid:\t1\t2\t3\t4",
		               cases[i].line);
		expect_int_eq(weir_task_status_parse(weir_strz(text), &st, &err),
		              cases[i].result);
		assert_int_equal(err.msg[0] != '\0', cases[i].result != 0);
		expect_unknown(st.hugetlb_bytes);
		expect_count(st.pid, 9);
		expect_count(st.uid, 2);
		assert_false(st.has_memory);
	}
}

static void status_of_one_id_is_garbled(void **state)
{
	struct weir_task_status st;
	struct weir_err err;

	(void)state;
	expect_int_eq(weir_task_status_parse(weir_strz("Uid:\t1\n"), &st, &err),
	              WEIR_GARBLED);
	expect_unknown(st.uid);
}

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

static void maps_filter_keeps_devices_and_names(void **state)
{
	static const struct {
		const char *line;
		bool kept;
	} cases[] = {
		{ MAPS_FILE, true },
		{ MAPS_ANON, true },
		{ MAPS_MEMFD, true },
		{ "0-1 rw-s 0 0:11 1 /SYSV00000000 (deleted)\n", true },
		{ "0-1 rw-s 0 00:1e 1 /somewhere/else\n", true },
		{ "0-1 rw-s 0 01:1f 1 /dev/shm/x\n", false },
		{ "0-1 rw-s 0 00:99 1 /memfd:ordinary (deleted)\n", false },
		{ "0-1 rw-s 0 00:12 1 /dev/hugepages/x\n", false }, /* another's mount */
		{ "0-1 rw-p 0 00:00 0 [anon:/memfd:x]\n", false },
		{ "0-1 rw-p 0 00:00 0\n", false },
		{ "0-1 rw-s 0 zz:1f 1 /memfd:x\n", false },
		{ "0-1 rw-s 0 1f 1 /memfd:x\n", false },
		{ "0-1 rw-s 0 00:1f\n", false }, /* cut off */
		{ "\n", false },
		{ MAPS_REST, false },
	};
	struct weir_huge_places places;

	(void)state;
	expect_int_eq(weir_huge_places_init(&places, &mounts), 0);
	expect_int_eq(weir_huge_places_learn(&places, 0x99, false), 0);
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		weir_auto(weir_buf_done) struct weir_buf out = { 0 };

		expect_int_eq(weir_maps_filter(weir_strz(cases[i].line), &places, &out),
		              0);
		expect_text(weir_buf_str(&out), cases[i].kept ? cases[i].line : "");
	}
	weir_huge_places_done(&places);
}

static void numa_maps_filter_keeps_what_says_huge(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf out = { 0 };
	const char *text =
		"7f00 default file=/dev/huge\\040x mapped=1 N0=1\n"
		"7f10 default file=/anon_hugepage\\040(deleted) huge\n"
		"7f20 bind:1 file=/a huge dirty=2 N1=2 kernelpagesize_kB=2048\n"
		"7f30 default huge2 N0=1\n7f40 default heap";

	(void)state;
	expect_int_eq(weir_numa_maps_filter(weir_strz(text), &out), 0);
	expect_text(weir_buf_str(&out),
	            "7f10 default file=/anon_hugepage\\040(deleted) huge\n"
	            "7f20 bind:1 file=/a huge dirty=2 N1=2 kernelpagesize_kB=2048\n");
}

static void places_are_below_a_mount_not_beside_it(void **state)
{
	static const struct {
		const char *path;
		bool huge, matters;
	} cases[] = {
		{ "/dev/hugepages/libvirt/qemu/1-web", true, true },
		{ "/mnt/huge 1G/x (deleted)", true, true },
		{ "/dev/hugepages", false, false },
		{ "/dev/hugepages2/x", false, false },
		{ "/dev/huge/x", false, false },
		{ "/memfd:x (deleted)", true, true },
		{ "/anon_hugepage (deleted)", true, true },
		{ "/dev/kvm", false, true },
		{ "/dev/vfio/12", false, true },
		{ "/dev/vhost-net", false, true },
		{ "anon_inode:kvm-vm", false, true },
		{ "anon_inode:[io_uring]", false, true },
		{ "socket:[1]", false, false },
		{ "/", false, false },
		{ "", false, false },
	};
	struct weir_huge_places places;

	(void)state;
	expect_int_eq(weir_huge_places_init(&places, &mounts), 0);
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_str path = weir_strz(cases[i].path);

		if (weir_huge_places_has(&places, path) != cases[i].huge ||
		    weir_task_link_matters(&places, path) != cases[i].matters)
			fail_msg("%s", cases[i].path);
	}
	/* longer than the target that it equals up to a NUL */
	assert_false(weir_huge_places_has(&places, weir_str("/dev/hugepages\0\0/x", 18)));
	weir_huge_places_done(&places);
}

/* --- the walk ---------------------------------------------------------------------- */

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

static void walk_gives_what_a_process_holds(void **state)
{
	const struct weir_task *task;
	struct fake_host fake;
	struct weir_tasks walk;

	(void)state;
	fake_open(&fake, host_files, WEIR_NELEM(host_files));
	expect_int_eq(weir_tasks_open(&walk, &fake.host, &mounts, NULL), 0);
	expect_int_eq(weir_tasks_next(&walk, &task), 0);
	expect_str(task->pid, "10");
	assert_true(task->is_holder);
	expect_count(task->status.hugetlb_bytes, 2 << 20);
	expect_u64_eq(task->nr_links, 2);
	expect_str(task->links[1].fd, "4");
	expect_str(task->links[1].target, "/dev/hugepages/a b");
	expect_int_eq(weir_tasks_next(&walk, &task), 0);
	expect_str(task->pid, "11");
	expect_u64_eq(task->nr_links, 0);
	expect_text(weir_buf_str(&task->maps), MAPS_ANON);
	weir_tasks_done(&walk);
	fake_close(&fake);
}

/* --- open files that can wait ------------------------------------------------------ */

#define NOTHING_TOUCHED ALIVE "HugetlbPages:\t 0 kB\n"
#define FILE_STAT                                                                      \
	"type file\nuid 0\ngid 0\nsize 4194304\nblocks 4096\ndev 0:31\nino 42\nnlink " \
	"1\n"

static struct fake_file waiting_files[] = {
	{ "/@/link/proc/self/ns/mnt", "mnt:[1]" },
	/* 10: a file that 11 has mapped, open only */
	{ "/proc/10/status", "Name:\topen\n" NOTHING_TOUCHED },
	{ "/proc/10/fd/5", "" },
	{ "/@/link/proc/10/fd/5", "/dev/hugepages/a b" },
	{ "/@/file/proc/10/fd/5/@", FILE_STAT },
	{ "/proc/11/status", "Name:\ttouched\n" ALIVE "HugetlbPages:\t 2048 kB\n" },
	{ "/proc/11/maps", MAPS_FILE },
	{ "/proc/12/status", "Name:\tplain\n" NOTHING_TOUCHED },
	{ "/proc/12/fd/0", "" },
	{ "/@/link/proc/12/fd/0", "/dev/null" },
	{ "/@/link/proc/13/ns/mnt", .error = -EACCES },
	{ "/proc/13/status", "Name:\tsecretive\n" NOTHING_TOUCHED },
	{ "/proc/13/fd", .error = -EACCES },
};

static void walk_asks_later_for_open_files(void **state)
{
	static const bool refused[] = { false, false, false, true };
	static const char *const pids[] = { "10", "11", "12", "13" };
	const struct weir_task *task;
	struct fake_host fake;
	struct weir_tasks walk;

	(void)state;
	fake_open(&fake, waiting_files, WEIR_NELEM(waiting_files));
	expect_int_eq(weir_tasks_open(&walk, &fake.host, &mounts, NULL), 0);
	walk.lean = walk.links_later = true;
	while (strcmp(walk.pids.v[walk.at].name, "10") != 0)
		walk.at++;
	walk.refused = refused - walk.at;
	for (size_t i = 0; i < WEIR_NELEM(pids); i++) {
		expect_int_eq(weir_tasks_next(&walk, &task), 0);
		expect_str(task->pid, pids[i]);
		assert_int_equal(task->is_holder, i == 1);
		expect_u64_eq(task->nr_links, 0);
		expect_int_eq(task->maps_error, i == 3 ? -EACCES : 0);
	}
	expect_int_eq(weir_tasks_next(&walk, &task), WEIR_TASKS_END);
	expect_u64_eq(walk.nr_later, 2);
	weir_tasks_again(&walk);
	expect_int_eq(weir_tasks_next(&walk, &task), 0);
	expect_str(task->pid, "10");
	expect_text(task->status.name, "open");
	assert_true(task->is_holder && task->nr_links == 1 && task->links[0].huge);
	expect_int_eq(weir_tasks_next(&walk, &task), WEIR_TASKS_END);
	expect_u64_eq(walk.nr_seen, 4);
	expect_u64_eq(walk.nr_forbidden, 1);
	weir_tasks_done(&walk);
	fake_close(&fake);
}

static int read_lean(struct fake_file *files, size_t nr, struct weir_holdings *out)
{
	struct weir_holdings_ask ask = { .lean = true };
	struct fake_host fake;
	int r;

	fake_open(&fake, files, nr);
	ask.host = &fake.host;
	r = weir_holdings_read(&ask, &mounts, WEIR_COUNT(2 << 20), out, NULL);
	fake_close(&fake);
	return r;
}

static void holdings_find_who_has_a_file_open_in_their_order(void **state)
{
	struct weir_holdings all;

	(void)state;
	expect_int_eq(read_lean(waiting_files, WEIR_NELEM(waiting_files), &all), 0);
	expect_u64_eq(all.nr_tasks, 2);
	expect_u64_eq(all.tasks[0].pid, 10);
	expect_u64_eq(all.tasks[1].pid, 11);
	expect_u64_eq(all.nr_maps, 1);
	expect_u64_eq(all.maps[0].task, 1);
	expect_u64_eq(all.nr_links, 1);
	expect_u64_eq(all.links[0].task, 0);
	expect_u64_eq(all.links[0].file, all.maps[0].file);
	expect_u64_eq(all.nr_seen, 4);
	expect_u64_eq(all.nr_forbidden, 1);
	weir_holdings_done(&all);
}

static int read_lean_and_drop(void *ctx)
{
	struct weir_holdings all;
	int r = read_lean(waiting_files, WEIR_NELEM(waiting_files), &all);

	(void)ctx;
	if (r == 0)
		weir_holdings_done(&all);
	return r;
}

static void holdings_without_memory_fail_and_leak_nothing(void **state)
{
	(void)state;
	expect_int_eq(fault_every(read_lean_and_drop, NULL), 0);
}

/* Nobody can have private memory open: the files of the others are left alone. */
static void holdings_ask_for_no_open_files_without_a_file(void **state)
{
	struct fake_file files[] = {
		{ "/@/link/proc/self/ns/mnt", "mnt:[1]" },
		{ "/proc/10/status", "Name:\topen\n" NOTHING_TOUCHED },
		{ "/proc/10/fd", .error = -EACCES },
		{ "/proc/11/status", "Name:\thas\n" ALIVE "HugetlbPages:\t 2048 kB\n" },
		{ "/proc/11/maps", MAPS_ANON },
	};
	struct weir_holdings all;

	(void)state;
	expect_int_eq(read_lean(files, WEIR_NELEM(files), &all), 0);
	expect_u64_eq(all.nr_tasks, 1);
	expect_u64_eq(all.nr_forbidden, 0);
	expect_u64_eq(all.nr_seen, 2);
	weir_holdings_done(&all);
	files[0].text = "not told"; /* then what one may see is not known either */
	expect_int_eq(read_lean(files, WEIR_NELEM(files), &all), 0);
	expect_u64_eq(all.nr_forbidden, 1);
	weir_holdings_done(&all);
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
		cmocka_unit_test(status_fields_are_counts_and_effective_ids),
		cmocka_unit_test(status_odd_lines_leave_their_own_fact_unknown),
		cmocka_unit_test(status_of_one_id_is_garbled),
		cmocka_unit_test(maps_filter_keeps_devices_and_names),
		cmocka_unit_test(numa_maps_filter_keeps_what_says_huge),
		cmocka_unit_test(places_are_below_a_mount_not_beside_it),
		cmocka_unit_test(keep_takes_holders_and_nothing_of_others),
		cmocka_unit_test(keep_of_a_capture_is_the_same_capture),
		cmocka_unit_test(keep_of_a_host_without_processes_is_empty),
		cmocka_unit_test(keep_of_a_forbidden_proc_fails),
		cmocka_unit_test(walk_gives_what_a_process_holds),
		cmocka_unit_test(walk_asks_later_for_open_files),
		cmocka_unit_test(holdings_find_who_has_a_file_open_in_their_order),
		cmocka_unit_test(holdings_ask_for_no_open_files_without_a_file),
		cmocka_unit_test(holdings_without_memory_fail_and_leak_nothing),
		cmocka_unit_test(keep_without_memory_fails_and_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
