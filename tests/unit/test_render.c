/* The model as a host: what its files say, what writes to them do. */
#include "lab/render.h"

#include "fault.h"
#include "test.h"

#include "lab/world.h"
#include "model/check.h"

#include <errno.h>

/* Two nodes, two sizes; a mount, a group, two tasks. */
static const char everything[] = "node 0 memory=64M cpus=0-1 distance=10,21\n"
				 "node 1 memory=2G cpus=2,33 distance=21,10\n"
				 "boot hugepages=10 quiet\n"
				 "write 2M/node1/nr_hugepages 8\n"
				 "write 1G/nr_hugepages 1\n"
				 "write 2M/nr_overcommit_hugepages 3\n"
				 "cgroup G\n"
				 "write G/2M.max 9M\n"
				 "mount M min_size=4M size=16M nr_inodes=5\n"
				 "mount N pagesize=1G\n"
				 "create M/f\n"
				 "task A cgroup=G\n"
				 "A map m 3 shared file=M/f\n"
				 "A touch m 0 2\n"
				 "A open M/f\n"
				 "A memfd b 4\n"
				 "A fallocate b 0 1\n"
				 "A map n 2 readonly\n"
				 "task B cpu=2\n"
				 "B policy bind 1\n"
				 "B map z 4\n"
				 "B touch z 0 2\n"
				 "B shmget S 1\n"
				 "B shmat S s\n";

static int play(const char *text, struct weir_world **out)
{
	struct weir_script script;
	struct weir_world *world = NULL;
	int r = weir_script_parse(weir_strz(text), "test", &script, NULL);

	if (r == 0)
		r = weir_world_new(&script.setup, NULL, &world, NULL);
	for (size_t i = 0; r == 0 && i < script.nr_steps; i++) {
		struct weir_result result = { 0 };

		r = weir_world_step(world, &script.steps[i], &result, NULL);
		if (r == 0 && result.kind != WEIR_RESULT_OK)
			fail_msg("line %zu: %d", script.steps[i].line, result.err);
	}
	weir_script_done(&script);
	if (r < 0)
		weir_world_free(world);
	else
		*out = world;
	return r;
}

static struct weir_host *host_of(const char *text, struct weir_world **out)
{
	struct weir_host *host = NULL;
	struct weir_err err = { 0 };

	if (play(text, out) < 0 || weir_render_new(*out, &host, &err) < 0)
		fail_msg("cannot make the host: %s", err.msg);
	return host;
}

static void expect_file(const struct weir_host *host, const char *path, const char *want)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int r = weir_host_read(host, path, 65536, &text);

	if (r < 0)
		fail_msg("%s: %d", path, r);
	if (!weir_str_eq(weir_buf_str(&text), want))
		fail_msg("%s is '%s', not '%s'", path, text.p ? text.p : "", want);
}

#define POOLS   "/sys/kernel/mm/hugepages/hugepages-"
#define NODES   "/sys/devices/system/node/"
#define CGROUPS "/sys/fs/cgroup/"

static void files_are_the_kernels(void **state)
{
	static const struct {
		const char *path, *text;
	} files[] = {
		{ POOLS "2048kB/nr_hugepages", "13\n" },
		{ POOLS "2048kB/nr_hugepages_mempolicy", "13\n" },
		{ POOLS "2048kB/free_hugepages", "8\n" },
		{ POOLS "2048kB/resv_hugepages", "6\n" },
		{ POOLS "2048kB/surplus_hugepages", "0\n" },
		{ POOLS "2048kB/nr_overcommit_hugepages", "3\n" },
		{ POOLS "1048576kB/nr_hugepages", "1\n" },
		{ POOLS "1048576kB/demote_size", "2048kB\n" },
		{ NODES "node0/hugepages/hugepages-2048kB/nr_hugepages", "5\n" },
		{ NODES "node0/hugepages/hugepages-2048kB/free_hugepages", "2\n" },
		{ NODES "node1/hugepages/hugepages-2048kB/nr_hugepages", "8\n" },
		{ NODES "node1/hugepages/hugepages-1048576kB/surplus_hugepages", "0\n" },
		{ "/proc/sys/vm/nr_hugepages", "13\n" },
		{ "/proc/sys/vm/nr_hugepages_mempolicy", "13\n" },
		{ "/proc/sys/vm/nr_overcommit_hugepages", "3\n" },
		{ "/proc/sys/vm/hugetlb_optimize_vmemmap", "0\n" },
		{ NODES "online", "0-1\n" },
		{ NODES "has_memory", "0-1\n" },
		{ NODES "has_cpu", "0-1\n" },
		{ NODES "node0/cpulist", "0-1\n" },
		{ NODES "node1/cpulist", "2,33\n" },
		{ NODES "node1/cpumap", "2,00000004\n" },
		{ NODES "node1/distance", "21 10\n" },
		{ "/proc/cmdline", "hugepages=10 quiet\n" },
		{ "/proc/sys/kernel/osrelease", "6.12-model\n" },
		{ "/@/pagesize", "4096\n" },
		{ CGROUPS "cgroup.controllers", "hugetlb\n" },
		{ CGROUPS "cgroup.procs", "1001\n" },
		{ CGROUPS "G/cgroup.procs", "1000\n" },
		{ CGROUPS "G/hugetlb.2MB.max", "8388608\n" },
		{ CGROUPS "G/hugetlb.2MB.rsvd.max", "max\n" },
		{ CGROUPS "G/hugetlb.1GB.max", "max\n" },
		{ CGROUPS "G/hugetlb.2MB.current", "6291456\n" },
		{ CGROUPS "G/hugetlb.2MB.rsvd.current", "12582912\n" },
		{ CGROUPS "G/hugetlb.2MB.events", "max 0\n" },
		{ "/@/statfs/mnt/M/@", "bsize 2097152\nblocks 8\nbfree 5\nbavail 5\n"
		                       "files 5\nffree 3\n" },
		{ "/@/statfs/mnt/N/@", "bsize 1073741824\nblocks 0\nbfree 0\nbavail 0\n"
		                       "files 0\nffree 0\n" },
		{ "/proc/1000/comm", "A\n" },
		{ "/proc/1000/cgroup", "0::/G\n" },
		{ "/proc/1001/cgroup", "0::/\n" },
		{ "/@/link/proc/1000/fd/3", "/mnt/M/f" },
		{ "/@/link/proc/1000/fd/4", "/memfd:b (deleted)" },
		{ "/@/statfs/proc/1000/fd/4/@",
		  "bsize 2097152\nblocks 0\nbfree 0\nbavail 0\nfiles 0\nffree 0\n" },
		{ "/proc/mounts", "rootfs / rootfs rw 0 0\n"
		                  "proc /proc proc rw,relatime 0 0\n"
		                  "sysfs /sys sysfs rw,relatime 0 0\n"
		                  "cgroup2 /sys/fs/cgroup cgroup2 rw,relatime 0 0\n"
		                  "none /mnt/M hugetlbfs rw,nr_inodes=5,pagesize=2M,"
		                  "size=16777216,min_size=4194304 0 0\n"
		                  "none /mnt/N hugetlbfs rw,pagesize=1024M 0 0\n" },
	};
	struct weir_world *world;
	struct weir_host *host = host_of(everything, &world);

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(files); i++)
		expect_file(host, files[i].path, files[i].text);
	expect_u64_eq(weir_host_now_ns(host), 0);
	weir_host_free(host);
}

static void long_files_are_the_kernels(void **state)
{
	struct weir_world *world;
	struct weir_host *host = host_of("nodes 1\n"
	                                 "write 2M/nr_hugepages 4\n"
	                                 "task A cpuset=0\n"
	                                 "A map m 2 readonly\n"
	                                 "A bind m 0 1 interleave 0\n"
	                                 "A map z 2\n"
	                                 "A fork B\n"
	                                 "A touch z 0 1\n",
	                                 &world);

	(void)state;
	expect_file(host, "/proc/meminfo",
	            "MemTotal:        1048576 kB\n"
	            "MemFree:         1040384 kB\n"
	            "HardwareCorrupted:     0 kB\n"
	            "HugePages_Total:       4\n"
	            "HugePages_Free:        3\n"
	            "HugePages_Rsvd:        3\n"
	            "HugePages_Surp:        0\n"
	            "Hugepagesize:       2048 kB\n"
	            "Hugetlb:            8192 kB\n");
	expect_file(host, NODES "node0/meminfo",
	            "Node 0 MemTotal:        1048576 kB\n"
	            "Node 0 MemFree:         1040384 kB\n"
	            "Node 0 MemUsed:            8192 kB\n"
	            "Node 0 HugePages_Total:     4\n"
	            "Node 0 HugePages_Free:      3\n"
	            "Node 0 HugePages_Surp:      0\n");
	expect_file(
		host, "/proc/buddyinfo",
		"Node 0, zone   Normal      0      0      0      0      0      0      0 "
		"     0      0      0    254 \n");
	expect_file(host, "/proc/1000/status",
	            "Name:\tA\nState:\tS (sleeping)\nTgid:\t1000\nPid:\t1000\n"
	            "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n"
	            "VmSize:\t    8192 kB\nHugetlbPages:\t    2048 kB\nThreads:\t1\n"
	            "Cpus_allowed_list:\t0\nMems_allowed_list:\t0\n");
	expect_file(host, "/proc/1000/numa_maps",
	            "100000000000 interleave:0 file=/anon_hugepage\\040(deleted) huge\n"
	            "100000200000 default file=/anon_hugepage\\040(deleted) huge\n"
	            "100040000000 default file=/anon_hugepage\\040(deleted) huge anon=1 "
	            "dirty=1 N0=1 kernelpagesize_kB=2048\n");
	expect_file(host, "/proc/1001/maps",
	            "100000000000-100000200000 r--p 00000000 00:0f 1000              "
	            "         /anon_hugepage (deleted)\n"
	            "100000200000-100000400000 r--p 00200000 00:0f 1000              "
	            "         /anon_hugepage (deleted)\n"
	            "100040000000-100040400000 rw-p 00000000 00:0f 1001              "
	            "         /anon_hugepage (deleted)\n");
	weir_host_free(host);
}

static void expect_names(const struct weir_host *host, const char *dir, const char *want)
{
	weir_auto(weir_names_done) struct weir_names names = { 0 };
	weir_auto(weir_buf_done) struct weir_buf have = { 0 };
	int r = weir_host_list(host, dir, &names);

	if (r < 0)
		fail_msg("%s: %d", dir, r);
	for (size_t i = 0; i < names.nr; i++)
		(void)weir_buf_printf(&have, "%s%s%s", i ? " " : "", names.v[i].name,
		                      names.v[i].is_dir ? "/" : "");
	if (!weir_str_eq(weir_buf_str(&have), want))
		fail_msg("%s has '%s', not '%s'", dir, have.p, want);
}

static void directories_list_what_can_be_read(void **state)
{
	struct weir_world *world;
	struct weir_host *host = host_of(everything, &world);

	(void)state;
	expect_names(host, "/", "@/ proc/ sys/");
	expect_names(host, "/sys/kernel/mm/hugepages",
	             "hugepages-1048576kB/ hugepages-2048kB/");
	expect_names(host, "/sys/kernel/mm/hugepages/hugepages-2048kB",
	             "free_hugepages nr_hugepages nr_hugepages_mempolicy "
	             "nr_overcommit_hugepages resv_hugepages surplus_hugepages");
	expect_names(host, NODES "node1/hugepages/hugepages-1048576kB",
	             "demote demote_size free_hugepages nr_hugepages surplus_hugepages");
	expect_names(
		host, "/sys/devices/system/node",
		"has_cpu has_memory has_normal_memory node0/ node1/ online possible");
	expect_names(host, "/proc",
	             "1000/ 1001/ buddyinfo cmdline meminfo mounts self/ sys/ zoneinfo");
	expect_names(host, "/proc/1000/fd", "3 4");
	expect_names(host, "/proc/1001/fd", "");
	expect_names(host, "/sys/fs/cgroup", "G/ cgroup.controllers cgroup.procs");
	expect_names(host, "/@/statfs/mnt", "M/ N/");
	weir_host_free(host);
}

/* No scenario makes one, but a loaded host may. */
static void groups_within_groups_are_directories(void **state)
{
	struct weir_world *world;
	struct weir_host *host = host_of("cgroup G\ncgroup H\n", &world);

	(void)state;
	free(world->groups[0].name);
	free(world->groups[1].name);
	world->groups[0].name = strdup("a.slice");
	world->groups[1].name = strdup("a.slice/b/vm");
	assert_non_null(world->groups[0].name);
	assert_non_null(world->groups[1].name);
	expect_names(host, "/sys/fs/cgroup", "a.slice/ cgroup.controllers cgroup.procs");
	expect_names(host, "/sys/fs/cgroup/a.slice/b", "vm/");
	expect_file(host, CGROUPS "a.slice/b/vm/hugetlb.2MB.current", "0\n");
	expect_file(host, CGROUPS "a.slice/hugetlb.2MB.current", "0\n");
	expect_int_eq(weir_host_write(host, CGROUPS "a.slice/b/vm/hugetlb.2MB.max",
	                              weir_strz("4M\n")),
	              0);
	expect_file(host, CGROUPS "a.slice/b/vm/hugetlb.2MB.max", "4194304\n");
	expect_file(host, CGROUPS "a.slice/hugetlb.2MB.max", "max\n");
	weir_host_free(host);
}

static void what_is_not_there_is_absent(void **state)
{
	static const struct {
		const char *path;
		int error;
	} files[] = {
		{ "", -ENOENT },
		{ "/nothing", -ENOENT },
		{ "/proc/meminf", -ENOENT },
		{ "/proc/meminfo/", -ENOENT },
		{ "/proc/meminfoo", -ENOENT },
		{ "/proc", -EISDIR },
		{ "/proc/", -ENOENT },
		{ "/proc/999/status", -ENOENT },
		{ "/proc/1002/status", -ENOENT },
		{ "/proc/01000/status", -ENOENT },
		{ "/proc/99999999999999999999/status", -ENOENT },
		{ "/proc/1000/fd/5", -ENOENT },
		{ "/proc/1000", -EISDIR },
		{ NODES "node2/meminfo", -ENOENT },
		{ NODES "node/meminfo", -ENOENT },
		{ NODES "node64/meminfo", -ENOENT },
		{ POOLS "4096kB/nr_hugepages", -ENOENT },
		{ POOLS "2048kB/demote", -ENOENT },
		{ POOLS "2048kB/demote_size", -ENOENT },
		{ POOLS "1048576kB/demote", -EACCES },
		{ NODES "node0/hugepages/hugepages-2048kB/resv_hugepages", -ENOENT },
		{ CGROUPS "H/hugetlb.2MB.max", -ENOENT },
		{ CGROUPS "G/hugetlb.4MB.max", -ENOENT },
		{ CGROUPS "hugetlb.2MB.max", -ENOENT },
		{ "/@/statfs/mnt/X/@", -ENOENT },
	};
	struct weir_world *world;
	struct weir_host *host = host_of(everything, &world);
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	weir_auto(weir_names_done) struct weir_names names = { 0 };

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(files); i++) {
		int r = weir_host_read(host, files[i].path, 65536, &text);

		if (r != files[i].error)
			fail_msg("%s: %d, not %d", files[i].path, r, files[i].error);
	}
	expect_int_eq(weir_host_list(host, "/proc/meminfo", &names), -ENOENT);
	expect_int_eq(weir_host_list(host, "/proc/1002", &names), -ENOENT);
	expect_int_eq(weir_host_list(host, "/sys/fs/cgroup/H", &names), -ENOENT);
	expect_int_eq(weir_host_read(host, "/proc/meminfo", 10, &text), -EFBIG);
	expect_text(weir_buf_str(&text), "MemTotal: ");
	weir_host_free(host);
}

static void writes_do_what_the_kernel_does(void **state)
{
	static const struct {
		const char *path, *text;
		int result;
	} writes[] = {
		{ POOLS "2048kB/nr_hugepages", "20\n", 0 },
		{ POOLS "2048kB/nr_hugepages", "-1", -EINVAL },
		{ POOLS "2048kB/nr_hugepages", "12x", -EINVAL },
		{ POOLS "2048kB/free_hugepages", "1", -EACCES },
		{ POOLS "4096kB/nr_hugepages", "1", -ENOENT },
		{ POOLS "1048576kB/nr_overcommit_hugepages", "1", -EINVAL },
		{ POOLS "1048576kB/demote", "1\n", 0 },
		{ POOLS "1048576kB/demote_size", "4096kB", -EINVAL },
		{ POOLS "2048kB/demote", "1", -ENOENT },
		{ NODES "node0/hugepages/hugepages-2048kB/nr_hugepages", "1", 0 },
		{ NODES "online", "0-2", -EACCES },
		{ "/proc/sys/vm/nr_overcommit_hugepages", "7 8\n", 0 },
		{ "/proc/sys/vm/nr_overcommit_hugepages", "x", -EINVAL },
		{ "/proc/meminfo", "1", -EIO },
		{ "/proc", "1", -EISDIR },
		{ "/nothing", "1", -ENOENT },
		{ CGROUPS "G/hugetlb.2MB.max", "2M", -EBUSY },
		{ CGROUPS "G/hugetlb.2MB.rsvd.max", "16M\n", 0 },
		{ CGROUPS "G/hugetlb.2MB.current", "0", -EINVAL },
	};
	struct weir_world *world;
	struct weir_host *host = host_of(everything, &world);
	struct weir_err err = { 0 };

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(writes); i++) {
		int r = weir_host_write(host, writes[i].path, weir_strz(writes[i].text));

		if (r != writes[i].result)
			fail_msg("%s to %s: %d, not %d", writes[i].text, writes[i].path,
			         r, writes[i].result);
	}
	expect_file(host, POOLS "1048576kB/nr_hugepages", "0\n");
	/* of the ten that were there three are in use; and 512 parts of a 1G page came */
	expect_file(host, NODES "node1/hugepages/hugepages-2048kB/surplus_hugepages",
	            "0\n");
	expect_file(host, "/proc/sys/vm/nr_overcommit_hugepages", "7\n");
	expect_file(host, CGROUPS "G/hugetlb.2MB.max", "8388608\n");
	expect_file(host, CGROUPS "G/hugetlb.2MB.rsvd.max", "16777216\n");
	if (weir_model_check(world->model, &err) < 0)
		fail_msg("%s", err.msg);
	weir_host_free(host);
}

/* The host is a window, not a picture. */
static void steps_played_meanwhile_show(void **state)
{
	static const char text[] = "write 2M/nr_hugepages 5\ntask A\n";
	struct weir_world *world;
	struct weir_host *host = host_of("nodes 1\n", &world);
	struct weir_script script;
	struct weir_result result;

	(void)state;
	expect_int_eq(weir_script_parse(weir_strz(text), "test", &script, NULL), 0);
	expect_file(host, POOLS "2048kB/nr_hugepages", "0\n");
	for (size_t i = 0; i < script.nr_steps; i++)
		expect_int_eq(weir_world_step(world, &script.steps[i], &result, NULL), 0);
	expect_file(host, POOLS "2048kB/nr_hugepages", "5\n");
	expect_names(host, "/proc/1000", "cgroup cmdline comm fd/ maps numa_maps status");
	weir_script_done(&script);
	weir_host_free(host);
}

static void kernels_differ_in_their_files(void **state)
{
	struct weir_world *world;
	struct weir_host *host = host_of("kernel 5.10\ncgroup G\n", &world);
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };

	(void)state;
	expect_file(host, "/proc/sys/kernel/osrelease", "5.10-model\n");
	expect_int_eq(weir_host_read(host, POOLS "1048576kB/demote_size", 64, &text),
	              -ENOENT);
	expect_int_eq(weir_host_read(host, CGROUPS "G/hugetlb.2MB.numa_stat", 64, &text),
	              -ENOENT);
	expect_int_eq(
		weir_host_read(host, "/proc/sys/vm/hugetlb_optimize_vmemmap", 64, &text),
		-ENOENT);
	weir_host_free(host);
}

#define CMA "/sys/kernel/mm/cma/"

/* A node with 2.5G of CMA, one without, and one with 1M of it. */
#define THREE_NODES                                                               \
	"node 0 memory=8G cpus=0\n"                                               \
	"node 1 memory=8G cpus=1\n"                                               \
	"node 2 memory=8G cpus=2\n"                                               \
	"zone 0 Normal managed=2097152 free=2097152 cma=655360 free_cma=655360\n" \
	"zone 1 Normal managed=2097152 free=2097152\n"                            \
	"zone 2 Normal managed=2097152 free=2097152 cma=256 free_cma=256\n"

static void cma_areas_are_those_of_the_host(void **state)
{
	struct weir_world *world;
	struct weir_host *host = host_of("boot csv_mem_percentage=50\n" THREE_NODES
	                                 "start v kind=csv3 memory=1G\n",
	                                 &world);
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };

	(void)state;
	/* nodes that have a CMA keep it; the others get the half in areas of 1G */
	expect_names(host, "/sys/kernel/mm/cma",
	             "csv-n0c0/ csv-n0c1/ csv-n0c2/ csv-n1c0/ csv-n1c1/ csv-n1c2/ "
	             "csv-n1c3/ csv-n2c0/");
	expect_file(host, CMA "csv-n0c0/total_pages", "262144\n");
	expect_file(host, CMA "csv-n0c2/total_pages", "131072\n");
	expect_file(host, CMA "csv-n2c0/total_pages", "256\n");
	/* 1G and its nested page table, in units of 8M: 130 of them are 1040M */
	expect_file(host, CMA "csv-n0c0/available_pages", "0\n");
	expect_file(host, CMA "csv-n0c1/available_pages", "258048\n");
	expect_file(host, CMA "csv-n0c2/available_pages", "131072\n");
	weir_host_free(host);

	host = host_of(THREE_NODES "task a\na anon 20G\n", &world);
	expect_names(host, "/sys/kernel/mm/cma", "pernuma0/ pernuma2/");
	/* what is lent is there to be had */
	expect_file(host, CMA "pernuma0/available_pages", "655360\n");
	weir_host_free(host);

	host = host_of("nodes 1\n", &world);
	expect_int_eq(weir_host_read(host, CMA "reserved/total_pages", 64, &text),
	              -ENOENT);
	weir_host_free(host);
	host = host_of("kernel 6.6\n" THREE_NODES, &world);
	expect_int_eq(weir_host_read(host, CMA "pernuma0/total_pages", 64, &text),
	              -ENOENT);
	weir_host_free(host);
}

static int read_and_list(void *ctx)
{
	static const char *const paths[] = {
		"/proc/meminfo",     "/proc/zoneinfo",
		"/proc/buddyinfo",   "/proc/mounts",
		"/proc/1000/maps",   "/proc/1001/numa_maps",
		"/proc/1000/status", CGROUPS "G/hugetlb.2MB.numa_stat",
	};
	weir_auto(weir_names_done) struct weir_names names = { 0 };
	int r = weir_host_list(ctx, "/proc", &names);

	for (size_t i = 0; r == 0 && i < WEIR_NELEM(paths); i++) {
		weir_auto(weir_buf_done) struct weir_buf text = { 0 };

		r = weir_host_read(ctx, paths[i], 65536, &text);
	}
	return r;
}

static int make_host(void *ctx)
{
	struct weir_world *world = NULL;
	struct weir_host *host = NULL;
	int r = play("nodes 1\n", &world);

	(void)ctx;
	if (r == 0)
		r = weir_render_new(world, &host, NULL);
	weir_host_free(host);
	return r;
}

static void every_allocation_may_fail(void **state)
{
	struct weir_world *world;
	struct weir_host *host = host_of(everything, &world);

	(void)state;
	expect_int_eq(fault_every(read_and_list, host), 0);
	expect_int_eq(fault_every(make_host, NULL), 0);
	weir_host_free(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_the_kernels),
		cmocka_unit_test(long_files_are_the_kernels),
		cmocka_unit_test(directories_list_what_can_be_read),
		cmocka_unit_test(groups_within_groups_are_directories),
		cmocka_unit_test(what_is_not_there_is_absent),
		cmocka_unit_test(writes_do_what_the_kernel_does),
		cmocka_unit_test(steps_played_meanwhile_show),
		cmocka_unit_test(kernels_differ_in_their_files),
		cmocka_unit_test(cma_areas_are_those_of_the_host),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
