/* tables_list: which tables there are, by number and by name, and what they show. */
#include "cli/tables_list.h"

#include <string.h>

const struct weir_table_def *weir_table_def(enum weir_table id)
{
	switch (id) {
	case WEIR_TABLE_NODES: return &weir_table_nodes;
	case WEIR_TABLE_BOOT: return &weir_table_boot;
	case WEIR_TABLE_MOUNTS: return &weir_table_mounts;
	case WEIR_TABLE_CGROUPS: return &weir_table_cgroups;
	case WEIR_TABLE_FINDINGS: return &weir_table_findings;
	case WEIR_TABLE_NONE:
	case WEIR_TABLE_POOLS: break;
	}
	return &weir_table_pools;
}

enum weir_table weir_table_by_name(const char *name)
{
	for (int id = WEIR_TABLE_POOLS; id <= WEIR_TABLE_FINDINGS; id++)
		if (strcmp(weir_table_def((enum weir_table)id)->name, name) == 0)
			return (enum weir_table)id;
	return WEIR_TABLE_NONE;
}

void weir_tables_list_columns(enum weir_table table, FILE *out)
{
	weir_table_list_columns(weir_table_def(table), out);
}

void weir_tables_help(FILE *out)
{
	for (int id = WEIR_TABLE_POOLS; id <= WEIR_TABLE_FINDINGS; id++) {
		const struct weir_table_def *def = weir_table_def((enum weir_table)id);

		(void)fprintf(out, "\nColumns of --table %s, %s (* shown by default):\n",
		              def->name, def->help);
		weir_table_help(def, out);
	}
}
