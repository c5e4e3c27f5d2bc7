/* weir: finds the command and hands over. */
#include "cli/cli.h"

#include "base/own.h"
#include "host/fd.h"

#include <stdlib.h>

static const struct weir_command commands[] = {
	{ "status", weir_status_main, "show pools, memory and what is wrong (default)" },
	{ "who", weir_who_main, "show who holds each huge page" },
	{ "check", weir_check_main, "say whether VMs will start, and what would help" },
	{ "fit", weir_fit_main, "say how many more VMs fit" },
	{ "explain", weir_explain_main, "say in sentences what the counters mean" },
	{ "set", weir_set_main, "change pools: plan, ask, write, read back" },
	{ "undo", weir_undo_main, "take a change back" },
	{ "log", weir_log_main, "list what was changed" },
	{ "capture", weir_capture_main,
	  "save a host's state to a file that --host reads" },
	{ "model", weir_model_main, "play scenarios on a model of the kernel's rules" },
	{ "probe", weir_probe_main, "try how this kernel treats memory" },
	{ "mount", weir_mount_main, "mount a hugetlbfs, or list those there are" },
	{ "unmount", weir_unmount_main, "unmount one that nobody uses" },
	{ "clean", weir_clean_main, "remove files that are left behind in them" },
	{ "apply", weir_apply_main, "make the host what is declared for it" },
	{ "persist", weir_persist_main,
	  "write down what the host is to have after each boot" },
	{ "drift", weir_drift_main,
	  "say in what the host differs from what is declared" },
	{ "lease", weir_lease_main, "get memory that is already zeroed, from weird" },
	{ "release", weir_release_main, "give it back" },
	{ "leases", weir_leases_main, "list what is leased" },
	{ "warm", weir_warm_main, "show what weird keeps warm, or say how much" },
};

static int help(FILE *out)
{
	(void)fputs(
		"Usage: weir [COMMAND] [OPTION]...\n\n"
		"Looks after the memory that virtual machines stand on.\n\nCommands:\n",
		out);
	for (size_t i = 0; i < WEIR_NELEM(commands); i++)
		(void)fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
	(void)fputs("\n  -h, --help     this help; weir COMMAND --help for a command's "
	            "options\n"
	            "  -V, --version  the version\n\n"
	            "Exit status: 0 done or yes, 1 failed, 2 usage, 3 the answer is no,\n"
	            "4 done in part or undone, 5 refused by a guard. See weir(1).\n",
	            out);
	return WEIR_EXIT_DONE;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "status";

	weir_fd_keep_standard();
	if (strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0 ||
	    strcmp(name, "help") == 0)
		return weir_cli_flush("help", help(stdout));
	if (strcmp(name, "-V") == 0 || strcmp(name, "--version") == 0) {
		(void)puts("weir " WEIR_VERSION);
		return weir_cli_flush("version", WEIR_EXIT_DONE);
	}
	for (size_t i = 0; i < WEIR_NELEM(commands); i++)
		if (strcmp(name, commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	if (argc < 2 || name[0] == '-') /* plain `weir`, also with options, is status */
		return weir_status_main(argc, argv);
	(void)weir_cli_fail("", 0, "'%s' is not a command", name);
	(void)fputs("Try 'weir --help'.\n", stderr);
	return WEIR_EXIT_USAGE;
}
