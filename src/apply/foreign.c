/* foreign: which files there are to look at; plan/foreign.c reads them.
 *
 * Left out: what a package's own units and tmpfiles do (/usr/lib/systemd, /usr/lib/
 * tmpfiles.d), for none is known that sets pools by itself; profiles of tuned that are
 * not active; the boot loader's generated files, which say what the files here made of
 * them. */
#include "apply/foreign.h"

#include "apply/declared.h"
#include "base/own.h"

#include <errno.h>
#include <stdio.h>

#define FILE_MAX_      (1U << 20) /* scripts and settings; binaries in hook folders pass */
#define PROFILE_DEPTH_ 8U         /* of tuned's includes */

typedef int (*scanner)(struct weir_str text, const char *file, struct weir_foreigns *out);

struct look {
	const struct weir_root *root;
	struct weir_foreigns *out;
	struct weir_buf *notes;
	struct weir_buf text;
};

/* 0 with the text, 1 when there is nothing to look at. */
static int read_text(struct look *look, const char *path)
{
	int r = weir_root_read(look->root, path, FILE_MAX_, &look->text);

	if (r == 0 && !memchr(weir_buf_str(&look->text).p, 0, look->text.n))
		return 0;
	if (r == -ENOMEM)
		return r;
	if (r < 0 && r != -ENOENT && r != -ENXIO) /* ENXIO: no regular file */
		r = weir_buf_printf(look->notes, "%s cannot be read: %s\n", path,
		                    strerror(-r));
	return r == -ENOMEM ? r : 1;
}

static int look_at(struct look *look, const char *path, scanner scan)
{
	int r = read_text(look, path);

	return r ? (r < 0 ? r : 0) : scan(weir_buf_str(&look->text), path, look->out);
}

/* All files of a folder whose names end so ("": all), one folder down too with @deep. */
static int look_in(struct look *look, const char *dir, const char *suffix, bool deep,
                   scanner scan)
{
	weir_auto(weir_names_done) struct weir_names names = { 0 };
	weir_auto(weir_buf_done) struct weir_buf path = { 0 };
	int r = weir_root_list(look->root, dir, &names);

	if (r < 0 && r != -ENOMEM)
		return weir_buf_printf(look->notes, "%s cannot be read: %s\n", dir,
		                       strerror(-r));
	for (size_t i = 0; r == 0 && i < names.nr; i++) {
		path.n = 0;
		r = weir_buf_printf(&path, "%s/%s", dir, names.v[i].name);
		if (r < 0)
			break;
		if (names.v[i].is_dir && deep)
			r = look_in(look, path.p, suffix, false, scan);
		else if (!names.v[i].is_dir &&
		         weir_str_ends(weir_strz(names.v[i].name), suffix))
			r = look_at(look, path.p, scan);
	}
	return r;
}

static int look_at_sysctl(struct look *look)
{
	static const char *const dirs[] = { "/etc/sysctl.d", "/run/sysctl.d",
		                            "/usr/local/lib/sysctl.d",
		                            "/usr/lib/sysctl.d", NULL };
	weir_auto(weir_names_done) struct weir_names paths = { 0 };
	weir_auto(weir_buf_done) struct weir_buf link = { 0 };
	int r = weir_drop_ins(look->root, dirs, ".conf", &paths);

	if (r < 0 && r != -ENOMEM)
		r = weir_buf_printf(look->notes, "%s cannot be read: %s\n", dirs[0],
		                    strerror(-r));
	for (size_t i = 0; r == 0 && i < paths.nr; i++) {
		/* Debian's 99-sysctl.conf is /etc/sysctl.conf, which comes below */
		r = weir_root_link(look->root, paths.v[i].name, &link);
		if (r == 0 && weir_str_ends(weir_buf_str(&link), "/sysctl.conf"))
			continue;
		r = r == -ENOMEM ? r
		                 : look_at(look, paths.v[i].name, weir_foreign_sysctl);
	}
	return r < 0 ? r : look_at(look, "/etc/sysctl.conf", weir_foreign_sysctl);
}

/* ---- tuned ---------------------------------------------------------------------------
 */

static int look_at_profile(struct look *look, struct weir_str name, unsigned int depth)
{
	static const char *const dirs[] = { "/etc/tuned/profiles", "/etc/tuned",
		                            "/usr/lib/tuned/profiles", "/usr/lib/tuned" };
	weir_auto(weir_buf_done) struct weir_buf path = { 0 }, includes = { 0 };
	struct weir_str rest, include;
	int r = 1;

	if (!name.n || depth > PROFILE_DEPTH_ || memchr(name.p, '/', name.n))
		return 0;
	for (size_t i = 0; r == 1 && i < WEIR_NELEM(dirs); i++) {
		path.n = 0;
		r = weir_buf_printf(&path, "%s/%.*s/tuned.conf", dirs[i],
		                    WEIR_STR_ARG(name));
		if (r == 0)
			r = read_text(look, path.p);
	}
	if (r)
		return r < 0 ? r : 0;
	r = weir_foreign_tuned(weir_buf_str(&look->text), path.p, &includes, look->out);
	rest = weir_buf_str(&includes);
	while (r == 0 && weir_str_line(&rest, &include))
		r = look_at_profile(look, include, depth + 1);
	return r;
}

static int look_at_tuned(struct look *look)
{
	weir_auto(weir_buf_done) struct weir_buf active = { 0 };
	struct weir_str line, word;
	int r = read_text(look, "/etc/tuned/active_profile");

	if (r == 0)
		r = weir_buf_add(&active, weir_buf_str(&look->text));
	line = weir_str_trim(weir_buf_str(&active));
	while (r == 0 && weir_str_word(&line, &word))
		r = look_at_profile(look, word, 0);
	return r < 0 ? r : 0;
}

/* ---- Proxmox -------------------------------------------------------------------------
 */

/* "local:snippets/NAME": the storage "local" lies in /var/lib/vz. */
static int look_at_hooks(struct look *look, struct weir_str hooks)
{
	weir_auto(weir_buf_done) struct weir_buf path = { 0 };
	struct weir_str line, storage, name;
	int r = 0;

	while (r == 0 && weir_str_line(&hooks, &line)) {
		if (!weir_str_split(line, ':', &storage, &name) ||
		    !weir_str_eq(storage, "local"))
			continue;
		path.n = 0;
		r = weir_buf_printf(&path, "/var/lib/vz/%.*s", WEIR_STR_ARG(name));
		if (r == 0)
			r = look_at(look, path.p, weir_foreign_script);
	}
	return r;
}

static int look_at_proxmox(struct look *look)
{
	static const char dir[] = "/etc/pve/qemu-server";
	weir_auto(weir_names_done) struct weir_names names = { 0 };
	weir_auto(weir_buf_done) struct weir_buf path = { 0 }, hooks = { 0 };
	int r = weir_root_list(look->root, dir, &names);

	if (r < 0 && r != -ENOMEM)
		return weir_buf_printf(look->notes, "%s cannot be read: %s\n", dir,
		                       strerror(-r));
	for (size_t i = 0; r == 0 && i < names.nr; i++) {
		if (!weir_str_ends(weir_strz(names.v[i].name), ".conf"))
			continue;
		path.n = 0;
		r = weir_buf_printf(&path, "%s/%s", dir, names.v[i].name);
		if (r == 0)
			r = read_text(look, path.p);
		if (r == 0)
			r = weir_foreign_proxmox(weir_buf_str(&look->text), path.p,
			                         &hooks, look->out);
		r = r < 0 ? r : 0;
	}
	return r < 0 ? r : look_at_hooks(look, weir_buf_str(&hooks));
}

/* ---- the whole -----------------------------------------------------------------------
 */

static int look_at_all(struct look *look)
{
	static const struct {
		const char *path, *suffix; /* suffix NULL: a file */
		bool deep;
		scanner scan;
	} places[] = {
		{ "/etc/default/grub", NULL, false, weir_foreign_grub },
		{ "/etc/default/grub.d", ".cfg", false, weir_foreign_grub },
		{ "/etc/kernel/cmdline", NULL, false, weir_foreign_cmdline },
		{ "/boot/loader/entries", ".conf", false, weir_foreign_loader },
		{ "/etc/systemd/system", ".service", false, weir_foreign_unit },
		{ "/etc/systemd/system", ".timer", false, weir_foreign_unit },
		{ "/etc/tmpfiles.d", ".conf", false, weir_foreign_tmpfiles },
		{ "/etc/rc.local", NULL, false, weir_foreign_script },
		{ "/etc/rc.d/rc.local", NULL, false, weir_foreign_script },
		{ "/etc/libvirt/hooks", "", true, weir_foreign_script },
	};
	int r = look_at_sysctl(look);

	if (r == 0)
		r = look_at_tuned(look);
	for (size_t i = 0; r == 0 && i < WEIR_NELEM(places); i++)
		r = places[i].suffix ? look_in(look, places[i].path, places[i].suffix,
		                               places[i].deep, places[i].scan)
		                     : look_at(look, places[i].path, places[i].scan);
	return r < 0 ? r : look_at_proxmox(look);
}

int weir_foreigns_read(const struct weir_root *root, struct weir_foreigns *out,
                       struct weir_buf *notes, struct weir_err *err)
{
	struct look look = { .root = root, .out = out, .notes = notes };
	int r;

	*out = (struct weir_foreigns){ 0 };
	r = look_at_all(&look);
	weir_buf_done(&look.text);
	if (r < 0) {
		weir_foreigns_done(out);
		return weir_err_sys(err, r, "look for others that set huge pages");
	}
	return 0;
}
