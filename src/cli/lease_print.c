/* lease_print: see lease.h. */
#include "cli/lease.h"

#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <inttypes.h>

#define SCHEMA 1

void weir_lease_got_done(struct weir_lease_got *got)
{
	free(got->path);
	*got = (struct weir_lease_got){ 0 };
}

int weir_lease_got_take(const struct weir_tree *reply, struct weir_lease_got *out,
                        struct weir_err *err)
{
	const struct weir_tree_node *top = &reply->v[0];
	struct weir_str path = weir_reply_text(reply, top, "path");
	struct weir_count lease = weir_reply_u64(reply, top, "lease");
	struct weir_count bytes = weir_reply_u64(reply, top, "bytes");
	struct weir_count page = weir_reply_u64(reply, top, "page_bytes");

	if (!path.n || path.p[0] != '/' || !lease.known || !bytes.known || !page.known)
		return weir_err_set(err, -EBADMSG,
		                    "weird's reply does not say what was leased");
	*out = (struct weir_lease_got){
		.lease = lease.n,
		.bytes = bytes.n,
		.page_bytes = page.n,
		.node = weir_reply_u64(reply, top, "node"),
		.warm_bytes = weir_reply_u64(reply, top, "warm_bytes"),
		.cold_bytes = weir_reply_u64(reply, top, "cold_bytes"),
		.took_us = weir_reply_u64(reply, top, "took_us"),
		.path = strndup(path.p, path.n),
	};
	return out->path ? 0 : weir_err_set(err, -ENOMEM, "out of memory");
}

bool weir_lease_id_is_fine(const char *id)
{
	struct weir_str s = weir_strz(id);

	if (!s.n || !((id[0] >= 'a' && id[0] <= 'z') || (id[0] >= 'A' && id[0] <= 'Z')))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'a' && s.p[i] <= 'z') ||
		      (s.p[i] >= 'A' && s.p[i] <= 'Z') || weir_is_digit(s.p[i]) ||
		      s.p[i] == '-' || s.p[i] == '.' || s.p[i] == '_'))
			return false;
	return true;
}

/* QEMU's key=value lists have a comma doubled (util/keyval.c). */
static int add_value(struct weir_buf *out, const char *value)
{
	int r = 0;

	for (const char *p = value; r == 0 && *p; p++)
		r = weir_buf_add(out, *p == ',' ? weir_strz(",,") : weir_str(p, 1));
	return r;
}

int weir_lease_qemu(const struct weir_lease_got *got, const char *id, bool bound,
                    struct weir_buf *out)
{
	char size[WEIR_SIZE_TEXT_MAX];
	int r = weir_buf_printf(out,
	                        "-object memory-backend-file,id=%s,size=%s,mem-path=", id,
	                        weir_format_size(got->bytes, size, sizeof(size)).p);

	if (r == 0)
		r = add_value(out, got->path);
	if (r == 0)
		r = weir_buf_addz(out, ",share=on");
	if (r == 0 && bound && got->node.known)
		r = weir_buf_printf(out, ",host-nodes=%" PRIu64 ",policy=bind",
		                    got->node.n);
	return r;
}

int weir_lease_json(const struct weir_lease_got *got, const char *qemu, FILE *out)
{
	weir_auto(weir_json_done) struct weir_json j = { 0 };

	weir_json_open(&j, NULL, '{');
	weir_json_u64(&j, "schema", SCHEMA);
	weir_json_u64(&j, "lease", got->lease);
	weir_json_strz(&j, "path", got->path);
	weir_json_u64(&j, "bytes", got->bytes);
	weir_json_u64(&j, "page_bytes", got->page_bytes);
	weir_client_json_count(&j, "node", got->node);
	weir_client_json_count(&j, "warm_bytes", got->warm_bytes);
	weir_client_json_count(&j, "cold_bytes", got->cold_bytes);
	weir_client_json_count(&j, "took_us", got->took_us);
	weir_json_strz(&j, "qemu", qemu);
	weir_json_close(&j);
	if (j.failed)
		return j.failed;
	(void)fwrite(j.out.p, 1, j.out.n, out);
	return 0;
}

static void add_time(struct weir_count us, struct weir_buf *out)
{
	if (!us.known)
		return;
	if (us.n < 1000000)
		(void)weir_buf_printf(out, ", in %" PRIu64 ".%" PRIu64 " ms", us.n / 1000,
		                      us.n % 1000 / 100);
	else
		(void)weir_buf_printf(out, ", in %" PRIu64 ".%" PRIu64 " s",
		                      us.n / 1000000, us.n % 1000000 / 100000);
}

void weir_lease_words(const struct weir_lease_got *got, struct weir_buf *out)
{
	char size[WEIR_SIZE_TEXT_MAX];

	(void)weir_buf_addz(out, weir_format_human(got->bytes, size, sizeof(size)));
	(void)weir_buf_printf(out, " of %s pages",
	                      weir_format_size(got->page_bytes, size, sizeof(size)).p);
	if (got->node.known)
		(void)weir_buf_printf(out, " on node %" PRIu64, got->node.n);
	if (got->warm_bytes.known && got->warm_bytes.n >= got->bytes)
		(void)weir_buf_addz(out, ", all of it warm");
	else if (got->warm_bytes.known)
		(void)weir_buf_printf(
			out, ", %s of it warm and the rest zeroed meanwhile",
			weir_format_human(got->warm_bytes.n, size, sizeof(size)));
	add_time(got->took_us, out);
	(void)weir_buf_printf(out, " (lease %" PRIu64 ")", got->lease);
}
