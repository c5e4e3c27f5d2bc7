/* weird: the daemon's options. See weird(8). */
#include "base/own.h"
#include "base/size.h"
#include "daemon/daemon.h"
#include "host/fd.h"
#include "warm/files.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

#define WARM_DIR "/run/weir/warm"

enum {
	OPT_DIR = 256,
	OPT_STATE,
	OPT_SOCKET,
	OPT_WEIR,
	OPT_FOREGROUND,
	OPT_CHECK,
	OPT_MOUNT,
	OPT_RELEASE_ALL,
};

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "dir", required_argument, NULL, OPT_DIR },
	{ "state", required_argument, NULL, OPT_STATE },
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "weir", required_argument, NULL, OPT_WEIR },
	{ "foreground", no_argument, NULL, OPT_FOREGROUND },
	{ "check-config", no_argument, NULL, OPT_CHECK },
	{ "mount", no_argument, NULL, OPT_MOUNT },
	{ "release-all", no_argument, NULL, OPT_RELEASE_ALL },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

enum mode { RUN, CHECK, MOUNT, RELEASE_ALL };

static int flushed(int status)
{
	return fflush(stdout) == 0 ? status : EXIT_FAILED;
}

static int help(void)
{
	(void)fputs(
		"Usage: weird [OPTION]...\n\n"
		"Keeps huge pages zeroed ahead of their use, and leases them. Runs in "
		"the\nforeground, and tells of itself on stderr.\n\n"
		"  -c, --config FILE  (default " WEIR_CONF_PATH ")\n"
		"      --dir DIR      where its hugetlbfs are (default " WARM_DIR ")\n"
		"      --state FILE   (default " WEIR_WARM_STATE ")\n"
		"      --socket PATH  where it listens, whatever the configuration "
		"says\n"
		"      --weir PATH    the program that changes pools (default weir)\n"
		"      --check-config say whether the configuration is right, and "
		"end\n"
		"      --mount        mount what the configuration asks for, and end\n"
		"      --release-all  give back all that is not leased, unmount, and "
		"end\n"
		"      --foreground   what it does anyway\n"
		"  -h, --help         this help\n"
		"  -V, --version      the version\n\n"
		"SIGHUP: reads its configuration again. SIGTERM: ends, and leaves "
		"leases and\nfiles as they are. See weird(8).\n",
		stdout);
	return flushed(EXIT_SUCCESS);
}

__attribute__((format(printf, 1, 2))) static int fail(const char *fmt, ...)
{
	va_list ap;

	(void)fputs("weird: ", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputs("\n", stderr);
	return EXIT_FAILED;
}

static int usage(void)
{
	(void)fputs("Try 'weird --help'.\n", stderr);
	return EXIT_USAGE;
}

/* ---- what it does ------------------------------------------------------------------ */

static int run(const struct weir_daemon_options *options)
{
	struct weir_daemon *d = calloc(1, sizeof(*d));
	struct weir_err err = { 0 };
	int r;

	if (!d)
		return fail("no memory");
	r = weir_daemon_init(d, options, &err);
	if (r == 0)
		r = weir_daemon_run(d, &err);
	weir_daemon_done(d);
	free(d);
	return r < 0 ? fail("%s", err.msg) : EXIT_SUCCESS;
}

static int check(const struct weir_daemon_options *options)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_conf conf = { 0 };
	struct weir_err err = { 0 };
	struct weir_events log;
	int r;

	weir_events_init(&log, NULL);
	r = weir_daemon_read_conf(options, &log, &conf, &err);
	if (r < 0)
		return fail("%s", err.msg);
	r = weir_conf_format(&conf, &text);
	if (r == 0 && text.n)
		(void)fwrite(text.p, 1, text.n, stdout);
	weir_conf_done(&conf);
	return r < 0 ? fail("no memory") : flushed(EXIT_SUCCESS);
}

static int release_all(const struct weir_daemon_options *options)
{
	const struct weir_store_options store_options = {
		.dir = options->dir, .state_path = options->state_path
	};
	struct weir_store *store = NULL;
	struct weir_err err = { 0 };
	int r = weir_store_open(&store_options, &store, &err);

	if (r == 0)
		r = weir_store_empty(store, &err);
	weir_store_free(store);
	return r < 0 ? fail("%s", err.msg) : EXIT_SUCCESS;
}

static bool has_size(uint64_t page_bytes)
{
	char path[80];

	(void)snprintf(path, sizeof(path),
	               "/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB",
	               page_bytes / 1024);
	return access(path, F_OK) == 0;
}

/* Only that: for who starts weird where its mounts are not seen from outside (systemd's
 * sandboxes). It may run beside a weird. */
static int mount_sizes(const struct weir_daemon_options *options,
                       const struct weir_conf *conf, struct weir_err *err)
{
	weir_auto(weir_closep) int root = weir_files_root(options->dir, err);
	int r = root < 0 ? root : 0;

	for (size_t i = 0; i < conf->nr_warm && r == 0; i++) {
		struct weir_files_dir dir = { .fd = -1 };

		if (!has_size(conf->warm[i].page_bytes)) { /* weird says so, too */
			(void)fail("this host has no pages of %" PRIu64 " kB",
			           conf->warm[i].page_bytes / 1024);
			continue;
		}
		r = weir_files_open(root, options->dir, conf->warm[i].page_bytes, false,
		                    true, &dir, err);
		weir_closep(&dir.fd);
	}
	return r;
}

static int mount_all(const struct weir_daemon_options *options)
{
	struct weir_conf conf = { 0 };
	struct weir_err err = { 0 };
	struct weir_events log;
	int r;

	weir_events_init(&log, NULL);
	r = weir_daemon_read_conf(options, &log, &conf, &err);
	if (r == 0)
		r = mount_sizes(options, &conf, &err);
	weir_conf_done(&conf);
	return r < 0 ? fail("%s", err.msg) : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct weir_daemon_options options = {
		.conf_path = WEIR_CONF_PATH,
		.conf_may_lack = true,
		.dir = WARM_DIR,
		.state_path = WEIR_WARM_STATE,
		.weir = WEIR_BINDIR "/weir",
		.cgroup_root = WEIR_CGROUP_ROOT,
	};
	enum mode mode = RUN;
	int c;

	weir_fd_keep_standard();
	while ((c = getopt_long(argc, argv, "c:hV", long_options, NULL)) != -1) {
		switch (c) {
		case 'c':
			options.conf_path = optarg;
			options.conf_may_lack = false;
			break;
		case OPT_DIR: options.dir = optarg; break;
		case OPT_STATE: options.state_path = optarg; break;
		case OPT_SOCKET: options.socket_path = optarg; break;
		case OPT_WEIR: options.weir = optarg; break;
		case OPT_FOREGROUND: break;
		case OPT_CHECK: mode = CHECK; break;
		case OPT_MOUNT: mode = MOUNT; break;
		case OPT_RELEASE_ALL: mode = RELEASE_ALL; break;
		case 'h': return help();
		case 'V': (void)puts("weird " WEIR_VERSION); return flushed(EXIT_SUCCESS);
		default: return usage();
		}
	}
	if (optind < argc) {
		(void)fail("'%s' is too much", argv[optind]);
		return usage();
	}
	json_object_seed(0); /* a secret one: keys come from strangers */
	switch (mode) {
	case CHECK: return check(&options);
	case MOUNT: return mount_all(&options);
	case RELEASE_ALL: return release_all(&options);
	case RUN: break;
	}
	return run(&options);
}
