/* declared: see declared.h. */
#include "cli/declared.h"

#include "apply/declared.h"
#include "base/own.h"

#include <errno.h>

static int read_one(const char *file, struct weir_declaration *out, struct weir_err *err)
{
	weir_auto(weir_freep) char *path = realpath(file, NULL);
	weir_auto(weir_root_close) struct weir_root root = { -1 };
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int r = path ? weir_root_open(NULL, &root, err)
	             : weir_err_sys(err, -errno, "read '%s'", file);

	if (r < 0)
		return r;
	r = weir_root_read(&root, path, WEIR_DECLARE_TEXT_MAX, &text);
	if (r < 0)
		return weir_err_sys(err, r, "read '%s'", file);
	r = weir_declaration_add(out, file, weir_buf_str(&text), err);
	if (r == 0)
		r = weir_declaration_check(out, err);
	return r == 0 && weir_declaration_is_empty(out) ? WEIR_UNDECLARED : r;
}

/* A file with one VM is called as it is declared, whatever name stands in it. */
static int name_vms(const struct weir_declaration *decl, const size_t *which,
                    struct weir_vms *vms)
{
	for (size_t i = 0; i < vms->nr; i++) {
		char *name = strdup(decl->vms[which[i]].name);

		if (!name)
			return -ENOMEM;
		free(vms->demands.v[i].name);
		vms->demands.v[i].name = name;
	}
	return 0;
}

/* Which of them can be read; the others are notes, for they are no reason to leave the
 * pools as they are. */
static int pick_vms(const struct weir_host *host, struct weir_cli_declared *out,
                    char **files, size_t *which, size_t *nr)
{
	const struct weir_ask_options ask = { .cpu = -1 };
	int r = 0;

	*nr = 0;
	for (size_t i = 0; i < out->decl.nr_vms && r != -ENOMEM; i++) {
		char *file = out->decl.vms[i].file.z;
		weir_auto(weir_vms_done) struct weir_vms one = { 0 };
		struct weir_err err = { 0 };

		r = weir_vms_read(host, true, &file, 1, &ask, &one, &err);
		if (r == 0) {
			files[*nr] = file;
			which[(*nr)++] = i;
		} else if (r != -ENOMEM) {
			r = weir_buf_printf(&out->notes,
			                    "the declared VM %s is not looked at: %s\n",
			                    out->decl.vms[i].name, err.msg);
		}
	}
	return r;
}

/* All at once, which looks at the host once; one by one where that does not do. */
static int read_vms(const struct weir_host *host, struct weir_cli_declared *out)
{
	const struct weir_ask_options ask = { .cpu = -1 };
	size_t nr = out->decl.nr_vms;
	weir_auto(weir_freep) char **files = calloc(nr + 1, sizeof(*files));
	weir_auto(weir_freep) size_t *which = calloc(nr + 1, sizeof(*which));
	struct weir_err err = { 0 };
	int r = files && which ? 0 : -ENOMEM;

	for (size_t i = 0; i < nr && r == 0; i++) {
		files[i] = out->decl.vms[i].file.z;
		which[i] = i;
	}
	for (unsigned int tries = 2; tries-- && nr && r != -ENOMEM;) {
		r = weir_vms_read(host, true, files, (int)nr, &ask, &out->vms, &err);
		if (r == 0)
			return out->vms.nr == nr ? name_vms(&out->decl, which, &out->vms)
			                         : 0;
		weir_vms_done(&out->vms);
		out->vms = (struct weir_vms){ 0 };
		if (r != -ENOMEM && tries)
			r = pick_vms(host, out, files, which, &nr);
	}
	if (r < 0 && r != -ENOMEM)
		r = weir_buf_printf(&out->notes,
		                    "the declared VMs are not looked at: %s\n", err.msg);
	return r;
}

int weir_cli_declared_read(const char *root, const char *file,
                           const struct weir_host *host, struct weir_cli_declared *out,
                           struct weir_plan_options *options, struct weir_err *err)
{
	int r = file ? read_one(file, &out->decl, err)
	             : weir_declared_read(root, &out->decl, err);

	if (r == 0)
		r = weir_declaration_wishes(&out->decl, &out->wishes, err);
	if (r == 0 && out->decl.nr_vms && read_vms(host, out) < 0)
		r = weir_err_sys(err, -ENOMEM, "read the declared VMs");
	if (r != 0)
		return r;
	options->declared = &out->wishes;
	options->vms = (struct weir_plan_vms){ out->vms.asks, out->vms.nr };
	if (out->decl.floor_bytes.given && !options->floor_given) {
		options->floor_given = true;
		options->floor_bytes = out->decl.floor_bytes.n;
	}
	return 0;
}

void weir_cli_declared_done(struct weir_cli_declared *declared)
{
	weir_vms_done(&declared->vms);
	weir_wishes_done(&declared->wishes);
	weir_declaration_done(&declared->decl);
	weir_buf_done(&declared->notes);
}
