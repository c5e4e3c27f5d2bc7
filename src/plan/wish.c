/* wish: see wish.h. */
#include "plan/wish.h"

#include "base/buf.h"
#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define PAGES_MAX (UINT64_C(1) << 40) /* of 2M: 2 EiB, so that no sum overflows */
#define NODE_MAX  1023U               /* MAX_NUMNODES is 1024 at most */

static const char *const prefixes[] = {
	[WEIR_WISH_POOL] = "",
	[WEIR_WISH_OVERCOMMIT] = "overcommit.",
	[WEIR_WISH_PINNABLE] = "pinnable.",
};

void weir_wishes_done(struct weir_wishes *wishes)
{
	free(wishes->v);
	*wishes = (struct weir_wishes){ 0 };
}

const char *weir_wish_text(const struct weir_wish *wish, char *out, size_t cap)
{
	static const char *const signs[] = {
		[WEIR_WISH_EXACTLY] = "", [WEIR_WISH_MORE] = "+", [WEIR_WISH_LESS] = "-"
	};
	char size[WEIR_SIZE_TEXT_MAX], node[24] = "";

	if (wish->node >= 0)
		(void)snprintf(node, sizeof(node), "/node%d", wish->node);
	(void)snprintf(out, cap, "%s%s%s=%s%" PRIu64, prefixes[wish->kind],
	               weir_format_size(wish->page_bytes, size, sizeof(size)).p, node,
	               signs[wish->how], wish->pages);
	return out;
}

/* Of one pool there is one wish; of all nodes together and of one node two, which no
 * order of doing them would both hold. */
static bool contradict(const struct weir_wish *a, const struct weir_wish *b)
{
	return a->kind == b->kind && a->page_bytes == b->page_bytes &&
	       (a->node == b->node || a->node < 0 || b->node < 0);
}

int weir_wishes_add(struct weir_wishes *wishes, const struct weir_wish *wish,
                    struct weir_err *err)
{
	char text[2][WEIR_WISH_TEXT_MAX];

	for (size_t i = 0; i < wishes->nr; i++)
		if (contradict(&wishes->v[i], wish))
			return weir_err_set(
				err, -EEXIST,
				"'%s' and '%s' want different things of the same pages",
				weir_wish_text(&wishes->v[i], text[0], sizeof(text[0])),
				weir_wish_text(wish, text[1], sizeof(text[1])));
	if (wishes->nr >= WEIR_WISHES_MAX)
		return weir_err_set(err, -E2BIG, "more than %u wishes", WEIR_WISHES_MAX);
	if (weir_grow(&wishes->v, &wishes->cap, wishes->nr, sizeof(wishes->v[0])) < 0)
		return weir_err_sys(err, -ENOMEM, "read wishes");
	wishes->v[wishes->nr++] = *wish;
	return 0;
}

static int bad(struct weir_err *err, struct weir_str word, const char *what)
{
	return weir_err_set(err, -EBADMSG, "'%.*s' %s", WEIR_STR_ARG(word), what);
}

static int parse_node(struct weir_str s, struct weir_str word, int *out,
                      struct weir_err *err)
{
	uint64_t node;

	if (weir_parse_u64(s, &node) < 0 || node > NODE_MAX)
		return weir_err_set(err, -EBADMSG, "'%.*s': '%.*s' is no node",
		                    WEIR_STR_ARG(word), WEIR_STR_ARG(s));
	*out = (int)node;
	return 0;
}

/* "2M", "overcommit.2M", "2M/node1" */
static int parse_subject(struct weir_str s, struct weir_str word, struct weir_wish *out,
                         struct weir_err *err)
{
	struct weir_str size = s, node;
	bool has_node;

	for (size_t i = WEIR_NELEM(prefixes) - 1; i > 0; i--)
		if (weir_str_starts(s, prefixes[i])) {
			out->kind = (enum weir_wish_kind)i;
			s = weir_str_skip(s, strlen(prefixes[i]));
			break; /* one of them, not several */
		}
	has_node = weir_str_split(s, '/', &size, &node);
	if (!has_node)
		size = s;
	if (weir_parse_size(size, &out->page_bytes) < 0)
		return weir_err_set(err, -EBADMSG,
		                    "'%.*s': '%.*s' is no page size such as 2M or 1G",
		                    WEIR_STR_ARG(word), WEIR_STR_ARG(size));
	if (!out->page_bytes || (out->page_bytes & (out->page_bytes - 1)))
		return weir_err_set(err, -EBADMSG,
		                    "'%.*s': %.*s is no page size of any kernel",
		                    WEIR_STR_ARG(word), WEIR_STR_ARG(size));
	if (!has_node)
		return 0;
	if (!weir_str_starts(node, "node"))
		return bad(err, word, "names no node such as /node1");
	return parse_node(weir_str_skip(node, 4), word, &out->node, err);
}

static int parse_pages(struct weir_str s, struct weir_str word, struct weir_wish *out,
                       struct weir_err *err)
{
	if (weir_str_starts(s, "+"))
		out->how = WEIR_WISH_MORE;
	else if (weir_str_starts(s, "-"))
		out->how = WEIR_WISH_LESS;
	else
		out->how = WEIR_WISH_EXACTLY;
	if (out->how != WEIR_WISH_EXACTLY)
		s = weir_str_skip(s, 1);
	if (weir_parse_u64(s, &out->pages) < 0)
		return weir_err_set(err, -EBADMSG, "'%.*s': '%.*s' is no number of pages",
		                    WEIR_STR_ARG(word), WEIR_STR_ARG(s));
	if (out->pages > PAGES_MAX)
		return bad(err, word, "wants more pages than any host has");
	if (!out->pages && out->how != WEIR_WISH_EXACTLY)
		return bad(err, word, "changes nothing");
	return 0;
}

/* What can be said of some things and not of others. */
static int check(const struct weir_wish *wish, struct weir_str word, struct weir_err *err)
{
	if (wish->kind == WEIR_WISH_OVERCOMMIT && wish->node >= 0)
		return bad(err, word, "names a node, and the limit is of all nodes");
	if (wish->kind == WEIR_WISH_PINNABLE && wish->node < 0)
		return bad(err, word, "names no node: pinnable.2M/node1=+8");
	if (wish->kind == WEIR_WISH_PINNABLE && wish->how != WEIR_WISH_MORE)
		return bad(err, word, "is no number of pages more: pinnable.2M/node1=+8");
	return 0;
}

/* "0:8,1:8" */
static int parse_list(struct weir_str list, struct weir_str word, struct weir_wish wish,
                      struct weir_wishes *out, struct weir_err *err)
{
	struct weir_str one;
	int r = 0;

	if (list.n && list.p[list.n - 1] == ',')
		return bad(err, word, "is no list such as 0:8,1:8");
	if (wish.node >= 0)
		return bad(err, word, "names a node before the = and behind it");
	while (r == 0 && weir_str_cut(&list, ',', &one)) {
		struct weir_str node, pages;

		if (!weir_str_split(one, ':', &node, &pages))
			return bad(err, word, "is no list such as 0:8,1:8");
		r = parse_node(node, word, &wish.node, err);
		if (r == 0)
			r = parse_pages(pages, word, &wish, err);
		if (r == 0)
			r = check(&wish, word, err);
		if (r == 0)
			r = weir_wishes_add(out, &wish, err);
	}
	return r;
}

int weir_wish_parse(struct weir_str word, struct weir_wishes *out, struct weir_err *err)
{
	struct weir_wish wish = { .node = WEIR_WISH_ALL_NODES };
	struct weir_str rest, subject;
	int r;

	if (!weir_str_split(word, '=', &subject, &rest))
		return bad(err, word, "is no wish such as 2M=4096");
	r = parse_subject(subject, word, &wish, err);
	if (r < 0)
		return r;
	if (memchr(rest.p, ':', rest.n))
		return parse_list(rest, word, wish, out, err);
	r = parse_pages(rest, word, &wish, err);
	if (r == 0)
		r = check(&wish, word, err);
	return r < 0 ? r : weir_wishes_add(out, &wish, err);
}
