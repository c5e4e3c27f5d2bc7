/* report: what `weir status` shows, whichever way it shows it. */
#ifndef WEIR_CLI_REPORT_H
#define WEIR_CLI_REPORT_H

#include "plan/findings.h"

#include <stdio.h>

struct weir_report {
	struct weir_snapshot *snap;
	struct weir_overview view;
	struct weir_findings findings;
};

/* @details: see WEIR_SNAPSHOT_DETAILS. */
int weir_report_make(const struct weir_host *host, bool details, struct weir_report *out,
                     struct weir_err *err);
void weir_report_done(struct weir_report *report);

/* What to show of it, and how. */
enum weir_table {
	WEIR_TABLE_NONE,
	WEIR_TABLE_POOLS,
	WEIR_TABLE_NODES,
	WEIR_TABLE_BOOT,
	WEIR_TABLE_MOUNTS,
	WEIR_TABLE_CGROUPS,
	WEIR_TABLE_FINDINGS,
};

enum weir_table_form { WEIR_FORM_TABLE, WEIR_FORM_RAW, WEIR_FORM_PAIRS };

struct weir_report_style {
	enum weir_table table; /* one table only, else the whole screen */
	const char *columns;   /* -o LIST or +LIST; NULL: the table's own choice */
	enum weir_table_form form;
	bool bytes;      /* exact numbers of bytes */
	size_t max_rows; /* of one table; 0: all */
	bool no_headings;
	bool color;
	unsigned int width;      /* of the screen, for sentences */
	bool one_node, one_size; /* show only these */
	unsigned int node;
	uint64_t size_bytes;
};

bool weir_style_has_node(const struct weir_report_style *style, unsigned int node);
bool weir_style_has_size(const struct weir_report_style *style, uint64_t size_bytes);

/* A finding about no node or size in particular is about every one. */
bool weir_finding_is_about(const struct weir_finding *f,
                           const struct weir_report_style *style);

/* report_text.c: the screen, or the one table. WEIR_EXIT_USAGE in r for an unknown
 * column, with words. */
int weir_report_print(const struct weir_report *report,
                      const struct weir_report_style *style, FILE *out,
                      struct weir_err *err);

/* "pools" -> WEIR_TABLE_POOLS; WEIR_TABLE_NONE for another word. */
enum weir_table weir_table_by_name(const char *name);

/* Names and meanings of the tables and their columns: --help, --list-columns. */
void weir_tables_help(FILE *out);
void weir_tables_list_columns(enum weir_table table, FILE *out);

/* report_warm.c: what weird keeps and has leased, as lines and as a key of the document;
 * nothing, and null, without a store. */
struct weir_json;
void weir_report_print_warm(const struct weir_report *report,
                            const struct weir_report_style *style, FILE *out);
void weir_report_json_warm(struct weir_json *j, const struct weir_report *report,
                           const struct weir_report_style *style);

/* report_json.c: the whole of it as one document; weir-json(5) describes it. */
int weir_report_json(const struct weir_report *report,
                     const struct weir_report_style *style, bool compact, FILE *out,
                     struct weir_err *err);

/* One mount of it, as an object. */
void weir_report_json_mount(struct weir_json *j, const char *key,
                            const struct weir_mounts *all, size_t i);

#endif
