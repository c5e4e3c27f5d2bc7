/* fault: see fault.h. */
#include "fault.h"

#include "test.h"

#include <dirent.h>
#include <errno.h>

static unsigned long countdown; /* 1: the next one fails */
static bool failed;

void fault_arm(unsigned long nth)
{
	countdown = nth;
	failed = false;
}

bool fault_disarm(void)
{
	countdown = 0;
	return failed;
}

static bool fails_now(void)
{
	if (!countdown || --countdown)
		return false;
	failed = true;
	errno = ENOMEM;
	return true;
}

/* __wrap_f is called in place of f, __real_f is f itself */
#define WRAP(type, f, parameters, arguments)                      \
	type __real_##f parameters;                               \
	type __wrap_##f parameters;                               \
	type __wrap_##f parameters                                \
	{                                                         \
		return fails_now() ? NULL : __real_##f arguments; \
	}

WRAP(void *, malloc, (size_t n), (n))
WRAP(void *, calloc, (size_t nr, size_t n), (nr, n))
WRAP(void *, realloc, (void *p, size_t n), (p, n))
WRAP(void *, reallocarray, (void *p, size_t nr, size_t n), (p, nr, n))
WRAP(char *, strdup, (const char *z), (z))
WRAP(char *, strndup, (const char *z, size_t n), (z, n))
WRAP(DIR *, fdopendir, (int fd), (fd))

int fault_every(int (*run)(void *ctx), void *ctx)
{
	for (unsigned long nth = 1;; nth++) {
		int r;

		fault_arm(nth);
		r = run(ctx);
		if (!fault_disarm())
			return r;
		if (r != -ENOMEM)
			fail_msg("allocation %lu failed and the result was %d", nth, r);
	}
}
