/* script: the text of a scenario into steps, and what is wrong with it into words. */
#include "lab/script.h"

#include "base/size.h"
#include "fault.h"
#include "model/rules.h"
#include "test.h"

#include <dirent.h>
#include <errno.h>

static int parse(const char *text, struct weir_script *out, struct weir_err *err)
{
	return weir_script_parse(weir_strz(text), "t", out, err);
}

/* Refused, with this line and these words. */
static void script_errors_name_line_and_token(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		/* what is no step */
		{ "x", "t:1: 'x': no task so far" },
		{ "\n\n  frob 1", "t:3: 'frob': no task so far" },
		{ "2M", "t:1: '2M': no verb: write task mount" },
		{ "-> ok", "t:1: '->': there is no step before it" },
		{ "write 2M/nr_hugepages", "'write': VALUE is missing" },
		{ "write", "FILE is missing" },
		{ "touch m", "'touch': a task does this: TASK touch MAPPING" },
		{ "task A\nA", "t:2: 'A': what does the task do?" },
		{ "task A\nA frob", "t:2: 'frob': no verb of a task: write fork exit" },
		{ "task A\nA umount M", "t:2: 'umount': no task in front of this" },
		{ "cgroup G\x01", "byte 0x01" },
		{ "cgroup G\xc3\xa9", "byte 0xc3" },
		{ "cgroup G\rH", "byte 0x0d" },
		/* names */
		{ "task 1A", "'1A': no name" },
		{ "task A.b", "'A.b': no name" },
		{ "task a234567890123456789012345678901x", "no name" },
		{ "task map", "'map': no task can have this name" },
		{ "task expect", "word of the language" },
		{ "cgroup proc", "word of the language" },
		{ "mount mem", "word of the language" },
		{ "task A\ntask A", "t:2: 'A': this task lives already" },
		{ "task A\nA fork A", "this task lives already" },
		{ "task A\nA exit\nA exit", "t:3: 'A': this task has exited" },
		{ "task A\nmount A", "'A': a task has this name" },
		{ "mount M\ncgroup M", "'M': a mount has this name" },
		{ "task A cgroup=G", "'G': there was no cgroup of this name" },
		{ "task A\nA join G", "no cgroup" },
		{ "task A\nA touch m", "'m': A has mapped nothing of this name" },
		{ "task A\nA map m 1\ntask B\nB touch m", "'m': B has mapped nothing" },
		{ "task A\nA fork B\nA map m 1\nB touch m", "t:4: 'm': B has mapped" },
		{ "task A\nA map m 1\nA exit\ntask A\nA touch m",
		  "t:5: 'm': A has mapped" },
		{ "task A\nA map pages 1", "no name for a mapping" },
		{ "task A\nA map n0 1", "no name for a mapping" },
		{ "task A\nA map m/f 1", "no name for a mapping" },
		{ "create f", "no file such as MOUNT/NAME" },
		{ "create M/f", "'M': there was no mount" },
		{ "mount M\ncreate M/", "no file name" },
		{ "mount M\ncreate M/a/b", "no file name" },
		{ "unlink f", "no file such as MOUNT/NAME" },
		{ "truncate f 1", "'f': there was no memfd" },
		{ "rmid s", "no segment" },
		{ "task A\nA shmat s m", "no segment" },
		{ "umount M", "no mount" },
		/* numbers and words */
		{ "task A\nA map m", "PAGES is missing" },
		{ "task A\nA map m 0", "'0': PAGES is a number from 1" },
		{ "task A\nA map m -1", "PAGES is a number" },
		{ "task A\nA map m 1099511627777", "PAGES is a number" },
		{ "task A\nA map m 1099511627776", "more than any host has" },
		{ "task A\nA map m 99999999999999999999", "PAGES is a number" },
		{ "task A\nA map m 4 4M", "'4M': no page size of this host: 2M 1G" },
		{ "sizes 64K\ntask A\nA map m 4 2M", "no page size of this host: 64K" },
		{ "task A\nA map m 4 2M 1G", "'1G': said twice" },
		{ "task A\nA map m 4 shared shared", "said twice" },
		{ "task A\nA map m 4 shared private", "shared or private" },
		{ "task A\nA map m 4 shraed",
		  "'shraed': one word too many, or a wrong one" },
		{ "task A\nA map m 4 shared=1", "one word too many" },
		{ "task A\nA map m 4 offset", "one word too many" },
		{ "task A\nA map m 4 offset=1", "offset= is of a file=" },
		{ "task A\nA map m 4 file=", "'': there was no memfd" },
		{ "mount M\ntask A\nA map m 4 2M file=M/f", "has a page size already" },
		{ "task A\nA map m 4\nA touch m 0 0", "COUNT is a number from 1" },
		{ "task A\nA map m 4\nA touch m 0 1 2", "'2': one word too many" },
		{ "task A\nA map m 4\nA touch m x", "'x': one word too many" },
		{ "task A\nA map m 4\nA resize m 0", "PAGES is a number from 1" },
		{ "task A\nA map m 4\nA migrate m", "NODE is missing" },
		{ "task A\nA map m 4\nA migrate m 64",
		  "'64': NODE is a number from 0 to 63" },
		{ "task A\nA map m 4\nA migrate m 0 1 2 3", "'3': one word too many" },
		{ "task A\nA map m 4\nA poison m", "INDEX is missing" },
		{ "task A\nA map m 4\nA bind m 0 1", "POLICY is missing" },
		{ "task A\nA policy bind", "NODES is missing" },
		{ "task A\nA policy bind 0-64", "no list of nodes" },
		{ "task A\nA policy bind 3-1", "no list of nodes" },
		{ "task A\nA policy bind 1,", "no list of nodes" },
		{ "task A\nA policy preferred 0,1", "preferred takes one node" },
		{ "task A\nA policy binding 0", "'binding': no policy" },
		{ "task A\nA policy local 0", "'0': one word too many" },
		{ "task A cpu=64", "cpu is a number from 0 to 63" },
		{ "task A cpu", "one word too many" },
		{ "task A cpuset=", "no list of nodes" },
		{ "task A cpu=1 cpu=1", "said twice" },
		{ "mount M size=2MB", "'2MB': no size" },
		{ "mount M size=-1", "no size" },
		{ "mount M size=p", "no size" },
		{ "mount M size=%", "no percentage" },
		{ "mount M size=1000001%", "no percentage" },
		{ "mount M size=8E", "no size" },
		{ "mount M size=9999999999999p", "no size" },
		{ "mount M pagesize=3M", "no page size of this host" },
		{ "boot default_hugepagesz=1G\nmount M size=4p", "pages of which size?" },
		{ "umount M", "no mount" },
		{ "mount M\numount M slowly", "'slowly': one word too many" },
		{ "offline 0 2M 1", "USED is missing" },
		{ "offline 0 2 1 1", "no page size" },
		{ "poison-free 0 2M hard", "one word too many" },
		/* targets */
		{ "write nr_hugepages 1", "'nr_hugepages': no FILE such as" },
		{ "write 4M/nr_hugepages 1", "4M is no page size" },
		{ "write 2M/nr_hugepage 1", "a pool has nr_hugepages" },
		{ "write 2M/node64/nr_hugepages 1", "no node0 to node63" },
		{ "write 2M/nodex/nr_hugepages 1", "no node0 to node63" },
		{ "write 2M/node0/nr_overcommit_hugepages 1", "a node has nr_hugepages" },
		{ "write 2M/node0/x/nr_hugepages 1", "a node has" },
		{ "write proc/demote 1", "/proc/sys/vm has" },
		{ "write G/2M.max 1", "'G': there was no cgroup" },
		{ "cgroup G\nwrite G/2M 1", "a cgroup has 2M.max" },
		{ "cgroup G\nwrite G/max 1", "max is no page size" },
		{ "cgroup G\nwrite G/2M.min 1", "a cgroup has 2M.max" },
		{ "write /dev/mem 1", "no pool's file" },
		{ "write /sys/kernel/mm/hugepages/nr_hugepages 1",
		  "hugepages-2048kB/FILE" },
		{ "write "
		  "/sys/devices/system/node/node99/hugepages/hugepages-2048kB/"
		  "nr_hugepages 1",
		  "no node0 to node63" },
		/* expectations */
		{ "cgroup G ->", "what is expected is missing" },
		{ "cgroup G -> ok ->", "what is expected is missing" },
		{ "cgroup G -> on 6.12", "what is expected is missing" },
		{ "cgroup G -> on", "on which kernels" },
		{ "cgroup G -> on 6.2 ok", "'6.2': no kernel with known rules" },
		{ "cgroup G -> OK", "'OK': neither a result" },
		{ "cgroup G -> EWHAT", "'EWHAT': neither a result" },
		{ "cgroup G -> SIGBUS", "neither a result" },
		{ "cgroup G -> SIGBUS=x", "pages done before the signal" },
		{ "cgroup G -> 1/2/3", "a pool is TOTAL/FREE" },
		{ "cgroup G -> 1/2/3/", "a pool is TOTAL/FREE" },
		{ "cgroup G -> 1/2/3/-x", "a pool is TOTAL/FREE" },
		{ "cgroup G -> 4M=1/2/3/4", "the page sizes of this host are 2M 1G" },
		{ "cgroup G -> n64=1/2/3", "no such term" },
		{ "cgroup G -> n1=1/2", "a node is TOTAL/FREE/SURPLUS" },
		{ "cgroup G -> mem.n0=5", "mem.n0=+N" },
		{ "cgroup G -> H.usage=1", "nothing was named H" },
		{ "cgroup G -> G.files=1", "G is a thing of another kind" },
		{ "cgroup G -> G.usage=x", "a number is missing" },
		{ "cgroup G -> G.2M.size=1", "a cgroup has usage" },
		{ "task A -> A.m=0", "A has mapped nothing of this name" },
		{ "task A\nA map m 2 -> A.m=0*", "node's digit" },
		{ "task A\nA map m 2 -> A.m=0*2,", "node's digit" },
		{ "task A\nA map m 2 -> A.m=", "node's digit" },
		{ "expect", "what is expected is missing" },
		{ "expect A.pages=1", "nothing was named A" },
		/* setup */
		{ "cgroup G\nnodes 2", "t:2: 'nodes': what the host is stands before" },
		{ "expect ok\nkernel 6.12", "t:2: 'kernel': what the host is" },
		{ "zone", "'zone': of which node?" },
		{ "zone 64 DMA", "'64': of which node?" },
		{ "zone 0", "'0': which zone?" },
		{ "zone 0 HighMem managed=1 free=1", "'HighMem': which zone?" },
		{ "zone 0 DMA", "managed=PAGES or free=PAGES is missing" },
		{ "zone 0 DMA managed=1", "managed=PAGES or free=PAGES is missing" },
		{ "zone 0 DMA managed=1 free=2", "'DMA': more than there is" },
		{ "zone 0 DMA managed=4 free=3 cma=5", "more than there is" },
		{ "zone 0 DMA managed=4 free=3 cma=4 free_cma=4", "more than there is" },
		{ "zone 0 DMA managed=4 free=3 free_cma=1", "more than there is" },
		{ "zone 0 DMA managed=4 free=3 free=3", "'free=3': said twice" },
		{ "zone 0 DMA managed=4 free=3M", "no number of base pages" },
		{ "zone 0 DMA managed=4 free", "'free': no number of base pages" },
		{ "zone 0 DMA managed=4 free=3 size=1", "'size=1': a zone has managed=" },
		{ "zone 0 DMA managed=4 free=3 reserve=1,2,3", "reserve=N,N,N,N" },
		{ "zone 0 DMA managed=4 free=3 reserve=1,2,3,4,", "reserve=N,N,N,N" },
		{ "zone 0 DMA managed=4 free=3 reserve=1,2,3,4,5", "reserve=N,N,N,N" },
		{ "zone 0 DMA managed=4 free=3\nzone 0 DMA managed=4 free=3",
		  "t:2: 'DMA': this zone is there already" },
		{ "zone 1 DMA managed=4 free=3", "node 1 has zones, and is not there" },
		{ "nodes 2\nzone 2 DMA managed=4 free=3", "node 2 has zones" },
		{ "task zone", "word of the language" },
		{ "pin m", "'pin': a task does this: TASK pin MAPPING" },
		{ "task A\nA pin m", "'m': A has mapped nothing" },
		{ "task A\nA map m 1\nA unpin m 0 0", "COUNT is a number from 1" },
		{ "task A\nexpect A.m.pinnable=1", "A has mapped nothing" },
		{ "expect A.m.pinnable=1", "nothing was named A" },
		{ "kernel", "a kernel is missing" },
		{ "kernel 6.12 +frob", "'+frob': no such switch" },
		{ "kernel 6.12\nkernel 6.12",
		  "t:2: 'kernel': there is a kernel already" },
		{ "nodes 0", "how many nodes?" },
		{ "nodes 65", "how many nodes?" },
		{ "nodes 2 3", "how many nodes?" },
		{ "nodes 2\nnodes 2", "there are nodes already" },
		{ "nodes 2\nnode 1 memory=1G", "this node is there already" },
		{ "node", "which node?" },
		{ "node 64 memory=1G", "which node?" },
		{ "node 0", "memory=SIZE is missing" },
		{ "node 0 memory=1X", "no size such as 4G" },
		{ "node 0 memory=2P", "no size such as 4G" },
		{ "node 0 memory=1G cpu=0", "'cpu=0': a node has memory" },
		{ "node 0 memory=1G memory=1G", "said twice" },
		{ "node 0 memory=1G cpus=64", "no list of CPUs" },
		{ "node 0 memory=1G cpus=0-1\nnode 1 memory=1G",
		  "a CPU that is another node's" },
		{ "node 0 memory=1G cpus=", "no node has a CPU" },
		{ "node 0 memory=0", "no node has memory" },
		{ "node 0 memory=1G distance=10,20",
		  "node 0 has 2 distances; there are 1" },
		{ "node 0 memory=1G distance=11", "11 away from itself" },
		{ "node 0 memory=1G distance=9", "a distance is 10 to 255" },
		{ "node 0 memory=1G distance=", "one for each node" },
		{ "sizes", "which sizes?" },
		{ "sizes 3M", "no size of huge pages" },
		{ "sizes 4K", "no size of huge pages" },
		{ "sizes 2M 2048kB", "said twice" },
		{ "boot", "command line is missing" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_script script = { .nr_steps = 4242 };
		struct weir_err err = { 0 };
		int r = parse(cases[i].text, &script, &err);

		if (r != -EBADMSG || !strstr(err.msg, cases[i].words))
			fail_msg("'%s' is %d: %s", cases[i].text, r, err.msg);
		assert_true(strncmp(err.msg, "t:", 2) == 0);
		assert_true(!script.steps && !script.expects && !script.nr_steps);
	}
}

/* One step behind what it needs; @c is checked by the caller. */
static struct weir_step step_of(struct weir_script *script, const char *text)
{
	static const char before[] = "sizes 2M 1G 64K\nmount M\ncgroup G\ntask A\n"
				     "A memfd fd 4\nA shmget s 4\nA map m 9\n";
	static char all[8192];
	struct weir_err err = { 0 };

	(void)snprintf(all, sizeof(all), "%s%s", before, text);
	if (parse(all, script, &err) < 0)
		fail_msg("%s", err.msg);
	expect_u64_eq(script->nr_steps, 7);
	return script->steps[6];
}

static void script_steps_mean_what_they_say(void **state)
{
	struct weir_script s;
	struct weir_step step;

	(void)state;
	step = step_of(&s, "\t write  /proc/sys/vm/nr_hugepages \t 3  4  # not this\r\n");
	expect_int_eq(step.verb, WEIR_VERB_WRITE);
	expect_int_eq(step.target, WEIR_TARGET_PROC_NR);
	expect_text(step.value, "3  4");
	expect_text(step.text, "write  /proc/sys/vm/nr_hugepages \t 3  4");
	expect_u64_eq(step.task.n, 0);
	expect_u64_eq(step.line, 8);
	expect_int_eq(step.cpu, -1);
	weir_script_done(&s);

	step = step_of(&s, "A write 1G/node3/demote 5#x -> ok");
	expect_text(step.task, "A");
	expect_int_eq(step.target, WEIR_TARGET_DEMOTE);
	expect_u64_eq(step.page_bytes, WEIR_GIB);
	expect_u64_eq(step.node, 3);
	expect_u64_eq(step.flags, WEIR_STEP_NODE);
	expect_text(step.value, "5#x"); /* no blank before it: no comment */
	expect_text(step.text, "A write 1G/node3/demote 5#x");
	weir_script_done(&s);

	step = step_of(&s, "A map x 8 shared noreserve populate locked readonly file=M/f "
	                   "offset=3");
	expect_u64_eq(step.pages, 8);
	expect_u64_eq(step.offset, 3);
	expect_u64_eq(step.page_bytes, 0);
	expect_text(step.other, "M/f");
	expect_u64_eq(step.flags, WEIR_STEP_SHARED | WEIR_STEP_NORESERVE |
	                                  WEIR_STEP_POPULATE | WEIR_STEP_LOCKED |
	                                  WEIR_STEP_READONLY);
	weir_script_done(&s);

	step = step_of(&s, "A map x 8 64K private");
	expect_u64_eq(step.page_bytes, 64 * WEIR_KIB);
	expect_u64_eq(step.flags, 0);
	weir_script_done(&s);

	step = step_of(&s, "A touch m");
	expect_u64_eq(step.flags, 0);
	weir_script_done(&s);
	step = step_of(&s, "A touch m 3");
	expect_u64_eq(step.flags, WEIR_STEP_RANGE);
	expect_u64_eq(step.start, 3);
	expect_u64_eq(step.count, 1);
	weir_script_done(&s);

	step = step_of(&s, "A migrate m 1");
	expect_u64_eq(step.node, 1);
	expect_u64_eq(step.flags, WEIR_STEP_NODE);
	weir_script_done(&s);
	step = step_of(&s, "A migrate m 4 1");
	expect_u64_eq(step.start, 4);
	expect_u64_eq(step.count, 1);
	expect_u64_eq(step.node, 1);
	weir_script_done(&s);
	step = step_of(&s, "A migrate m 4 5 1");
	expect_u64_eq(step.count, 5);
	expect_u64_eq(step.flags, WEIR_STEP_NODE | WEIR_STEP_RANGE);
	weir_script_done(&s);

	step = step_of(&s, "A bind m 1 2 interleave 0,2-3");
	expect_int_eq(step.policy.mode, WEIR_POLICY_INTERLEAVE);
	expect_u64_eq(step.policy.nodes, 0xd);
	expect_u64_eq(step.count, 2);
	weir_script_done(&s);
	step = step_of(&s, "A policy preferred-many 0-63");
	expect_int_eq(step.policy.mode, WEIR_POLICY_PREFERRED_MANY);
	expect_u64_eq(step.policy.nodes, UINT64_MAX);
	weir_script_done(&s);

	step = step_of(&s, "mount N min_size=50% nr_inodes=0 size=4p pagesize=1G");
	expect_u64_eq(step.size, 4 * WEIR_GIB); /* the page size came after it */
	expect_u64_eq(step.min_size, 50);
	expect_u64_eq(step.nr_inodes, 0);
	expect_u64_eq(step.flags, WEIR_STEP_SIZE | WEIR_STEP_MIN_SIZE |
	                                  WEIR_STEP_NR_INODES |
	                                  WEIR_STEP_MIN_SIZE_PERCENT);
	weir_script_done(&s);
	step = step_of(&s, "mount N size=0p min_size=3000000");
	expect_u64_eq(step.size, 0);
	expect_u64_eq(step.min_size, 3000000);
	weir_script_done(&s);

	step = step_of(&s, "task B cgroup=G cpuset=1 cpu=0");
	expect_text(step.name, "B");
	expect_text(step.other, "G");
	expect_u64_eq(step.mems, 2);
	expect_int_eq(step.cpu, 0);
	weir_script_done(&s);

	step = step_of(&s, "offline 2 1G 7 8");
	expect_u64_eq(step.node, 2);
	expect_u64_eq(step.free, 7);
	expect_u64_eq(step.used, 8);
	expect_u64_eq(step.page_bytes, WEIR_GIB);
	weir_script_done(&s);

	step = step_of(&s, "A shmat s z");
	expect_text(step.name, "s");
	expect_text(step.other, "z");
	weir_script_done(&s);
	step = step_of(&s, "A shmget s 3 noreserve pagesize=1G");
	expect_u64_eq(step.flags, WEIR_STEP_NORESERVE);
	expect_u64_eq(step.page_bytes, WEIR_GIB);
	weir_script_done(&s);
	step = step_of(&s, "A punch fd 3");
	expect_text(step.name, "fd");
	expect_u64_eq(step.count, 1);
	weir_script_done(&s);
	step = step_of(&s, "A soft-offline m 2");
	expect_u64_eq(step.start, 2);
	expect_u64_eq(step.count, 1);
	weir_script_done(&s);
	step = step_of(&s, "umount M lazy");
	expect_u64_eq(step.flags, WEIR_STEP_LAZY);
	weir_script_done(&s);
}

static void script_targets_have_two_spellings(void **state)
{
	static const struct {
		const char *shorter, *path;
		enum weir_target target;
	} cases[] = {
		{ "2M/nr_hugepages",
		  "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
		  WEIR_TARGET_NR },
		{ "1G/nr_overcommit_hugepages",
		  "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_overcommit_hugepages",
		  WEIR_TARGET_OVERCOMMIT },
		{ "2M/nr_hugepages_mempolicy",
		  "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages_mempolicy",
		  WEIR_TARGET_MEMPOLICY },
		{ "1G/demote_size",
		  "/sys/kernel/mm/hugepages/hugepages-1048576kB/demote_size",
		  WEIR_TARGET_DEMOTE_SIZE },
		{ "1G/node12/demote",
		  "/sys/devices/system/node/node12/hugepages/hugepages-1048576kB/demote",
		  WEIR_TARGET_DEMOTE },
		{ "proc/nr_hugepages", "/proc/sys/vm/nr_hugepages", WEIR_TARGET_PROC_NR },
		{ "proc/nr_overcommit_hugepages", "/proc/sys/vm/nr_overcommit_hugepages",
		  WEIR_TARGET_PROC_OVERCOMMIT },
		{ "proc/nr_hugepages_mempolicy", "/proc/sys/vm/nr_hugepages_mempolicy",
		  WEIR_TARGET_PROC_MEMPOLICY },
		{ "G/2M.max", "/sys/fs/cgroup/G/hugetlb.2MB.max", WEIR_TARGET_CG_MAX },
		{ "G/64K.rsvd.max", "/sys/fs/cgroup/G/hugetlb.64KB.rsvd.max",
		  WEIR_TARGET_CG_RSVD_MAX },
		{ "G/hugetlb.1GB.max", "/sys/fs/cgroup/G/hugetlb.1GB.max",
		  WEIR_TARGET_CG_MAX },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_script s, t;
		struct weir_step a, b;
		char text[128];

		(void)snprintf(text, sizeof(text), "write %s 1", cases[i].shorter);
		a = step_of(&s, text);
		(void)snprintf(text, sizeof(text), "write %s 1", cases[i].path);
		b = step_of(&t, text);
		expect_int_eq(a.target, cases[i].target);
		expect_int_eq(b.target, cases[i].target);
		expect_u64_eq(a.page_bytes, b.page_bytes);
		expect_u64_eq(a.node, b.node);
		expect_u64_eq(a.flags, b.flags);
		expect_u64_eq(a.name.n, b.name.n);
		weir_script_done(&s);
		weir_script_done(&t);
	}
}

static void script_setup_describes_the_host(void **state)
{
	static const char text[] =
		"# a host\n\n  node 2 memory=4G cpus= distance=20,10\n"
		"node 0 memory=1536M cpus=0-3,63 distance=10,21 # comment\n"
		"sizes 1G 2M\r\n"
		"kernel 6.12.117+deb12-amd64  -demote +grown-last-first\n"
		"boot hugepagesz=1G hugepages=2 -> x\n";
	struct weir_err err = { 0 };
	struct weir_script s;

	(void)state;
	if (parse(text, &s, &err) < 0)
		fail_msg("%s", err.msg);
	expect_u64_eq(s.setup.line, 3);
	expect_u64_eq(s.setup.nr_nodes, 2);
	expect_u64_eq(s.setup.node[0].id, 0); /* sorted */
	expect_u64_eq(s.setup.node[0].memory_bytes, 1536 * WEIR_MIB);
	expect_u64_eq(s.setup.node[0].cpus, UINT64_C(1) << 63 | 0xf);
	expect_u64_eq(s.setup.node[0].distance[0], 10);
	expect_u64_eq(s.setup.node[0].distance[1], 0); /* by id */
	expect_u64_eq(s.setup.node[0].distance[2], 21);
	expect_u64_eq(s.setup.node[1].id, 2);
	expect_u64_eq(s.setup.node[1].cpus, 0);
	expect_u64_eq(s.setup.nr_sizes, 2);
	expect_u64_eq(s.setup.page_bytes[0], WEIR_GIB);
	expect_text(s.setup.kernel, "6.12.117+deb12-amd64  -demote +grown-last-first");
	expect_text(s.setup.boot, "hugepagesz=1G hugepages=2 -> x");
	expect_u64_eq(s.nr_steps, 0);
	weir_script_done(&s);

	expect_int_eq(parse("", &s, &err), 0); /* nothing at all */
	expect_u64_eq(s.setup.line, 0);
	expect_u64_eq(s.setup.nr_nodes, 0);
	expect_u64_eq(s.setup.nr_sizes, 2);
	expect_u64_eq(s.setup.page_bytes[0], 2 * WEIR_MIB);
	weir_script_done(&s);

	expect_int_eq(parse("nodes 64", &s, &err), 0);
	expect_u64_eq(s.setup.nr_nodes, 64);
	expect_u64_eq(s.setup.node[63].cpus, UINT64_C(1) << 63);
	expect_u64_eq(s.setup.node[63].memory_bytes, WEIR_GIB);
	weir_script_done(&s);
}

static void script_setup_tells_of_zones(void **state)
{
	static const char text[] =
		"zone 2 Movable managed=1000 free=900 whole=512 min=1 low=2 high=3\n"
		"node 2 memory=1G\n"
		"zone 2 DMA32 managed=800 free=700 cma=600 free_cma=500 whole_cma=0 "
		"reserve=0,1,2,3\n"
		"task A\n"
		"A map m 4\n"
		"A pin m 1 2 -> n2.Movable.free=900~5 A.m.pinnable=1\n"
		"A unpin m\n";
	const struct weir_zone_config *zone;
	struct weir_err err = { 0 };
	struct weir_script s;

	(void)state;
	if (parse(text, &s, &err) < 0)
		fail_msg("%s", err.msg);
	expect_u64_eq(s.setup.zoned, 4);
	zone = &s.setup.zones[2][WEIR_ZONE_MOVABLE];
	assert_true(zone->there);
	expect_u64_eq(zone->managed, 1000);
	expect_u64_eq(zone->free, 900);
	expect_u64_eq(zone->cma, 0);
	expect_u64_eq(zone->whole, 512);
	expect_u64_eq(zone->whole_cma, UINT64_MAX);
	expect_u64_eq(zone->min + zone->low + zone->high, 6);
	zone = &s.setup.zones[2][WEIR_ZONE_DMA32];
	expect_u64_eq(zone->free_cma, 500);
	expect_u64_eq(zone->whole, UINT64_MAX);
	expect_u64_eq(zone->whole_cma, 0);
	expect_u64_eq(zone->reserve[WEIR_ZONE_MOVABLE], 3);
	assert_false(s.setup.zones[2][WEIR_ZONE_NORMAL].there);
	assert_int_equal(s.steps[2].verb, WEIR_VERB_PIN);
	expect_u64_eq(s.steps[2].start, 1);
	expect_u64_eq(s.steps[2].count, 2);
	assert_int_equal(s.steps[3].verb, WEIR_VERB_UNPIN);
	assert_false(s.steps[3].flags & WEIR_STEP_RANGE);
	weir_script_done(&s);
}

static void script_expectations_are_of_the_step_before(void **state)
{
	static const char text[] =
		"nodes 2\n"
		"expect 0/0/0/0 max=0\n"
		"task A -> ok -> on 6.12+ 1G=0/0/0/0 -> on 5.10,6.1 n1=0/-1/0\n"
		"expect on -6.6 mem.n0=-5\n"
		"A map m 12 -> ENOMEM # -> ok\n"
		"expect A.m=0*9,1.. A.pages=3\n";
	static const struct {
		size_t line, step;
		uint64_t kernels;
		const char *term;
	} want[] = {
		{ 2, SIZE_MAX, UINT64_MAX, "0/0/0/0" },
		{ 2, SIZE_MAX, UINT64_MAX, "max=0" },
		{ 3, 0, UINT64_MAX, "ok" },
		{ 3, 0, 0x38, "1G=0/0/0/0" },
		{ 3, 0, 0x3, "n1=0/-1/0" },
		{ 4, 0, 0x7, "mem.n0=-5" },
		{ 5, 1, UINT64_MAX, "ENOMEM" },
		{ 6, 1, UINT64_MAX, "A.m=0*9,1.." },
		{ 6, 1, UINT64_MAX, "A.pages=3" },
	};
	struct weir_err err = { 0 };
	struct weir_script s;

	(void)state;
	if (parse(text, &s, &err) < 0)
		fail_msg("%s", err.msg);
	expect_u64_eq(s.nr_steps, 2);
	expect_text(s.steps[0].text, "task A");
	expect_u64_eq(s.nr_expects, WEIR_NELEM(want));
	for (size_t i = 0; i < WEIR_NELEM(want); i++) {
		expect_u64_eq(s.expects[i].line, want[i].line);
		expect_u64_eq(s.expects[i].step, want[i].step);
		expect_u64_eq(s.expects[i].kernels, want[i].kernels);
		expect_text(s.expects[i].term, want[i].term);
	}
	weir_script_done(&s);
}

/* What looks odd and is fine: the run says what comes of it. */
static void script_names_may_be_used_again(void **state)
{
	static const char *const cases[] = {
		"task A\nA map m 4\nA map m 4\nA unmap m\nA touch m",
		"task A\nA exit\ntask A",
		"task A\nA fork B\nB exit\nA fork B",
		"task A\nA map m 1\nA fork B\nB fork C\nA exit\nB exit\nC touch m",
		"task A\nA map m 1\nA fork B\nB map n 1\nB touch n\nA touch m",
		"mount M\numount M\nmount M\ncreate M/f\nunlink M/f\nunlink M/f",
		"cgroup G\nrmdir G\ncgroup G",
		"task A\nA map A 1\nA touch A -> A.A=0", /* a mapping may be called
		                                            anything */
		"task A\nA map touch 1\nA touch touch",
		"task A\nA map m 1\nA exit -> ok\nexpect ok",
		"task A\nA exit -> A.m=0", /* dead: the view's to say */
		"write 2M/nr_hugepages -1",
		"mount M min_size=200%",
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_err err = { 0 };
		struct weir_script s;

		if (parse(cases[i], &s, &err) < 0)
			fail_msg("'%s': %s", cases[i], err.msg);
		weir_script_done(&s);
	}
}

static void script_limits_are_refused_and_named(void **state)
{
	struct weir_buf text = { 0 };
	struct weir_err err = { 0 };
	struct weir_script s;

	(void)state;
	expect_int_eq(weir_buf_addz(&text, "# "), 0);
	for (unsigned int i = 2; i < WEIR_SCRIPT_LINE_MAX; i++)
		expect_int_eq(weir_buf_addz(&text, "x"), 0);
	expect_int_eq(weir_script_parse(weir_buf_str(&text), "t", &s, &err), 0);
	weir_script_done(&s);
	expect_int_eq(weir_buf_addz(&text, "x"), 0);
	expect_int_eq(weir_script_parse(weir_buf_str(&text), "t", &s, &err), -EFBIG);
	assert_non_null(strstr(err.msg, "t:1: more than 4096 bytes in a line"));
	expect_int_eq(weir_script_parse(weir_str(text.p, WEIR_SCRIPT_BYTES_MAX + 1U), "t",
	                                &s, &err),
	              -EFBIG); /* by the number alone */
	weir_buf_done(&text);
}

/* A chain of forks, each with mappings of its own: the sets share, or this takes hours.
 */
static void script_of_many_forks_stays_cheap(void **state)
{
	enum { GENERATIONS = 20000 };
	struct weir_buf text = { 0 };
	struct weir_err err = { 0 };
	struct weir_script s;

	(void)state;
	expect_int_eq(weir_buf_addz(&text, "task T0\nT0 map first 1\n"), 0);
	for (unsigned int i = 0; i < GENERATIONS; i++)
		expect_int_eq(weir_buf_printf(&text,
		                              "T%u map m%u 1\nT%u fork T%u\nT%u exit\n"
		                              "T%u touch first\nT%u touch m%u\n",
		                              i, i, i, i + 1, i, i + 1, i + 1, i / 2),
		              0);
	if (weir_script_parse(weir_buf_str(&text), "t", &s, &err) < 0)
		fail_msg("%s", err.msg);
	expect_u64_eq(s.nr_steps, 2 + 5 * GENERATIONS);
	weir_script_done(&s);
	expect_int_eq(weir_buf_printf(&text, "T%d touch m%d\n", GENERATIONS, GENERATIONS),
	              0);
	expect_int_eq(weir_script_parse(weir_buf_str(&text), "t", &s, &err), -EBADMSG);
	weir_buf_done(&text);
}

static int parse_some(void *ctx)
{
	struct weir_script s;
	int r = parse(ctx, &s, NULL);

	weir_script_done(&s);
	return r;
}

static void script_survives_failed_allocations(void **state)
{
	static char text[] =
		"nodes 2\nmount M\ncgroup G\ntask A cgroup=G\nA map m 4 -> ok\n"
		"A fork B\nB map n 4 -> B.m=....\nB touch m -> 0/0/0/0\n";

	(void)state;
	expect_int_eq(fault_every(parse_some, text), 0);
}

/* Every scenario of the tree parses, and each step's own text says the same again. */
static void script_scenarios_of_the_tree_parse(void **state)
{
	const char *path = getenv("WEIR_TEST_SCENARIOS");
	struct dirent *entry;
	unsigned int nr = 0;
	DIR *dir;

	(void)state;
	if (!path)
		skip_because("WEIR_TEST_SCENARIOS is not set");
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		static char text[1 << 16];
		struct weir_err err = { 0 };
		struct weir_script s;
		char name[512];
		FILE *file;
		size_t n;

		if (!weir_str_ends(weir_strz(entry->d_name), ".weir"))
			continue;
		(void)snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		file = fopen(name, "re");
		assert_non_null(file);
		n = fread(text, 1, sizeof(text), file);
		(void)fclose(file);
		assert_true(n < sizeof(text));
		if (weir_script_parse(weir_str(text, n), entry->d_name, &s, &err) < 0)
			fail_msg("%s", err.msg);
		if (!s.nr_expects || text[0] != '#')
			fail_msg("%s expects nothing, or does not say what it shows",
			         name);
		weir_script_done(&s);
		nr++;
	}
	(void)closedir(dir);
	assert_true(nr > 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(script_errors_name_line_and_token),
		cmocka_unit_test(script_steps_mean_what_they_say),
		cmocka_unit_test(script_targets_have_two_spellings),
		cmocka_unit_test(script_setup_describes_the_host),
		cmocka_unit_test(script_setup_tells_of_zones),
		cmocka_unit_test(script_expectations_are_of_the_step_before),
		cmocka_unit_test(script_names_may_be_used_again),
		cmocka_unit_test(script_limits_are_refused_and_named),
		cmocka_unit_test(script_of_many_forks_stays_cheap),
		cmocka_unit_test(script_survives_failed_allocations),
		cmocka_unit_test(script_scenarios_of_the_tree_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
