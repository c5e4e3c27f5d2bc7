/* redact: no name stays anywhere, and what weir reads of the capture stays the same. */
#include "capture/redact.h"

#include "facts/boot.h"
#include "facts/klog.h"
#include "facts/mounts.h"

#include "fault.h"
#include "test.h"

#include <errno.h>

#define UUID  "c0ffee00-1111-4222-8333-444455556666"
#define SCOPE "machine-qemu\\x2d3\\x2dacme\\x2dweb\\x2d01.scope"

struct file {
	const char *path, *text;
	size_t n; /* 0: up to its NUL */
};

static const char klog_text[] =
	"Nov 21 10:00:00 hv07 kernel: HugeTLB: allocating 5 of page size 1.00 GiB failed "
	"node1.  Only allocated 3 hugepages.\n"
	"<6>[    1.0] HugeTLB: registered 2.00 MiB page size, pre-allocated 0 pages\n"
	"<4>[   99.0] hugetlbfs: tradebot (4711): Using mlock ulimits for SHM_HUGETLB is "
	"obsolete\n"
	"<3>[  100.0] Memory failure: 0x1234: Killing riskd:4712 due to hardware memory "
	"corruption\n"
	"<3>[  101.0] Memory failure: 0x1235: Sending SIGBUS to qemu-system-x86:31 due "
	"to hardware memory corruption\n";

static const char mountinfo_text[] =
	"25 1 8:1 / / rw,relatime shared:1 - ext4 /dev/mapper/hv07-root rw\n"
	"26 25 0:31 / /home/alice/nas rw - nfs4 filer.example.org:/export/alice "
	"rw,addr=192.0.2.7\n"
	"27 25 0:32 / /dev/hugepages rw shared:2 - hugetlbfs hugetlbfs rw,pagesize=2M\n"
	"28 25 0:33 /tradebot /srv/acme-web-01\\040pool/alice rw - hugetlbfs tradebot "
	"rw,pagesize=2M,size=8M,min_size=4M,uid=1001\n"
	"29 25 0:28 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

static const char qemu_args[] =
	"/usr/bin/"
	"qemu-system-x86_64\0-name\0guest=acme-web-01,process=qemu:acme-web-01,debug-"
	"threads=on\0"
	"-m\0size=4194304k\0-object\0secret,id=masterKey0,file=/var/lib/libvirt/qemu/"
	"domain-3-acme-web-01/master-key.aes\0"
	"-object\0memory-backend-file,id=ram-node0,mem-path=/dev/hugepages/libvirt/qemu/"
	"3-acme-web-01,size=4294967296\0"
	"-uuid\0" UUID "\0-blockdev\0{\"filename\":\"/srv/vault/payroll.qcow2\"}\0"
	"-device\0vfio-pci,host=0000:01:00.0\0-device\0e1000,mac=52:54:00:aa:bb:cc\0-"
	"enable-kvm\0/srv/vault/cd.iso\0";

static const struct file capture_files[] = {
	{ "/proc/sys/kernel/hostname", "hv07.example.org\n", 0 },
	{ "/proc/cmdline",
	  "BOOT_IMAGE=/vmlinuz root=UUID=deadbeef-0000-4000-8000-000000000000 ro "
	  "hugepages=8 "
	  "hugepagesz=1G hugepages=0:2,1:3 "
	  "ip=192.0.2.7::192.0.2.1:255.255.255.0:hv07:eth0 "
	  "rd.luks.name=\"alice disk\" movable_node cma=64M quiet -- acme=1\n",
	  0 },
	{ "/proc/meminfo", "MemTotal: 1 kB\n", 0 },
	{ "/proc/self/mountinfo", mountinfo_text, sizeof(mountinfo_text) - 1 },
	{ "/@/klog", klog_text, sizeof(klog_text) - 1 },
	{ "/@/statfs/srv/acme-web-01 pool/alice/@", "bsize 2097152\nblocks 4\nbfree 4\n",
	  0 },
	{ "/@/stat/srv/acme-web-01 pool/alice/@", "dev 0:33\n", 0 },
	{ "/sys/fs/cgroup/system.slice/tradebot.service/hugetlb.2MB.max", "max\n", 0 },
	{ "/sys/fs/cgroup/system.slice/payrolld@7.service/hugetlb.2MB.max", "max\n", 0 },
	{ "/sys/fs/cgroup/machine.slice/" SCOPE "/hugetlb.2MB.max", "4194304\n", 0 },
	{ "/sys/fs/cgroup/machine/qemu-4-oldstyle.libvirt-qemu/hugetlb.2MB.max", "max\n",
	  0 },
	/* a VM */
	{ "/proc/31/status",
	  "Name:\tqemu:acme-web-0\nPid:\t31\nUid:\t107\t107\t107\t107\n"
	  "HugetlbPages:\t    4096 kB\n",
	  0 },
	{ "/proc/31/comm", "qemu:acme-web-0\n", 0 },
	{ "/proc/31/cmdline", qemu_args, sizeof(qemu_args) - 1 },
	{ "/proc/31/cgroup", "0::/machine.slice/" SCOPE "/libvirt/emulator\n", 0 },
	{ "/proc/31/maps",
	  "7f0000000000-7f0000400000 rw-s 00000000 00:20 42                         "
	  "/dev/hugepages/libvirt/qemu/3-acme-web-01/ram (deleted)\n",
	  0 },
	{ "/proc/31/numa_maps",
	  "7f0000000000 bind:0 "
	  "file=/dev/hugepages/libvirt/qemu/3-acme-web-01/ram\\040(deleted) "
	  "huge dirty=2 N0=2 kernelpagesize_kB=2048\n",
	  0 },
	{ "/@/link/proc/31/fd/9",
	  "/dev/hugepages/libvirt/qemu/3-acme-web-01/ram (deleted)", 0 },
	{ "/@/link/proc/31/fd/10", "anon_inode:kvm-vm", 0 },
	/* somebody's program, with the name of a field of numa_maps for a user's name */
	{ "/proc/4711/status", "Name:\ttradebot\nPid:\t4711\n", 0 },
	{ "/proc/4711/comm", "tradebot\n", 0 },
	{ "/proc/4711/cmdline", "/home/alice/bin/tradebot-ng\0--key\0hunter2\0", 41 },
	{ "/proc/4711/cgroup", "0::/system.slice/tradebot.service\n", 0 },
	{ "/proc/4711/maps",
	  "7f0000000000-7f0000400000 rw-s 00000000 00:21 7 /srv/acme-web-01 "
	  "pool/alice/tradebot-ng.heap\n",
	  0 },
	{ "/proc/4711/numa_maps",
	  "7f0000000000 bind:0 file=/srv/acme-web-01\\040pool/alice/x huge dirty=2 "
	  "N0=2\n",
	  0 },
	/* weird's state: names of leases and units; its number may be another's now */
	{ "/run/weir/warm.state",
	  "weir-warm 1 pid=811 start=4711 boot=b0\n"
	  "store page=2097152 device=0:57 dir=\"/home/alice/warm\"\n"
	  "region 1 state=leased page=2097152 node=0 inode=7 bytes=2097152 "
	  "filled=2097152 lease=1 name=\"acme-web-01\" uid=0 gid=0 since=1 until=0 "
	  "owner=unit:\"payrolld@7.service\"\n"
	  "region 2 state=ready page=2097152 node=0 inode=8 bytes=2097152 "
	  "filled=2097152\n"
	  "region 3 state=leased page=2097152 node=0 inode=9 bytes=2097152 "
	  "filled=2097152 lease=2 name=\"region\" uid=0 gid=0 since=1 until=0 "
	  "owner=none\n"
	  "region 4 state=leased page=2097152 node=0 inode=10 bytes=2097152 "
	  "filled=2097152 lease=3 name=\"acmelease\" uid=0 gid=0 since=1 until=0 "
	  "owner=none\n"
	  "next region=5 lease=4\nend\n",
	  0 },
	{ "/proc/811/stat", "811 (payroll) run)) S 1 811\n", 0 },
	/* of one of the well-known, user and database stand in argv[0] */
	{ "/proc/99/status", "Name:\tpostgres\nPid:\t99\n", 0 },
	{ "/proc/99/comm", "postgres\n", 0 },
	{ "/proc/99/cmdline", "postgres: alice ledgerdb 192.0.2.9(5000) idle\0", 46 },
};

/* What must not be found anywhere afterwards. */
static const char *const secrets[] = {
	"acme",    "hv07",    "example",  "alice",     "tradebot", "riskd",
	"payroll", "hunter2", "ledgerdb", "deadbeef",  "filer",    "vault",
	"secret",  UUID,      "192.0.2",  "masterKey", "oldstyle", "52:54",
};

static const char passwd[] =
	"root:x:0:0:root:/root:/bin/sh\nalice:x:1001:1001::/h:/bin/sh\n"
	"dirty:x:1002:1002::/h:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n"
	"broken\n:::\n";

struct capture {
	struct weir_members files;
	struct weir_manifest manifest;
};

static void capture_done(struct capture *c)
{
	weir_members_done(&c->files);
	weir_manifest_done(&c->manifest);
}

static int fill(struct capture *c)
{
	int r = 0;

	*c = (struct capture){ 0 };
	for (size_t i = 0; r == 0 && i < WEIR_NELEM(capture_files); i++) {
		const struct file *f = &capture_files[i];
		struct weir_str text = f->n ? weir_str(f->text, f->n)
		                            : weir_strz(f->text);

		r = weir_members_add(&c->files, f->path, &text);
	}
	if (r == 0)
		r = weir_members_add(&c->files,
		                     "/sys/fs/cgroup/system.slice/payrolld@7.service",
		                     NULL);
	if (r == 0)
		r = weir_manifest_add_error(
			&c->manifest,
			"/sys/fs/cgroup/system.slice/tradebot.service/hugetlb.1GB.max",
			-EACCES);
	return r;
}

static int redact(struct capture *c, struct weir_err *err)
{
	return weir_redact(&c->files, &c->manifest, weir_strz(passwd), err);
}

static void make(struct capture *c)
{
	struct weir_err err = { 0 };

	expect_int_eq(fill(c), 0);
	expect_int_eq(redact(c, &err), 0);
}

static struct weir_str text_of(const struct capture *c, const char *path)
{
	const struct weir_member *m = weir_members_find(&c->files, path);

	if (!m || !m->text)
		fail_msg("%s is not there", path);
	return m && m->text ? weir_str(m->text, m->n) : weir_strz("");
}

static void redact_leaves_no_secret_anywhere(void **state)
{
	weir_auto(capture_done) struct capture c;

	(void)state;
	make(&c);
	for (size_t s = 0; s < WEIR_NELEM(secrets); s++) {
		for (size_t i = 0; i < c.files.nr; i++) {
			const struct weir_member *m = &c.files.v[i];

			if (strstr(m->path, secrets[s]))
				fail_msg("'%s' in path %s", secrets[s], m->path);
			if (m->text &&
			    weir_str_find(weir_str(m->text, m->n), secrets[s]) >= 0)
				fail_msg("'%s' in %s: %s", secrets[s], m->path, m->text);
		}
		for (size_t i = 0; i < c.manifest.nr_errors; i++)
			if (strstr(c.manifest.errors[i].path, secrets[s]))
				fail_msg("'%s' in %s", secrets[s],
				         c.manifest.errors[i].path);
	}
}

static void redact_says_the_same_word_everywhere(void **state)
{
	weir_auto(capture_done) struct capture c;

	(void)state;
	make(&c);
	expect_text(text_of(&c, "/proc/sys/kernel/hostname"), "host1\n");
	expect_text(text_of(&c, "/sys/fs/cgroup/machine.slice/"
	                        "machine-qemu\\x2d3\\x2dvm1.scope/hugetlb.2MB.max"),
	            "4194304\n");
	expect_text(
		text_of(&c, "/proc/31/cgroup"),
		"0::/machine.slice/machine-qemu\\x2d3\\x2dvm1.scope/libvirt/emulator\n");
	expect_text(text_of(&c, "/proc/31/maps"),
	            "7f0000000000-7f0000400000 rw-s 00000000 00:20 42                    "
	            "     "
	            "/dev/hugepages/libvirt/qemu/3-vm1/ram (deleted)\n");
	expect_text(text_of(&c, "/proc/31/numa_maps"),
	            "7f0000000000 bind:0 "
	            "file=/dev/hugepages/libvirt/qemu/3-vm1/ram\\040(deleted) "
	            "huge dirty=2 N0=2 kernelpagesize_kB=2048\n");
	expect_text(text_of(&c, "/@/link/proc/31/fd/9"),
	            "/dev/hugepages/libvirt/qemu/3-vm1/ram (deleted)");
	expect_text(text_of(&c, "/@/link/proc/31/fd/10"), "anon_inode:kvm-vm");
	expect_text(text_of(&c, "/@/statfs/srv/vm1 pool/user1/@"),
	            "bsize 2097152\nblocks 4\nbfree 4\n");
	expect_text(
		text_of(&c, "/proc/4711/numa_maps"),
		"7f0000000000 bind:0 file=/srv/vm1\\040pool/user1/x huge dirty=2 N0=2\n");
	expect_text(text_of(&c, "/proc/4711/comm"), "proc2\n");
	expect_text(text_of(&c, "/proc/4711/status"), "Name:\tproc2\nPid:\t4711\n");
	expect_text(text_of(&c, "/proc/4711/cgroup"), "0::/system.slice/proc2.service\n");
	expect_str(c.manifest.errors[0].path,
	           "/sys/fs/cgroup/system.slice/proc2.service/hugetlb.1GB.max");
}

static void redact_replaces_leases_and_units_in_the_state_of_warm_memory(void **state)
{
	weir_auto(capture_done) struct capture c;
	weir_auto(weir_freep) char *text = NULL;

	(void)state;
	make(&c);
	text = strndup(text_of(&c, "/run/weir/warm.state").p,
	               text_of(&c, "/run/weir/warm.state").n);
	assert_non_null(text);
	assert_non_null(
		strstr(text, " name=\"vm1\" ")); /* as the VM is called elsewhere */
	assert_non_null(strstr(text, "dir=\"/home/user1/warm\"\n"));
	assert_null(strstr(text, "payroll"));
	assert_non_null(strstr(text, "@7.service\"\n"));
	/* a name that is a word of the text is replaced where it is a name */
	assert_non_null(strstr(text, "region 4 state=leased page="));
	assert_null(strstr(text, "name=\"region\""));
	assert_non_null(strstr(text, "\nnext region=5 lease=4\nend\n"));
	assert_non_null(strstr(text_of(&c, "/proc/811/stat").p, ") S 1 811\n"));
}

static void redact_keeps_of_arguments_what_is_about_memory(void **state)
{
	static const char want[] =
		"qemu-system-x86_64\0-name\0guest=vm1,process=qemu:vm1,debug-threads=on\0"
		"-m\0size=4194304k\0-object\0memory-backend-file,id=ram-node0,"
		"mem-path=/dev/hugepages/libvirt/qemu/3-vm1,size=4294967296\0"
		"-uuid\0"
		"00000000-0000-0000-0000-000000000001\0"
		"-device\0vfio-pci,host=0000:01:00.0\0-enable-kvm\0";
	weir_auto(capture_done) struct capture c;
	struct weir_str got;

	(void)state;
	make(&c);
	got = text_of(&c, "/proc/31/cmdline");
	expect_u64_eq(got.n, sizeof(want) - 1);
	assert_memory_equal(got.p, want, got.n);
	expect_u64_eq(text_of(&c, "/proc/4711/cmdline").n, sizeof("proc3"));
	expect_str(text_of(&c, "/proc/4711/cmdline").p, "proc3");
	expect_u64_eq(text_of(&c, "/proc/99/cmdline").n, sizeof("postgres"));
	expect_str(text_of(&c, "/proc/99/cmdline").p, "postgres");
}

static void redact_keeps_what_weir_reads(void **state)
{
	weir_auto(capture_done) struct capture c;
	struct weir_boot_rules rules = { .sizes_unknown = true, .node_lists = true };
	struct weir_mounts mounts;
	struct weir_klog klog;
	struct weir_boot boot;
	struct weir_err err;

	(void)state;
	make(&c);
	expect_text(text_of(&c, "/proc/cmdline"),
	            "BOOT_IMAGE=redacted root=redacted ro hugepages=8 hugepagesz=1G "
	            "hugepages=0:2,1:3 ip=redacted rd.luks.name=redacted movable_node "
	            "cma=64M "
	            "quiet -- redacted\n");
	expect_int_eq(weir_boot_parse(text_of(&c, "/proc/cmdline"), &rules, &boot, &err),
	              0);
	expect_u64_eq(boot.nr_args, 5);
	weir_boot_done(&boot);
	expect_int_eq(weir_mounts_parse(text_of(&c, "/proc/self/mountinfo"),
	                                WEIR_COUNT(2 << 20), &mounts, &err),
	              0);
	expect_u64_eq(mounts.nr, 2);
	expect_str(mounts.v[1].target, "/srv/vm1 pool/user1");
	expect_str(mounts.v[1].source, "proc2");
	expect_count(mounts.v[1].size_bytes, 8 << 20);
	expect_count(mounts.v[1].min_size_bytes, 4 << 20);
	expect_str(mounts.cgroup2, "/sys/fs/cgroup");
	weir_mounts_done(&mounts);
	expect_int_eq(weir_klog_parse(text_of(&c, "/@/klog"), &klog, &err), 0);
	expect_u64_eq(klog.nr_shortfalls, 1);
	expect_count(klog.shortfalls[0].node, 1);
	expect_u64_eq(klog.nr_notes, 2);
	weir_klog_done(&klog);
	assert_true(weir_str_find(text_of(&c, "/@/klog"),
	                          "Nov 21 10:00:00 host1 kernel") >= 0);
	assert_true(weir_str_find(text_of(&c, "/@/klog"),
	                          "SIGBUS to qemu-system-x86:31 ") >= 0);
}

static void expect_same(const struct capture *a, const struct capture *b)
{
	expect_u64_eq(a->files.nr, b->files.nr);
	expect_u64_eq(a->files.bytes, b->files.bytes);
	for (size_t i = 0; i < a->files.nr; i++) {
		expect_str(a->files.v[i].path, b->files.v[i].path);
		expect_u64_eq(a->files.v[i].n, b->files.v[i].n);
		if (a->files.v[i].n)
			assert_memory_equal(a->files.v[i].text, b->files.v[i].text,
			                    a->files.v[i].n);
	}
}

static void redact_is_deterministic_and_does_nothing_twice(void **state)
{
	weir_auto(capture_done) struct capture once, twice;
	struct weir_err err;

	(void)state;
	make(&once);
	make(&twice);
	expect_same(&once, &twice);
	expect_int_eq(redact(&twice, &err), 0);
	expect_same(&once, &twice);
}

static void redact_of_an_empty_capture_is_empty(void **state)
{
	weir_auto(capture_done) struct capture c = { 0 };
	struct weir_err err;

	(void)state;
	expect_int_eq(weir_redact(&c.files, &c.manifest, weir_strz(""), &err), 0);
	expect_u64_eq(c.files.nr, 0);
}

static void redact_knows_the_program_in_argv0(void **state)
{
	static const struct {
		const char *argv0, *program;
		bool known;
	} cases[] = {
		{ "/usr/bin/qemu-system-x86_64", "qemu-system-x86_64", true },
		{ "qemu-system-x86", "qemu-system-x86", true },
		{ "cloud-hyperviso", "cloud-hyperviso", true }, /* cut by the kernel */
		{ "cloud-hypervis", "cloud-hypervis", false },
		{ "/usr/libexec/qemu-kvm", "qemu-kvm", true },
		{ "postgres: alice db", "postgres", true },
		{ "-bash", "bash", false },
		{ "/opt/qemu/run", "run", false },
		{ "", "", false },
		{ "/", "", false },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_str program = weir_redact_program(weir_strz(cases[i].argv0));

		expect_text(program, cases[i].program);
		assert_int_equal(weir_redact_is_known(program), cases[i].known);
	}
}

static void redact_finds_the_names_of_vms(void **state)
{
	static const char args[] =
		"qemu\0-name\0a,,b,process=x\0--id=fc\0-names\0no\0-uuid\0u\0"
		"-name\0guest=g\0-name";
	static const char *const want[] = { "a,,b", "fc", "u", "g" };
	struct weir_str rest = weir_str(args, sizeof(args) - 1), name;

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(want); i++) {
		assert_true(weir_redact_vm_arg(&rest, &name));
		expect_text(name, want[i]);
	}
	assert_false(weir_redact_vm_arg(&rest, &name));
}

static int fill_and_redact(void *ctx)
{
	weir_auto(capture_done) struct capture c;
	int r = fill(&c);

	(void)ctx;
	return r == 0 ? redact(&c, NULL) : r;
}

static void redact_without_memory_fails_and_leaks_nothing(void **state)
{
	(void)state;
	expect_int_eq(fault_every(fill_and_redact, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(redact_leaves_no_secret_anywhere),
		cmocka_unit_test(redact_says_the_same_word_everywhere),
		cmocka_unit_test(
			redact_replaces_leases_and_units_in_the_state_of_warm_memory),
		cmocka_unit_test(redact_keeps_of_arguments_what_is_about_memory),
		cmocka_unit_test(redact_keeps_what_weir_reads),
		cmocka_unit_test(redact_is_deterministic_and_does_nothing_twice),
		cmocka_unit_test(redact_of_an_empty_capture_is_empty),
		cmocka_unit_test(redact_knows_the_program_in_argv0),
		cmocka_unit_test(redact_finds_the_names_of_vms),
		cmocka_unit_test(redact_without_memory_fails_and_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
