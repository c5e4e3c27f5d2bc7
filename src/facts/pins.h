/* pins: how this kernel treats a long-term pin of a pool page that lies where it should
 * not stay: in a CMA area or in ZONE_MOVABLE. No kernel file tells it; `weir probe pins`
 * tries it and leaves what came of it in a file of weir's own, which is read here.
 *
 * It differs between kernels, and a kernel does not change while it runs; so a result
 * holds for one boot, and one of another kernel or boot is not taken. */
#ifndef WEIR_FACTS_PINS_H
#define WEIR_FACTS_PINS_H

#include "facts/zoneinfo.h"

#define WEIR_PINS_DIR    "/run/weir"
#define WEIR_PINS_PATH   WEIR_PINS_DIR "/pins"
#define WEIR_PINS_MAX    4096U
#define WEIR_RELEASE_MAX 65U /* __NEW_UTS_LEN and a NUL */
#define WEIR_BOOT_ID_MAX 37U

enum weir_pin_memory {
	WEIR_PIN_CMA,
	WEIR_PIN_MOVABLE, /* ZONE_MOVABLE */
	WEIR_PIN_NR_MEMORIES,
};

enum weir_pin_touch {
	WEIR_PIN_TOUCHED,   /* the page was there before the pin */
	WEIR_PIN_UNTOUCHED, /* the pin itself took it from the pool */
	WEIR_PIN_NR_TOUCHES,
};

enum weir_pin_outcome {
	WEIR_PIN_UNMEASURED,
	WEIR_PIN_IN_PLACE, /* pinned where it was: CMA or Movable loses the block */
	/* pinned in other memory: the page was migrated there, or an untouched one was
	 * taken from there at once */
	WEIR_PIN_MOVED,
	WEIR_PIN_REFUSED, /* though the pool had a free page in other memory */
	WEIR_PIN_KILLED,  /* the process that tried it was */
	WEIR_PIN_HUNG,    /* the call did not come back in time */
	WEIR_PIN_NR_OUTCOMES,
};

/* Where a page lies, as far as zones and areas tell. */
struct weir_pin_place {
	unsigned int node;
	char zone[WEIR_ZONE_NAME_MAX]; /* "" when it is not known */
	bool cma;
};

struct weir_pin_result {
	enum weir_pin_outcome outcome;
	struct weir_pin_place to; /* of the pinned page: in-place and moved */
	int error;                /* of WEIR_PIN_REFUSED: ENOMEM, EFAULT, ... */
};

struct weir_pins {
	bool known; /* there is a result, of this boot */
	char release[WEIR_RELEASE_MAX];
	char boot_id[WEIR_BOOT_ID_MAX];
	uint64_t at_ns;      /* since 1970 */
	uint64_t size_bytes; /* of the pages that were tried */
	struct weir_pin_result results[WEIR_PIN_NR_MEMORIES][WEIR_PIN_NR_TOUCHES];
};

/* The words of the file and of --json: "cma", "untouched", "in-place". */
const char *weir_pin_memory_word(enum weir_pin_memory memory);
const char *weir_pin_touch_word(enum weir_pin_touch touch);
const char *weir_pin_outcome_word(enum weir_pin_outcome outcome);

/* The file:
 *	weir-pins 1
 *	release 6.12.41
 *	boot_id 5f0f...
 *	time_ns 1763725200000000000
 *	size_bytes 2097152
 *	cma touched moved 0 Normal
 *	cma untouched refused EFAULT
 * with a line for each result that there is. After in-place and moved come the node and
 * the zone of the pinned page, and "cma" when it lies in an area; "?" is a zone that is
 * not known. A line with another first word is passed over. */
int weir_pins_format(const struct weir_pins *pins, struct weir_buf *out); /* 0, -ENOMEM */

/* Returns as fact.h says; of a garbled file nothing is taken. */
int weir_pins_parse(struct weir_str text, struct weir_pins *out, struct weir_err *err);

/* That nothing was tried yet is no gap; a result of another boot or kernel is one. */
void weir_pins_read(struct weir_reader *rd, const char *release, struct weir_pins *out);

#endif
