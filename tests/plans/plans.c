/* plans WEIR SEED COUNT MOST_2M MOST_1G DIR: carries out random plans with `weir set` and
 * `weir undo`, while a random workload (workload.h) holds and reserves pages, and prints
 * all there is to judge them by: of each plan a line "plan N", what the workload did, the
 * counters of the pools, the command, its exit status, the counters again, and what it
 * printed. planslib.py reads it. Static, so that it runs in any guest; as root. DIR is
 * for the state of weir and for mounts. */
#include "workload.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGS_MAX 24

struct command {
	char text[ARGS_MAX][96];
	char *v[ARGS_MAX + 1];
	unsigned int nr;
};

static const char *weir, *scratch;
static struct limits limits;

static void add(struct command *cmd, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void add(struct command *cmd, const char *fmt, ...)
{
	va_list ap;

	if (cmd->nr == ARGS_MAX)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(cmd->text[cmd->nr], sizeof(cmd->text[0]), fmt, ap);
	va_end(ap);
	cmd->v[cmd->nr] = cmd->text[cmd->nr];
	cmd->v[++cmd->nr] = NULL;
}

/* ---- what there is ----------------------------------------------------------------- */

static uint64_t number_in(uint64_t size, int node, const char *file)
{
	char path[128], text[32] = "";
	FILE *f;
	uint64_t n = 0;

	pool_file(path, size, node, file);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fgets(text, sizeof(text), f))
		n = strtoull(text, NULL, 10);
	(void)fclose(f);
	return n;
}

static bool has_size(uint64_t size)
{
	char path[128];

	pool_file(path, size, -1, "nr_hugepages");
	return access(path, F_OK) == 0;
}

static void print_pools(const char *when)
{
	static const uint64_t sizes[] = { SIZE_2M, SIZE_1G };

	for (unsigned int i = 0; i < 2; i++) {
		if (!has_size(sizes[i]))
			continue;
		(void)printf("%s %" PRIu64 " all %" PRIu64 " %" PRIu64 " %" PRIu64
		             " %" PRIu64 " %" PRIu64 "\n",
		             when, sizes[i], number_in(sizes[i], -1, "nr_hugepages"),
		             number_in(sizes[i], -1, "free_hugepages"),
		             number_in(sizes[i], -1, "surplus_hugepages"),
		             number_in(sizes[i], -1, "resv_hugepages"),
		             number_in(sizes[i], -1, "nr_overcommit_hugepages"));
		for (int n = 0; n < (int)limits.nodes; n++)
			(void)printf(
				"%s %" PRIu64 " %d %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
				when, sizes[i], n, number_in(sizes[i], n, "nr_hugepages"),
				number_in(sizes[i], n, "free_hugepages"),
				number_in(sizes[i], n, "surplus_hugepages"));
	}
}

/* ---- wishes ------------------------------------------------------------------------ */

static const char *size_word(uint64_t size)
{
	return size == SIZE_1G ? "1G" : "2M";
}

static void wish_pool(struct chance *c, struct command *cmd, uint64_t size, int node)
{
	uint64_t most = limits.pages[size == SIZE_1G] / (node < 0 ? 1 : limits.nodes);
	uint64_t has = number_in(size, node, "nr_hugepages");
	uint64_t to = chance_of(c, most + 1);
	char place[16] = "";

	if (node >= 0)
		(void)snprintf(place, sizeof(place), "/node%d", node);
	if (chance_of(c, 20) == 0)
		add(cmd, "%s%s=%u", size_word(size), place, 99999999U);
	else if (chance_of(c, 2) || to == has)
		add(cmd, "%s%s=%" PRIu64, size_word(size), place, to);
	else if (to > has)
		add(cmd, "%s%s=+%" PRIu64, size_word(size), place, to - has);
	else
		add(cmd, "%s%s=-%" PRIu64, size_word(size), place, has - to);
}

static void wish_list(struct chance *c, struct command *cmd, uint64_t size)
{
	uint64_t most = limits.pages[size == SIZE_1G] / limits.nodes;
	char list[64] = "";
	size_t n = 0;

	for (unsigned int node = 0; node < limits.nodes; node++)
		if (node == 0 || chance_of(c, 3))
			n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%u:%" PRIu64,
			                      n ? "," : "", node, chance_of(c, most + 1));
	add(cmd, "%s=%s", size_word(size), list);
}

static void wish_one(struct chance *c, struct command *cmd, uint64_t size)
{
	uint64_t kind = chance_of(c, 7);

	if (kind < 3)
		wish_pool(c, cmd, size, -1);
	else if (kind < 4)
		wish_list(c, cmd, size);
	else if (kind < 6)
		for (int n = 0; n < (int)limits.nodes; n++) {
			if (n == 0 || chance_of(c, 2))
				wish_pool(c, cmd, size, n);
		}
	else if (size == SIZE_2M)
		add(cmd, "overcommit.2M=%" PRIu64,
		    chance_of(c, 2) ? chance_of(c, limits.pages[0] / 8 + 1) : 0);
	else
		wish_pool(c, cmd, size, -1);
}

static void wish_all(struct chance *c, struct command *cmd)
{
	static const char *const guards[] = { "surplus", "subpool", "surplus,subpool",
		                              "surplus,subpool" };
	bool large = limits.pages[1] && chance_of(c, 3) == 0;
	uint64_t both = chance_of(c, 4);
	static const char *const floors[] = { "0", "0", "0", "0", "64M" };

	add(cmd, "weir");
	add(cmd, "set");
	add(cmd, "--json");
	add(cmd, "--yes");
	add(cmd, "--state=%s/state", scratch);
	add(cmd, "--floor=%s", floors[chance_of(c, 5)]);
	if (chance_of(c, 2))
		add(cmd, "--allow=%s", guards[chance_of(c, 4)]);
	if (chance_of(c, 8) == 0)
		add(cmd, "--keep-partial");
	if (large && both == 0) /* alone: is what a guard says to be the most the most? */
		add(cmd, "--allow=reach");
	if (large)
		wish_one(c, cmd, SIZE_1G);
	if (!large || both > 1)
		wish_one(c, cmd, SIZE_2M);
	if (chance_of(c, 8) == 0)
		add(cmd, "overcommit.2M=%" PRIu64, chance_of(c, limits.pages[0] / 8 + 1));
}

/* ---- the command ------------------------------------------------------------------- */

static int run(const struct command *cmd)
{
	char out[128];
	int status = 0;
	pid_t pid;

	(void)snprintf(out, sizeof(out), "%s/out", scratch);
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		(void)dup2(fd, STDOUT_FILENO);
		(void)dup2(fd, STDERR_FILENO);
		(void)execv(weir, cmd->v);
		_exit(127);
	}
	(void)waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void print_output(void)
{
	char out[128], text[4096];
	FILE *f;
	size_t n;

	(void)snprintf(out, sizeof(out), "%s/out", scratch);
	f = fopen(out, "re");
	(void)puts("output");
	while (f && (n = fread(text, 1, sizeof(text), f)) > 0)
		(void)fwrite(text, 1, n, stdout);
	if (f)
		(void)fclose(f);
	(void)puts("\n.");
}

static int carry_out(const struct command *cmd)
{
	int status;

	print_pools("before");
	(void)printf("command");
	for (unsigned int i = 0; i < cmd->nr; i++)
		(void)printf(" %s", cmd->v[i]);
	status = run(cmd);
	(void)printf("\nstatus %d\n", status);
	print_pools("after");
	print_output();
	return status;
}

static unsigned int count_nodes(void)
{
	unsigned int n = 0;
	char path[128];

	for (;; n++) {
		pool_file(path, SIZE_2M, (int)n, "nr_hugepages");
		if (access(path, F_OK) < 0)
			return n;
	}
}

int main(int argc, char **argv)
{
	struct chance c;
	uint64_t count;
	bool undo = false;

	if (argc != 7)
		return 2;
	weir = argv[1];
	c.state = strtoull(argv[2], NULL, 10) * UINT64_C(0x9e3779b97f4a7c15) + 1;
	count = strtoull(argv[3], NULL, 10);
	limits.pages[0] = strtoull(argv[4], NULL, 10);
	limits.pages[1] = has_size(SIZE_1G) ? strtoull(argv[5], NULL, 10) : 0;
	limits.nodes = count_nodes();
	scratch = argv[6];
	(void)mkdir(scratch, 0700);
	workload_init(scratch);
	for (uint64_t i = 1; i <= count; i++) {
		struct command cmd = { .nr = 0 };
		int status;

		(void)printf("plan %" PRIu64 "\n", i);
		for (uint64_t steps = undo ? 0 : chance_of(&c, 4); steps; steps--)
			workload_step(&c, &limits);
		if (undo) {
			add(&cmd, "weir");
			add(&cmd, "undo");
			add(&cmd, "--json");
			add(&cmd, "--yes");
			add(&cmd, "--state=%s/state", scratch);
		} else {
			wish_all(&c, &cmd);
		}
		status = carry_out(&cmd);
		undo = !undo && status == 0 && chance_of(&c, 4) == 0;
	}
	workload_done();
	(void)puts("end");
	return 0;
}
