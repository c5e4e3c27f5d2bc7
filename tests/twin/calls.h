/* calls: what the steps of tasks are made of: system calls of a worker, and files. */
#ifndef WEIR_TWIN_CALLS_H
#define WEIR_TWIN_CALLS_H

#include "world.h"

/* A request for a system call; see worker.h for its members. */
#define TWIN_CALL(...)                             \
	{                                          \
		.op = TWIN_OP_SYSCALL, __VA_ARGS__ \
	}

/* Makes the step's result that errno, 0: ok. */
void twin_fail(struct twin_result *result, int err);

/* Asks the worker, and makes its answer the step's result. True: it succeeded. */
bool twin_call_for(struct twin_task *task, const struct twin_ask *request,
                   struct twin_answer *answer, struct twin_result *result);
bool twin_call(struct twin_task *task, const struct twin_ask *request,
               struct twin_result *result); /* where the answer is no matter */

uint64_t twin_size_of(const struct twin *t, uint64_t page_bytes); /* 0: the default */
unsigned int twin_huge_flags(uint64_t page_bytes); /* of mmap, memfd_create, shmget */

/* The task opens a path, or a file by whatever path it has; the descriptor in the task,
 * or -1 with the result. Closing leaves the result alone. */
int twin_open(struct twin_task *task, const char *path, int flags,
              struct twin_result *result);
int twin_open_file(struct twin *t, struct twin_task *task, const struct twin_file *file,
                   struct twin_result *result);
void twin_close(struct twin_task *task, int fd);

/* Adds a policy to a request: its mode as argument @first, mask and size behind it. */
void twin_add_policy(struct twin_ask *request, const struct weir_policy *policy,
                     unsigned int first);

#endif
