/* state_dir: a directory of its own for a test of the journal. */
#ifndef WEIR_STATE_DIR_TEST_H
#define WEIR_STATE_DIR_TEST_H

#include "test.h"

struct state {
	char dir[32];
};

static inline struct state state_new(void)
{
	/* not on a disk, where each fsync() takes its time */
	struct state s = { "/dev/shm/weir-test.XXXXXX" };

	if (!mkdtemp(s.dir)) {
		(void)snprintf(s.dir, sizeof(s.dir), "/tmp/weir-test.XXXXXX");
		assert_non_null(mkdtemp(s.dir));
	}
	return s;
}

static inline void state_done(const struct state *s)
{
	char command[64];

	(void)snprintf(command, sizeof(command), "rm -rf %s", s->dir);
	assert_int_equal(system(command), 0);
}

#endif
