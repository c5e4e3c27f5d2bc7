/* tables: see tables.h. This file knows libsmartcols and no host; what the columns mean
 * is in tables_*.c. */
#include "cli/tables.h"

#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <inttypes.h>
#include <libsmartcols.h>

void weir_cell_count(struct weir_count n, char cell[WEIR_CELL_MAX])
{
	if (n.known)
		(void)snprintf(cell, WEIR_CELL_MAX, "%" PRIu64, n.n);
	else
		weir_cell_text(NULL, cell);
}

void weir_cell_bytes(struct weir_count n, const struct weir_report_style *style,
                     char cell[WEIR_CELL_MAX])
{
	if (n.known && !style->bytes)
		(void)weir_format_human(n.n, cell, WEIR_CELL_MAX);
	else
		weir_cell_count(n, cell);
}

void weir_cell_text(const char *text, char cell[WEIR_CELL_MAX])
{
	(void)weir_str_show(weir_strz(text ? text : "?"), cell, WEIR_CELL_MAX);
}

struct choice { /* which columns, in which order */
	const struct weir_column *v[WEIR_COLUMNS_MAX];
	size_t nr;
};

static int choose(const struct weir_table_def *def, struct weir_str name,
                  struct choice *out, struct weir_err *err)
{
	if (out->nr == WEIR_COLUMNS_MAX)
		return weir_err_set(err, -EINVAL, "more than %u columns",
		                    WEIR_COLUMNS_MAX);
	for (size_t i = 0; i < def->nr_columns; i++) {
		if (name.n != strlen(def->columns[i].name) ||
		    strncasecmp(name.p, def->columns[i].name, name.n) != 0)
			continue;
		out->v[out->nr++] = &def->columns[i];
		return 0;
	}
	return weir_err_set(err, -EINVAL, "'%.*s' is not a column of the %s table",
	                    WEIR_STR_ARG(name), def->name);
}

static int choose_all(const struct weir_table_def *def, const char *list,
                      struct choice *out, struct weir_err *err)
{
	struct weir_str rest = weir_strz(list ? list : ""), name;
	int r = 0;

	if (!list || list[0] == '+') {
		for (size_t i = 0; i < def->nr_columns; i++)
			if (def->columns[i].by_default)
				out->v[out->nr++] = &def->columns[i];
		rest = weir_str_skip(rest, 1);
	} else if (!rest.n) {
		return weir_err_set(err, -EINVAL, "an empty list of columns");
	}
	while (r == 0 && weir_str_cut(&rest, ',', &name))
		r = choose(def, name, out, err);
	return r;
}

static int add_columns(struct libscols_table *table, const struct choice *choice)
{
	for (size_t i = 0; i < choice->nr; i++)
		if (!scols_table_new_column(table, choice->v[i]->name, 0,
		                            choice->v[i]->left ? 0 : SCOLS_FL_RIGHT))
			return -ENOMEM;
	return 0;
}

static int add_row(struct libscols_table *table, const struct choice *choice,
                   const void *of, const struct weir_report_style *style, size_t row)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);
	char cell[WEIR_CELL_MAX];

	if (!line)
		return -ENOMEM;
	for (size_t i = 0; i < choice->nr; i++) {
		choice->v[i]->cell(of, style, row, cell);
		if (scols_line_set_data(line, i, cell) != 0)
			return -ENOMEM;
	}
	return 0;
}

int weir_table_print(const struct weir_table_def *def, const void *of,
                     const struct weir_report_style *style, FILE *out,
                     struct weir_err *err)
{
	struct choice choice = { .nr = 0 };
	struct libscols_table *table;
	size_t shown = 0, left = 0;
	int r = choose_all(def, style->columns, &choice, err);

	if (r < 0)
		return r;
	table = scols_new_table();
	r = table ? add_columns(table, &choice) : -ENOMEM;
	for (size_t row = 0; r == 0 && row < def->rows(of); row++) {
		if (!def->shown(of, style, row))
			continue;
		if (style->max_rows && shown >= style->max_rows)
			left++;
		else
			r = add_row(table, &choice, of, style, row);
		shown++;
	}
	if (r == 0) {
		(void)scols_table_set_stream(table, out);
		(void)scols_table_enable_noheadings(table, style->no_headings);
		(void)scols_table_enable_raw(table, style->form == WEIR_FORM_RAW);
		(void)scols_table_enable_export(table, style->form == WEIR_FORM_PAIRS);
		(void)scols_table_enable_shellvar(table, style->form == WEIR_FORM_PAIRS);
		(void)scols_table_enable_nowrap(table, 1);
		r = scols_print_table(table);
	}
	if (left)
		(void)fprintf(out, "... and %zu more: weir status --table %s\n", left,
		              def->name);
	scols_unref_table(table);
	return r < 0 ? weir_err_sys(err, r, "print the %s table", def->name) : 0;
}

void weir_table_list_columns(const struct weir_table_def *def, FILE *out)
{
	for (size_t i = 0; i < def->nr_columns; i++)
		(void)fprintf(out, "%s\n", def->columns[i].name);
}

void weir_table_help(const struct weir_table_def *def, FILE *out)
{
	for (size_t i = 0; i < def->nr_columns; i++)
		(void)fprintf(out, " %c %-12s %s\n",
		              def->columns[i].by_default ? '*' : ' ',
		              def->columns[i].name, def->columns[i].help);
}
