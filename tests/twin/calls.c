/* calls: what the steps of tasks are made of. See calls.h. */
#include "calls.h"

#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MPOL_PREFERRED_MANY_ 5  /* younger than the headers of some builds */
#define HUGE_SHIFT           26 /* of the page size in flags */
#define MAXNODE              65 /* bits of a mask and one, which the kernel takes off */

void twin_fail(struct twin_result *result, int err)
{
	result->view.kind = err ? WEIR_RESULT_ERRNO : WEIR_RESULT_OK;
	result->view.err = err;
}

/* Asks, and makes the answer the step's result. True: it succeeded. */
bool twin_call_for(struct twin_task *task, const struct twin_ask *request,
                   struct twin_answer *answer, struct twin_result *result)
{
	if (twin_ask(task, request, answer, result) < 0)
		return false;
	result->view.after = answer->after;
	switch ((enum twin_fate)answer->fate) {
	case TWIN_RETURNED: twin_fail(result, answer->err); break;
	case TWIN_BUS_ADRERR: result->view.kind = WEIR_RESULT_SIGBUS; break;
	case TWIN_BUS_MCEERR: result->view.kind = WEIR_RESULT_MCEERR; break;
	case TWIN_SEGV: twin_fail(result, EFAULT); break;
	}
	return result->view.kind == WEIR_RESULT_OK;
}

bool twin_call(struct twin_task *task, const struct twin_ask *request,
               struct twin_result *result)
{
	struct twin_answer answer;

	return twin_call_for(task, request, &answer, result);
}

uint64_t twin_size_of(const struct twin *t, uint64_t page_bytes)
{
	return page_bytes ? page_bytes : t->kernel.sizes[0].page_bytes;
}

unsigned int twin_huge_flags(uint64_t page_bytes)
{
	return (unsigned int)__builtin_ctzll(page_bytes) << HUGE_SHIFT;
}

/* The task opens the path; the descriptor, or -1 with the result. */
int twin_open(struct twin_task *task, const char *path, int flags,
              struct twin_result *result)
{
	struct twin_ask request = TWIN_CALL(.nr = SYS_openat, .pointers = 1U << 1);
	struct twin_answer answer;

	request.arg[0] = (uint64_t)(int64_t)AT_FDCWD;
	request.arg[1] = twin_ask_data(&request, path, strlen(path) + 1);
	request.arg[2] = (uint64_t)flags;
	return twin_call_for(task, &request, &answer, result) ? (int)answer.ret : -1;
}

void twin_close(struct twin_task *task, int fd)
{
	struct twin_ask request = TWIN_CALL(.nr = SYS_close,
	                                    .arg = { (uint64_t)(unsigned int)fd });
	struct twin_result ignored = { 0 };

	if (task->alive)
		(void)twin_call(task, &request, &ignored);
}

int twin_open_file(struct twin *t, struct twin_task *task, const struct twin_file *file,
                   struct twin_result *result)
{
	char path[TWIN_PATH_MAX];

	if (!twin_file_path(t, file, path, sizeof(path))) {
		twin_fail(result, ENOENT);
		return -1;
	}
	return twin_open(task, path, O_RDWR, result);
}

static int policy_mode(enum weir_policy_mode mode)
{
	switch (mode) {
	case WEIR_POLICY_DEFAULT: return MPOL_DEFAULT;
	case WEIR_POLICY_LOCAL: return MPOL_LOCAL;
	case WEIR_POLICY_PREFERRED: return MPOL_PREFERRED;
	case WEIR_POLICY_PREFERRED_MANY: return MPOL_PREFERRED_MANY_;
	case WEIR_POLICY_BIND: return MPOL_BIND;
	case WEIR_POLICY_INTERLEAVE: return MPOL_INTERLEAVE;
	}
	return MPOL_DEFAULT;
}

/* @first: the number of the argument that is the mode; mask and its size come next. */
void twin_add_policy(struct twin_ask *request, const struct weir_policy *policy,
                     unsigned int first)
{
	request->arg[first] = (uint64_t)policy_mode(policy->mode);
	if (policy->nodes == 0)
		return;
	request->arg[first + 1] = twin_ask_data(request, &policy->nodes,
	                                        sizeof(policy->nodes));
	request->pointers |= 1U << (first + 1);
	request->arg[first + 2] = MAXNODE;
}
