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

/* A VM that cannot be read is no reason to leave the pools as they are. */
static int read_vms(const struct weir_host *host, struct weir_cli_declared *out)
{
	const struct weir_ask_options ask = { .cpu = -1 };
	const struct weir_declaration *decl = &out->decl;
	char **files = calloc(decl->nr_vms + 1, sizeof(*files));
	struct weir_err err;
	int r;

	if (!files)
		return -ENOMEM;
	for (size_t i = 0; i < decl->nr_vms; i++)
		files[i] = decl->vms[i].file.z;
	r = weir_vms_read(host, true, files, (int)decl->nr_vms, &ask, &out->vms, &err);
	free(files);
	if (r == 0 || r == -ENOMEM)
		return r;
	weir_vms_done(&out->vms);
	out->vms = (struct weir_vms){ 0 };
	return weir_buf_printf(&out->notes, "the declared VMs are not looked at: %s\n",
	                       err.msg);
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
