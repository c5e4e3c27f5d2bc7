/* file_users: see file_users.h. */
#include "apply/file_users.h"

#include "base/own.h"

#include <errno.h>
#include <inttypes.h>

#define NAMED_MAX 4U /* processes that a sentence names; the others are counted */

void weir_file_users_done(struct weir_file_users *users)
{
	free(users->v);
	*users = (struct weir_file_users){ 0 };
}

static struct weir_file_user *user_of(struct weir_file_users *users, size_t task)
{
	for (size_t i = users->nr; i-- > 0;)
		if (users->v[i].task == task)
			return &users->v[i];
	if (weir_grow(&users->v, &users->cap, users->nr, sizeof(*users->v)) < 0)
		return NULL;
	users->v[users->nr].task = task;
	return &users->v[users->nr++];
}

static int by_task(const void *a, const void *b)
{
	const struct weir_file_user *x = a, *y = b;

	return (x->task > y->task) - (x->task < y->task);
}

int weir_file_users_add(const struct weir_ledger *ledger, size_t file,
                        struct weir_file_users *out)
{
	const struct weir_holdings *all = &ledger->holdings;
	struct weir_file_user *user;

	for (size_t i = 0; i < all->nr_maps; i++) {
		if (all->maps[i].file != file)
			continue;
		user = user_of(out, all->maps[i].task);
		if (!user)
			return -ENOMEM;
		user->maps = true;
	}
	for (size_t i = 0; i < all->nr_links; i++) {
		if (all->links[i].file != file)
			continue;
		user = user_of(out, all->links[i].task);
		if (!user)
			return -ENOMEM;
		user->is_open = true;
	}
	if (out->nr)
		qsort(out->v, out->nr, sizeof(*out->v), by_task);
	return 0;
}

int weir_file_users_text(const struct weir_ledger *ledger,
                         const struct weir_file_users *users, struct weir_buf *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < users->nr && i < NAMED_MAX; i++) {
		const struct weir_file_user *user = &users->v[i];
		const struct weir_holding_task *task =
			&ledger->holdings.tasks[user->task];

		r = weir_buf_printf(out, "%s%s (%" PRIu64 ") %s", i ? ", " : "",
		                    task->name && *task->name ? task->name : "process",
		                    task->pid, user->maps ? "maps it" : "has it open");
	}
	if (r == 0 && users->nr > NAMED_MAX)
		r = weir_buf_printf(out, " and %zu more", users->nr - NAMED_MAX);
	return r;
}
