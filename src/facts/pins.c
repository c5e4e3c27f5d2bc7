/* pins: see pins.h. */
#include "facts/pins.h"

#include "base/own.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static const char *const memories[] = {
	[WEIR_PIN_CMA] = "cma",
	[WEIR_PIN_MOVABLE] = "movable",
};

static const char *const touches[] = {
	[WEIR_PIN_TOUCHED] = "touched",
	[WEIR_PIN_UNTOUCHED] = "untouched",
};

static const char *const outcomes[] = {
	[WEIR_PIN_UNMEASURED] = "unmeasured", [WEIR_PIN_IN_PLACE] = "in-place",
	[WEIR_PIN_MOVED] = "moved",           [WEIR_PIN_REFUSED] = "refused",
	[WEIR_PIN_KILLED] = "killed",         [WEIR_PIN_HUNG] = "hung",
};

const char *weir_pin_memory_word(enum weir_pin_memory memory)
{
	return memories[memory];
}

const char *weir_pin_touch_word(enum weir_pin_touch touch)
{
	return touches[touch];
}

const char *weir_pin_outcome_word(enum weir_pin_outcome outcome)
{
	return outcomes[outcome];
}

/* ---- writing ---- */

static int format_result(const struct weir_pin_result *result, struct weir_buf *out)
{
	const char *name;

	switch (result->outcome) {
	case WEIR_PIN_IN_PLACE:
	case WEIR_PIN_MOVED:
		return weir_buf_printf(out, " %u %s%s", result->to.node,
		                       *result->to.zone ? result->to.zone : "?",
		                       result->to.cma ? " cma" : "");
	case WEIR_PIN_REFUSED:
		name = strerrorname_np(result->error);
		return weir_buf_printf(out, " %s", name ? name : "EIO");
	case WEIR_PIN_UNMEASURED:
	case WEIR_PIN_KILLED:
	case WEIR_PIN_HUNG:
	case WEIR_PIN_NR_OUTCOMES: break;
	}
	return 0;
}

int weir_pins_format(const struct weir_pins *pins, struct weir_buf *out)
{
	int r = weir_buf_printf(out,
	                        "weir-pins 1\nrelease %s\nboot_id %s\ntime_ns %" PRIu64
	                        "\nsize_bytes %" PRIu64 "\n",
	                        pins->release, pins->boot_id, pins->at_ns,
	                        pins->size_bytes);

	for (size_t m = 0; m < WEIR_PIN_NR_MEMORIES; m++) {
		for (size_t t = 0; r == 0 && t < WEIR_PIN_NR_TOUCHES; t++) {
			const struct weir_pin_result *result = &pins->results[m][t];

			if (result->outcome == WEIR_PIN_UNMEASURED)
				continue;
			r = weir_buf_printf(out, "%s %s %s", memories[m], touches[t],
			                    outcomes[result->outcome]);
			if (r == 0)
				r = format_result(result, out);
			if (r == 0)
				r = weir_buf_addz(out, "\n");
		}
	}
	return r;
}

/* ---- reading ---- */

static bool take_index(struct weir_str *rest, const char *const *words, size_t nr,
                       size_t *out)
{
	struct weir_str word;

	if (!weir_str_word(rest, &word))
		return false;
	for (*out = 0; *out < nr; ++*out)
		if (weir_str_eq(word, words[*out]))
			return true;
	return false;
}

/* By name, because the numbers differ between architectures. */
static bool take_error(struct weir_str *rest, int *out)
{
	struct weir_str word;

	if (!weir_str_word(rest, &word))
		return false;
	for (int code = 1; code < 256; code++) {
		const char *name = strerrorname_np(code);

		if (!name || !weir_str_eq(word, name))
			continue;
		*out = code;
		return true;
	}
	return false;
}

static bool take_place(struct weir_str *rest, struct weir_pin_place *out)
{
	struct weir_str node, zone, word;
	uint64_t id;

	if (!weir_str_word(rest, &node) || weir_parse_u64(node, &id) < 0 ||
	    id > WEIR_NODE_MAX || !weir_str_word(rest, &zone) ||
	    zone.n >= sizeof(out->zone))
		return false;
	out->node = (unsigned int)id;
	if (!weir_str_eq(zone, "?"))
		(void)weir_str_show(zone, out->zone, sizeof(out->zone));
	out->cma = weir_str_word(rest, &word);
	return !out->cma || weir_str_eq(word, "cma");
}

static bool parse_result(struct weir_str rest, size_t memory, struct weir_pins *out)
{
	struct weir_pin_result result = { 0 };
	size_t touch, outcome;

	if (!take_index(&rest, touches, WEIR_NELEM(touches), &touch) ||
	    !take_index(&rest, outcomes, WEIR_NELEM(outcomes), &outcome) ||
	    outcome == WEIR_PIN_UNMEASURED ||
	    out->results[memory][touch].outcome != WEIR_PIN_UNMEASURED)
		return false;
	result.outcome = (enum weir_pin_outcome)outcome;
	if (result.outcome == WEIR_PIN_REFUSED && !take_error(&rest, &result.error))
		return false;
	if ((result.outcome == WEIR_PIN_IN_PLACE || result.outcome == WEIR_PIN_MOVED) &&
	    !take_place(&rest, &result.to))
		return false;
	out->results[memory][touch] = result;
	return !weir_str_trim(rest).n;
}

static bool take_text(struct weir_str value, char *out, size_t cap)
{
	if (!value.n || value.n >= cap || *out)
		return false;
	(void)weir_str_show(value, out, cap);
	return true;
}

static bool take_number(struct weir_str value, uint64_t *out)
{
	return !*out && weir_parse_u64(value, out) == 0 && *out <= WEIR_COUNT_MAX;
}

static bool parse_line(struct weir_str line, struct weir_pins *out)
{
	struct weir_str key, value;

	if (!weir_str_split(line, ' ', &key, &value))
		return true; /* no word of ours stands alone */
	if (weir_str_eq(key, "release"))
		return take_text(value, out->release, sizeof(out->release));
	if (weir_str_eq(key, "boot_id"))
		return take_text(value, out->boot_id, sizeof(out->boot_id));
	if (weir_str_eq(key, "time_ns"))
		return take_number(value, &out->at_ns);
	if (weir_str_eq(key, "size_bytes"))
		return take_number(value, &out->size_bytes);
	for (size_t m = 0; m < WEIR_NELEM(memories); m++)
		if (weir_str_eq(key, memories[m]))
			return parse_result(value, m, out);
	return true;
}

int weir_pins_parse(struct weir_str text, struct weir_pins *out, struct weir_err *err)
{
	bool cut = !weir_str_ends(text, "\n");
	struct weir_pins pins = { 0 };
	struct weir_str line;

	*out = (struct weir_pins){ 0 };
	if (cut || !weir_str_line(&text, &line) || !weir_str_eq(line, "weir-pins 1"))
		return weir_err_set(err, WEIR_GARBLED,
		                    "cut off, or not in the format weir-pins 1");
	while (weir_str_line(&text, &line))
		if (!parse_line(line, &pins))
			return weir_err_set(err, WEIR_GARBLED, "not understood: '%.*s'",
			                    WEIR_STR_ARG(line));
	if (!*pins.release || !*pins.boot_id)
		return weir_err_set(err, WEIR_GARBLED,
		                    "does not say of which kernel and boot it is");
	pins.known = true;
	*out = pins;
	return 0;
}

/* Whether it is of the kernel that runs: both files must say so. */
static int check_boot(const struct weir_pins *pins, const char *release,
                      struct weir_str boot_id, struct weir_err *err)
{
	if (!release || strcmp(pins->release, release) != 0)
		return weir_err_set(err, WEIR_GARBLED,
		                    "measured on kernel %s: run 'weir probe pins' again",
		                    pins->release);
	if (!weir_str_eq(boot_id, pins->boot_id))
		return weir_err_set(
			err, WEIR_GARBLED,
			"measured before this boot: run 'weir probe pins' again");
	return 0;
}

void weir_pins_read(struct weir_reader *rd, const char *release, struct weir_pins *out)
{
	struct weir_err err = { 0 };
	struct weir_str text;
	int r;

	*out = (struct weir_pins){ 0 };
	if (rd->failed)
		return;
	r = weir_host_text(rd->host, WEIR_PINS_PATH, WEIR_PINS_MAX, &rd->text, &text);
	if (r == -ENOENT || r == -ENOMEM) {
		rd->failed = r == -ENOMEM ? r : 0;
		return;
	}
	/* asked again for the gap that it leaves when it cannot be read */
	if (!weir_reader_text(rd, WEIR_PINS_MAX, &text, WEIR_PINS_PATH))
		return;
	r = weir_pins_parse(text, out, &err);
	if (r == 0 && !weir_reader_text(rd, WEIR_SMALL_MAX, &text, BOOT_ID))
		r = weir_err_set(&err, WEIR_GARBLED,
		                 "of which boot it is cannot be told");
	else if (r == 0)
		r = check_boot(out, release, weir_str_chomp(text), &err);
	weir_reader_parsed(rd, r, WEIR_PINS_PATH, &err);
	out->known = r == 0;
}
