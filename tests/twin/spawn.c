/* spawn: the processes behind tasks. See spawn.h. */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static int open_channel(int *worker)
{
	struct timeval limit = { .tv_sec = TWIN_STEP_MAX_S };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	(void)setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	*worker = pair[1];
	return pair[0];
}

static void settle(struct twin_task *task, pid_t pid, int channel)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	task->pid = pid;
	task->channel = channel;
	task->status = open(path, O_RDONLY | O_CLOEXEC);
	task->alive = true;
}

/* Put into its cgroup at birth: to move a process later waits for an RCU grace period. */
int twin_spawn(struct twin_task *task, int cpu, int cgroup)
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	int worker, channel = open_channel(&worker), err;
	long pid;

	if (channel < 0)
		return -channel;
	if (cgroup >= 0) {
		args.flags = CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)(unsigned int)cgroup;
	}
	pid = syscall(SYS_clone3, &args, sizeof(args));
	err = errno;
	if (pid == 0)
		twin_worker_serve(worker);
	(void)close(worker);
	if (pid < 0) {
		(void)close(channel);
		return err;
	}
	settle(task, (pid_t)pid, channel);
	err = twin_pin(task, cpu);
	if (err)
		twin_kill(task);
	return err;
}

int twin_pin(struct twin_task *task, int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	if (cpu < CPU_SETSIZE)
		CPU_SET((size_t)cpu, &cpus);
	if (sched_setaffinity(task->pid, sizeof(cpus), &cpus) < 0)
		return errno;
	task->cpu = cpu;
	return 0;
}

static pid_t reap(const struct twin_task *task, int *status)
{
	pid_t pid;

	do {
		pid = waitpid(task->pid, status, 0);
	} while (pid < 0 && errno == EINTR);
	return pid;
}

void twin_kill(struct twin_task *task)
{
	int status;

	(void)kill(task->pid, SIGKILL);
	(void)reap(task, &status);
	twin_task_bury(task);
}

static int send_ask(const struct twin_task *task, const struct twin_ask *ask, int socket)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	union {
		const void *from;
		void *to;
	} bytes = { ask };
	struct iovec data = { bytes.to, offsetof(struct twin_ask, data) + ask->nr_data };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (socket >= 0) {
		message.msg_control = control.room;
		message.msg_controllen = sizeof(control.room);
		c = CMSG_FIRSTHDR(&message);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &socket, sizeof(socket));
	}
	return sendmsg(task->channel, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* No answer: it died, or it hangs and is ended. */
static void post_mortem(struct twin_task *task, bool late, struct twin_result *result)
{
	int status = 0;

	if (late)
		(void)kill(task->pid, SIGKILL);
	(void)reap(task, &status);
	if (late)
		result->timeout = true;
	else
		result->died = WIFSIGNALED(status) ? WTERMSIG(status) : -1;
	twin_task_bury(task);
}

static int ask_with(struct twin_task *task, const struct twin_ask *ask, int socket,
                    struct twin_answer *answer, struct twin_result *result)
{
	ssize_t n = -1;

	if (send_ask(task, ask, socket) == 0) {
		do {
			n = recv(task->channel, answer, sizeof(*answer), 0);
		} while (n < 0 && errno == EINTR);
	}
	if (n == (ssize_t)sizeof(*answer))
		return 0;
	post_mortem(task, n < 0 && errno == EAGAIN, result);
	return -1;
}

int twin_ask(struct twin_task *task, const struct twin_ask *ask,
             struct twin_answer *answer, struct twin_result *result)
{
	return ask_with(task, ask, -1, answer, result);
}

int twin_fork(struct twin_task *parent, struct twin_task *child,
              struct twin_result *result)
{
	struct twin_ask ask = { .op = TWIN_OP_FORK };
	struct twin_answer answer;
	int worker, channel = open_channel(&worker), r;

	if (channel < 0)
		return -channel;
	r = ask_with(parent, &ask, worker, &answer, result);
	(void)close(worker);
	if (r == 0 && answer.err == 0) {
		settle(child, (pid_t)answer.ret, channel);
		return 0;
	}
	(void)close(channel);
	return r == 0 ? answer.err : EIO;
}

uint64_t twin_ask_data(struct twin_ask *ask, const void *data, size_t n)
{
	uint64_t at = ask->nr_data;

	memcpy(ask->data + at, data, n);
	ask->nr_data += (n + 7) & ~(size_t)7;
	return at;
}
