/* makers: see makers.h. From /proc/PID/status (fs/proc/array.c, task_state(), v6.6). */
#include "apply/makers.h"

#include "base/own.h"
#include "base/str.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define STATUS_MAX 65536U /* a page or two */

void weir_makers_done(struct weir_makers *makers)
{
	free(makers->pids.v);
	*makers = (struct weir_makers){ 0 };
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static bool has(const struct weir_numbers *numbers, uint64_t n)
{
	return numbers->nr &&
	       bsearch(&n, numbers->v, numbers->nr, sizeof(*numbers->v), by_number);
}

static int add(struct weir_numbers *numbers, uint64_t n)
{
	int r = weir_grow(&numbers->v, &numbers->cap, numbers->nr, sizeof(*numbers->v));

	if (r == 0)
		numbers->v[numbers->nr++] = n;
	return r;
}

static int add_all(struct weir_numbers *numbers, struct weir_str words)
{
	struct weir_str word;
	uint64_t n;
	int r = 0;

	while (r == 0 && weir_str_word(&words, &word))
		if (weir_parse_u64(word, &n) == 0)
			r = add(numbers, n);
	return r;
}

static int add_status(struct weir_makers *makers, struct weir_str text)
{
	struct weir_str line;
	int r = 0;

	while (r == 0 && weir_str_line(&text, &line)) {
		if (weir_str_starts(line, "NSpid:")) /* from the outermost in */
			r = add_all(&makers->pids, weir_str_skip(line, 6));
	}
	return r;
}

static void settle(struct weir_numbers *numbers)
{
	size_t nr = 0;

	if (numbers->nr)
		qsort(numbers->v, numbers->nr, sizeof(*numbers->v), by_number);
	for (size_t i = 0; i < numbers->nr; i++)
		if (!i || numbers->v[i] != numbers->v[nr - 1])
			numbers->v[nr++] = numbers->v[i];
	numbers->nr = nr;
}

int weir_makers_read(const struct weir_host *host, struct weir_makers *out)
{
	weir_auto(weir_names_done) struct weir_names names = { 0 };
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	char path[64];
	uint64_t pid;
	int r = weir_host_list(host, "/proc", &names);

	*out = (struct weir_makers){ 0 };
	for (size_t i = 0; r == 0 && i < names.nr; i++) {
		if (weir_parse_u64(weir_strz(names.v[i].name), &pid) < 0)
			continue;
		r = add(&out->pids, pid);
		(void)snprintf(path, sizeof(path), "/proc/%" PRIu64 "/status", pid);
		if (r == 0)
			r = weir_host_read(host, path, STATUS_MAX, &text);
		if (r == 0)
			r = add_status(out, weir_buf_str(&text));
		else if (r != -ENOMEM)
			r = 0; /* it has ended */
	}
	settle(&out->pids);
	if (r < 0)
		weir_makers_done(out);
	return r;
}

bool weir_makers_has_process(const struct weir_makers *makers, uint64_t pid)
{
	return has(&makers->pids, pid);
}
