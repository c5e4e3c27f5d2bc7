/* warm_client: what the parts of warm_client.c share: see there. */
#ifndef WEIR_TESTS_WARM_CLIENT_H
#define WEIR_TESTS_WARM_CLIENT_H

#include "base/rng.h"
#include "talk.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define PAGE      (UINT64_C(2) << 20)
#define PAGES_MAX 16U
#define PATIENCE  30 /* seconds without weird until this gives up */
#define MS        UINT64_C(1000000)

/* FOLDER/counts; test_warm_faults.py has the names in the same order. */
enum count {
	LEASES,
	WARM_BYTES,
	COLD_BYTES,
	REFUSED,
	RELEASES,
	HELD_RELEASES,
	RUN_OUT,
	LEFT,
	CUT,
	GROWN,
	PUNCHED,
	FORKED,
	RENEWED,
	RECONNECTS,
	UNSURE,
	NR_COUNTS
};

enum owner { OWNER_NONE, OWNER_PID, OWNER_USE, OWNER_CONNECTION, OWNER_UNIT };

struct client {
	const char *socket, *folder, *unit;
	struct talk talk;
	struct weir_rng rng;
	atomic_uint_fast64_t *counts;
	uint64_t nr; /* leases asked for so far */
};

struct lease {
	uint64_t number, bytes, ttl_ms, asked_ns;
	enum owner owner;
	bool descriptor;
	bool is_over; /* its end has come without this client's release, maybe */
	char name[48], path[256];
	int fd, lock;
	unsigned char *at;
	uint64_t key;            /* of its pattern */
	uint64_t end;            /* the pattern goes to here */
	uint64_t hole, hole_end; /* but for this */
	unsigned char *more;     /* what it grew by, or NULL */
	uint64_t more_bytes;
};

/* A promise was broken, or this cannot go on: says so and ends. */
__attribute__((format(printf, 1, 2), noreturn)) void broken(const char *format, ...);

uint64_t now_ns(void); /* CLOCK_BOOTTIME */
void rest(uint64_t ns);
void count(struct client *c, enum count which, uint64_t n);
bool chance(struct client *c, uint64_t percent);

/* ---- warm_client.c ----------------------------------------------------------------- */

/* May weird have ended it by itself? By its time; or it died, and the connection did. */
bool may_be_over(const struct client *c, const struct lease *l);

/* ---- warm_held.c ------------------------------------------------------------------- */

/* A page that was leased and is not there ends the program with a line, too. */
void hear_of_lost_pages(void);

/* Opens, looks at every byte, writes the pattern. 0; -ENOENT: it ran out before. */
int take(struct client *c, struct lease *l);

void must_be_mine(const struct lease *l, const char *when);
void let_go(struct lease *l);

/* Now and then something that a lessee need not do, but may: the file is cut, grown or
 * punched. */
void be_rude(struct client *c, struct lease *l);

#endif
