/* vms: see vms.h. */
#include "cli/vms.h"

#include "base/own.h"
#include "base/ranges.h"
#include "base/size.h"
#include "facts/snapshot.h"
#include "host/host.h"
#include "vm/detect.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#define TEXT_MAX (4U << 20) /* a domain XML with thousands of devices: 2 MB */

static int read_fd(int fd, struct weir_buf *out)
{
	for (;;) {
		ssize_t n;
		int r = weir_buf_reserve(out, 65536);

		if (r < 0)
			return r;
		n = read(fd, out->p + out->n, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		out->n += (size_t)n;
		out->p[out->n] = '\0';
		if (!n)
			return 0;
		if (out->n > TEXT_MAX)
			return -EFBIG;
	}
}

bool weir_vms_is_qemu(struct weir_str cmdline)
{
	struct weir_str path = weir_str(cmdline.p, weir_str_index(cmdline, '\0'));

	while (weir_str_index(path, '/') < path.n)
		path = weir_str_skip(path, weir_str_index(path, '/') + 1);
	return weir_str_starts(path, "qemu-system-") || weir_str_eq(path, "qemu-kvm") ||
	       weir_str_eq(path, "kvm");
}

static int read_text(const struct weir_host *host, const char *arg, struct weir_buf *out,
                     struct weir_err *err)
{
	char path[64];
	uint64_t pid;
	int fd = STDIN_FILENO, r;

	if (strncmp(arg, "pid:", 4) == 0) {
		if (weir_parse_u64(weir_strz(arg + 4), &pid) < 0)
			return weir_err_set(err, -EINVAL, "'%s': no process number", arg);
		(void)snprintf(path, sizeof(path), "/proc/%ju/cmdline", (uintmax_t)pid);
		r = weir_host_read(host, path, TEXT_MAX, out);
		if (r == 0 && !weir_vms_is_qemu(weir_buf_str(out)))
			return weir_err_set(err, -EINVAL, "'%s' is no QEMU", arg);
		return r < 0 ? weir_err_sys(err, r, "read the command line of '%s'", arg)
		             : 0;
	}
	if (strcmp(arg, "-") != 0)
		fd = open(arg, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return weir_err_sys(err, -errno, "open VM '%s'", arg);
	r = read_fd(fd, out);
	if (fd != STDIN_FILENO)
		(void)close(fd);
	return r < 0 ? weir_err_sys(err, r, "read VM '%s'", arg) : 0;
}

static bool is_taken(const struct weir_demands *all, const char *name)
{
	for (size_t i = 0; i < all->nr; i++)
		if (strcmp(all->v[i].name, name) == 0)
			return true;
	return false;
}

/* Names are how the answers are told apart: who names two VMs alike, wants to know. Those
 * that have no name get one. */
static int name_apart(const struct weir_demands *all, struct weir_demand *vm,
                      struct weir_err *err)
{
	if (!is_taken(all, vm->name))
		return 0;
	if (strcmp(vm->name, "vm") != 0)
		return weir_err_set(err, -EEXIST, "two VMs are named '%s'", vm->name);
	for (unsigned int i = 2; i < UINT_MAX; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "vm-%u", i);
		if (is_taken(all, name))
			continue;
		free(vm->name);
		vm->name = strdup(name);
		return vm->name ? 0 : weir_err_sys(err, -ENOMEM, "name VMs");
	}
	return 0;
}

static int read_vms(const struct weir_host *host, const struct weir_snapshot *snap,
                    char **args, int nr, struct weir_demands *out, struct weir_err *err)
{
	for (int i = 0; i < nr; i++) {
		weir_auto(weir_buf_done) struct weir_buf text = { 0 };
		weir_auto(weir_demands_done) struct weir_demands some = { 0 };
		int r = read_text(host, args[i], &text, err);

		if (r < 0)
			return r;
		r = weir_vm_parse(weir_buf_str(&text), weir_host_vendor(snap), &some,
		                  err);
		if (r < 0)
			return weir_err_wrap(err, r, "VM '%s'", args[i]);
		for (size_t k = 0; k < some.nr; k++) {
			r = name_apart(out, &some.v[k], err);
			if (r == 0)
				r = weir_demands_take(out, &some.v[k]);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* ---- what the host says of what they name ------------------------------------------ */

static int read_paths(const struct weir_host *host, bool is_live, struct weir_vms *vms)
{
	for (size_t i = 0; i < vms->demands.nr; i++)
		for (size_t k = 0; k < vms->demands.v[i].nr_memory; k++) {
			const char *path = vms->demands.v[i].memory[k].path;
			int r;

			if (!path)
				continue;
			r = weir_grow(&vms->paths, &vms->cap_paths, vms->nr_paths,
			              sizeof(vms->paths[0]));
			if (r == 0)
				r = weir_path_read(host, path, is_live,
				                   &vms->paths[vms->nr_paths]);
			if (r < 0)
				return r;
			vms->nr_paths++;
		}
	return 0;
}

static struct weir_count read_number(const struct weir_host *host, const char *path)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_count n = { 0 };

	if (weir_host_read(host, path, WEIR_SMALL_MAX, &text) == 0)
		n.known = weir_parse_u64(weir_str_trim(weir_buf_str(&text)), &n.n) == 0;
	return n;
}

/* CAP_IPC_LOCK passes the limit. */
static bool may_lock(const struct weir_host *host)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_str rest, line;
	uint64_t caps = 0;

	if (weir_host_read(host, "/proc/self/status", WEIR_SMALL_MAX, &text) < 0)
		return false;
	rest = weir_buf_str(&text);
	while (weir_str_line(&rest, &line))
		if (weir_str_starts(line, "CapEff:"))
			(void)weir_parse_hex(weir_str_trim(weir_str_skip(line, 7)),
			                     &caps);
	return caps >> CAP_IPC_LOCK & 1;
}

static int see_groups(struct weir_vms *vms)
{
	int nr = getgroups(0, NULL);
	weir_auto(weir_freep) gid_t *ids = NULL;

	if (nr <= 0)
		return 0;
	ids = calloc((size_t)nr, sizeof(*ids));
	vms->groups = calloc((size_t)nr, sizeof(*vms->groups));
	if (!ids || !vms->groups)
		return -ENOMEM;
	nr = getgroups(nr, ids);
	for (int i = 0; i < nr; i++)
		vms->groups[i] = ids[i];
	vms->options.groups = vms->groups;
	vms->options.nr_groups = nr > 0 ? (size_t)nr : 0;
	return 0;
}

/* Who asks is taken to be who starts it, on this machine: his limits and his cgroup. */
static int see_self(const struct weir_host *host, struct weir_vms *vms)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_ask_options *ask = &vms->options;
	struct rlimit limit;
	struct weir_str rest, line;

	if (!ask->memlock_known && getrlimit(RLIMIT_MEMLOCK, &limit) == 0) {
		ask->memlock_known = true;
		ask->memlock_bytes = limit.rlim_cur == RLIM_INFINITY || may_lock(host)
		                             ? UINT64_MAX
		                             : limit.rlim_cur;
	}
	ask->user_known = true;
	ask->uid = geteuid();
	ask->gid = getegid();
	if (ask->cgroup ||
	    weir_host_read(host, "/proc/self/cgroup", WEIR_SMALL_MAX, &text) < 0)
		return see_groups(vms);
	rest = weir_buf_str(&text);
	while (weir_str_line(&rest, &line))
		if (weir_str_starts(line, "0::") && !vms->cgroup)
			vms->cgroup = strndup(line.p + 3, line.n - 3);
	ask->cgroup = vms->cgroup;
	return see_groups(vms);
}

/* ---- the whole --------------------------------------------------------------------- */

static int make_asks(struct weir_vms *vms)
{
	vms->options.paths = vms->paths;
	vms->options.nr_paths = vms->nr_paths;
	vms->asks = calloc(vms->demands.nr + 1, sizeof(*vms->asks));
	if (!vms->asks)
		return -ENOMEM;
	for (; vms->nr < vms->demands.nr; vms->nr++) {
		int r = weir_ask_make(vms->snap, &vms->demands.v[vms->nr], &vms->options,
		                      &vms->asks[vms->nr]);

		if (r < 0) {
			weir_ask_done(&vms->asks[vms->nr]);
			return r;
		}
	}
	return 0;
}

int weir_vms_read(const struct weir_host *host, bool own_machine, char **args, int nr,
                  const struct weir_ask_options *options, struct weir_vms *out,
                  struct weir_err *err)
{
	int r = weir_snapshot_read(host,
	                           WEIR_SNAPSHOT_DETAILS | WEIR_SNAPSHOT_KLOG |
	                                   WEIR_SNAPSHOT_PLACEMENT,
	                           &out->snap, err);

	out->options = *options;
	if (r == 0)
		r = read_vms(host, out->snap, args, nr, &out->demands, err);
	if (r < 0)
		return r;
	if (own_machine)
		r = see_self(host, out);
	if (r < 0)
		return weir_err_sys(err, r, "see who asks");
	out->options.overcommit_memory = read_number(host,
	                                             "/proc/sys/vm/overcommit_memory");
	r = read_paths(host, own_machine, out);
	if (r == 0)
		r = make_asks(out);
	return r < 0 ? weir_err_sys(err, r, "read VMs") : 0;
}

void weir_vms_done(struct weir_vms *vms)
{
	for (size_t i = 0; i < vms->nr; i++)
		weir_ask_done(&vms->asks[i]);
	free(vms->asks);
	free(vms->paths);
	free(vms->cgroup);
	free(vms->groups);
	weir_demands_done(&vms->demands);
	weir_snapshot_free(vms->snap);
}

bool weir_vms_memlock(const char *arg, struct weir_ask_options *options)
{
	options->memlock_known = true;
	options->memlock_bytes = UINT64_MAX;
	return strcmp(arg, "unlimited") == 0 ||
	       weir_parse_size(weir_strz(arg), &options->memlock_bytes) == 0;
}

bool weir_vms_nodes(const char *arg, struct weir_ask_options *options)
{
	weir_auto(weir_ranges_done) struct weir_ranges set = { 0 };

	options->nodes = 0;
	if (weir_ranges_parse(weir_strz(arg), &set) < 0)
		return false;
	weir_ranges_each (id, &set) {
		if (id >= WEIR_VM_NODES_MAX)
			return false;
		options->nodes |= UINT64_C(1) << id;
	}
	return options->nodes != 0;
}
