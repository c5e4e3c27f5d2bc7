/* lease_rows: see lease_rows.h. A reply has so many leases at most; the next one begins
 * behind the last of them. */
#include "cli/lease_rows.h"

#include "base/own.h"

#include <errno.h>

void weir_lease_rows_done(struct weir_lease_rows *rows)
{
	for (size_t i = 0; i < rows->nr; i++) {
		free(rows->v[i].name);
		free(rows->v[i].state);
		free(rows->v[i].owner);
		free(rows->v[i].unit);
		free(rows->v[i].path);
		free(rows->v[i].holders);
	}
	free(rows->v);
	*rows = (struct weir_lease_rows){ 0 };
}

static int take_text(const struct weir_tree *reply, const struct weir_tree_node *node,
                     const char *key, char **out)
{
	struct weir_str s = weir_reply_text(reply, node, key);

	if (!s.n)
		return 0;
	*out = strndup(s.p, s.n);
	return *out ? 0 : -ENOMEM;
}

static int take_texts(const struct weir_tree *reply, const struct weir_tree_node *node,
                      struct weir_lease_row *row)
{
	const struct {
		const char *key;
		char **out;
	} texts[] = {
		{ "name", &row->name },   { "state", &row->state },
		{ "owner", &row->owner }, { "unit", &row->unit },
		{ "path", &row->path },   { "holders", &row->holders },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < WEIR_NELEM(texts); i++)
		r = take_text(reply, node, texts[i].key, texts[i].out);
	return r;
}

static int take_row(const struct weir_tree *reply, const struct weir_tree_node *node,
                    struct weir_lease_rows *out)
{
	struct weir_count lease = weir_reply_u64(reply, node, "lease");
	struct weir_lease_row *row;

	if (!lease.known || (out->nr && lease.n <= out->v[out->nr - 1].lease))
		return -EBADMSG;
	if (out->nr == WEIR_LEASE_ROWS_MAX)
		return -E2BIG;
	if (weir_grow(&out->v, &out->cap, out->nr, sizeof(*out->v)) < 0)
		return -ENOMEM;
	row = &out->v[out->nr++];
	row->lease = lease.n;
	row->bytes = weir_reply_u64(reply, node, "bytes");
	row->filled_bytes = weir_reply_u64(reply, node, "filled_bytes");
	row->page_bytes = weir_reply_u64(reply, node, "page_bytes");
	row->node = weir_reply_u64(reply, node, "node");
	row->uid = weir_reply_u64(reply, node, "uid");
	row->pid = weir_reply_u64(reply, node, "pid");
	row->since_ms = weir_reply_u64(reply, node, "since_ms");
	row->until_ms = weir_reply_u64(reply, node, "until_ms");
	return take_texts(reply, node, row);
}

/* Those behind the last that is there. *more: there are still others. */
static int read_some(struct weir_client *client, struct weir_lease_rows *rows, bool *more,
                     struct weir_refusal *no, struct weir_err *err)
{
	weir_auto(weir_json_done) struct weir_json request = { 0 };
	weir_auto(weir_tree_done) struct weir_tree reply = { 0 };
	const struct weir_tree_node *list, *node;
	size_t had = rows->nr;
	int r;

	weir_client_begin(client, "leases", &request);
	if (had)
		weir_json_u64(&request, "after", rows->v[had - 1].lease);
	r = weir_client_call(client, &request, &reply, no, err);
	if (r)
		return r;
	list = weir_tree_find(&reply, &reply.v[0], WEIR_TREE_LIST, "leases");
	for (node = list ? weir_tree_first(&reply, list) : NULL; r == 0 && node;
	     node = weir_tree_next(&reply, node))
		r = take_row(&reply, node, rows);
	*more = weir_reply_is(&reply, &reply.v[0], "more") && rows->nr > had;
	if (!list || r == -EBADMSG)
		return weir_err_set(err, -EBADMSG, "weird's reply is no list of leases");
	return r < 0 ? weir_err_sys(err, r, "take weird's list of leases") : 0;
}

int weir_lease_rows_read(struct weir_client *client, struct weir_lease_rows *out,
                         struct weir_refusal *no, struct weir_err *err)
{
	weir_auto(weir_lease_rows_done) struct weir_lease_rows rows = { 0 };
	bool more = true;
	int r = 0;

	while (r == 0 && more)
		r = read_some(client, &rows, &more, no, err);
	if (r == 0) {
		*out = rows;
		rows = (struct weir_lease_rows){ 0 };
	}
	return r;
}
