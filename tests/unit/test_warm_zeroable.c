/* Pages that the kernel zeroes while they are free: what is read of a kernel that can,
 * and of one that cannot; what is asked. */
#include "warm/zeroable.h"

#include "base/buf.h"
#include "fault.h"
#include "test.h"

#include <errno.h>

#define DIR "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/"
#define M2  (UINT64_C(2) << 20)

struct kernel { /* NULL: no such file */
	const char *not_zero, *free_pages;
	int write_error;
	char path[128], written[32];
};

static int kernel_read(void *ctx, const char *path, size_t max, struct weir_buf *out)
{
	const struct kernel *k = ctx;
	const char *text = NULL;

	(void)max;
	if (strcmp(path, DIR "zeroable_hugepages") == 0)
		text = k->not_zero;
	if (strcmp(path, DIR "free_hugepages") == 0)
		text = k->free_pages;
	out->n = 0;
	return text ? weir_buf_addz(out, text) : -ENOENT;
}

static int kernel_write(void *ctx, const char *path, struct weir_str text)
{
	struct kernel *k = ctx;

	(void)snprintf(k->path, sizeof(k->path), "%s", path);
	(void)snprintf(k->written, sizeof(k->written), "%.*s", WEIR_STR_ARG(text));
	return k->write_error;
}

static const struct weir_host_ops ops = { .read = kernel_read, .write = kernel_write };

static void zeroable_pages_are_asked_for_where_the_kernel_can(void **unused)
{
	static const struct {
		struct kernel kernel;
		int node;
		uint64_t want, zeroed, got;
		bool known;
		const char *written;
	} cases[] = {
		{ { NULL, "8\n", 0, "", "" }, 1, 4, 0, 0, false, "" },
		{ { "frog\n", "8\n", 0, "", "" }, 1, 4, 0, 0, false, "" },
		{ { "8\n", "8\n", 0, "", "" }, -1, 4, 0, 0, false, "" },
		{ { "8\n", "8\n", 0, "", "" }, 2, 4, 0, 0, false, "" },
		{ { "8\n", "8\n", 0, "", "" }, 1, 4, 0, 4, true, "4" },
		{ { "6\n", "8\n", 0, "", "" }, 1, 4, 2, 2, true, "2" },
		{ { "6\n", "8\n", 0, "", "" }, 1, 99, 2, 6, true, "6" },
		{ { "4\n", "8\n", 0, "", "" }, 1, 4, 4, 0, true, "" },
		{ { "0\n", "8\n", 0, "", "" }, 1, 99, 8, 0, true, "" },
		{ { "6\n", "8\n", -EINVAL, "", "" }, 1, 4, 2, 0, true, "2" },
	};

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct kernel kernel = cases[i].kernel;
		const struct weir_host host = { &ops, &kernel };
		struct weir_zeroable got;

		expect_int_eq(weir_zeroable_read(&host, M2, cases[i].node, &got), 0);
		if (got.zeroed.known != cases[i].known || got.zeroed.n != cases[i].zeroed)
			fail_msg("case %zu: %" PRIu64 " are zeroed", i, got.zeroed.n);
		expect_u64_eq(weir_zeroable_ask(&host, M2, cases[i].node, cases[i].want),
		              cases[i].got);
		expect_str(kernel.written, cases[i].written);
		if (*kernel.written)
			expect_str(kernel.path, DIR "zeroable_hugepages");
	}
	/* more free ones than there are is what a moving counter may say */
	{
		struct kernel kernel = { .not_zero = "9\n", .free_pages = "8\n" };
		const struct weir_host host = { &ops, &kernel };

		expect_u64_eq(weir_zeroable_ask(&host, M2, 1, 4), 0);
		expect_u64_eq(weir_zeroable_ask(NULL, M2, 1, 4), 0);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(zeroable_pages_are_asked_for_where_the_kernel_can),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
