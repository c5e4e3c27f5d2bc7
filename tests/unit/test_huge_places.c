/* huge_places: which lines and links are about huge pages. */
#include "facts/huge_places.h"

#include "test.h"

#include "base/own.h"

static struct weir_hugetlbfs mounted[] = {
	{ .major = 0, .minor = 0x1f, .target = (char[]){ "/dev/hugepages" } },
	{ .major = 0, .minor = 0x1e, .target = (char[]){ "/mnt/huge 1G" } },
};
static const struct weir_mounts mounts = { .known = true, .v = mounted, .nr = 2 };

#define MAPS_REST                                                                   \
	"560000000000-560000001000 r-xp 00000000 08:01 12          /usr/bin/qemu\n" \
	"7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0           [stack]\n"
#define MAPS_FILE \
	"7f0000000000-7f0000400000 rw-s 00000000 00:1f 42          /dev/hugepages/a b\n"
#define MAPS_ANON                                                                   \
	"7f1000000000-7f1000400000 rw-p 00000000 00:10 43          /anon_hugepage " \
	"(deleted)\n"
#define MAPS_MEMFD                                                              \
	"7f2000000000-7f2000400000 rw-s 00000000 00:11 44          /memfd:ram " \
	"(deleted)\n"

static void maps_filter_keeps_devices_and_names(void **state)
{
	static const struct {
		const char *line;
		bool kept;
	} cases[] = {
		{ MAPS_FILE, true },
		{ MAPS_ANON, true },
		{ MAPS_MEMFD, true },
		{ "0-1 rw-s 0 0:11 1 /SYSV00000000 (deleted)\n", true },
		{ "0-1 rw-s 0 00:1e 1 /somewhere/else\n", true },
		{ "0-1 rw-s 0 01:1f 1 /dev/shm/x\n", false },
		{ "0-1 rw-s 0 00:99 1 /memfd:ordinary (deleted)\n", false },
		{ "0-1 rw-s 0 00:12 1 /dev/hugepages/x\n", false }, /* another's mount */
		{ "0-1 rw-p 0 00:00 0 [anon:/memfd:x]\n", false },
		{ "0-1 rw-p 0 00:00 0\n", false },
		{ "0-1 rw-s 0 zz:1f 1 /memfd:x\n", false },
		{ "0-1 rw-s 0 1f 1 /memfd:x\n", false },
		{ "0-1 rw-s 0 00:1f\n", false }, /* cut off */
		{ "\n", false },
		{ MAPS_REST, false },
	};
	struct weir_huge_places places;

	(void)state;
	expect_int_eq(weir_huge_places_init(&places, &mounts), 0);
	expect_int_eq(weir_huge_places_learn(&places, 0x99, false), 0);
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		weir_auto(weir_buf_done) struct weir_buf out = { 0 };

		expect_int_eq(weir_maps_filter(weir_strz(cases[i].line), &places, &out),
		              0);
		expect_text(weir_buf_str(&out), cases[i].kept ? cases[i].line : "");
	}
	weir_huge_places_done(&places);
}

static void numa_maps_filter_keeps_what_says_huge(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf out = { 0 };
	const char *text =
		"7f00 default file=/dev/huge\\040x mapped=1 N0=1\n"
		"7f10 default file=/anon_hugepage\\040(deleted) huge\n"
		"7f20 bind:1 file=/a huge dirty=2 N1=2 kernelpagesize_kB=2048\n"
		"7f30 default huge2 N0=1\n7f40 default heap";

	(void)state;
	expect_int_eq(weir_numa_maps_filter(weir_strz(text), &out), 0);
	expect_text(weir_buf_str(&out),
	            "7f10 default file=/anon_hugepage\\040(deleted) huge\n"
	            "7f20 bind:1 file=/a huge dirty=2 N1=2 kernelpagesize_kB=2048\n");
}

static void places_are_below_a_mount_not_beside_it(void **state)
{
	static const struct {
		const char *path;
		bool huge, matters;
	} cases[] = {
		{ "/dev/hugepages/libvirt/qemu/1-web", true, true },
		{ "/mnt/huge 1G/x (deleted)", true, true },
		{ "/dev/hugepages", false, false },
		{ "/dev/hugepages2/x", false, false },
		{ "/dev/huge/x", false, false },
		{ "/memfd:x (deleted)", true, true },
		{ "/anon_hugepage (deleted)", true, true },
		{ "/dev/kvm", false, true },
		{ "/dev/vfio/12", false, true },
		{ "/dev/vhost-net", false, true },
		{ "anon_inode:kvm-vm", false, true },
		{ "anon_inode:[io_uring]", false, true },
		{ "socket:[1]", false, false },
		{ "/", false, false },
		{ "", false, false },
	};
	struct weir_huge_places places;

	(void)state;
	expect_int_eq(weir_huge_places_init(&places, &mounts), 0);
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_str path = weir_strz(cases[i].path);

		if (weir_huge_places_has(&places, path) != cases[i].huge ||
		    weir_task_link_matters(&places, path) != cases[i].matters)
			fail_msg("%s", cases[i].path);
	}
	/* longer than the target that it equals up to a NUL */
	assert_false(weir_huge_places_has(&places, weir_str("/dev/hugepages\0\0/x", 18)));
	weir_huge_places_done(&places);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_filter_keeps_devices_and_names),
		cmocka_unit_test(numa_maps_filter_keeps_what_says_huge),
		cmocka_unit_test(places_are_below_a_mount_not_beside_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
