#include "facts/pins.h"

#include "fuzz.h"

static void check_result(const struct weir_pin_result *result)
{
	bool placed = result->outcome == WEIR_PIN_IN_PLACE ||
	              result->outcome == WEIR_PIN_MOVED;

	must(result->outcome < WEIR_PIN_NR_OUTCOMES);
	must((result->outcome == WEIR_PIN_REFUSED) == (result->error != 0));
	must(result->to.node <= WEIR_NODE_MAX);
	must(memchr(result->to.zone, '\0', sizeof(result->to.zone)) != NULL);
	must(placed || (!result->to.node && !*result->to.zone && !result->to.cma));
}

/* What was understood is written, and understood again as the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_buf once = { 0 }, twice = { 0 };
	struct weir_pins pins, again;
	struct weir_err err = { 0 };
	int r = weir_pins_parse(weir_str((const char *)data, size), &pins, &err);

	must(r == 0 || r == WEIR_GARBLED);
	must((r != 0) == (err.msg[0] != '\0') && pins.known == (r == 0));
	for (size_t m = 0; m < WEIR_PIN_NR_MEMORIES; m++)
		for (size_t t = 0; t < WEIR_PIN_NR_TOUCHES; t++)
			check_result(&pins.results[m][t]);
	if (r == 0) {
		must(weir_pins_format(&pins, &once) == 0);
		must(weir_pins_parse(weir_buf_str(&once), &again, NULL) == 0);
		must(weir_pins_format(&again, &twice) == 0);
		must(once.n == twice.n && memcmp(once.p, twice.p, once.n) == 0);
	}
	weir_buf_done(&once);
	weir_buf_done(&twice);
	return 0;
}
