/* errors: see errors.h. */
#include "warm/errors.h"

#include "base/own.h"
#include "facts/meminfo.h"
#include "warm/guard.h"

#include <errno.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

#define MEMINFO_MAX 65536U

struct weir_count weir_errors_bytes(const struct weir_host *host)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_meminfo mem = { 0 };

	if (host && weir_host_read(host, "/proc/meminfo", MEMINFO_MAX, &text) == 0)
		(void)weir_meminfo_parse(weir_buf_str(&text), &mem, NULL);
	return mem.hardware_corrupted;
}

struct pages {
	const unsigned char *at;
	uint64_t bytes, page_bytes;
};

/* Before 5.14 the advice is unknown: EINVAL. */
static int touch(void *arg)
{
	const struct pages *p = arg;

	for (uint64_t i = 0; i < p->bytes; i += p->page_bytes)
		(void)*(const volatile unsigned char *)(p->at + i);
	return 0;
}

int weir_errors_look(int fd, uint64_t bytes, uint64_t page_bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	struct pages pages = { .at = at, .bytes = bytes, .page_bytes = page_bytes };
	int r;

	if (at == MAP_FAILED)
		return -errno;
	do
		r = madvise(at, bytes, MADV_POPULATE_READ) < 0 ? -errno : 0;
	while (r == -EINTR || r == -EAGAIN);
	if (r == -EINVAL)
		r = weir_guard(touch, &pages);
	(void)munmap(at, bytes);
	return r;
}
