/* live: the machine that weir runs on.
 *
 * Every path is opened below one descriptor of "/". Links are followed: sysfs is made of
 * them, and this tree is the kernel's own. The texts under "/@" are made here from the
 * system calls that they stand for. */
#include "host/contig.h"
#include "host/fd.h"
#include "host/frames.h"
#include "host/poolpages.h"

#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/klog.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

struct live {
	int root;
	int proc; /* -1, or "/proc", where most of the paths lead */
};

static const char *below_root(const char *path)
{
	while (*path == '/')
		path++;
	return *path ? path : ".";
}

/* The directory to look @path up in, which begins at the root; and its rest. */
static int where(const struct live *live, const char **path)
{
	static const char proc[] = "proc/";

	*path = below_root(*path);
	if (live->proc < 0 || strncmp(*path, proc, sizeof(proc) - 1) != 0)
		return live->root;
	*path = below_root(*path + sizeof(proc) - 1);
	return live->proc;
}

static int text_pagesize(const struct live *live, const char *path, struct weir_buf *out)
{
	(void)live;
	(void)path;
	return weir_buf_printf(out, "%ld\n", sysconf(_SC_PAGESIZE));
}

static int text_klog(const struct live *live, const char *path, struct weir_buf *out)
{
	enum { READ_ALL = 3, SIZE_BUFFER = 10 }; /* syslog(2) names no constants */
	int size = klogctl(SIZE_BUFFER, NULL, 0);
	int n, r;

	(void)live;
	(void)path;
	if (size < 0)
		return -errno;
	r = weir_buf_reserve(out, (size_t)size);
	if (r < 0)
		return r;
	n = klogctl(READ_ALL, out->p, size);
	if (n < 0)
		return -errno;
	out->n = (size_t)n;
	out->p[n] = '\0';
	return 0;
}

static int text_statfs(const struct live *live, const char *path, struct weir_buf *out)
{
	int dir = where(live, &path);
	weir_auto(weir_closep) int fd = openat(dir, path, O_PATH | O_CLOEXEC);
	struct statfs st;

	if (fd < 0 || fstatfs(fd, &st) < 0)
		return -errno;
	return weir_buf_printf(out,
	                       "type %jx\nbsize %ju\nblocks %ju\nbfree %ju\nbavail %ju\n"
	                       "files %ju\nffree %ju\n",
	                       (uintmax_t)(unsigned long)st.f_type, (uintmax_t)st.f_bsize,
	                       (uintmax_t)st.f_blocks, (uintmax_t)st.f_bfree,
	                       (uintmax_t)st.f_bavail, (uintmax_t)st.f_files,
	                       (uintmax_t)st.f_ffree);
}

static const char *type_word(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG: return "file";
	case S_IFDIR: return "directory";
	case S_IFLNK: return "link";
	case S_IFCHR: return "char";
	case S_IFBLK: return "block";
	case S_IFIFO: return "fifo";
	default: return "socket";
	}
}

static int text_of_stat(const struct live *live, const char *path, int flags,
                        struct weir_buf *out)
{
	int dir = where(live, &path);
	struct stat st;

	if (fstatat(dir, path, &st, flags) < 0)
		return -errno;
	return weir_buf_printf(
		out,
		"type %s\nmode %04o\nuid %u\ngid %u\nsize %jd\nblocks %jd\n"
		"dev %u:%u\nino %ju\nnlink %ju\nmtime %jd\n",
		type_word(st.st_mode), (unsigned int)(st.st_mode & 07777), st.st_uid,
		st.st_gid, (intmax_t)st.st_size, (intmax_t)st.st_blocks, major(st.st_dev),
		minor(st.st_dev), (uintmax_t)st.st_ino, (uintmax_t)st.st_nlink,
		(intmax_t)st.st_mtim.tv_sec);
}

static int text_stat(const struct live *live, const char *path, struct weir_buf *out)
{
	return text_of_stat(live, path, AT_SYMLINK_NOFOLLOW, out);
}

static int text_file(const struct live *live, const char *path, struct weir_buf *out)
{
	return text_of_stat(live, path, 0, out);
}

static int text_link(const struct live *live, const char *path, struct weir_buf *out)
{
	enum { LINK_MAX_BYTES = 4096 }; /* PATH_MAX: the kernel gives no longer link */
	ssize_t n;
	int dir = where(live, &path);
	int r = weir_buf_reserve(out, LINK_MAX_BYTES);

	if (r < 0)
		return r;
	n = readlinkat(dir, path, out->p, LINK_MAX_BYTES);
	if (n < 0)
		return -errno;
	out->n = (size_t)n;
	out->p[n] = '\0';
	return 0;
}

static int text_poolpages(const struct live *live, const char *path, struct weir_buf *out)
{
	(void)path;
	return weir_poolpages_text(live->root, out);
}

static int text_contig(const struct live *live, const char *path, struct weir_buf *out)
{
	uint64_t size_bytes;

	if (weir_parse_u64(weir_strz(path), &size_bytes) < 0)
		return -ENOENT;
	return weir_contig_text(live->root, size_bytes, out);
}

/* "PID/START-END/SIZE": from the process's pagemap (Documentation/admin-guide/mm/
 * pagemap.rst), of which one entry a huge page is read. */
static int text_frames(const struct live *live, const char *path, struct weir_buf *out)
{
	struct weir_str rest = weir_strz(path), pid, range, start_part, end_part;
	uint64_t start, end, size, nr, base = (uint64_t)sysconf(_SC_PAGESIZE);
	weir_auto(weir_closep) int fd = -1;
	char name[64];

	if (!weir_str_cut(&rest, '/', &pid) || weir_parse_u64(pid, &nr) < 0 ||
	    !weir_str_cut(&rest, '/', &range) ||
	    !weir_str_split(range, '-', &start_part, &end_part) ||
	    weir_parse_hex(start_part, &start) < 0 ||
	    weir_parse_hex(end_part, &end) < 0 || weir_parse_u64(rest, &size) < 0 ||
	    size < base || start >= end)
		return -ENOENT;
	(void)snprintf(name, sizeof(name), "proc/%" PRIu64 "/pagemap", nr);
	fd = openat(live->root, name, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : weir_frames_text(fd, start, end, size, base, out);
}

static const struct {
	const char *prefix;
	const char *suffix;
	int (*text)(const struct live *live, const char *path, struct weir_buf *out);
} texts[] = {
	{ "/@/pagesize", "", text_pagesize }, { "/@/klog", "", text_klog },
	{ "/@/statfs/", "/@", text_statfs },  { "/@/stat/", "/@", text_stat },
	{ "/@/file/", "/@", text_file },      { "/@/frames/", "", text_frames },
	{ "/@/link/", "", text_link },        { "/@/poolpages", "", text_poolpages },
	{ "/@/contig/", "", text_contig },
};

/* The PATH in "/@/call/PATH": what stands between prefix and suffix of one of the texts;
 * false when @path is not one of its kind. */
static bool text_path(size_t i, struct weir_str path, struct weir_str *out)
{
	size_t around = strlen(texts[i].prefix) + strlen(texts[i].suffix);
	bool takes_path = weir_str_ends(weir_strz(texts[i].prefix), "/");

	if (path.n < around || !weir_str_starts(path, texts[i].prefix) ||
	    !weir_str_ends(path, texts[i].suffix) || (!takes_path && path.n > around))
		return false;
	*out = weir_str(path.p + strlen(texts[i].prefix), path.n - around);
	return true;
}

static int live_text(const struct live *live, size_t i, struct weir_str path, size_t max,
                     struct weir_buf *out)
{
	weir_auto(weir_freep) char *of = NULL;
	const char *asked = path.p; /* what no suffix follows ends as it is */
	int r;

	if (path.p[path.n]) {
		of = strndup(path.p, path.n);
		asked = of;
	}
	r = asked ? texts[i].text(live, below_root(asked), out) : -ENOMEM;
	if (r == 0 && out->n > max)
		out->n = max, r = -EFBIG;
	return r;
}

/* The status of a process is one record, which seq_file hands out whole where the buffer
 * has room (fs/proc/base.c, proc_single_open(); fs/seq_file.c, seq_read_iter(), v6.6). */
static bool is_status(const char *path)
{
	return strncmp(path, "/proc/", 6) == 0 && weir_is_digit(path[6]) &&
	       weir_str_ends(weir_strz(path), "/status");
}

/* An attribute of sysfs and a sysctl hand out all they have at the first read, up to a
 * page (fs/sysfs/file.c, fs/proc/proc_sysctl.c, v6.6). Other files may stop anywhere. */
static bool is_attribute(const char *path)
{
	static const char *const below[] = { "/sys/kernel/mm/", "/sys/devices/system/",
		                             "/sys/module/", "/proc/sys/" };

	for (size_t i = 0; i < WEIR_NELEM(below); i++)
		if (strncmp(path, below[i], strlen(below[i])) == 0)
			return true;
	return false;
}

static int live_read(void *ctx, const char *path, size_t max, struct weir_buf *out)
{
	const struct live *live = ctx;
	weir_auto(weir_closep) int fd = -1;
	const char *rest = path;
	struct weir_str of;
	int dir;

	for (size_t i = 0; strncmp(path, "/@/", 3) == 0 && i < WEIR_NELEM(texts); i++)
		if (text_path(i, weir_strz(path), &of))
			return live_text(live, i, of, max, out);
	dir = where(live, &rest);
	fd = openat(dir, rest, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	return weir_fd_read(fd, max, is_status(path) || is_attribute(path), out);
}

static int live_write(void *ctx, const char *path, struct weir_str text)
{
	const struct live *live = ctx;
	weir_auto(weir_closep) int fd = openat(live->root, below_root(path),
	                                       O_WRONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text.p, text.n);
	if (n < 0)
		return -errno;
	return (size_t)n == text.n ? 0 : -EIO; /* kernel files take a write whole */
}

static int live_list(void *ctx, const char *path, struct weir_names *out)
{
	const struct live *live = ctx;
	int dir = where(live, &path);
	int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : weir_fd_list(fd, out);
}

static uint64_t live_now_ns(void *ctx)
{
	struct timespec now;

	(void)ctx;
	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void live_free(void *ctx)
{
	struct live *live = ctx;

	(void)close(live->root);
	if (live->proc >= 0)
		(void)close(live->proc);
	free(live);
}

static const struct weir_host_ops live_ops = {
	.read = live_read,
	.write = live_write,
	.list = live_list,
	.now_ns = live_now_ns,
	.free = live_free,
};

int weir_live_new(struct weir_host **out, struct weir_err *err)
{
	struct live *live = malloc(sizeof(*live));
	int r;

	if (!live)
		return weir_err_sys(err, -ENOMEM, "open this machine");
	live->root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (live->root < 0) {
		r = weir_err_sys(err, -errno, "open '/'");
		free(live);
		return r;
	}
	live->proc = openat(live->root, "proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = weir_host_new(&live_ops, live, out);
	return r < 0 ? weir_err_sys(err, r, "open this machine") : 0;
}
