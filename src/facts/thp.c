/* thp: see thp.h. */
#include "facts/thp.h"

#include "base/own.h"

#include <errno.h>

#define DIR "/sys/kernel/mm/transparent_hugepage"

void weir_thp_done(struct weir_thp *thp)
{
	free(thp->enabled);
	free(thp->defrag);
	free(thp->shmem_enabled);
	*thp = (struct weir_thp){ 0 };
}

bool weir_choice_parse(struct weir_str s, struct weir_str *out)
{
	struct weir_str word;
	bool found = false;

	s = weir_str_trim(s);
	while (weir_str_word(&s, &word)) {
		if (!weir_str_starts(word, "[") || !weir_str_ends(word, "]") ||
		    word.n < 3)
			continue;
		if (found)
			return false;
		*out = weir_str(word.p + 1, word.n - 2);
		found = true;
	}
	for (size_t i = 0; found && i < out->n; i++) /* no NULs, no second line */
		found = out->p[i] > ' ' && out->p[i] < 0x7f;
	return found;
}

static char *read_choice(struct weir_reader *rd, const char *path)
{
	struct weir_str text, word;
	struct weir_err err;
	char *copy;

	if (!weir_reader_text(rd, WEIR_SMALL_MAX, &text, "%s", path))
		return NULL;
	if (!weir_choice_parse(text, &word)) {
		weir_reader_parsed(rd,
		                   weir_err_set(&err, WEIR_GARBLED, "no choice: '%.*s'",
		                                WEIR_STR_ARG(weir_str_trim(text))),
		                   path, &err);
		return NULL;
	}
	copy = strndup(word.p, word.n);
	if (!copy)
		rd->failed = -ENOMEM;
	return copy;
}

void weir_thp_read(struct weir_reader *rd, struct weir_thp *out)
{
	*out = (struct weir_thp){ 0 };
	out->enabled = read_choice(rd, DIR "/enabled");
	out->defrag = read_choice(rd, DIR "/defrag");
	out->shmem_enabled = read_choice(rd, DIR "/shmem_enabled");
	out->pmd_size = weir_reader_count(rd, WEIR_COUNT_MAX, DIR "/hpage_pmd_size");
	out->zero_page = weir_reader_count(rd, 1, DIR "/use_zero_page");
}
