/* pinners: what fdinfo tells of a ring, and which links pin. */
#include "facts/pinners.h"

#include "fault.h"
#include "test.h"

#include <errno.h>
#include <stdlib.h>

/* 6.18, cut; before 6.13 absent ones have no line */
#define RING                                                       \
	"pos:\t0\nflags:\t02000002\nmnt_id:\t17\nino:\t2317186\n"  \
	"SqMask:\t0x3\nCQEs:\t0\nSqThread:\t-1\nUserFiles:\t1\n"   \
	"    0: /dev/null\nUserBufs:\t3\n"                         \
	"    0: 0x7f31bb1bb000/8192\n    1: <none>\n    2: 0x1000" \
	"/4294967295\nPollList:\n  op=6, task_works=0\nNAPI:\tdisabled\n"

static void ring_has_its_buffers(void **state)
{
	struct weir_pinner p = { 0 };

	(void)state;
	expect_int_eq(weir_ring_buffers_parse(weir_strz(RING), &p), 0);
	expect_u64_eq(p.nr_buffers, 2);
	expect_u64_eq(p.buffers[0].start, 0x7f31bb1bb000);
	expect_u64_eq(p.buffers[0].bytes, 8192);
	expect_u64_eq(p.buffers[1].start, 0x1000);
	expect_u64_eq(p.buffers[1].bytes, UINT32_MAX);
	free(p.buffers);
}

static void ring_that_does_not_tell_is_not_taken_for_an_empty_one(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t nr;
	} cases[] = {
		{ "", WEIR_GARBLED, 0 },
		{ "UserFiles:\t1\n    0: 0x1000/8192\n", WEIR_GARBLED, 0 },
		{ "UserBufs:\t0\n", 0, 0 },
		{ "UserBufs:\t0\n    0: 0x1000/8192\n", 0, 0 },
		{ "UserBufs:\t1\n", WEIR_GARBLED, 0 }, /* busy, before 6.13 */
		{ "UserBufs:\t2\n    0: 0x1000/1\nPollList:\n", WEIR_GARBLED, 1 },
		{ "UserBufs:\tx\n", WEIR_GARBLED, 0 },
		{ "UserBufs:\t1\n    0: 0x/1\n", WEIR_GARBLED, 0 },
		{ "UserBufs:\t1\n    0: 0xg/1\n", WEIR_GARBLED, 0 },
		{ "UserBufs:\t1\n    0: 1000/1\n", WEIR_GARBLED, 0 },
		{ "UserBufs:\t1\n    0: 0x1000\n", WEIR_GARBLED, 0 },
		{ "UserBufs:\t1\n    0: 0x1000/-1\n", WEIR_GARBLED, 0 },
		{ "UserBufs:\t1\n    x: 0x1000/1\n", WEIR_GARBLED, 0 },
		{ "UserBufs:\t1\n    0: 0xffffffffffffffff/2\n", WEIR_GARBLED, 0 },
		{ "UserBufs:\t1\n    0: 0x11111111111111111/2\n", WEIR_GARBLED, 0 },
		{ "UserBufs:\t1\n    0: 0x0/0\n", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_pinner p = { 0 };
		int r = weir_ring_buffers_parse(weir_strz(cases[i].text), &p);

		if (r != cases[i].result || p.nr_buffers != cases[i].nr)
			fail_msg("case %zu: %d and %zu buffers", i, r, p.nr_buffers);
		free(p.buffers);
	}
}

static int parse(void *ctx)
{
	struct weir_pinner p = { 0 };
	int r = weir_ring_buffers_parse(weir_strz(RING), &p);

	(void)ctx;
	free(p.buffers);
	return r;
}

static void ring_without_memory_fails(void **state)
{
	(void)state;
	expect_int_eq(fault_every(parse, NULL), 0);
}

static void links_are_told_by_where_they_lead(void **state)
{
	static const struct {
		const char *target;
		unsigned int by;
	} cases[] = {
		{ "/dev/vfio/12", WEIR_PINS_VFIO },
		{ "/dev/vfio/vfio", WEIR_PINS_VFIO },
		{ "/dev/vfio/devices/vfio0", WEIR_PINS_VFIO },
		{ "anon_inode:[vfio-device]", WEIR_PINS_VFIO },
		{ "/dev/iommu", WEIR_PINS_IOMMUFD },
		{ "/dev/infiniband/uverbs0", WEIR_PINS_RDMA },
		{ "/dev/infiniband/rdma_cm", 0 },
		{ "/dev/vhost-vdpa-0", WEIR_PINS_VDPA },
		{ "/dev/vhost-net", 0 },
		{ "/dev/udmabuf", WEIR_PINS_UDMABUF },
		{ "anon_inode:[io_uring]", WEIR_PINS_IO_URING },
		{ "anon_inode:kvm-vm", 0 },
		{ "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++)
		if (weir_pins_by_link(weir_strz(cases[i].target)) != cases[i].by)
			fail_msg("%s", cases[i].target);
	expect_str(weir_pins_by_word(0), "vfio");
	expect_str(weir_pins_by_word(WEIR_PINS_BY_NR - 1), "io_uring");
	expect_str(weir_pins_by_word(WEIR_PINS_BY_NR), "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ring_has_its_buffers),
		cmocka_unit_test(ring_that_does_not_tell_is_not_taken_for_an_empty_one),
		cmocka_unit_test(ring_without_memory_fails),
		cmocka_unit_test(links_are_told_by_where_they_lead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
