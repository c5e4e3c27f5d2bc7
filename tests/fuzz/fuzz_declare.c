#include "plan/declare.h"

#include "fuzz.h"

static void same(const struct weir_buf *a, const struct weir_buf *b)
{
	must(a->n == b->n && (!a->n || memcmp(a->p, b->p, a->n) == 0));
}

static int parse(struct weir_str text, struct weir_declaration *out, struct weir_err *err)
{
	int r;

	*out = (struct weir_declaration){ 0 };
	r = weir_declaration_add(out, "f", text, err);
	return r < 0 ? r : weir_declaration_check(out, err);
}

/* What is written is read back to the same; a text that says it already stays as it is;
 * and one that says something else says it afterwards. */
static void check(const struct weir_declaration *decl, struct weir_str text)
{
	struct weir_declaration again;
	struct weir_buf out = { 0 }, twice = { 0 }, kept = { 0 }, other = { 0 };
	struct weir_wishes wishes = { 0 };

	must(weir_declaration_wishes(decl, &wishes, NULL) == 0);
	must(weir_declaration_format(decl, &out) == 0);
	must(parse(weir_buf_str(&out), &again, NULL) == 0);
	must(weir_declaration_format(&again, &twice) == 0);
	same(&out, &twice);
	weir_declaration_done(&again);

	must(weir_declaration_update(text, decl, &kept) == 0);
	must(parse(weir_buf_str(&kept), &again, NULL) == 0);
	twice.n = 0;
	must(weir_declaration_format(&again, &twice) == 0);
	same(&out, &twice);
	weir_declaration_done(&again);

	must(weir_declaration_update(weir_strz("[pool 2M]\npages = 7 # x\n[pool 8M]\n"
	                                       "overcommit = 1\n[vm z]\nfile = /z\n"),
	                             decl, &other) == 0);
	must(parse(weir_buf_str(&other), &again, NULL) == 0);
	must(again.nr_pools == decl->nr_pools && again.nr_mounts == decl->nr_mounts &&
	     again.nr_vms == decl->nr_vms);
	weir_declaration_done(&again);

	weir_wishes_done(&wishes);
	weir_buf_done(&out);
	weir_buf_done(&twice);
	weir_buf_done(&kept);
	weir_buf_done(&other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_str text = weir_str((const char *)data, size);
	struct weir_declaration decl;
	struct weir_err err = { 0 };
	int r = parse(text, &decl, &err);

	must(r <= 0);
	if (r < 0) {
		must(strncmp(err.msg, "f:", 2) == 0);
		must(weir_declaration_is_empty(&decl) && !decl.files);
		return 0;
	}
	check(&decl, text);
	weir_declaration_done(&decl);
	return 0;
}
