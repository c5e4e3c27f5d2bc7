/* probe: `weir probe pins`: what no kernel file tells is measured, on pages of a pool
 * that are free. Nothing is set, and what was taken goes back. */
#include "cli/cli.h"

#include "base/json.h"
#include "base/own.h"
#include "base/size.h"
#include "host/host.h"
#include "probe/pins.h"

#include <errno.h>
#include <getopt.h>

#define NAME            "probe"
#define TIMEOUT_DEFAULT 10U
#define TIMEOUT_MAX     3600U

struct options {
	struct weir_probe_pins_options pins;
	bool json;
	bool forget;
};

enum { OPT_PAGES = 256, OPT_TIMEOUT, OPT_NO_REMEMBER };

static const struct option long_options[] = {
	{ "pages", required_argument, NULL, OPT_PAGES },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "no-remember", no_argument, NULL, OPT_NO_REMEMBER },
	{ "json", no_argument, NULL, 'J' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int help(void)
{
	(void)fputs(
		"Usage: weir probe pins [OPTION]...\n\n"
		"Tries how this kernel treats a long-term pin of a huge page that lies "
		"in CMA "
		"or\n"
		"ZONE_MOVABLE. Needs root. Takes free pages of a pool for a moment, and "
		"changes no\n"
		"setting.\n\n"
		"      --pages N          hold at most N pages while looking (512)\n"
		"      --timeout SECONDS  give up after so long without an answer (10)\n"
		"      --no-remember      do not leave the result in /run/weir/pins\n"
		"  -J, --json             as JSON, see weir-json(5)\n"
		"  -h, --help             this help\n",
		stdout);
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

static int bad_usage(const char *words)
{
	(void)weir_cli_fail(NAME, 0, "%s", words);
	return weir_cli_usage(NAME);
}

static int take_number(const char *name, const char *arg, unsigned int most,
                       unsigned int *out)
{
	uint64_t n;

	if (weir_parse_u64(weir_strz(arg), &n) < 0 || !n || n > most) {
		(void)weir_cli_fail(NAME, 0, "--%s '%s': wants a number, 1 to %u", name,
		                    arg, most);
		return weir_cli_usage(NAME);
	}
	*out = (unsigned int)n;
	return 0;
}

/* 0, or the exit status. */
static int take_option(int c, struct options *opts)
{
	unsigned int seconds = 0;
	int status;

	switch (c) {
	case OPT_PAGES:
		return take_number("pages", optarg, WEIR_PROBE_PAGES_MAX,
		                   &opts->pins.most_pages);
	case OPT_TIMEOUT:
		status = take_number("timeout", optarg, TIMEOUT_MAX, &seconds);
		if (!status)
			opts->pins.timeout_ms = seconds * 1000;
		return status;
	case OPT_NO_REMEMBER: opts->forget = true; return 0;
	case 'J': opts->json = true; return 0;
	default: return weir_cli_usage(NAME); /* getopt has said what is wrong */
	}
}

/* ---- text ---- */

static const char *const memory_names[] = {
	[WEIR_PIN_CMA] = "CMA",
	[WEIR_PIN_MOVABLE] = "ZONE_MOVABLE",
};

static const char *const touch_names[] = {
	[WEIR_PIN_TOUCHED] = "touched before",
	[WEIR_PIN_UNTOUCHED] = "not touched",
};

static void place_text(const struct weir_pin_place *place, char *out, size_t cap)
{
	(void)snprintf(out, cap, "node %u, zone %s%s", place->node,
	               *place->zone ? place->zone : "?", place->cma ? ", CMA" : "");
}

static void result_text(enum weir_pin_touch touch, const struct weir_pin_result *result,
                        char *out, size_t cap)
{
	const char *error = strerrorname_np(result->error);
	char where[64];

	place_text(&result->to, where, sizeof(where));
	switch (result->outcome) {
	case WEIR_PIN_IN_PLACE:
		(void)snprintf(out, cap, "pinned where it is: %s", where);
		break;
	case WEIR_PIN_MOVED:
		(void)snprintf(out, cap, "%s: %s",
		               touch == WEIR_PIN_TOUCHED ? "moved, then pinned"
		                                         : "another page is taken",
		               where);
		break;
	case WEIR_PIN_REFUSED:
		(void)snprintf(out, cap, "refused: %s", error ? error : "?");
		break;
	case WEIR_PIN_KILLED:
		(void)snprintf(out, cap, "the process that tried it was killed");
		break;
	case WEIR_PIN_HUNG:
		(void)snprintf(out, cap, "the kernel did not come back from it");
		break;
	case WEIR_PIN_UNMEASURED:
	case WEIR_PIN_NR_OUTCOMES: (void)snprintf(out, cap, "not measured"); break;
	}
}

static void print_memory(const struct weir_probe_pins *got, size_t m)
{
	char first[32], words[sizeof(got->memory[0].words) + 32];

	if (got->memory[m].reason != WEIR_PROBE_MEASURED) {
		(void)snprintf(first, sizeof(first), "  %-13s ", memory_names[m]);
		(void)snprintf(words, sizeof(words), "not measured: %s",
		               got->memory[m].words);
		weir_cli_wrap(stdout, first, words, 16, weir_cli_width());
		return;
	}
	for (size_t t = 0; t < WEIR_PIN_NR_TOUCHES; t++) {
		result_text((enum weir_pin_touch)t, &got->pins.results[m][t], words,
		            sizeof(words));
		(void)printf("  %-13s %-15s ", t ? "" : memory_names[m], touch_names[t]);
		weir_cli_put(stdout, weir_strz(words));
		(void)fputc('\n', stdout);
	}
}

static void print_text(const struct weir_probe_pins *got)
{
	char size[WEIR_SIZE_TEXT_MAX];

	(void)fputs("Long-term pins of huge pages", stdout);
	if (got->pins.size_bytes)
		(void)printf(" of %s",
		             weir_format_human(got->pins.size_bytes, size, sizeof(size)));
	(void)fputs(", kernel ", stdout);
	weir_cli_put(stdout, weir_strz(*got->pins.release ? got->pins.release : "?"));
	(void)fputs(":\n", stdout);
	for (size_t m = 0; m < WEIR_PIN_NR_MEMORIES; m++)
		print_memory(got, m);
	if (got->memory[WEIR_PIN_CMA].reason == WEIR_PROBE_NO_SUCH_MEMORY &&
	    got->memory[WEIR_PIN_MOVABLE].reason == WEIR_PROBE_NO_SUCH_MEMORY)
		(void)fputs(
			"Nothing to measure: every page of the pools can be pinned where "
			"it is.\n",
			stdout);
}

/* ---- JSON ---- */

static const char *const reasons[] = {
	[WEIR_PROBE_MEASURED] = NULL,
	[WEIR_PROBE_NO_SUCH_MEMORY] = "no-such-memory",
	[WEIR_PROBE_NO_FREE_PAGE] = "no-free-page",
	[WEIR_PROBE_NOT_FOUND] = "not-found",
	[WEIR_PROBE_UNKNOWN] = "unknown",
	[WEIR_PROBE_NO_PINS] = "no-pins",
	[WEIR_PROBE_FAILED] = "failed",
};

static void json_result(struct weir_json *j, enum weir_pin_touch touch,
                        const struct weir_pin_result *result)
{
	bool placed = result->outcome == WEIR_PIN_IN_PLACE ||
	              result->outcome == WEIR_PIN_MOVED;

	weir_json_open(j, NULL, '{');
	weir_json_strz(j, "page", weir_pin_touch_word(touch));
	weir_json_strz(j, "outcome", weir_pin_outcome_word(result->outcome));
	weir_json_strz(j, "error", result->error ? strerrorname_np(result->error) : NULL);
	if (placed)
		weir_json_u64(j, "node", result->to.node);
	else
		weir_json_null(j, "node");
	weir_json_strz(j, "zone", placed && *result->to.zone ? result->to.zone : NULL);
	if (placed)
		weir_json_bool(j, "cma", result->to.cma);
	else
		weir_json_null(j, "cma");
	weir_json_close(j);
}

static int print_json(const struct weir_probe_pins *got, bool remembered)
{
	struct weir_json j = { 0 };
	int r;

	weir_json_open(&j, NULL, '{');
	weir_json_u64(&j, "schema", 1);
	weir_json_strz(&j, "weir", WEIR_VERSION);
	weir_json_strz(&j, "release", *got->pins.release ? got->pins.release : NULL);
	if (got->pins.size_bytes)
		weir_json_u64(&j, "size_bytes", got->pins.size_bytes);
	else
		weir_json_null(&j, "size_bytes");
	weir_json_bool(&j, "remembered", remembered);
	weir_json_open(&j, "memory", '[');
	for (size_t m = 0; m < WEIR_PIN_NR_MEMORIES; m++) {
		weir_json_open(&j, NULL, '{');
		weir_json_strz(&j, "kind", weir_pin_memory_word((enum weir_pin_memory)m));
		weir_json_bool(&j, "measured",
		               got->memory[m].reason == WEIR_PROBE_MEASURED);
		weir_json_strz(&j, "reason", reasons[got->memory[m].reason]);
		weir_json_strz(&j, "words",
		               *got->memory[m].words ? got->memory[m].words : NULL);
		weir_json_open(&j, "results", '[');
		for (size_t t = 0; t < WEIR_PIN_NR_TOUCHES; t++)
			if (got->pins.results[m][t].outcome != WEIR_PIN_UNMEASURED)
				json_result(&j, (enum weir_pin_touch)t,
				            &got->pins.results[m][t]);
		weir_json_close(&j);
		weir_json_close(&j);
	}
	weir_json_close(&j);
	weir_json_close(&j);
	r = j.failed;
	if (r == 0)
		(void)fwrite(j.out.p, 1, j.out.n, stdout);
	weir_json_done(&j);
	return r;
}

/* ---- the command ---- */

/* 0 when all there is was measured, and both ways. */
static int status_of(const struct weir_probe_pins *got)
{
	bool all = true;

	if (!got->pins.known) {
		for (size_t m = 0; m < WEIR_PIN_NR_MEMORIES; m++)
			if (got->memory[m].reason == WEIR_PROBE_FAILED ||
			    got->memory[m].reason == WEIR_PROBE_NO_PINS)
				return WEIR_EXIT_FAILED;
		return WEIR_EXIT_NO;
	}
	for (size_t m = 0; m < WEIR_PIN_NR_MEMORIES; m++) {
		if (got->memory[m].reason == WEIR_PROBE_NO_SUCH_MEMORY)
			continue;
		for (size_t t = 0; t < WEIR_PIN_NR_TOUCHES; t++)
			all &= got->pins.results[m][t].outcome != WEIR_PIN_UNMEASURED;
	}
	return all ? WEIR_EXIT_DONE : WEIR_EXIT_PARTLY;
}

static int probe_pins(const struct options *opts)
{
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	struct weir_probe_pins got = { 0 };
	struct weir_err err = { 0 };
	bool remembered = false;
	int status, r = weir_host_open(NULL, &host, &err);

	if (r == 0)
		r = weir_probe_pins(host, &opts->pins, &got, &err);
	if (r < 0)
		return weir_cli_fail(
			NAME, r == -ECANCELED ? WEIR_EXIT_REFUSED : WEIR_EXIT_FAILED,
			"%s", err.msg);
	status = status_of(&got);
	if (got.pins.known && !opts->forget) {
		remembered = weir_probe_pins_save(&got.pins, &err) == 0;
		if (!remembered)
			status = weir_cli_fail(NAME, WEIR_EXIT_PARTLY, "%s", err.msg);
	}
	if (!opts->json)
		print_text(&got);
	else if (print_json(&got, remembered) < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "out of memory");
	return weir_cli_flush(NAME, status);
}

int weir_probe_main(int argc, char **argv)
{
	struct options opts = { .pins = { .most_pages = WEIR_PROBE_PAGES_DEFAULT,
		                          .timeout_ms = TIMEOUT_DEFAULT * 1000 } };
	char name[] = "weir " NAME;
	int c, status;

	argv[0] = name; /* what getopt puts before its messages */
	while ((c = getopt_long(argc, argv, "Jh", long_options, NULL)) != -1) {
		if (c == 'h')
			return help();
		status = take_option(c, &opts);
		if (status)
			return status;
	}
	if (optind == argc)
		return bad_usage("what is to be measured? 'pins' is all there is");
	if (strcmp(argv[optind], "pins") != 0) {
		(void)weir_cli_fail(NAME, 0, "'%s' is not one of its commands",
		                    argv[optind]);
		return weir_cli_usage(NAME);
	}
	if (optind + 1 < argc) {
		(void)weir_cli_fail(NAME, 0,
		                    "takes no argument behind pins, but got '%s'",
		                    argv[optind + 1]);
		return weir_cli_usage(NAME);
	}
	return probe_pins(&opts);
}
