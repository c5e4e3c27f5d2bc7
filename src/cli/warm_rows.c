/* warm_rows: see warm_rows.h. */
#include "cli/warm_rows.h"

#include "base/own.h"

#include <errno.h>

void weir_warm_rows_done(struct weir_warm_rows *rows)
{
	for (size_t i = 0; i < rows->nr; i++)
		free(rows->v[i].blocked);
	free(rows->v);
	free(rows->flavours);
	*rows = (struct weir_warm_rows){ 0 };
}

static int take_store(const struct weir_tree *reply, const struct weir_tree_node *node,
                      struct weir_warm_rows *out)
{
	struct weir_str blocked = weir_reply_text(reply, node, "blocked");
	struct weir_warm_row *row;

	if (out->nr == WEIR_WARM_ROWS_MAX)
		return -E2BIG;
	if (weir_grow(&out->v, &out->cap, out->nr, sizeof(*out->v)) < 0)
		return -ENOMEM;
	row = &out->v[out->nr++];
#define TAKE(key) row->key = weir_reply_u64(reply, node, #key);
	WEIR_WARM_NUMBERS(TAKE)
#undef TAKE
	if (!row->page_bytes.known)
		return -EBADMSG;
	if (blocked.n)
		row->blocked = strndup(blocked.p, blocked.n);
	return blocked.n && !row->blocked ? -ENOMEM : 0;
}

static int take_flavour(const struct weir_tree *reply, const struct weir_tree_node *node,
                        struct weir_warm_rows *out)
{
	struct weir_warm_flavour *f;

	if (out->nr_flavours == WEIR_WARM_ROWS_MAX)
		return -E2BIG;
	if (weir_grow(&out->flavours, &out->cap_flavours, out->nr_flavours,
	              sizeof(*out->flavours)) < 0)
		return -ENOMEM;
	f = &out->flavours[out->nr_flavours++];
	f->page_bytes = weir_reply_u64(reply, node, "page_bytes");
	f->node = weir_reply_u64(reply, node, "node");
	f->bytes = weir_reply_u64(reply, node, "bytes");
	f->ready = weir_reply_u64(reply, node, "ready");
	f->wanted = weir_reply_u64(reply, node, "wanted");
	return 0;
}

static int take(const struct weir_tree *reply, struct weir_warm_rows *out)
{
	const struct weir_tree_node *top = &reply->v[0], *list, *node;
	int r = 0;

	list = weir_tree_find(reply, top, WEIR_TREE_LIST, "stores");
	if (!list)
		return -EBADMSG;
	for (node = weir_tree_first(reply, list); r == 0 && node;
	     node = weir_tree_next(reply, node))
		r = take_store(reply, node, out);
	list = weir_tree_find(reply, top, WEIR_TREE_LIST, "flavours");
	for (node = list ? weir_tree_first(reply, list) : NULL; r == 0 && node;
	     node = weir_tree_next(reply, node))
		r = take_flavour(reply, node, out);
	out->leases = weir_reply_u64(reply, top, "leases");
	out->releases = weir_reply_u64(reply, top, "releases");
	out->warm_bytes_leased = weir_reply_u64(reply, top, "warm_bytes_leased");
	out->cold_bytes_leased = weir_reply_u64(reply, top, "cold_bytes_leased");
	out->verify_failures = weir_reply_u64(reply, top, "verify_failures");
	return r;
}

int weir_warm_rows_read(struct weir_client *client, struct weir_warm_rows *out,
                        struct weir_refusal *no, struct weir_err *err)
{
	weir_auto(weir_warm_rows_done) struct weir_warm_rows rows = { 0 };
	weir_auto(weir_json_done) struct weir_json request = { 0 };
	weir_auto(weir_tree_done) struct weir_tree reply = { 0 };
	int r;

	weir_client_begin(client, "warm", &request);
	r = weir_client_call(client, &request, &reply, no, err);
	if (r)
		return r;
	r = take(&reply, &rows);
	if (r == -EBADMSG)
		return weir_err_set(err, r, "weird's reply is no description of a store");
	if (r < 0)
		return weir_err_sys(err, r, "take weird's description of its store");
	*out = rows;
	rows = (struct weir_warm_rows){ 0 };
	return 0;
}
