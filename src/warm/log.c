/* log: see log.h. A base is due when what is behind it is longer than it is itself, so
 * that over time writing bases costs no more than writing changes, and a reader never
 * reads more than twice what it must. */
#include "warm/log.h"

#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define CHANGES_MIN 65536U /* of an almost empty store: some hundred changes */

void weir_log_init(struct weir_log *log, const char *path)
{
	*log = (struct weir_log){ .path = path, .fd = -1, .torn = true };
}

void weir_log_done(struct weir_log *log)
{
	if (log->fd >= 0)
		(void)close(log->fd);
	log->fd = -1;
}

bool weir_log_is_due(const struct weir_log *log)
{
	return log->fd < 0 || log->torn ||
	       log->bytes - log->base_bytes > log->base_bytes + CHANGES_MIN;
}

static int write_at(int fd, struct weir_str text, uint64_t at)
{
	while (text.n) {
		ssize_t n = pwrite(fd, text.p, text.n, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text = weir_str_skip(text, (size_t)n);
		at += (uint64_t)n;
	}
	return 0;
}

/* The directory, so that the new name is on disk too. */
static int sync_parent(const char *path)
{
	weir_auto(weir_freep) char *parent = strdup(path);
	weir_auto(weir_closep) int fd = -1;
	char *slash = parent ? strrchr(parent, '/') : NULL;

	if (!parent)
		return -ENOMEM;
	if (slash)
		slash[slash == parent] = '\0';
	fd = open(slash ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* A new file at @aside with all of @text; its descriptor. */
static int write_aside(const char *aside, struct weir_str text, bool sync)
{
	int fd, r;

	(void)unlink(aside);
	fd = open(aside, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	r = write_at(fd, text, 0);
	if (r == 0 && (fchmod(fd, 0644) < 0 || (sync && fsync(fd) < 0)))
		r = -errno;
	if (r < 0)
		(void)close(fd);
	return r < 0 ? r : fd;
}

int weir_log_base(struct weir_log *log, struct weir_str text, struct weir_err *err)
{
	bool first = log->fd < 0;
	char aside[4096];
	int n = snprintf(aside, sizeof(aside), "%s.new", log->path), fd, r = 0;

	if (n < 0 || (size_t)n >= sizeof(aside))
		return weir_err_set(err, -ENAMETOOLONG, "'%s' is too long", log->path);
	log->writes++;
	fd = write_aside(aside, text, first);
	if (fd >= 0 && rename(aside, log->path) < 0) {
		r = -errno;
		(void)close(fd);
		fd = r;
	}
	if (fd < 0) {
		(void)unlink(aside);
		return weir_err_sys(err, fd, "write '%s'", log->path);
	}
	/* what counts is the new one from now on, whatever happens to the sync */
	weir_log_done(log);
	log->fd = fd;
	log->base_bytes = log->bytes = text.n;
	r = first ? sync_parent(log->path) : 0;
	log->torn = r < 0;
	return r < 0 ? weir_err_sys(err, r, "sync the directory of '%s'", log->path) : 0;
}

int weir_log_change(struct weir_log *log, struct weir_str text, struct weir_err *err)
{
	int r = write_at(log->fd, text, log->bytes);

	log->writes++;
	if (r == 0) {
		log->bytes += text.n;
		return 0;
	}
	if (ftruncate(log->fd, (off_t)log->bytes) < 0)
		log->torn = true;
	return weir_err_sys(err, r, "write '%s'", log->path);
}
