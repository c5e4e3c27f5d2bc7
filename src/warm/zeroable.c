/* zeroable: see zeroable.h. Pages of any node (-1) are not asked for: the kernel has the
 * file for each node, and which of them a fill would use nobody knows. */
#include "warm/zeroable.h"

#include "base/own.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define NUMBER_MAX 32U

static void path_of(uint64_t page_bytes, int node, const char *file, char *out,
                    size_t cap)
{
	(void)snprintf(out, cap,
	               "/sys/devices/system/node/node%d/hugepages/hugepages-%" PRIu64
	               "kB/%s",
	               node, page_bytes / 1024, file);
}

static int read_count(const struct weir_host *host, const char *path,
                      struct weir_count *out)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int r = weir_host_read(host, path, NUMBER_MAX, &text);

	if (r == 0)
		(void)weir_count_parse(weir_str_chomp(weir_buf_str(&text)), out);
	return r == -ENOMEM ? r : 0;
}

int weir_zeroable_read(const struct weir_host *host, uint64_t page_bytes, int node,
                       struct weir_zeroable *out)
{
	struct weir_count free_pages = { 0 };
	char path[128];
	int r;

	*out = (struct weir_zeroable){ 0 };
	if (!host || node < 0)
		return 0;
	path_of(page_bytes, node, "zeroable_hugepages", path, sizeof(path));
	r = read_count(host, path, &out->not_zero);
	if (r < 0 || !out->not_zero.known)
		return r;
	path_of(page_bytes, node, "free_hugepages", path, sizeof(path));
	r = read_count(host, path, &free_pages);
	out->zeroed = weir_count_sub(free_pages, out->not_zero);
	return r;
}

uint64_t weir_zeroable_ask(const struct weir_host *host, uint64_t page_bytes, int node,
                           uint64_t nr)
{
	struct weir_zeroable now;
	char path[128], text[NUMBER_MAX];
	uint64_t lack;
	int n;

	if (weir_zeroable_read(host, page_bytes, node, &now) < 0 || !now.not_zero.known)
		return 0;
	lack = now.zeroed.known && now.zeroed.n < nr ? nr - now.zeroed.n : 0;
	if (lack > now.not_zero.n)
		lack = now.not_zero.n;
	if (!lack)
		return 0;
	path_of(page_bytes, node, "zeroable_hugepages", path, sizeof(path));
	n = snprintf(text, sizeof(text), "%" PRIu64, lack);
	return weir_host_write(host, path, weir_str(text, (size_t)n)) < 0 ? 0 : lack;
}
