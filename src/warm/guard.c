/* guard: see guard.h.
 *
 * The kernel tells a thread by SIGBUS that it touched what cannot be had; there is no
 * other way (mm/memory.c do_sigbus callers, v6.18). The handler leaves the call by
 * siglongjmp(3). Which call that is must be known to it without an argument: so this is
 * the one place with a variable of the thread. A SIGBUS elsewhere does what it did
 * before. A signal that is blocked when it is raised by an access ends the process
 * (kernel/signal.c force_sig_info_to_task()), so it is let through meanwhile. */
#include "warm/guard.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>

static _Thread_local sigjmp_buf *back; /* NULL: no guarded call is at work */
static struct sigaction before;
static pthread_mutex_t installing = PTHREAD_MUTEX_INITIALIZER;

enum { BACK_POISONED = 1, BACK_ABSENT };

static void on_sigbus(int nr, siginfo_t *info, void *context)
{
	/* of a page that nobody touched: a remark, not a failure */
	if (info->si_code == BUS_MCEERR_AO)
		return;
	if (back)
		siglongjmp(*back,
		           info->si_code == BUS_MCEERR_AR ? BACK_POISONED : BACK_ABSENT);
	if (before.sa_flags & SA_SIGINFO)
		before.sa_sigaction(nr, info, context);
	else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
		before.sa_handler(nr);
	else
		(void)signal(nr, SIG_DFL); /* the access is tried again, and ends us */
}

/* Each time: whoever else in the program sets handlers may have set this one. */
static void install(void)
{
	struct sigaction action = { .sa_sigaction = on_sigbus,
		                    .sa_flags = SA_SIGINFO | SA_NODEFER },
			 now;

	(void)sigemptyset(&action.sa_mask);
	(void)pthread_mutex_lock(&installing);
	if (sigaction(SIGBUS, NULL, &now) == 0 &&
	    (!(now.sa_flags & SA_SIGINFO) || now.sa_sigaction != on_sigbus) &&
	    sigaction(SIGBUS, &action, NULL) == 0)
		before = now;
	(void)pthread_mutex_unlock(&installing);
}

int weir_guard(int (*call)(void *arg), void *arg)
{
	sigjmp_buf here;
	sigset_t bus, mask;
	int r;

	install();
	(void)sigemptyset(&bus);
	(void)sigaddset(&bus, SIGBUS);
	(void)pthread_sigmask(SIG_UNBLOCK, &bus, &mask);
	switch (sigsetjmp(here, 0)) {
	case 0:
		back = &here;
		r = call(arg);
		break;
	case BACK_POISONED: r = -EHWPOISON; break;
	default: r = -ENOMEM; break;
	}
	back = NULL;
	(void)pthread_sigmask(SIG_SETMASK, &mask, NULL);
	return r;
}
