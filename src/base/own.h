/* own: local owners that clean up after themselves.
 *
 *	weir_auto(weir_freep) char *name = NULL;
 *	weir_auto(weir_closep) int fd = openat(...);
 *	...
 *	*out = weir_take(name);		hands over: the cleanup then sees NULL
 */
#ifndef WEIR_BASE_OWN_H
#define WEIR_BASE_OWN_H

#include <stdlib.h>
#include <unistd.h>

#define weir_auto(fn) __attribute__((cleanup(fn)))

#define weir_take(p)                        \
	__extension__({                     \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                 \
		taken_;                     \
	})

#define WEIR_NELEM(a) (sizeof(a) / sizeof((a)[0]))

static inline void weir_freep(void *p)
{
	free(*(void **)p);
}

static inline void weir_closep(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

#endif
