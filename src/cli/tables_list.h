/* tables_list: the tables that there are. Internal to tables*.c. */
#ifndef WEIR_CLI_TABLES_LIST_H
#define WEIR_CLI_TABLES_LIST_H

#include "cli/tables.h"

/* A cell's function over a report: see weir_cell_fn. */
#define WEIR_CELL(name)                                                          \
	static void name##_of(const struct weir_report *report,                  \
	                      const struct weir_report_style *style, size_t row, \
	                      char cell[WEIR_CELL_MAX]);                         \
	static void name(const void *of, const struct weir_report_style *style,  \
	                 size_t row, char cell[WEIR_CELL_MAX])                   \
	{                                                                        \
		name##_of(of, style, row, cell);                                 \
	}                                                                        \
	static void name##_of(const struct weir_report *report,                  \
	                      const struct weir_report_style *style, size_t row, \
	                      char cell[WEIR_CELL_MAX])

extern const struct weir_table_def weir_table_pools, weir_table_nodes, weir_table_boot;
extern const struct weir_table_def weir_table_mounts, weir_table_cgroups;
extern const struct weir_table_def weir_table_findings;

#endif
