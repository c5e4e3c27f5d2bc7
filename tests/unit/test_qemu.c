/* qemu: words, options, sizes; what comes out as memory; what is refused and how. */
#include "vm/qemu.h"

#include "vm/qemu_args.h"

#include <errno.h>

#include "fault.h"
#include "vm_test.h"

#define GIB (UINT64_C(1) << 30)

static void shell_words_are_split_as_a_shell_does(void **state)
{
	static const struct {
		const char *text, *words; /* each followed by '|' */
	} cases[] = {
		{ "", "" },
		{ " \t\n ", "" },
		{ "# only a comment", "" },
		{ "''", "|" },
		{ "a''b", "ab|" },
		{ "a#b #c 'd", "a#b|" },
		{ "a \\\nb", "a|b|" },
		{ "a\\\r\nb", "ab|" },
		{ "a\\ b \\# \\\\", "a b|#|\\|" },
		{ "'a\\b\"$`' \"a'\\\"\\$\\x\\\nb\"", "a\\b\"$`|a'\"$\\xb|" },
		{ "A=1 B='x y' c D=2", "c|D=2|" },
		{ "1A=1 c", "1A=1|c|" },
		{ "\n\n# x\na b\n\n  # y\n", "a|b|" },
		{ "a \\", "a|" },
		{ "-m\t4G\r\n", "-m|4G|" },
		{ "~ * ? {a,b}", "~|*|?|{a,b}|" },
	};
	static const struct {
		const char *text, *words;
	} wrong[] = {
		{ "a 'b", "line 1: a ' that nothing closes" },
		{ "a \\\n \"b", "line 2: a \" that nothing closes" },
		{ "a $B", "'$' is expanded by a shell" },
		{ "a \"$B\"", "'$' is expanded" },
		{ "a `b`", "'`' is expanded" },
		{ "a \"`b`\"", "'`' is expanded" },
		{ "a | b", "'|' is for a shell" },
		{ "a && b", "'&' is for a shell" },
		{ "a > b", "'>' is for a shell" },
		{ "(a)", "'(' is for a shell" },
		{ "a\nb", "line 2: a second command: 'b'" },
	};
	struct weir_err err;

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_buf out = { 0 };

		expect_int_eq(weir_qemu_split(weir_strz(cases[i].text), &out, &err), 0);
		for (size_t c = 0; c < out.n; c++)
			out.p[c] = out.p[c] ? out.p[c] : '|';
		expect_str(out.p ? out.p : "", cases[i].words);
		weir_buf_done(&out);
	}
	for (size_t i = 0; i < WEIR_NELEM(wrong); i++) {
		struct weir_buf out = { 0 };

		vm_expect_refused(weir_qemu_split(weir_strz(wrong[i].text), &out, &err),
		                  &err, wrong[i].words, wrong[i].text);
		assert_null(out.p);
	}
}

static void sizes_are_read_as_qemu_reads_them(void **state)
{
	static const struct {
		const char *text;
		char unit;
		uint64_t bytes;
	} cases[] = {
		{ "0", 'B', 0 },
		{ "1", 'M', 1 << 20 },
		{ "1B", 'M', 1 },
		{ "1b", 'M', 1 },
		{ "1.5G", 'B', 3 * GIB / 2 },
		{ "0.1K", 'B', 102 },
		{ "1.G", 'B', GIB },
		{ "4194304k", 'M', 4 * GIB },
		{ "0x100", 'M', UINT64_C(0x100) << 20 },
		{ "0x1E", 'B', 0x1e },
		{ "0x1M", 'B', 1 << 20 },
		{ "15e", 'B', UINT64_C(15) << 60 },
		{ "1.00000000000000000000000001G", 'B', GIB },
		{ "18446744073709551615", 'B', UINT64_MAX },
	};
	static const char *const wrong[] = {
		"",    "M",   "-1",   "+1",    " 1",   "1 ",  "1KB", "1MiB",
		".5G", "1.5", "1.5B", "0x1.8", "1.-5", "1e3", "0x",  "1.5.5G",
	};
	uint64_t bytes = 77;

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		if (weir_qemu_size(weir_strz(cases[i].text), cases[i].unit, &bytes) != 0)
			fail_msg("'%s' is refused", cases[i].text);
		expect_u64_eq(bytes, cases[i].bytes);
	}
	bytes = 77;
	for (size_t i = 0; i < WEIR_NELEM(wrong); i++)
		if (weir_qemu_size(weir_strz(wrong[i]), 'B', &bytes) != -EBADMSG)
			fail_msg("'%s' is %" PRIu64, wrong[i], bytes);
	expect_int_eq(weir_qemu_size(weir_strz("16E"), 'B', &bytes), -ERANGE);
	expect_int_eq(weir_qemu_size(weir_strz("18446744073709551615"), 'M', &bytes),
	              -ERANGE);
	expect_u64_eq(bytes, 77);
}

static void numbers_have_the_bases_of_c(void **state)
{
	uint64_t n;

	(void)state;
	expect_int_eq(weir_qemu_number(weir_strz("010"), &n), 0);
	expect_u64_eq(n, 8);
	expect_int_eq(weir_qemu_number(weir_strz("0"), &n), 0);
	expect_u64_eq(n, 0);
	expect_int_eq(weir_qemu_number(weir_strz("0x45"), &n), 0);
	expect_u64_eq(n, 0x45);
	expect_int_eq(weir_qemu_number(weir_strz("01777777777777777777777"), &n), 0);
	expect_u64_eq(n, UINT64_MAX);
	expect_int_eq(weir_qemu_number(weir_strz("02000000000000000000000"), &n),
	              -ERANGE);
	expect_int_eq(weir_qemu_number(weir_strz("08"), &n), -EBADMSG);
	expect_int_eq(weir_qemu_number(weir_strz(""), &n), -EBADMSG);
}

/* Options that only look as if: what follows them is their argument, or not. */
static void arguments_are_not_taken_for_options(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "qemu", "vm plain 128M\npc.ram 128M anon\n" },
		{ "-S", "vm plain 128M\npc.ram 128M anon\n" },
		{ "kvm -append -m -m 1G", "vm plain 1G\npc.ram 1G anon\n" },
		{ "kvm -nographic -m 1G", "vm plain 1G\npc.ram 1G anon\n" },
		{ "kvm disk.img --m 1G", "vm plain 1G\npc.ram 1G anon\n" },
		{ "kvm -serial - -m 1G", "vm plain 1G\npc.ram 1G anon\n" },
		{ "kvm -new-with x -m 1G", "vm plain 1G\npc.ram 1G anon\n" },
		{ "kvm -new-without -m 1G", "vm plain 1G\npc.ram 1G anon\n" },
		{ "kvm -cdrom -m 1G", "vm plain 128M\npc.ram 128M anon\n" },
		{ "kvm -m 1G -m 2G -m slots=2 -m maxmem=4G",
		  "vm plain 2G\npc.ram 2G anon\n" },
		/* -m counts, wherever it stands */
		{ "kvm -m 2G -M q35,memory.size=3G,memory.slots=4,memory.max-size=4G",
		  "vm plain 2G\npc.ram 2G anon\n" },
		{ "kvm -m maxmem=4G,slots=256 -M q35,memory.size=3G,memory.max-size=1G",
		  "vm plain 3G\npc.ram 3G anon\n" },
		{ "kvm -m 1G,maxmem=1G,slots=0", "vm plain 1G\npc.ram 1G anon\n" },
		{ "kvm -m size=1G,maxmem=1073741824", "vm plain 1G\npc.ram 1G anon\n" },
		{ "kvm -m 1", "vm plain 1M\npc.ram 1M anon\n" },
		{ "kvm -m 1B", "vm plain 8K\npc.ram 8K anon\n" }, /* to 8 KiB */
		{ "kvm -M q35,memory.size=3G", "vm plain 3G\npc.ram 3G anon\n" },
		{ "kvm -name a,,b,process=c -name debug-threads=on",
		  "a,b plain 128M\npc.ram 128M anon\n" },
		{ "kvm -name ''", "vm plain 128M\npc.ram 128M anon\n" },
	};
	struct weir_demand demand;
	struct weir_err err;

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		int r = weir_qemu_parse_text(weir_strz(cases[i].text),
		                             WEIR_VENDOR_UNKNOWN, &demand, &err);

		if (r < 0)
			fail_msg("%s: %s", cases[i].text, err.msg);
		vm_expect(&demand, cases[i].want, cases[i].text);
		weir_demand_done(&demand);
	}
}

#define BACKEND "-object memory-backend-"
/* for memory devices */
#define ROOM " -m 1G,slots=2,maxmem=8G "

static const struct {
	const char *text, *want;
} commands[] = {
	/* legacy */
	{ "kvm -mem-path /dev/hugepages -mem-prealloc -m 4G",
	  "vm plain 4G\npc.ram 4G file:/dev/hugepages prealloc\n" },
	{ "kvm -M pc-q35-5.0 -m 4G -numa node,mem=2G -numa node,mem=2048 -numa "
	  "dist,src=0,dst=1,val=20",
	  "vm plain 4G\npc.ram 4G anon\n" },
	{ "kvm -M pc-i440fx-2.12 -m 4G -numa node,mem=4G",
	  "vm plain 4G\npc.ram 4G anon\n" },
	{ "kvm -M pc-q35-rhel8.2.0 -m 4G -numa node,mem=4G",
	  "vm plain 4G\npc.ram 4G anon\n" },
	{ "kvm -m 1G -realtime mlock=off", "vm plain 1G\npc.ram 1G anon\n" },
	{ "kvm -m 1G -realtime mlock=on", "vm plain 1G locked\npc.ram 1G anon\n" },
	{ "kvm -m 1G -overcommit cpu-pm=on,mem-lock=on",
	  "vm plain 1G locked\npc.ram 1G anon\n" },
	{ "kvm -m 1G -overcommit mem-lock=on-fault",
	  "vm plain 1G notes=1\npc.ram 1G anon\n" },
	/* two nodes and a virtio-mem device each, from measurements with QEMU 7.2 */
	{ "qemu-system-x86_64 -smp 2 -m 1G,slots=4,maxmem=6G " BACKEND
	  "memfd,id=m0,size=512M,hugetlb=on,share=on -numa "
	  "node,nodeid=0,cpus=0,memdev=m0 " BACKEND
	  "memfd,id=m1,size=512M,hugetlb=on,share=on "
	  "-numa node,nodeid=1,cpus=1,memdev=m1 " BACKEND
	  "memfd,id=vmem0,size=1G,hugetlb=on,share=on,reserve=off "
	  "-device virtio-mem-pci,id=vm0,memdev=vmem0,node=0,requested-size=0 " BACKEND
	  "memfd,id=vmem1,size=1G,hugetlb=on,share=on,reserve=off -device "
	  "virtio-mem-pci,id=vm1,memdev=vmem1,node=1,requested-size=256M,prealloc=on "
	  "-append 'console=ttyS0 memhp_default_state=online_movable'",
	  "vm plain 1G\n"
	  "m0 512M memfd pages=0 shared node=0\n"
	  "m1 512M memfd pages=0 shared node=1\n"
	  "vmem0 1G memfd pages=0 shared noreserve node=0 device whole requested=0\n"
	  "vmem1 1G memfd pages=0 shared noreserve node=1 device whole "
	  "requested=256M device-prealloc\n" },
	{ "kvm -m 4G -machine memory-backend=m " BACKEND
	  "memfd,id=m,size=4G,hugetlb=on,hugetlbsize=2M,prealloc=on,prealloc-threads=2",
	  "vm plain 4G\nm 4G memfd pages=2M shared prealloc threads=2\n" },
	{ "kvm -m 2G -device virtio-balloon-pci,free-page-reporting=on",
	  "vm plain 2G reporting\npc.ram 2G anon\n" },
	/* nodes in the order of -numa, not of -object; host-nodes in all its ways */
	{ "kvm -m 3G " BACKEND
	  "ram,id=b,size=1G,host-nodes=0-1,host-nodes=3,policy=bind " BACKEND
	  "ram,id=a,size=2G,host-nodes.0=1,host-nodes.1=0x2,policy=preferred "
	  "-numa node,memdev=a -numa node,memdev=b",
	  "vm plain 3G\na 2G anon prefer:6 node=0\nb 1G anon bind:b node=1\n" },
	/* used by nothing, by something else, and a commas in a path */
	{ "kvm -m 1G " BACKEND "file,id=u,size=1G,mem-path=/a,,b,share=on -object "
	  "iothread,id=io,any=thing -object thread-context,id=tc,node-affinity=0",
	  "vm plain 1G threads=1 notes=1\npc.ram 1G anon\nu 1G file:/a,b shared\n" },
	/* contexts behind what they are for; one that says no nodes */
	{ "kvm -m 1G -M memory-backend=u " BACKEND
	  "memfd,id=u,size=1G,prealloc-context=b,prealloc=on -object "
	  "thread-context,id=b,node-affinity=0-1,node-affinity=5 -object "
	  "thread-context,id=c,node-affinity.0=3 -object thread-context,id=d -object "
	  "thread-context,id=e,cpu-affinity=0-200",
	  "vm plain 1G threads=23,8\nu 1G memfd shared prealloc\n" },
	/* properties of QEMU up to 10.0 */
	{ "kvm -m 1G " BACKEND "file,id=u,size=1G,mem-path=/a,align=2M,offset=4K,"
	  "discard-data=on,pmem=off,readonly=on,rom=auto,dump=off,merge=on,"
	  "x-use-canonical-path-for-ramblock-id=off -M memory-backend=u",
	  "vm plain 1G\nu 1G file:/a align=2M\n" },
	{ "kvm -m 1G " BACKEND "memfd,id=u,size=1G,seal=off,hugetlbsize=1G " BACKEND
	  "shm,id=s,size=1G -M memory-backend=u",
	  "vm plain 1G notes=1\nu 1G memfd shared\ns 1G memfd shared\n" },
	{ "kvm -m 1G " BACKEND "file,id=u,size=1M,mem-path=/dev/shm/i,share "
	  "-device ivshmem-plain,memdev=u",
	  "vm plain 1G notes=1\npc.ram 1G anon\nu 1M file:/dev/shm/i shared device\n" },
	{ "kvm -m 1G " BACKEND "epc,id=e,size=64M,prealloc=on",
	  "vm plain 1G notes=1\npc.ram 1G anon\n" },
	/* devices before what they name; what pins */
	{ "kvm -device pc-dimm,id=d,memdev=x,node=0 -device nvdimm,memdev=n,slot=1 "
	  "-M q35,nvdimm=on " BACKEND "ram,id=x,size=1G " BACKEND
	  "file,id=n,size=2G,mem-path=/n,share=on -m 1G,slots=2,maxmem=4G "
	  "-device vfio-pci,host=01:00.0 -device vfio-pci-nohotplug,host=01:00.1 -netdev "
	  "vhost-vdpa,id=v,vhostdev=/dev/vhost-vdpa-0 -netdev user,id=u -device "
	  "virtio-net-pci,netdev=v -device vhost-vdpa-device-pci,vhostdev=/dev/v",
	  "vm plain 1G vfio=4\npc.ram 1G anon\nx 1G anon node=0 device whole\n"
	  "n 2G file:/n shared device\n" },
	/* more is requested than there is; a block; the space of memory devices to the
	 * byte, also where RAM is what its backend is and -m still counts as 128M */
	{ "kvm -m 1G,maxmem=2G " BACKEND "ram,id=v,size=1G -device "
	  "virtio-mem-pci,memdev=v,requested-size=2G,block-size=4M",
	  "vm plain 1G notes=1\npc.ram 1G anon\nv 1G anon node=0 device whole "
	  "requested=1G block=4M\n" },
	{ "kvm -M memory-backend=r " BACKEND "ram,id=r,size=64M " BACKEND
	  "ram,id=v,size=64M -device virtio-mem-pci,memdev=v",
	  "vm plain 64M\nr 64M anon\nv 64M anon node=0 device whole requested=0\n" },
	{ "kvm -m 1G -readconfig vm.cfg -global memory-backend.share=on -global "
	  "ICH9-LPC.disable_s3=1 -set object.mem0.share=on",
	  "vm plain 1G notes=3\npc.ram 1G anon\n" },
	{ "kvm -m 1G,maxmem=4G " BACKEND "ram,id=v,size=1G,prealloc=on -device "
	  "virtio-mem-pci,memdev=v,requested-size=1G",
	  "vm plain 1G notes=1\npc.ram 1G anon\nv 1G anon prealloc node=0 device "
	  "whole requested=1G\n" },
	/* confidential ones */
	{ "-machine q35,confidential-guest-support=sev0,memory-backend=ram1 " BACKEND
	  "memfd,id=ram1,size=4G,share=true,reserve=false "
	  "-object sev-snp-guest,id=sev0,cbitpos=51,reduced-phys-bits=1",
	  "vm SNP 4G policy=30000\nram1 4G memfd shared noreserve\n" },
	{ "-object tdx-guest,id=tdx0 -machine "
	  "q35,kernel-irqchip=split,confidential-guest-support=tdx0 -bios OVMF.fd",
	  "vm TDX 128M policy=0\npc.ram 128M anon\n" },
	{ "-machine q35,confidential-guest-support=sev0 -object "
	  "sev-guest,id=sev0,cbitpos=47,reduced-phys-bits=1,policy=0x45",
	  "vm CSV3 128M policy=45\npc.ram 128M anon\n" },
	{ "-machine pc,memory-encryption=s -object sev-guest,id=s",
	  "vm CSV1 128M policy=1\npc.ram 128M anon\n" },
	{ "-machine pc -object sev-guest,id=s", /* the machine does not use it */
	  "vm plain 128M\npc.ram 128M anon\n" },
	{ "-M pc,confidential-guest-support=s -object s390-pv-guest,id=s",
	  "vm plain 128M policy=0 notes=1\npc.ram 128M anon\n" },
};

static void commands_come_out_as_they_are_meant(void **state)
{
	struct weir_demand demand;
	struct weir_err err;

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(commands); i++) {
		int r = weir_qemu_parse_text(weir_strz(commands[i].text),
		                             WEIR_VENDOR_HYGON, &demand, &err);

		if (r < 0)
			fail_msg("%s: %s", commands[i].text, err.msg);
		vm_expect(&demand, commands[i].want, commands[i].text);
		weir_demand_done(&demand);
	}
}

static const struct {
	const char *text, *want;
} json_commands[] = {
	/* as libvirt 9.0 writes it */
	{ "qemu-system-x86_64 -name guest=hp1,debug-threads=on -S -m "
	  "size=4194304k,slots=16,maxmem=8388608k "
	  "-object '{\"qom-type\":\"thread-context\",\"id\":\"tc-ram-node0\","
	  "\"node-affinity\":[0]}' -object "
	  "'{\"qom-type\":\"memory-backend-file\",\"id\":\"ram-node0\",\"mem-path\":"
	  "\"/dev/hugepages/libvirt/qemu/1-hp1\",\"share\":true,\"prealloc\":true,"
	  "\"size\":4294967296,\"host-nodes\":[0],\"policy\":\"bind\","
	  "\"prealloc-context\":\"tc-ram-node0\"}' -numa "
	  "node,nodeid=0,cpus=0-1,memdev=ram-node0 -object "
	  "'{\"qom-type\":\"memory-backend-file\",\"id\":\"memvirtiomem0\",\"reserve\":"
	  "false,\"size\":536870912,\"mem-path\":\"/dev/hugepages/x\"}' -device "
	  "'{\"driver\":\"virtio-mem-pci\",\"node\":0,\"block-size\":2097152,"
	  "\"requested-size\":134217728,\"memdev\":\"memvirtiomem0\",\"prealloc\":true,"
	  "\"id\":\"virtiomem0\",\"bus\":\"pci.4\"}' -device "
	  "'{\"driver\":\"vfio-pci\",\"host\":\"0000:01:00.0\"}' -device "
	  "'{\"driver\":\"virtio-balloon-pci\",\"free-page-reporting\":true}' "
	  "-overcommit "
	  "mem-lock=off -blockdev '{\"driver\":\"virtio-blk-vhost-vdpa\",\"node-name\":"
	  "\"b\",\"path\":\"/dev/vhost-vdpa-1\"}' -msg timestamp=on",
	  "hp1 plain 4G vfio=2 threads=1 reporting\n"
	  "ram-node0 4G file:/dev/hugepages/libvirt/qemu/1-hp1 shared prealloc bind:1 "
	  "node=0\n"
	  "memvirtiomem0 512M file:/dev/hugepages/x noreserve node=0 device whole "
	  "requested=128M block=2M device-prealloc\n" },
	{ "kvm -machine pc,confidential-guest-support=lsec0 -object "
	  "'{\"qom-type\":\"sev-guest\",\"id\":\"lsec0\",\"cbitpos\":47,\"policy\":69}'",
	  "vm CSV3 128M policy=45\npc.ram 128M anon\n" },
	{ "kvm -m 1G -object '{\"qom-type\":\"memory-backend-ram\",\"id\":\"x\",\"size\":"
	  "1073741824,\"host-nodes\":3,\"policy\":\"interleave\"}' -object "
	  "'{\"qom-type\":\"o\",\"id\":\"o\",\"y\":{\"z\":[1.5,null]}}' "
	  "-M memory-backend=x",
	  "vm plain 1G\nx 1G anon interleave:8\n" },
	/* QEMU's own: single quotes, a quote in either sort; integers up to 2^64-1 */
	{ "kvm -m 1G -object \"{'qom-type':'memory-backend-file','id':'x','size':"
	  "1073741824,'mem-path':'/a\\\"\\\\'b\\\\u0063'}\" -M memory-backend=x",
	  "vm plain 1G\nx 1G file:/a\"'bc\n" },
	{ "kvm -m 1G -object '{\"qom-type\":\"memory-backend-file\",\"id\":\"x\","
	  "\"size\":1073741824,\"mem-path\":\"/18446744073709551615\"}' -object "
	  "'{\"qom-type\":\"o\",\"id\":\"o\",\"i\":[9223372036854775808,"
	  "18446744073709551615,-9223372036854775808]}'",
	  "vm plain 1G notes=1\npc.ram 1G anon\nx 1G file:/18446744073709551615\n" },
	{ "kvm -M q35,confidential-guest-support=s -object '{\"qom-type\":\"sev-guest\","
	  "\"id\":\"s\",\"policy\":18446744073709551615}'",
	  "vm CSV3 128M policy=ffffffffffffffff\npc.ram 128M anon\n" },
};

/* A build without it says so. */
static bool has_json(void)
{
	struct weir_err err = { 0 };
	struct weir_tree tree = { 0 };
	int r = weir_tree_json(weir_strz("{}"), &tree, &err);

	weir_tree_done(&tree);
	if (r < 0)
		assert_non_null(strstr(err.msg, "jansson"));
	return r == 0;
}

static void json_says_the_same(void **state)
{
	struct weir_demand demand;
	struct weir_err err;

	(void)state;
	if (!has_json())
		skip_because("this build has no jansson");
	for (size_t i = 0; i < WEIR_NELEM(json_commands); i++) {
		int r = weir_qemu_parse_text(weir_strz(json_commands[i].text),
		                             WEIR_VENDOR_HYGON, &demand, &err);

		if (r < 0)
			fail_msg("%s: %s", json_commands[i].text, err.msg);
		vm_expect(&demand, json_commands[i].want, json_commands[i].text);
		weir_demand_done(&demand);
	}
}

static void json_that_is_wrong_is_refused(void **state)
{
	static const struct {
		const char *arg, *words;
		int code;
	} cases[] = {
		{ "{", "JSON, character 1", -EBADMSG },
		{ "{\"a\":1,\"a\":2}", "duplicate", -EBADMSG },
		{ "{'a':1", "JSON", -EBADMSG },
		{ "{'a\\':1}", "JSON", -EBADMSG },
		{ "{'a\":1}", "JSON", -EBADMSG },
		{ "{'a':1,\"a\":2}", "duplicate", -EBADMSG },
		{ "{\"a\":'\\", "JSON", -EBADMSG },
		{ "{18446744073709551615:1}", "JSON", -EBADMSG },
		{ "{18446744073709551615 :1}", "JSON", -EBADMSG },
		{ "{\"a\":018446744073709551615}", "JSON", -EBADMSG },
		{ "{\"a\":-18446744073709551615}", "too big", -EBADMSG },
		{ "{\"a\":\"\\u0000\"}", "u0000 is not allowed", -EBADMSG },
		{ "{\"a\":18446744073709551616}", "too big", -EBADMSG },
		{ "{\"a\":\xff}", "byte 0xff", -EBADMSG },
		{ "{} x", "end of file expected", -EBADMSG },
		{ "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "32 deep", -E2BIG },
		{ "{\"a\":1}", "'qom-type' is missing", -EBADMSG },
		{ "{\"a\":'[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[['}",
		  "'qom-type' is missing", -EBADMSG },
		{ "{\"qom-type\":\"memory-backend-ram\",\"id\":\"x\",\"size\":"
		  "18446744073709551615}",
		  "size=18446744073709551615 is more than 4P", -EBADMSG },
		{ "{\"qom-type\":\"memory-backend-ram\",\"id\":\"x\",\"size\":1,\"y\":[]"
		  "}",
		  "Invalid parameter 'y'", -EBADMSG },
		{ "{\"qom-type\":\"memory-backend-ram\",\"id\":\"x\",\"size\":1.5}",
		  "size='(real)' is no size", -EBADMSG },
		{ "{\"qom-type\":\"memory-backend-ram\",\"id\":\"x\",\"size\":[1]}",
		  "'size' is missing", -EBADMSG },
		{ "{\"qom-type\":\"memory-backend-ram\",\"id\":\"x\",\"size\":-1}",
		  "size='-1' is no size", -EBADMSG },
	};
	struct weir_demand demand;
	struct weir_err err;

	(void)state;
	if (!has_json())
		skip_because("this build has no jansson");
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_buf argv = { 0 };
		int r;

		assert_int_equal(weir_buf_add(&argv, weir_str("kvm\0-object\0", 12)), 0);
		assert_int_equal(weir_buf_addz(&argv, cases[i].arg), 0);
		r = weir_qemu_parse(weir_buf_str(&argv), WEIR_VENDOR_AMD, &demand, &err);
		if (r != cases[i].code || !strstr(err.msg, cases[i].words) ||
		    !strstr(err.msg, "-object '"))
			fail_msg("%s: %d '%s'", cases[i].arg, r, err.msg);
		weir_buf_done(&argv);
	}
}

static void wrong_options_are_named(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{ "kvm -m", "-m needs an argument" },
		{ "kvm -append", "-append needs an argument" },
		{ "kvm -m 0", "-m '0': no memory" },
		{ "kvm -m 9223372036854775808", "is more than 4P" },
		{ "kvm -m 99999999999999999999", "is more than 4P" },
		{ "kvm -m 4Q", "size='4Q' is no size" },
		{ "kvm -m 1.5", "size='1.5' is no size" },
		{ "kvm -m -1", "size='-1' is no size" },
		{ "kvm -m 16E",
		  "QEMU: Value '16E' is out of range for parameter 'size'" },
		{ "kvm -m 1G,hugepages=on", "QEMU: Invalid parameter 'hugepages'" },
		{ "kvm -m 2G,maxmem=1G",
		  "-m maxmem=1G (QEMU: invalid value of maxmem: maximum memory size "
		  "(0x40000000) must be at least the initial memory size (0x80000000))" },
		{ "kvm -m 1G,slots=2",
		  "-m slots=2 wants maxmem (QEMU: slots specified but no max-size)" },
		{ "kvm -m 1G,slots=0", "slots specified but no max-size" },
		{ "kvm -M pc,memory.slots=1", "slots specified but no max-size" },
		{ "kvm -m 1G,slots=1,maxmem=1G",
		  "maximum memory size (0x40000000) is equal" },
		{ "kvm -m 1G,slots=257,maxmem=2G",
		  "unsupported amount of memory slots: 257" },
		{ "kvm -m 1G,slots=x,maxmem=2G", "slots='x' is no number" },
		{ "kvm -m 1G,maxmem=1073741825", "aligned to multiple of 4096 bytes" },
		{ "kvm -M pc,memory.size=0", "-M 'pc,memory.size=0': no memory" },
		{ "kvm -M pc,nvdimm=x",
		  "QEMU: Parameter 'nvdimm' expects 'on' or 'off'" },
		{ "kvm -machine memory-backend=x", "QEMU: Memory backend 'x' not found" },
		{ "kvm -machine confidential-guest-support=x", "=x: no such object" },
		{ "kvm -numa node,memdev=x", "QEMU: memdev=x is ambiguous" },
		{ "kvm -numa node,nodeid=64", "nodeid=64: nodes are 0 to 63" },
		{ "kvm -numa node,nodeid=1 -numa node,nodeid=1",
		  "QEMU: Duplicate NUMA nodeid: 1" },
		{ "kvm -numa node,nodeid=1", "QEMU: numa: Node ID missing: 0" },
		{ "kvm -m 1G " BACKEND "ram,id=a,size=1G -numa node,memdev=a,mem=1G",
		  "mixing both is not allowed" },
		{ "kvm -m 2G " BACKEND "ram,id=a,size=1G -M pc-q35-5.0 -numa "
		  "node,memdev=a -numa node,mem=1G",
		  "mixing both is not allowed" },
		{ "kvm -m 2G " BACKEND "ram,id=a,size=1G -M pc-q35-5.0 -numa "
		  "node,mem=1G -numa node,memdev=a",
		  "mixing both is not allowed" },
		{ "kvm -numa node,mem=x", "mem='x' is no size" },
		{ "kvm -m 1G -numa node,mem=1G",
		  "mem=1G: use memdev= (QEMU: Parameter -numa node,mem is not supported "
		  "by this machine type)" },
		{ "kvm -M q35 -m 1G -numa node,mem=1G", "not supported by this machine" },
		{ "kvm -M pc-q35-5.1 -m 1G -numa node,mem=1G", "not supported by this" },
		{ "kvm -M pc-i440fx-10.0 -m 1G -numa node,mem=1G", "not supported by" },
		{ "kvm -m 64M -numa node -numa node",
		  "-m is 64M and the memory of -numa 0 (QEMU: total memory for NUMA "
		  "nodes "
		  "(0x0) should equal RAM size (0x4000000))" },
		{ "kvm -M pc-q35-5.0 -m 64M -numa node,mem=32M",
		  "NUMA nodes (0x2000000)" },
		{ "kvm -m 2G " BACKEND "ram,id=a,size=1G -numa node,memdev=a",
		  "-m is 2G and the memory of -numa 1G" },
		{ "kvm " BACKEND "ram,id=a,size=1G -numa node,memdev=a",
		  "-m is not said and so 128M" },
		{ "kvm -M memory-backend=a " BACKEND "ram,id=a,size=1G -numa node",
		  "NUMA nodes (0x0) should equal RAM size (0x40000000)" },
		{ "kvm -m 2G -M memory-backend=a " BACKEND "ram,id=a,size=1G",
		  "-m is 2G and its backend 1G (QEMU: Machine memory size does not match "
		  "the size of the memory backend)" },
		{ "kvm -mem-path /x -M memory-backend=a " BACKEND "ram,id=a,size=1G",
		  "'-mem-path' can't be used together with'-machine memory-backend'" },
		{ "kvm -M memory-backend=a -numa node,memdev=a " BACKEND
		  "ram,id=a,size=1G",
		  "are mutually exclusive" },
		{ "kvm -m 2G " BACKEND "ram,id=a,size=1G -numa node,memdev=a -numa "
		  "node,memdev=a",
		  "memdev=a is in use already" },
		{ "kvm " BACKEND "ram,id=a,size=1G -object iothread,id=a",
		  "QEMU: Duplicate ID 'a' for object" },
		{ "kvm -device vfio-pci,id=a -device vfio-pci,id=a",
		  "QEMU: Duplicate ID 'a' for device" },
		{ "kvm " BACKEND "ram,size=1G", "QEMU: Parameter 'id' is missing" },
		{ "kvm " BACKEND "ram,id=1a,size=1G", "id='1a'" },
		{ "kvm " BACKEND "ram,id=a", "QEMU: Parameter 'size' is missing" },
		{ "kvm " BACKEND "ram,id=a,size=0",
		  "QEMU: property 'size' of memory-backend-ram doesn't take value '0'" },
		{ "kvm " BACKEND "file,id=a,size=1G",
		  "QEMU: Parameter 'mem-path' is missing" },
		{ "kvm " BACKEND "ram,id=a,size=1G,host-nodes=64,policy=bind",
		  "host-nodes=64: nodes are 0 to 63" },
		{ "kvm " BACKEND "ram,id=a,size=1G,host-nodes=0-200,policy=bind",
		  "QEMU: Invalid host-nodes value: 200" },
		{ "kvm " BACKEND "ram,id=a,size=1G,host-nodes=3-1,policy=bind",
		  "host-nodes='3-1'" },
		{ "kvm " BACKEND "ram,id=a,size=1G,host-nodes=0",
		  "QEMU: host-nodes must be empty for policy default, or you should "
		  "explicitly specify a policy other than default" },
		{ "kvm " BACKEND "ram,id=a,size=1G,policy=bind",
		  "QEMU: host-nodes must be set for policy bind" },
		{ "kvm " BACKEND "ram,id=a,size=1G,policy=bound",
		  "QEMU: Parameter 'policy' does not accept value 'bound'" },
		{ "kvm " BACKEND "ram,id=a,size=1G,share=maybe",
		  "share='maybe' is neither on nor off (QEMU: Parameter 'share' expects "
		  "'on' or 'off')" },
		{ "kvm " BACKEND "ram,id=a,size=1G,prealloc=on,reserve=off",
		  "QEMU: 'prealloc=on' and 'reserve=off' are incompatible" },
		{ "kvm -mem-prealloc " BACKEND "ram,id=a,size=1G,reserve=off",
		  "QEMU: 'prealloc=on' and 'reserve=off' are incompatible" },
		{ "kvm " BACKEND "memfd,id=a,size=1G,hugetlb=on,hugetlbsize=3M",
		  "hugetlbsize=3M (QEMU: Hugepage size must be a power of 2)" },
		{ "kvm " BACKEND "memfd,id=a,size=1G,hugetlbsize=3M", "power of 2" },
		{ "kvm " BACKEND "memfd,id=a,size=1G,hugetlbsize=0",
		  "hugetlbsize' doesn't take value '0'" },
		{ "kvm " BACKEND "ram,id=a,size=1G,prealloc-threads=0",
		  "'prealloc-threads' of memory-backend-ram doesn't take value '0'" },
		/* properties: none of any, of another's, by a dot, no switch */
		{ "kvm " BACKEND "memfd,id=a,size=1G,hugepages=on",
		  "memory-backend-memfd has no such property in any QEMU (QEMU: Invalid "
		  "parameter 'hugepages')" },
		{ "kvm " BACKEND "ram,id=a,size=1G,hugetlb=on", "parameter 'hugetlb'" },
		{ "kvm " BACKEND "ram,id=a,size=1G,align=2M", "parameter 'align'" },
		{ "kvm " BACKEND "memfd,id=a,size=1G,mem-path=/x",
		  "parameter 'mem-path'" },
		{ "kvm " BACKEND "shm,id=a,size=1G,hugetlb=on", "parameter 'hugetlb'" },
		{ "kvm " BACKEND "epc,id=a,size=1G,seal=on", "parameter 'seal'" },
		{ "kvm " BACKEND "ram,id=a,size=1G,host.nodes=1", "parameter 'host'" },
		{ "kvm " BACKEND "ram,id=a,size=1G,nodump,merge=1",
		  "QEMU: Parameter 'merge' expects 'on' or 'off'" },
		{ "kvm " BACKEND "huge,id=a,size=1G",
		  "'qom-type' does not accept value 'memory-backend-huge'" },
		{ "kvm " BACKEND "file,id=a,size=1G,mem-path=/x,align=3M",
		  "QEMU: alignment 0x300000 must be a power of two" },
		/* thread contexts */
		{ "kvm " BACKEND "ram,id=a,size=1G,prealloc-context=t",
		  "prealloc-context (QEMU: Device 't' not found)" },
		{ "kvm -object iothread,id=t " BACKEND
		  "ram,id=a,size=1G,prealloc-context=t",
		  "'prealloc-context', expected: thread-context" },
		{ "kvm -object thread-context,id=t,node-affinity=64",
		  "node-affinity=64: nodes are 0 to 63" },
		{ "kvm -object thread-context,id=t,node-affinity=x",
		  "node-affinity='x'" },
		{ "kvm -object thread-context,id=t,node-affinity=0,cpu-affinity=0",
		  "QEMU: Mixing CPU and node affinity not supported" },
		{ "kvm -object thread-context,id=t,nodes=0",
		  "QEMU: Invalid parameter 'nodes'" },
		/* memory devices */
		{ "kvm -device pc-dimm", "QEMU: 'memdev' property must be set" },
		{ "kvm -device virtio-mem-pci,memdev=x", "QEMU: Device 'x' not found" },
		{ "kvm -m 1G " BACKEND "ram,id=a,size=1G -device virtio-mem-pci,memdev=a",
		  "QEMU: memory devices (e.g. for memory hotplug) are not enabled, "
		  "please "
		  "specify the maxmem option" },
		{ "kvm -m 1G,maxmem=1G " BACKEND "ram,id=a,size=1G -device "
		  "virtio-pmem-pci,memdev=a",
		  "please specify the maxmem option" },
		{ "kvm -m 1G,maxmem=4G " BACKEND
		  "ram,id=a,size=1G -device pc-dimm,memdev=a",
		  "QEMU: no slots where allocated, please specify the 'slots' option" },
		{ "kvm" ROOM BACKEND "ram,id=a,size=1G " BACKEND
		  "ram,id=b,size=1G " BACKEND
		  "ram,id=c,size=1G -device pc-dimm,memdev=a -device pc-dimm,memdev=b "
		  "-device pc-dimm,memdev=c",
		  "-m has slots=2 (QEMU: no free slots available)" },
		{ "kvm" ROOM BACKEND "ram,id=a,size=1G -device pc-dimm,memdev=a,slot=2",
		  "QEMU: invalid slot number 2, valid range is [0-1]" },
		{ "kvm" ROOM BACKEND "ram,id=a,size=1G -device nvdimm,memdev=a",
		  "QEMU: nvdimm is not enabled: missing 'nvdimm' in '-M'" },
		{ "kvm" ROOM BACKEND "ram,id=a,size=1G " BACKEND
		  "ram,id=b,size=7G -device "
		  "virtio-mem-pci,memdev=a -device virtio-mem-pci,memdev=b",
		  "QEMU: not enough space, currently 0x40000000 in use of total space "
		  "for "
		  "memory devices 0x1c0000000" },
		{ "kvm" ROOM BACKEND "ram,id=a,size=1G -device pc-dimm,memdev=a,node=1",
		  "'DIMM property node has value 1' which exceeds" },
		{ "kvm" ROOM BACKEND
		  "ram,id=a,size=1G -device virtio-mem-pci,memdev=a,node=1",
		  "'node' property has value '1', which exceeds" },
		{ "kvm" ROOM BACKEND "ram,id=a,size=1G -device "
		  "virtio-mem-pci,memdev=a,block-size=512K",
		  "block-size=512K (QEMU: 'block-size' property has to be at least "
		  "0x100000)" },
		{ "kvm" ROOM BACKEND "ram,id=a,size=1G -device "
		  "virtio-mem-pci,memdev=a,block-size=3M",
		  "QEMU: 'block-size' property has to be a power of two" },
		{ "kvm" ROOM BACKEND "ram,id=a,size=1G -device "
		  "virtio-mem-pci,memdev=a,requested-size=6M,block-size=4M",
		  "requested-size=6M (QEMU: 'requested-size' property has to be "
		  "multiples "
		  "of 'block-size' (0x400000))" },
		{ "kvm" ROOM BACKEND "ram,id=a,size=1G -device "
		  "virtio-mem-pci,memdev=a,requested-size=1K",
		  "multiples of 'block-size' (0x100000)" },
		{ "kvm" ROOM BACKEND "ram,id=a,size=1G -device "
		  "virtio-mem-pci,memdev=a,prealloc=1",
		  "QEMU: Parameter 'prealloc' expects 'on' or 'off'" },
		{ "kvm -M q35,confidential-guest-support=s -object "
		  "sev-guest,id=s,policy=x",
		  "policy='x' is no number" },
	};
	struct weir_demand demand;
	struct weir_err err;

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++)
		vm_expect_refused(weir_qemu_parse_text(weir_strz(cases[i].text),
		                                       WEIR_VENDOR_AMD, &demand, &err),
		                  &err, cases[i].words, cases[i].text);
	expect_int_eq(weir_qemu_parse(weir_str("", 0), WEIR_VENDOR_AMD, &demand, NULL),
	              -EBADMSG);
}

/* More of everything than anyone has: refused, and soon. */
static void too_much_is_refused(void **state)
{
	static const struct {
		const char *option, *words;
	} cases[] = {
		{ "-object\0iothread,id=a\0", "options" },
		{ "-device\0x\0", "options" },
		{ "-m\0size=1,,,,,,,,,,,,,,,,,,,,,,,,,,,\0", "is no size" },
		{ "x\0", "bytes of command line" },
	};
	struct weir_demand demand;
	struct weir_err err;

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		const char *option = cases[i].option;
		size_t n = strlen(option) + 1;
		struct weir_buf argv = { 0 };
		int r;

		if (option[0] == '-')
			n += strlen(option + n) + 1;
		assert_int_equal(weir_buf_addz(&argv, "kvm"), 0);
		assert_int_equal(weir_buf_add(&argv, weir_str("", 1)), 0);
		while (argv.n <= WEIR_QEMU_TEXT_MAX - (i < 3 ? 64 : 0))
			assert_int_equal(weir_buf_add(&argv, weir_str(option, n)), 0);
		r = weir_qemu_parse(weir_buf_str(&argv), WEIR_VENDOR_AMD, &demand, &err);
		if (r >= 0 || !strstr(err.msg, cases[i].words))
			fail_msg("%s: %d '%s'", option, r, err.msg);
		weir_buf_done(&argv);
	}
}

static int parse_again(void *ctx)
{
	const char *text = ctx;
	struct weir_demand demand;
	struct weir_err err;
	int r = weir_qemu_parse_text(weir_strz(text), WEIR_VENDOR_AMD, &demand, &err);

	if (r == 0)
		weir_demand_done(&demand);
	return r;
}

static void failed_allocations_come_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(commands); i++) {
		weir_auto(weir_freep) char *text = strdup(commands[i].text);

		expect_int_eq(fault_every(parse_again, text), 0);
	}
	for (size_t i = 0; has_json() && i < WEIR_NELEM(json_commands); i++) {
		weir_auto(weir_freep) char *text = strdup(json_commands[i].text);

		expect_int_eq(fault_every(parse_again, text), 0);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(shell_words_are_split_as_a_shell_does),
		cmocka_unit_test(sizes_are_read_as_qemu_reads_them),
		cmocka_unit_test(numbers_have_the_bases_of_c),
		cmocka_unit_test(arguments_are_not_taken_for_options),
		cmocka_unit_test(commands_come_out_as_they_are_meant),
		cmocka_unit_test(json_says_the_same),
		cmocka_unit_test(json_that_is_wrong_is_refused),
		cmocka_unit_test(wrong_options_are_named),
		cmocka_unit_test(too_much_is_refused),
		cmocka_unit_test(failed_allocations_come_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
