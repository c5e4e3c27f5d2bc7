/* pins: the file of a measurement, written and read; what of it is not taken. */
#include "facts/pins.h"

#include "fake_host.h"
#include "fault.h"
#include "test.h"

#include <errno.h>

#define HEAD                                                                     \
	"weir-pins 1\nrelease 6.12.41\nboot_id 5f0f2d9e\ntime_ns 7\nsize_bytes " \
	"2097152\n"
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static void pins_are_written_as_they_are_read(void **state)
{
	static const char text[] = HEAD "cma touched moved 0 Normal\n"
					"cma untouched refused EFAULT\n"
					"movable touched in-place 12 Movable cma\n"
					"movable untouched killed\n";
	weir_auto(weir_buf_done) struct weir_buf again = { 0 };
	struct weir_pins pins;

	(void)state;
	expect_int_eq(weir_pins_parse(weir_strz(text), &pins, NULL), 0);
	assert_true(pins.known);
	expect_str(pins.release, "6.12.41");
	expect_str(pins.boot_id, "5f0f2d9e");
	expect_u64_eq(pins.at_ns, 7);
	expect_u64_eq(pins.size_bytes, 2 << 20);
	expect_int_eq(pins.results[WEIR_PIN_CMA][WEIR_PIN_TOUCHED].outcome,
	              WEIR_PIN_MOVED);
	expect_str(pins.results[WEIR_PIN_CMA][WEIR_PIN_TOUCHED].to.zone, "Normal");
	expect_int_eq(pins.results[WEIR_PIN_CMA][WEIR_PIN_UNTOUCHED].error, EFAULT);
	expect_u64_eq(pins.results[WEIR_PIN_MOVABLE][WEIR_PIN_TOUCHED].to.node, 12);
	assert_true(pins.results[WEIR_PIN_MOVABLE][WEIR_PIN_TOUCHED].to.cma);
	expect_int_eq(weir_pins_format(&pins, &again), 0);
	expect_str(again.p, text);
}

static void pins_good_and_bad_files(void **state)
{
	static const struct {
		const char *text;
		int result;
	} cases[] = {
		{ HEAD, 0 },
		{ HEAD "later word\nalone\n\n", 0 },
		{ HEAD "movable touched moved 0 ?\n", 0 },
		{ HEAD "movable touched hung\n", 0 },
		{ "", WEIR_GARBLED },
		{ "weir-pins 2\nrelease 6\nboot_id 5\n", WEIR_GARBLED },
		{ "weir-pins 1\nrelease 6\n", WEIR_GARBLED }, /* of which boot? */
		{ "weir-pins 1\nboot_id 5\n", WEIR_GARBLED },
		{ HEAD "cma touched moved 0 Normal", WEIR_GARBLED }, /* cut off */
		{ HEAD "cma touched moved 0\n", WEIR_GARBLED },
		{ HEAD "cma touched moved 1024 Normal\n", WEIR_GARBLED },
		{ HEAD "cma touched moved 0 Normal cmb\n", WEIR_GARBLED },
		{ HEAD "cma touched moved 0 Normal cma x\n", WEIR_GARBLED },
		{ HEAD "cma touched moved 0 ANameThatIsTooLong\n", WEIR_GARBLED },
		{ HEAD "cma touched refused\n", WEIR_GARBLED },
		{ HEAD "cma touched refused ENOTHING\n", WEIR_GARBLED },
		{ HEAD "cma touched unmeasured\n", WEIR_GARBLED },
		{ HEAD "cma touched vanished\n", WEIR_GARBLED },
		{ HEAD "cma sometimes hung\n", WEIR_GARBLED },
		{ HEAD "cma touched hung\ncma touched hung\n", WEIR_GARBLED },
		{ HEAD "time_ns 8\n", WEIR_GARBLED },
		{ HEAD "release 6.1\n", WEIR_GARBLED },
		{ "weir-pins 1\nrelease 6\nboot_id 5\ntime_ns -1\n", WEIR_GARBLED },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_pins pins;
		struct weir_err err = { 0 };
		int r = weir_pins_parse(weir_strz(cases[i].text), &pins, &err);

		if (r != cases[i].result)
			fail_msg("'%s' is %d", cases[i].text, r);
		assert_true(pins.known == (r == 0));
		assert_true((r != 0) == (err.msg[0] != '\0'));
	}
}

static void pins_of_this_boot_are_taken_and_others_are_gaps(void **state)
{
	static const struct {
		const char *release, *boot_id; /* of the host; NULL: not known */
		struct fake_file file;
		bool known;
		enum weir_gap_kind gap;
		const char *why;
	} cases[] = {
		{ "6.12.41", "5f0f2d9e\n", { WEIR_PINS_PATH, HEAD }, true, 0, NULL },
		{ "6.12.42",
		  "5f0f2d9e\n",
		  { WEIR_PINS_PATH, HEAD },
		  false,
		  WEIR_GAP_MALFORMED,
		  "measured on kernel 6.12.41: run 'weir probe pins' again" },
		{ NULL,
		  "5f0f2d9e\n",
		  { WEIR_PINS_PATH, HEAD },
		  false,
		  WEIR_GAP_MALFORMED,
		  "measured on kernel 6.12.41: run 'weir probe pins' again" },
		{ "6.12.41",
		  "5f0f2d9f\n",
		  { WEIR_PINS_PATH, HEAD },
		  false,
		  WEIR_GAP_MALFORMED,
		  "measured before this boot: run 'weir probe pins' again" },
		{ "6.12.41",
		  NULL,
		  { WEIR_PINS_PATH, HEAD },
		  false,
		  WEIR_GAP_MALFORMED,
		  "of which boot it is cannot be told" },
		{ "6.12.41",
		  "5f0f2d9e\n",
		  { WEIR_PINS_PATH, "x\n" },
		  false,
		  WEIR_GAP_MALFORMED,
		  "cut off, or not in the format weir-pins 1" },
		{ "6.12.41",
		  "5f0f2d9e\n",
		  { WEIR_PINS_PATH, .error = -EACCES },
		  false,
		  WEIR_GAP_FORBIDDEN,
		  "" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct fake_file files[] = { cases[i].file,
			                     { BOOT_ID, cases[i].boot_id } };
		struct weir_pins pins;
		struct fake_host fake;

		fake_open(&fake, files, cases[i].boot_id ? 2 : 1);
		weir_pins_read(&fake.reader, cases[i].release, &pins);
		expect_int_eq(pins.known, cases[i].known);
		if (cases[i].why)
			expect_str(fake_expect_gap(&fake, cases[i].gap, WEIR_PINS_PATH),
			           cases[i].why);
		else
			expect_u64_eq(fake.gaps.nr, 0);
		fake_close(&fake);
	}
}

static void pins_that_nobody_measured_are_no_gap(void **state)
{
	struct fake_file none[] = { { "/proc/version", "" } };
	struct weir_pins pins;
	struct fake_host fake;

	(void)state;
	fake_open(&fake, none, 1);
	weir_pins_read(&fake.reader, "6.12.41", &pins);
	assert_false(pins.known);
	expect_u64_eq(fake.gaps.nr, 0);
	fake_close(&fake);
}

static int read_all(void *ctx)
{
	struct fake_file files[] = { { WEIR_PINS_PATH, HEAD }, { BOOT_ID, "other\n" } };
	struct weir_pins pins;
	struct fake_host fake;
	int failed;

	(void)ctx;
	fake_open(&fake, files, 2);
	weir_pins_read(&fake.reader, "6.12.41", &pins);
	failed = fake.reader.failed;
	fake_close(&fake);
	return failed;
}

static void pins_every_failed_allocation_is_told(void **state)
{
	(void)state;
	expect_int_eq(fault_every(read_all, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(pins_are_written_as_they_are_read),
		cmocka_unit_test(pins_good_and_bad_files),
		cmocka_unit_test(pins_of_this_boot_are_taken_and_others_are_gaps),
		cmocka_unit_test(pins_that_nobody_measured_are_no_gap),
		cmocka_unit_test(pins_every_failed_allocation_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
