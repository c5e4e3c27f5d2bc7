/* growth: see growth.h.
 *
 * How much came is what the pool has more of afterwards: `weir set` keeps what came in
 * part, and others who change the same pool at the same time are told apart by nothing;
 * then no more than was asked for is taken to be ours. */
#include "daemon/growth.h"

#include "base/buf.h"
#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#define TEXT_MAX_BYTES (256U << 10) /* of weir set --json: 64 nodes take 40 KiB */
#define FILE_MAX_BYTES 65536U
#define WAIT_NS        (UINT64_C(60) * 1000000000)
#define TIMEOUT        "30s"
#define BOOT_ID        "/proc/sys/kernel/random/boot_id"

extern char **environ;

struct weir_growth {
	struct weir_loop *loop;
	char *weir, *path;
	struct weir_growth_calls calls;
	void *ctx;
	char boot_id[40];
	struct weir_grown grown[WEIR_GROWTH_MAX];
	size_t nr_grown;
	/* the change at work */
	pid_t pid; /* 0: none */
	int out;   /* what it says; -1 */
	struct weir_source *source;
	struct weir_buf text;
	struct weir_grown pool; /* pages: as asked */
	bool more;
	bool before_known;
	uint64_t before;
	/* the last that did not do all */
	struct weir_grown last;
	char why[256];
	uint64_t wait_until_ns;
};

/* ---- what was grown ---------------------------------------------------------------- */

static struct weir_grown *find(struct weir_growth *growth, uint64_t page_bytes, int node)
{
	for (size_t i = 0; i < growth->nr_grown; i++)
		if (growth->grown[i].page_bytes == page_bytes &&
		    growth->grown[i].node == node)
			return &growth->grown[i];
	return NULL;
}

uint64_t weir_growth_of(const struct weir_growth *growth, uint64_t page_bytes, int node)
{
	for (size_t i = 0; i < growth->nr_grown; i++)
		if (growth->grown[i].page_bytes == page_bytes &&
		    growth->grown[i].node == node)
			return growth->grown[i].pages;
	return 0;
}

bool weir_growth_has_any(const struct weir_growth *growth)
{
	for (size_t i = 0; i < growth->nr_grown; i++)
		if (growth->grown[i].pages)
			return true;
	return false;
}

static bool parse_line(struct weir_str line, struct weir_grown *out)
{
	struct weir_str rest = line, word, page, node, pages;
	uint64_t n = 0;

	if (!weir_str_word(&rest, &word) || !weir_str_eq(word, "grown") ||
	    !weir_str_word(&rest, &page) || !weir_str_word(&rest, &node) ||
	    !weir_str_word(&rest, &pages) || weir_str_trim(rest).n ||
	    weir_parse_u64(page, &out->page_bytes) < 0 ||
	    weir_parse_u64(pages, &out->pages) < 0)
		return false;
	if (!weir_str_eq(node, "any") && (weir_parse_u64(node, &n) < 0 || n > 1023))
		return false;
	out->node = weir_str_eq(node, "any") ? -1 : (int)n;
	return true;
}

int weir_grown_parse(struct weir_str text, const char *boot_id, struct weir_grown *out,
                     size_t max, size_t *nr)
{
	struct weir_str line, first;
	size_t n = 0;

	*nr = 0;
	if (!weir_str_line(&text, &line) || !weir_str_split(line, '=', &first, &line) ||
	    !weir_str_eq(first, "boot"))
		return -EBADMSG;
	if (!weir_str_eq(line, boot_id))
		return 0; /* of another boot: the pages are gone */
	while (weir_str_line(&text, &line)) {
		if (weir_str_eq(line, "end")) {
			*nr = n;
			return 0;
		}
		if (n == max || !parse_line(line, &out[n++]))
			return -EBADMSG;
	}
	return -EBADMSG; /* not written to its end */
}

static int read_file(const char *path, size_t max, struct weir_buf *out)
{
	weir_auto(weir_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	int r = fd < 0 ? -errno : weir_buf_reserve(out, max);

	if (r < 0)
		return r;
	n = read(fd, out->p, max);
	if (n < 0)
		return -errno;
	out->n = (size_t)n;
	return 0;
}

static void read_boot_id(struct weir_growth *growth)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_str id;

	if (read_file(BOOT_ID, 64, &text) < 0)
		return;
	id = weir_str_trim(weir_buf_str(&text));
	if (id.n < sizeof(growth->boot_id))
		memcpy(growth->boot_id, id.p, id.n);
}

/* A file that cannot be read is none: then nothing is given back. */
static void read_grown(struct weir_growth *growth)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };

	read_boot_id(growth);
	if (read_file(growth->path, FILE_MAX_BYTES, &text) == 0)
		(void)weir_grown_parse(weir_buf_str(&text), growth->boot_id,
		                       growth->grown, WEIR_GROWTH_MAX, &growth->nr_grown);
}

static int format_grown(const struct weir_growth *growth, struct weir_buf *out)
{
	int r = weir_buf_printf(out, "boot=%s\n", growth->boot_id);

	for (size_t i = 0; i < growth->nr_grown && r == 0; i++) {
		const struct weir_grown *g = &growth->grown[i];

		if (!g->pages)
			continue;
		r = g->node < 0
		            ? weir_buf_printf(out, "grown %" PRIu64 " any %" PRIu64 "\n",
		                              g->page_bytes, g->pages)
		            : weir_buf_printf(out, "grown %" PRIu64 " %d %" PRIu64 "\n",
		                              g->page_bytes, g->node, g->pages);
	}
	return r < 0 ? r : weir_buf_addz(out, "end\n");
}

/* Written aside and renamed. When that fails, less is given back one day. */
static void write_grown(const struct weir_growth *growth)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	weir_auto(weir_freep) char *aside = NULL;
	weir_auto(weir_closep) int fd = -1;

	if (format_grown(growth, &text) < 0 ||
	    asprintf(&aside, "%s.new", growth->path) < 0)
		return;
	fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 || write(fd, text.p, text.n) != (ssize_t)text.n || fsync(fd) < 0 ||
	    rename(aside, growth->path) < 0)
		(void)unlink(aside);
}

static void keep_grown(struct weir_growth *growth, uint64_t got)
{
	const struct weir_grown *pool = &growth->pool;
	struct weir_grown *to = find(growth, pool->page_bytes, pool->node);

	if (!to && growth->more && growth->nr_grown < WEIR_GROWTH_MAX) {
		to = &growth->grown[growth->nr_grown++];
		*to = (struct weir_grown){ .page_bytes = pool->page_bytes,
			                   .node = pool->node };
	}
	if (!to || !got)
		return;
	if (growth->more)
		to->pages += got;
	else
		to->pages -= got < to->pages ? got : to->pages;
	write_grown(growth);
}

/* ---- what it says ------------------------------------------------------------------ */

static void copy_text(const json_t *v, char *out, size_t cap)
{
	if (json_is_string(v))
		(void)weir_str_show(weir_str(json_string_value(v), json_string_length(v)),
		                    out, cap);
}

void weir_growth_reason(struct weir_str json, char *out, size_t cap)
{
	json_t *root = json_loadb(json.p, json.n, 0, NULL);
	const json_t *guards = json_object_get(root, "guards");

	out[0] = '\0';
	for (size_t i = 0; i < json_array_size(guards) && !*out; i++) {
		const json_t *guard = json_array_get(guards, i);

		if (json_is_false(json_object_get(guard, "allowed")))
			copy_text(json_object_get(guard, "text"), out, cap);
	}
	if (!*out)
		copy_text(json_object_get(json_object_get(root, "result"), "reason"), out,
		          cap);
	json_decref(root);
}

static void on_said(void *ctx, uint32_t events)
{
	struct weir_growth *growth = ctx;
	ssize_t n;

	(void)events;
	if (growth->text.n >= TEXT_MAX_BYTES ||
	    weir_buf_reserve(&growth->text, 65536) < 0)
		n = 0; /* it says too much: its end is what counts */
	else
		n = read(growth->out, growth->text.p + growth->text.n, 65536);
	if (n > 0) {
		growth->text.n += (size_t)n;
		return;
	}
	weir_source_remove(growth->source);
	growth->source = NULL;
	(void)close(growth->out);
	growth->out = -1;
}

/* ---- a change ---------------------------------------------------------------------- */

bool weir_growth_may(const struct weir_growth *growth)
{
	return !growth->pid && weir_now_ns() >= growth->wait_until_ns;
}

const char *weir_growth_why(const struct weir_growth *growth, uint64_t page_bytes,
                            int node)
{
	return growth->last.page_bytes == page_bytes && growth->last.node == node
	               ? growth->why
	               : "";
}

/* Blocked signals and an ignored SIGPIPE would be the child's too. */
static int spawn(struct weir_growth *growth, char *const *argv, int out)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int r;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)posix_spawn_file_actions_init(&files);
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	(void)posix_spawnattr_setpgroup(&attr, 0);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK |
	                                              POSIX_SPAWN_SETSIGDEF |
	                                              POSIX_SPAWN_SETPGROUP);
	r = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY,
	                                     0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn(&growth->pid, growth->weir, &files, &attr, argv, environ);
	(void)posix_spawn_file_actions_destroy(&files);
	(void)posix_spawnattr_destroy(&attr);
	if (r)
		growth->pid = 0;
	return -r;
}

static int start(struct weir_growth *growth, char *const *argv, struct weir_err *err)
{
	int pipes[2], r;

	if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK) < 0)
		return weir_err_sys(err, -errno, "make a pipe");
	/* the child writes into it as any program does */
	(void)fcntl(pipes[1], F_SETFL, 0);
	r = weir_loop_add(growth->loop, pipes[0], EPOLLIN, on_said, growth,
	                  &growth->source, err);
	if (r == 0) {
		r = spawn(growth, argv, pipes[1]);
		if (r < 0)
			(void)weir_err_sys(err, r, "run '%s'", growth->weir);
	}
	(void)close(pipes[1]);
	if (r < 0) {
		weir_source_remove(growth->source);
		growth->source = NULL;
		(void)close(pipes[0]);
		growth->wait_until_ns = weir_now_ns() + WAIT_NS;
		return r;
	}
	growth->out = pipes[0];
	return 0;
}

int weir_growth_begin(struct weir_growth *growth, const struct weir_grown *pool,
                      bool more, const char *floor, struct weir_err *err)
{
	char wish[96], size[WEIR_SIZE_TEXT_MAX], node[24] = "";
	char words[][16] = { "weir",           "set",       "--yes", "--json",
		             "--keep-partial", "--timeout", TIMEOUT, "--floor" };
	char floor_word[WEIR_SIZE_TEXT_MAX];
	char *argv[12] = { 0 };
	size_t n = 0;
	int r;

	if (growth->pid)
		return weir_err_set(err, -EBUSY, "a change is at work");
	(void)weir_format_size(pool->page_bytes, size, sizeof(size));
	if (pool->node >= 0)
		(void)snprintf(node, sizeof(node), "/node%d", pool->node);
	(void)snprintf(wish, sizeof(wish), "%s%s=%c%" PRIu64, size, node,
	               more ? '+' : '-', pool->pages);
	for (; n < (floor ? 8U : 7U); n++)
		argv[n] = words[n];
	if (floor) {
		(void)snprintf(floor_word, sizeof(floor_word), "%s", floor);
		argv[n++] = floor_word;
	}
	argv[n] = wish;
	weir_buf_done(&growth->text);
	growth->pool = *pool;
	growth->more = more;
	growth->before_known = growth->calls.pages(growth->ctx, pool->page_bytes,
	                                           pool->node, &growth->before);
	r = start(growth, argv, err);
	if (r < 0) {
		growth->last = *pool;
		(void)snprintf(growth->why, sizeof(growth->why), "%s",
		               err ? err->msg : "weir set could not be run");
	}
	return r;
}

static uint64_t what_came(struct weir_growth *growth)
{
	uint64_t now = 0, got = 0;

	if (!growth->before_known ||
	    !growth->calls.pages(growth->ctx, growth->pool.page_bytes, growth->pool.node,
	                         &now))
		return 0;
	if (growth->more && now > growth->before)
		got = now - growth->before;
	else if (!growth->more && now < growth->before)
		got = growth->before - now;
	return got < growth->pool.pages ? got : growth->pool.pages;
}

static void say_why(struct weir_growth *growth, int status)
{
	weir_growth_reason(weir_buf_str(&growth->text), growth->why, sizeof(growth->why));
	if (*growth->why)
		return;
	if (WIFEXITED(status))
		(void)snprintf(growth->why, sizeof(growth->why),
		               "weir set ended with status %d", WEXITSTATUS(status));
	else
		(void)snprintf(growth->why, sizeof(growth->why), "weir set was killed");
}

bool weir_growth_ended(struct weir_growth *growth, pid_t pid, int status)
{
	uint64_t got;

	if (!growth->pid || pid != growth->pid)
		return false;
	growth->pid = 0;
	while (growth->source) /* what it said last */
		on_said(growth, 0);
	got = what_came(growth);
	keep_grown(growth, got);
	growth->why[0] = '\0';
	growth->last = growth->pool;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		say_why(growth, status);
		growth->wait_until_ns = weir_now_ns() + WAIT_NS;
	}
	growth->calls.done(growth->ctx, &growth->pool, growth->more, got, growth->why);
	return true;
}

/* ---- the whole --------------------------------------------------------------------- */

int weir_growth_new(struct weir_loop *loop, const char *weir, const char *path,
                    const struct weir_growth_calls *calls, void *ctx,
                    struct weir_growth **out, struct weir_err *err)
{
	struct weir_growth *growth = calloc(1, sizeof(*growth));

	if (!growth)
		return weir_err_sys(err, -ENOMEM, "watch over growth");
	growth->loop = loop;
	growth->out = -1;
	growth->calls = *calls;
	growth->ctx = ctx;
	growth->weir = strdup(weir);
	growth->path = strdup(path);
	if (!growth->weir || !growth->path) {
		weir_growth_free(growth);
		return weir_err_sys(err, -ENOMEM, "watch over growth");
	}
	read_grown(growth);
	*out = growth;
	return 0;
}

void weir_growth_free(struct weir_growth *growth)
{
	if (!growth)
		return;
	weir_source_remove(growth->source);
	if (growth->out >= 0)
		(void)close(growth->out);
	weir_buf_done(&growth->text);
	free(growth->weir);
	free(growth->path);
	free(growth);
}
