/* pins: long-term pins of a task. See pins.h.
 *
 * A pin is a fixed buffer of io_uring: of what pins for long it needs neither a device
 * nor a library, and it is told apart from the others by nothing that counts here
 * (mm/gup.c, FOLL_LONGTERM). Up to 1 GiB, a limit of io_uring's, it is one buffer and so
 * one call of pin_user_pages(). */
#include "pins.h"

#include "calls.h"
#include "spawn.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* <linux/io_uring.h> is younger than the headers of some builds */
#define REGISTER_BUFFERS   0
#define UNREGISTER_BUFFERS 1
#define PARAMS_BYTES       120

static void unregister(struct twin_task *task, int ring)
{
	struct twin_ask request = TWIN_CALL(.nr = SYS_io_uring_register);
	struct twin_result ignored = { 0 };

	request.arg[0] = (uint64_t)(unsigned int)ring;
	request.arg[1] = UNREGISTER_BUFFERS;
	if (task->alive)
		(void)twin_call(task, &request, &ignored);
	twin_close(task, ring);
}

void twin_pin_range(struct twin_task *task, uint64_t at, uint64_t bytes,
                    struct twin_result *result)
{
	static const unsigned char params[PARAMS_BYTES];
	struct twin_ask setup = TWIN_CALL(.nr = SYS_io_uring_setup, .pointers = 1U << 1);
	struct twin_ask fix = TWIN_CALL(.nr = SYS_io_uring_register, .pointers = 1U << 2);
	struct iovec buffer = { .iov_len = bytes };
	struct twin_answer answer;
	int ring;

	setup.arg[0] = 1; /* entries */
	setup.arg[1] = twin_ask_data(&setup, params, sizeof(params));
	if (!twin_call_for(task, &setup, &answer, result))
		return;
	ring = (int)answer.ret;
	memcpy(&buffer.iov_base, &at, sizeof(at)); /* of the task, not of ours */
	fix.arg[0] = (uint64_t)answer.ret;
	fix.arg[1] = REGISTER_BUFFERS;
	fix.arg[2] = twin_ask_data(&fix, &buffer, sizeof(buffer));
	fix.arg[3] = 1;
	if (!twin_call(task, &fix, result)) {
		twin_close(task, ring);
	} else if (weir_grow(&task->pins, &task->cap_pins, task->nr_pins,
	                     sizeof(*task->pins)) < 0) {
		unregister(task, ring);
		twin_fail(result, ENOMEM);
	} else {
		task->pins[task->nr_pins++] = (struct twin_pin){ at, at + bytes, ring };
	}
}

void twin_unpin_range(struct twin_task *task, uint64_t at, uint64_t bytes,
                      struct twin_result *result)
{
	size_t kept = 0;

	twin_fail(result, ENOENT);
	for (size_t i = 0; i < task->nr_pins; i++) {
		struct twin_pin pin = task->pins[i];

		if (pin.at >= at + bytes || at >= pin.end) {
			task->pins[kept++] = pin;
			continue;
		}
		unregister(task, pin.ring);
		twin_fail(result, 0);
	}
	task->nr_pins = kept;
}

void twin_pins_fork(struct twin_task *child, const struct twin_task *parent)
{
	for (size_t i = 0; i < parent->nr_pins; i++)
		twin_close(child, parent->pins[i].ring);
}

/* The rings outlive the task in our hands. */
void twin_pins_end(struct twin_task *task)
{
	int pidfd = task->nr_pins ? (int)syscall(SYS_pidfd_open, task->pid, 0U) : -1;
	size_t nr = task->nr_pins;
	int *rings = calloc(nr + 1, sizeof(*rings));

	for (size_t i = 0; rings && i < nr; i++)
		rings[i] = (int)syscall(SYS_pidfd_getfd, pidfd, task->pins[i].ring, 0U);
	twin_kill(task);
	for (size_t i = 0; rings && i < nr; i++) {
		(void)syscall(SYS_io_uring_register, rings[i], UNREGISTER_BUFFERS, NULL,
		              0U);
		(void)close(rings[i]);
	}
	free(rings);
	if (pidfd >= 0)
		(void)close(pidfd);
}
