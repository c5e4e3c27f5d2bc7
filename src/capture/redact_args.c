/* redact_args: what stays of arguments, of processes and of the kernel; see redact.h. */
#include "capture/redact.h"

#include "facts/boot.h"

#include "base/own.h"

#define COMM_MAX 15 /* TASK_COMM_LEN without its NUL */

/* '*' at the end: whatever follows. */
static const char *const known_programs[] = {
	"qemu-system-*", "qemu-kvm",  "kvm",
	"libvirtd",      "virtqemud", "cloud-hypervisor",
	"firecracker",   "crosvm",    "virtiofsd",
	"vhost-user*",   "dpdk-*",    "testpmd",
	"ovs-vswitchd",  "spdk_tgt",  "vpp",
	"postgres",      "mysqld",    "mariadbd",
	"oracle",        "java",      "weir",
	"weird",
};

/* Options that stay, and what the argument behind them must be to stay with them. */
enum kept_value {
	VALUE_NONE, /* there is none: what comes next is something else */
	VALUE_ANY,
	VALUE_SIZE,   /* "4G", "size=4G,..."; Java's -m names a class */
	VALUE_MEMORY, /* one about memory, see memory_words; else the option goes too */
};

static const struct kept_option {
	const char *name; /* without dashes; '*' at the end: whatever follows */
	enum kept_value value;
} kept_options[] = {
	/* QEMU */
	{ "name", VALUE_ANY },
	{ "uuid", VALUE_ANY },
	{ "m", VALUE_SIZE },
	{ "mem-path", VALUE_ANY },
	{ "mem-prealloc", VALUE_NONE },
	{ "mem-lock", VALUE_ANY },
	{ "overcommit", VALUE_ANY },
	{ "realtime", VALUE_ANY },
	{ "machine", VALUE_ANY },
	{ "M", VALUE_ANY },
	{ "accel", VALUE_ANY },
	{ "enable-kvm", VALUE_NONE },
	{ "cpu", VALUE_ANY },
	{ "smp", VALUE_ANY },
	{ "numa", VALUE_ANY },
	{ "object", VALUE_MEMORY },
	{ "device", VALUE_MEMORY },
	{ "global", VALUE_MEMORY },
	/* Cloud Hypervisor, Firecracker, crosvm */
	{ "memory", VALUE_ANY },
	{ "memory-zone", VALUE_ANY },
	{ "cpus", VALUE_ANY },
	{ "mem", VALUE_ANY },
	{ "hugepages", VALUE_NONE },
	{ "id", VALUE_ANY },
	/* DPDK and what is built on it */
	{ "socket-mem", VALUE_ANY },
	{ "socket-limit", VALUE_ANY },
	{ "huge-dir", VALUE_ANY },
	{ "huge-unlink", VALUE_NONE },
	{ "huge-worker-stack", VALUE_ANY },
	{ "no-huge", VALUE_NONE },
	{ "file-prefix", VALUE_ANY },
	{ "in-memory", VALUE_NONE },
	{ "legacy-mem", VALUE_NONE },
	{ "single-file-segments", VALUE_NONE },
	{ "match-allocations", VALUE_NONE },
	{ "mem-size", VALUE_ANY },
	{ "iova-mode", VALUE_ANY },
	/* Java, MySQL, PostgreSQL */
	{ "Xm*", VALUE_NONE },
	{ "XX:+*", VALUE_NONE },
	{ "XX:-*", VALUE_NONE },
	{ "XX:LargePageSizeInBytes", VALUE_NONE },
	{ "large-pages", VALUE_NONE },
	{ "innodb-buffer-pool-size", VALUE_NONE },
	{ "c", VALUE_MEMORY },
};

static const char *const memory_words[] = {
	"memory-backend", "virtio-mem", "virtio-pmem",    "dimm",      "vfio",
	"vhost-",         "-guest",     "thread-context", "huge_page", "shared_buffers",
};

static bool fits(struct weir_str s, const char *pattern)
{
	size_t n = strlen(pattern) - 1;

	if (pattern[n] != '*')
		return weir_str_eq(s, pattern);
	return s.n >= n && memcmp(s.p, pattern, n) == 0;
}

struct weir_str weir_redact_program(struct weir_str argv0)
{
	size_t begin = 0;

	for (size_t i = 0; i < argv0.n; i++)
		if (argv0.p[i] == ' ')
			argv0.n = i;
	for (size_t i = 0; i < argv0.n; i++)
		if (argv0.p[i] == '/')
			begin = i + 1;
	argv0 = weir_str_skip(argv0, begin);
	if (weir_str_starts(argv0, "-")) /* a login shell */
		argv0 = weir_str_skip(argv0, 1);
	if (weir_str_ends(argv0, ":"))
		argv0.n--;
	return argv0;
}

bool weir_redact_is_known(struct weir_str program)
{
	for (size_t i = 0; i < WEIR_NELEM(known_programs); i++) {
		const char *known = known_programs[i];

		if (fits(program, known) ||
		    (program.n == COMM_MAX && strncmp(program.p, known, COMM_MAX) == 0))
			return true;
	}
	return false;
}

/* "--memory=size=4G" -> "memory" */
static struct weir_str option_name(struct weir_str arg)
{
	struct weir_str name, value;

	for (int i = 0; i < 2 && weir_str_starts(arg, "-"); i++)
		arg = weir_str_skip(arg, 1);
	return weir_str_split(arg, '=', &name, &value) ? name : arg;
}

static const struct kept_option *find_option(struct weir_str arg)
{
	struct weir_str name = option_name(arg);

	for (size_t i = 0; i < WEIR_NELEM(kept_options); i++)
		if (fits(name, kept_options[i].name))
			return &kept_options[i];
	return NULL;
}

static bool is_about_memory(struct weir_str arg)
{
	for (size_t i = 0; i < WEIR_NELEM(memory_words); i++)
		if (weir_str_find(arg, memory_words[i]) >= 0)
			return true;
	return false;
}

static bool value_stays(enum kept_value kind, struct weir_str arg)
{
	switch (kind) {
	case VALUE_NONE: return false;
	case VALUE_ANY: return true;
	case VALUE_SIZE:
		return weir_str_starts(arg, "size=") ||
		       (arg.n && arg.p[0] >= '0' && arg.p[0] <= '9');
	case VALUE_MEMORY: return is_about_memory(arg);
	}
	return false;
}

static int add_arg(const struct weir_words *words, struct weir_str arg,
                   struct weir_buf *out)
{
	int r = weir_words_replace(words, arg, out);

	return r < 0 ? r : weir_buf_add(out, weir_str("", 1));
}

static int add_kept(const struct weir_words *words, struct weir_str rest,
                    struct weir_buf *out)
{
	const struct kept_option *option = NULL;
	struct weir_str arg, option_arg = { 0 };
	int r = 0;

	while (r == 0 && weir_str_cut(&rest, '\0', &arg)) {
		bool is_option = weir_str_starts(arg, "-");
		bool joined = is_option && memchr(arg.p, '=', arg.n);

		if (is_option) {
			option = find_option(arg);
			option_arg = arg;
			if (!option || (option->value == VALUE_MEMORY &&
			                !(joined && is_about_memory(arg))))
				continue; /* or perhaps later, with its value */
		} else if (!option || !value_stays(option->value, arg)) {
			option = NULL;
			continue;
		} else if (option->value == VALUE_MEMORY) {
			r = add_arg(words, option_arg, out);
		}
		if (r == 0)
			r = add_arg(words, arg, out);
		if (!is_option || joined)
			option = NULL;
	}
	return r;
}

int weir_redact_args(const struct weir_words *words, struct weir_str text,
                     struct weir_buf *out)
{
	struct weir_str argv0, program;
	const char *stands;
	int r;

	if (!weir_str_cut(&text, '\0', &argv0))
		return 0;
	program = weir_redact_program(argv0);
	if (weir_redact_is_known(program)) {
		r = weir_buf_add(out, program);
		if (r == 0)
			r = weir_buf_add(out, weir_str("", 1));
		return r < 0 ? r : add_kept(words, text, out);
	}
	stands = weir_words_find(words, program);
	r = weir_buf_add(out, stands ? weir_strz(stands) : program);
	return r < 0 ? r : weir_buf_add(out, weir_str("", 1));
}

/* "guest=web,,1,debug-threads=on" and "web,,1" -> "web,,1" */
static struct weir_str name_value(struct weir_str s)
{
	size_t n = 0;

	if (weir_str_starts(s, "guest="))
		s = weir_str_skip(s, 6);
	while (n < s.n && (s.p[n] != ',' || (n + 1 < s.n && s.p[n + 1] == ',')))
		n += s.p[n] == ',' ? 2 : 1;
	return weir_str(s.p, n);
}

bool weir_redact_vm_arg(struct weir_str *rest, struct weir_str *name)
{
	struct weir_str arg;

	while (weir_str_cut(rest, '\0', &arg)) {
		struct weir_str option = option_name(arg);
		bool is_name = weir_str_eq(option, "name");

		if (!weir_str_starts(arg, "-") ||
		    (!is_name && !weir_str_eq(option, "uuid") &&
		     !weir_str_eq(option, "id")))
			continue;
		if (!weir_str_split(arg, '=', &option, name) &&
		    !weir_str_cut(rest, '\0', name))
			return false;
		if (is_name)
			*name = name_value(*name);
		return true;
	}
	return false;
}

/* --- the kernel's command line ----------------------------------------------------- */

/* Besides those that weir understands: what tells of memory and of where VMs run, and
 * holds numbers and known words only. */
static const char *const kept_params[] = {
	"mem",
	"memmap",
	"memory_hotplug.*",
	"memhp_default_state",
	"numa",
	"numa_balancing",
	"numa_memblks*",
	"transparent_hugepage",
	"thp_anon",
	"thp_shmem",
	"hugetlb_free_vmemmap",
	"hugetlb_cma_only",
	"cma_pernuma",
	"numa_cma",
	"crashkernel",
	"iommu",
	"intel_iommu",
	"amd_iommu",
	"iommu.*",
	"mem_encrypt",
	"kvm.*",
	"kvm_amd.*",
	"kvm_intel.*",
	"kvm-amd.*",
	"kvm-intel.*",
	"isolcpus",
	"nohz_full",
	"rcu_nocbs",
	"movablecore",
	"mitigations",
	"page_alloc.*",
	"page_poison",
	"init_on_alloc",
	"init_on_free",
	"hugepages_*",
	"debug_pagealloc",
};

static bool param_stays(struct weir_str name)
{
	for (int kind = WEIR_BOOT_HUGEPAGES; kind <= WEIR_BOOT_CSV_USE_HUGETLB; kind++)
		if (weir_param_is(name, weir_boot_word((enum weir_boot_kind)kind)))
			return true;
	for (size_t i = 0; i < WEIR_NELEM(kept_params); i++)
		if (fits(name, kept_params[i]))
			return true;
	return false;
}

static int add_param(const struct weir_words *words, const struct weir_param *param,
                     struct weir_buf *out)
{
	int r = 0;

	if (param_stays(param->name))
		return weir_buf_add(out, param->text);
	if (!param->has_value)
		return weir_words_replace(words, param->text, out);
	r = weir_words_replace(words, param->name, out);
	return r < 0 ? r : weir_buf_addz(out, "=redacted");
}

static bool is_one_line(struct weir_str text)
{
	if (weir_str_ends(text, "\n"))
		text.n--;
	return !text.n ||
	       (!memchr(text.p, '\n', text.n) && !memchr(text.p, '\0', text.n));
}

int weir_redact_cmdline(const struct weir_words *words, struct weir_str text,
                        struct weir_buf *out)
{
	struct weir_str rest = weir_str_trim(text), before = rest;
	struct weir_param param;
	int r = 0;

	for (; r == 0 && weir_cmdline_next(&rest, &param); before = rest) {
		if (out->n)
			r = weir_buf_addz(out, " ");
		if (r == 0)
			r = add_param(words, &param, out);
	}
	if (r == 0 && weir_str_trim(before).n) /* "--": arguments of init */
		r = weir_buf_addz(out, " -- redacted");
	if (r == 0 && !is_one_line(text)) /* no kernel's: nor shall it look like one */
		r = weir_buf_addz(out, "\nredacted");
	return r < 0 ? r : weir_buf_addz(out, "\n");
}
