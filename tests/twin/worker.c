/* worker: one task of a scenario. See worker.h.
 *
 * A page that cannot be had is a SIGBUS at the access: the handler jumps back to the
 * request that was being served. MADV_HWPOISON raises one too, on its way back to user
 * mode, so that every request is guarded and not only the walks.
 *
 * CLONE_PARENT makes a forked task a child of the twin itself: it then is reaped in one
 * place, and its end is seen whoever forked it. */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CHANNEL        3 /* where every worker has its socket */
#define BUS_MCEERR_AR_ 4 /* si_code: memory failure, action required; and optional, 5 */
#define MPOL_MF_MOVE   2
#define NO_STATUS      INT32_MIN /* move_pages wrote nothing */

static sigjmp_buf back;
static volatile sig_atomic_t guarded;
static volatile sig_atomic_t fate;
static volatile uint64_t done; /* pages of the walk in hand */

static void on_signal(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (!guarded) { /* not ours: end as if there were no handler */
		(void)signal(number, SIG_DFL);
		(void)raise(number);
		return;
	}
	guarded = 0;
	fate = TWIN_SEGV;
	if (number == SIGBUS)
		fate = info->si_code >= BUS_MCEERR_AR_ ? TWIN_BUS_MCEERR
		                                       : TWIN_BUS_ADRERR;
	siglongjmp(back, 1);
}

static void settle(void)
{
	struct sigaction act = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a fork does not inherit it */
	(void)sigaction(SIGBUS, &act, NULL);
	(void)sigaction(SIGSEGV, &act, NULL);
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGINT, SIG_DFL);
	(void)signal(SIGHUP, SIG_DFL);
}

static void walk(const struct twin_ask *ask)
{
	volatile unsigned char *at = (volatile unsigned char *)(uintptr_t)ask->arg[0];

	for (; done < ask->arg[1]; done++, at += ask->arg[2]) {
		if (ask->op == TWIN_OP_TOUCH)
			*at = 1;
		else
			(void)*at;
	}
}

/* The first page that cannot be moved ends it. */
static int migrate(const struct twin_ask *ask)
{
	for (uint64_t i = 0; i < ask->arg[1]; i++) {
		void *page = (void *)(uintptr_t)(ask->arg[0] + i * ask->arg[2]);
		int node = (int)ask->arg[3], status = NO_STATUS;
		long r = syscall(SYS_move_pages, 0, 1UL, &page, &node, &status,
		                 MPOL_MF_MOVE);

		if (r < 0)
			return errno;
		if (status < 0 && status != NO_STATUS)
			return -status;
		if (r > 0) /* not moved, and no word why */
			return EAGAIN;
	}
	return 0;
}

static int64_t call(struct twin_ask *ask)
{
	for (unsigned int i = 0; i < 6; i++) {
		if (ask->pointers & 1U << i)
			ask->arg[i] = (uint64_t)(uintptr_t)(ask->data + ask->arg[i]);
	}
	return syscall((long)ask->nr, ask->arg[0], ask->arg[1], ask->arg[2], ask->arg[3],
	               ask->arg[4], ask->arg[5]);
}

/* In the child, the new socket takes the place of the parent's. */
static int64_t fork_child(int socket)
{
	int64_t pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0UL, 0UL, 0UL, 0UL);

	if (pid == 0) {
		settle();
		if (dup2(socket, CHANNEL) < 0)
			_exit(1);
	}
	(void)close(socket);
	return pid;
}

static void serve(struct twin_ask *ask, int socket, struct twin_answer *answer)
{
	errno = 0;
	switch ((enum twin_op)ask->op) {
	case TWIN_OP_SYSCALL: answer->ret = call(ask); break;
	case TWIN_OP_TOUCH:
	case TWIN_OP_READ: walk(ask); break;
	case TWIN_OP_MIGRATE: answer->err = migrate(ask); return;
	case TWIN_OP_FORK: answer->ret = fork_child(socket); break;
	}
	if (answer->ret < 0)
		answer->err = errno;
}

/* Returns the descriptor that came with the request, -1 without; ends with the socket. */
static int receive(struct twin_ask *ask)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec data = { ask, sizeof(*ask) };
	struct msghdr message = { .msg_iov = &data,
		                  .msg_iovlen = 1,
		                  .msg_control = control.room,
		                  .msg_controllen = sizeof(control.room) };
	const struct cmsghdr *c;
	int socket = -1;
	ssize_t n;

	do {
		n = recvmsg(CHANNEL, &message, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		_exit(0);
	c = CMSG_FIRSTHDR(&message);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&socket, CMSG_DATA(c), sizeof(socket));
	return socket;
}

/* Serves, and comes back from a signal too. */
static void serve_guarded(struct twin_ask *ask, int socket, struct twin_answer *answer)
{
	memset(answer, 0, sizeof(*answer));
	done = 0;
	if (sigsetjmp(back, 1)) {
		answer->fate = (uint32_t)fate;
		answer->after = done;
		return;
	}
	guarded = 1;
	serve(ask, socket, answer);
	guarded = 0;
}

_Noreturn void twin_worker_serve(int channel)
{
	static struct twin_ask ask; /* static: they outlive the jump back */
	static struct twin_answer answer;

	if (channel != CHANNEL && dup2(channel, CHANNEL) < 0)
		_exit(1);
	(void)syscall(SYS_close_range, CHANNEL + 1, ~0U, 0);
	settle();
	for (;;) {
		serve_guarded(&ask, receive(&ask), &answer);
		if (ask.op == TWIN_OP_FORK && answer.ret == 0)
			continue; /* the child: it says nothing */
		if (send(CHANNEL, &answer, sizeof(answer), MSG_NOSIGNAL) < 0)
			_exit(1);
	}
}
