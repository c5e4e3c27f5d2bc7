/* vms: the VMs that `weir check` and `weir fit` are asked about, read and met with the
 * host: what a command line, a file or a running process says, and what the host says of
 * the paths in it. */
#ifndef WEIR_CLI_VMS_H
#define WEIR_CLI_VMS_H

#include "plan/ask.h"

struct weir_host;

struct weir_vms {
	struct weir_snapshot *snap;
	struct weir_demands demands;
	struct weir_path *paths;
	size_t nr_paths, cap_paths;
	char *cgroup;
	uint64_t *groups;
	struct weir_ask_options options;
	struct weir_ask *asks; /* as the demands */
	size_t nr;
};

/* @args: files, "-", "pid:N". @own_machine: where options do not say it, the limits, user
 * and cgroup of this process are taken to be those of who starts the VMs. 0; -ENOMEM;
 * other errors with words are the user's. */
int weir_vms_read(const struct weir_host *host, bool own_machine, char **args, int nr,
                  const struct weir_ask_options *options, struct weir_vms *out,
                  struct weir_err *err);
void weir_vms_done(struct weir_vms *vms);

/* Is this a process's command line, with NULs, that of a QEMU? */
bool weir_vms_is_qemu(struct weir_str cmdline);

/* Option values that both have. False: not one. */
bool weir_vms_memlock(const char *arg, struct weir_ask_options *options);
bool weir_vms_nodes(const char *arg, struct weir_ask_options *options);

#endif
