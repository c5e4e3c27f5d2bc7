/* thp: the settings of transparent huge pages (mm/huge_memory.c, mm/shmem.c, v6.6). */
#ifndef WEIR_FACTS_THP_H
#define WEIR_FACTS_THP_H

#include "facts/fact.h"

struct weir_thp {      /* NULL: unknown */
	char *enabled; /* the word in force: "always", "madvise", "never" */
	char *defrag;
	char *shmem_enabled;
	struct weir_count
		pmd_size; /* bytes of a PMD: the default huge page where none is named */
	struct weir_count zero_page;
};

void weir_thp_done(struct weir_thp *thp);
void weir_thp_read(struct weir_reader *rd, struct weir_thp *out);

/* "always [madvise] never" -> "madvise". False without exactly one bracketed word. */
bool weir_choice_parse(struct weir_str s, struct weir_str *out);

#endif
