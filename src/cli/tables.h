/* tables: the column tables behind the text output, made with libsmartcols. One list of
 * columns drives headings, -o, --help and completion. */
#ifndef WEIR_CLI_TABLES_H
#define WEIR_CLI_TABLES_H

#include "cli/report.h"

#define WEIR_COLUMNS_MAX 16U
#define WEIR_CELL_MAX    8192U /* a path of PATH_MAX, escaped or not, with words */

/* Writes one cell of @row of what the table is of; what is not known is "?". */
typedef void weir_cell_fn(const void *of, const struct weir_report_style *style,
                          size_t row, char cell[WEIR_CELL_MAX]);

struct weir_column {
	const char *name;
	const char *help;
	weir_cell_fn *cell;
	bool by_default;
	bool left; /* aligned left: words; numbers go right */
};

struct weir_table_def {
	enum weir_table id; /* of weir status, else WEIR_TABLE_NONE */
	const char *name;
	const char *help;
	const struct weir_column *columns;
	size_t nr_columns;
	size_t (*rows)(const void *of);
	bool (*shown)(const void *of, const struct weir_report_style *style, size_t row);
};

const struct weir_table_def *weir_table_def(enum weir_table id);

/* Prints one table with the columns that @style names. @of: what its functions are given,
 * a struct weir_report where it is one of weir status. -EINVAL for an unknown column. */
int weir_table_print(const struct weir_table_def *def, const void *of,
                     const struct weir_report_style *style, FILE *out,
                     struct weir_err *err);

/* The names of its columns, a line each; with their meanings, for --help. */
void weir_table_list_columns(const struct weir_table_def *def, FILE *out);
void weir_table_help(const struct weir_table_def *def, FILE *out);

/* Cells: a count, a size for people (or in bytes), a range. */
void weir_cell_count(struct weir_count n, char cell[WEIR_CELL_MAX]);
void weir_cell_bytes(struct weir_count n, const struct weir_report_style *style,
                     char cell[WEIR_CELL_MAX]);
void weir_cell_text(const char *text, char cell[WEIR_CELL_MAX]); /* NULL: "?" */

#endif
