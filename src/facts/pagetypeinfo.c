/* pagetypeinfo: see pagetypeinfo.h. For each node with memory there are two tables, one
 * below the other (mm/vmstat.c, pagetypeinfo_show(), v6.6): the first has a row for each
 * type of each zone, the second names the types in its heading and has a row for each
 * zone. With page_owner=on there is a third, which counts the blocks again by another
 * question and is passed over. */
#include "facts/pagetypeinfo.h"

#include "base/own.h"

#include <errno.h>

#define TYPES_MAX 16U /* MIGRATE_TYPES is 6 at most (include/linux/mmzone.h, v6.18) */
/* MAX_NR_ZONES is 6. No more rows are searched, so that no text takes long. */
#define NODE_ROWS_MAX (8UL * TYPES_MAX)

void weir_pagetypeinfo_done(struct weir_pagetypeinfo *info)
{
	free(info->rows);
	*info = (struct weir_pagetypeinfo){ 0 };
}

/* Takes "Node    0, zone   Normal" off *rest; what follows is a comma or blanks. */
static int take_zone(struct weir_str *rest, unsigned int *node, struct weir_str *name)
{
	struct weir_str id, word;
	uint64_t n;
	size_t end = 0;

	if (!weir_str_starts(*rest, "Node "))
		return WEIR_GARBLED;
	*rest = weir_str_skip(*rest, 5);
	if (!weir_str_cut(rest, ',', &id) || weir_parse_u64(weir_str_trim(id), &n) < 0 ||
	    n > WEIR_NODE_MAX)
		return WEIR_GARBLED;
	if (!weir_str_word(rest, &word) || !weir_str_eq(word, "zone"))
		return WEIR_GARBLED;
	while (rest->n && rest->p[0] == ' ')
		*rest = weir_str_skip(*rest, 1);
	while (end < rest->n && rest->p[end] != ' ' && rest->p[end] != ',')
		end++;
	if (!end || end >= WEIR_ZONE_NAME_MAX)
		return WEIR_GARBLED;
	*node = (unsigned int)n;
	*name = weir_str(rest->p, end);
	*rest = weir_str_skip(*rest, end);
	return 0;
}

/* "..., type    Unmovable      0 >100000 ..." behind the zone */
static int parse_free_row(struct weir_str rest, struct weir_type_row *row)
{
	struct weir_str word;

	if (!weir_str_starts(rest, ", type "))
		return WEIR_GARBLED;
	rest = weir_str_skip(rest, 7);
	if (!weir_str_word(&rest, &word) || word.n >= WEIR_TYPE_NAME_MAX)
		return WEIR_GARBLED;
	(void)weir_str_show(word, row->type, sizeof(row->type));
	while (weir_str_word(&rest, &word)) {
		struct weir_count n = { 0 };

		if (row->nr_orders == WEIR_ORDERS_MAX)
			return WEIR_GARBLED;
		if (weir_str_starts(word, ">")) {
			row->at_least |= 1U << row->nr_orders;
			word = weir_str_skip(word, 1);
		}
		if (weir_count_parse(word, &n) != 0)
			return WEIR_GARBLED;
		row->counts[row->nr_orders++] = n.n;
	}
	return row->nr_orders ? 0 : WEIR_GARBLED;
}

static bool same_zone(const struct weir_type_row *row, unsigned int node,
                      struct weir_str zone)
{
	return row->node == node && weir_str_eq(zone, row->zone);
}

/* A row of the second table: one number for each type in the heading. The rows of a zone
 * stand together in the first table, which begins at row @first, so it is searched once.
 */
static int parse_block_row(struct weir_str line, const struct weir_str *types,
                           size_t nr_types, size_t first, struct weir_pagetypeinfo *info)
{
	struct weir_str zone, word;
	unsigned int node;
	size_t end = info->nr - first < NODE_ROWS_MAX ? info->nr : first + NODE_ROWS_MAX;

	if (take_zone(&line, &node, &zone) != 0)
		return WEIR_GARBLED;
	while (first < end && !same_zone(&info->rows[first], node, zone))
		first++;
	if (end - first > TYPES_MAX)
		end = first + TYPES_MAX;
	for (size_t i = 0; i < nr_types; i++) {
		struct weir_count n = { 0 };

		if (!weir_str_word(&line, &word) || weir_count_parse(word, &n) != 0)
			return WEIR_GARBLED;
		for (size_t at = first;
		     at < end && same_zone(&info->rows[at], node, zone); at++)
			if (weir_str_eq(types[i], info->rows[at].type))
				info->rows[at].blocks = n;
	}
	return weir_str_trim(line).n ? WEIR_GARBLED : 0;
}

static size_t take_types(struct weir_str heading, struct weir_str types[TYPES_MAX])
{
	size_t nr = 0;

	while (nr < TYPES_MAX && weir_str_word(&heading, &types[nr]))
		nr++;
	return nr;
}

static int add_free_row(struct weir_str line, struct weir_pagetypeinfo *out)
{
	struct weir_type_row *row;
	struct weir_str name;
	int r = out->nr < WEIR_TYPE_ROWS_MAX ? 0 : WEIR_GARBLED;

	if (r == 0)
		r = weir_grow(&out->rows, &out->cap, out->nr, sizeof(*out->rows));
	if (r)
		return r;
	row = &out->rows[out->nr];
	r = take_zone(&line, &row->node, &name);
	if (r == 0)
		r = parse_free_row(line, row);
	if (r == 0) {
		(void)weir_str_show(name, row->zone, sizeof(row->zone));
		out->nr++;
	}
	return r;
}

int weir_pagetypeinfo_parse(struct weir_str text, struct weir_pagetypeinfo *out,
                            struct weir_err *err)
{
	struct weir_str line, types[TYPES_MAX];
	enum { FREE, BLOCKS, MIXED } table = FREE;
	size_t nr_types = 0, first = 0;
	int result = 0, r;

	*out = (struct weir_pagetypeinfo){ 0 };
	if (text.n && !weir_str_ends(text, "\n"))
		result = weir_err_set(err, WEIR_GARBLED, "cut off in its last line");
	while (weir_str_line(&text, &line)) {
		r = 0;
		if (weir_str_starts(line, "Page block order:"))
			r = weir_count_parse(weir_str_trim(weir_str_skip(line, 17)),
			                     &out->block_order);
		else if (weir_str_starts(line, "Pages per block:"))
			r = weir_count_parse(weir_str_trim(weir_str_skip(line, 16)),
			                     &out->block_pages);
		else if (weir_str_starts(line, "Free pages count"))
			table = FREE, first = out->nr;
		else if (weir_str_starts(line, "Number of blocks type"))
			table = BLOCKS,
			nr_types = take_types(weir_str_skip(line, 21), types);
		else if (weir_str_starts(line, "Number of mixed blocks"))
			table = MIXED;
		else if (table == FREE && weir_str_starts(line, "Node "))
			r = add_free_row(line, out);
		else if (table == BLOCKS && weir_str_starts(line, "Node "))
			r = parse_block_row(line, types, nr_types, first, out);
		if (r < 0) {
			weir_pagetypeinfo_done(out);
			return r;
		}
		if (r && !result)
			result = weir_err_set(err, WEIR_GARBLED, "not understood: '%.*s'",
			                      WEIR_STR_ARG(weir_str_trim(line)));
	}
	return result;
}
