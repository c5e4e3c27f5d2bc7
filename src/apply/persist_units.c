/* persist_units: what systemd is given: a service that sets the pools before anything
 * that starts VMs, and a mount unit for each mount that is declared.
 *
 * The service comes early, when memory is not yet in pieces, but after sysctl, which may
 * set the same. Mounts come after it, because one with min-size needs its pages when it
 * is mounted. Neither has the default dependencies: a mount unit would be wanted before
 * local-fs.target, and the service, which needs /var, comes after that. */
#include "apply/persist.h"

#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define UNITS    "/etc/systemd/system"
#define WANTS    UNITS "/sysinit.target.wants"
#define SERVICE  "weir-apply.service"
#define USERS    "libvirtd.service virtqemud.service kubelet.service pve-guests.service"
#define TEXT_MAX (64U << 10)

static const char service[] = WEIR_MARK
	"; see weir-persist(1).\n"
	"[Unit]\n"
	"Description=Huge page pools as declared\n"
	"Documentation=man:weir-apply(1) man:weir-pools(5)\n"
	"DefaultDependencies=no\n"
	"After=systemd-modules-load.service systemd-sysctl.service local-fs.target\n"
	"Before=sysinit.target " USERS "\n"
	"Conflicts=shutdown.target\n"
	"Before=shutdown.target\n"
	"RequiresMountsFor=/var/lib/weir\n"
	"\n"
	"[Service]\n"
	"Type=oneshot\n"
	"RemainAfterExit=yes\n"
	"ExecStart=" WEIR_BINDIR "/weir apply --boot\n"
	"\n"
	"[Install]\n"
	"WantedBy=sysinit.target\n";

/* ---- names ----------------------------------------------------------------------------
 */

/* "/dev/huge pages" -> "dev-huge\x20pages": systemd.unit(5), unit name escaping. */
int weir_unit_of_path(struct weir_str path, const char *suffix, struct weir_buf *out)
{
	int r = 0;

	path = weir_str_skip(path, 1);
	for (size_t i = 0; r == 0 && i < path.n; i++) {
		char c = path.p[i];
		bool plain = weir_is_digit(c) || (c >= 'a' && c <= 'z') ||
		             (c >= 'A' && c <= 'Z') || c == ':' || c == '_' ||
		             (c == '.' && i);

		if (c == '/')
			r = weir_buf_addz(out, "-");
		else if (plain)
			r = weir_buf_add(out, weir_str(&c, 1));
		else
			r = weir_buf_printf(out, "\\x%02x", (unsigned char)c);
	}
	return r == 0 ? weir_buf_addz(out, suffix) : r;
}

/* A percent sign begins a specifier in a unit. */
static int add_unit_text(struct weir_str s, struct weir_buf *out)
{
	struct weir_str part;
	int r = 0;

	for (bool first = true; r == 0 && weir_str_cut(&s, '%', &part); first = false) {
		r = weir_buf_addz(out, first ? "" : "%%");
		if (r == 0)
			r = weir_buf_add(out, part);
	}
	return r;
}

/* ---- texts ----------------------------------------------------------------------------
 */

static int add_size(const char *name, const struct weir_declared_number *n,
                    struct weir_buf *out)
{
	char text[WEIR_SIZE_TEXT_MAX];

	if (!n->given)
		return 0;
	return weir_buf_printf(out, ",%s=%s", name,
	                       weir_format_size(n->n, text, sizeof(text)).p);
}

/* A name that could not be looked up is left to mount(8). */
static int add_id(const char *name, const struct weir_declared_text *text,
                  struct weir_count id, struct weir_buf *out)
{
	if (!text->z)
		return 0;
	if (id.known)
		return weir_buf_printf(out, ",%s=%" PRIu64, name, id.n);
	return weir_buf_printf(out, ",%s=%s", name, text->z);
}

static int add_options(const struct weir_declared_mount *m, struct weir_buf *out)
{
	char size[WEIR_SIZE_TEXT_MAX];
	int r = weir_buf_printf(out, "Options=nosuid,nodev,pagesize=%s",
	                        weir_format_size(m->page_bytes.n, size, sizeof(size)).p);

	if (r == 0)
		r = add_size("size", &m->size_bytes, out);
	if (r == 0)
		r = add_size("min_size", &m->min_size_bytes, out);
	if (r == 0 && m->mode.given)
		r = weir_buf_printf(out, ",mode=%04o", (unsigned int)m->mode.n);
	if (r == 0)
		r = add_id("uid", &m->user, m->uid, out);
	if (r == 0)
		r = add_id("gid", &m->group, m->gid, out);
	if (r == 0 && m->nr_inodes.given)
		r = weir_buf_printf(out, ",nr_inodes=%" PRIu64, m->nr_inodes.n);
	return r == 0 ? weir_buf_addz(out, "\n") : r;
}

static int mount_text(const struct weir_declared_mount *m, struct weir_buf *out)
{
	int r = weir_buf_addz(out,
	                      WEIR_MARK ", from what is declared; see weir-pools(5).\n"
	                                "[Unit]\n"
	                                "Description=Huge pages at ");

	if (r == 0)
		r = add_unit_text(weir_strz(m->target), out);
	if (r == 0)
		r = weir_buf_addz(out, "\n"
		                       "Documentation=man:weir-pools(5)\n"
		                       "DefaultDependencies=no\n"
		                       "After=" SERVICE "\n"
		                       "Before=sysinit.target " USERS "\n"
		                       "Conflicts=umount.target\n"
		                       "Before=umount.target\n"
		                       "\n"
		                       "[Mount]\n"
		                       "What=hugetlbfs\n"
		                       "Type=hugetlbfs\n"
		                       "Where=");
	if (r == 0)
		r = add_unit_text(weir_strz(m->target), out);
	if (r == 0)
		r = weir_buf_addz(out, "\n");
	if (r == 0)
		r = add_options(m, out);
	return r == 0 ? weir_buf_addz(out, "\n[Install]\nWantedBy=sysinit.target\n") : r;
}

/* ---- files ----------------------------------------------------------------------------
 */

enum owner { NOBODY, WEIR, SOMEBODY };

/* What cannot be read is somebody's. -ENOMEM. */
static int owner_of(const struct weir_root *root, const char *path, enum owner *out)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int r = weir_root_link(root, path, &text);

	*out = r == -ENOENT ? NOBODY : SOMEBODY;
	if (r == -EINVAL) { /* no link */
		r = weir_root_read(root, path, TEXT_MAX, &text);
		if (r == 0 && weir_str_starts(weir_buf_str(&text), WEIR_MARK))
			*out = WEIR;
	}
	return r == -ENOMEM ? r : 0;
}

/* The unit and the link that enables it; @text NULL: neither. Somebody else's unit of the
 * same name stays as it is. */
static int want_unit(const struct weir_root *root, const char *name,
                     const struct weir_str *text, struct weir_persist *out,
                     struct weir_err *err)
{
	weir_auto(weir_buf_done) struct weir_buf path = { 0 }, link = { 0 };
	struct weir_str target;
	enum owner owner = NOBODY;
	int r = weir_buf_printf(&path, UNITS "/%s", name);

	if (r == 0)
		r = weir_buf_printf(&link, WANTS "/%s", name);
	if (r == 0)
		r = owner_of(root, path.p, &owner);
	if (r == 0 && owner == SOMEBODY && text)
		r = weir_buf_printf(&out->conflicts,
		                    "%s is not weir's, and is left as it is\n", path.p);
	if (r < 0)
		return weir_err_sys(err, r, "write units");
	if (owner == SOMEBODY || (owner == NOBODY && !text))
		return 0;
	target = weir_buf_str(&path);
	r = weir_file_want(root, path.p, WEIR_FILE_TEXT, text, &out->changes, err);
	return r < 0 ? r
	             : weir_file_want(root, link.p, WEIR_FILE_LINK, text ? &target : NULL,
	                              &out->changes, err);
}

static int want_mount(const struct weir_root *root, const struct weir_declared_mount *m,
                      struct weir_names *names, struct weir_persist *out,
                      struct weir_err *err)
{
	weir_auto(weir_buf_done) struct weir_buf name = { 0 }, text = { 0 };
	struct weir_str after;
	int r = weir_unit_of_path(weir_strz(m->target), ".mount", &name);

	if (r == 0)
		r = mount_text(m, &text);
	if (r == 0)
		r = weir_names_add(names, weir_buf_str(&name), false);
	if (r < 0)
		return weir_err_sys(err, r, "write units");
	after = weir_buf_str(&text);
	return want_unit(root, name.p, &after, out, err);
}

static bool has_name(const struct weir_names *names, const char *name)
{
	for (size_t i = 0; i < names->nr; i++)
		if (strcmp(names->v[i].name, name) == 0)
			return true;
	return false;
}

/* Mount units of weir's whose mount is declared no more. */
static int remove_others(const struct weir_root *root, const struct weir_names *wanted,
                         struct weir_persist *out, struct weir_err *err)
{
	weir_auto(weir_names_done) struct weir_names there = { 0 };
	int r = weir_root_list(root, UNITS, &there);

	if (r < 0)
		return weir_err_sys(err, r, "list '" UNITS "'");
	for (size_t i = 0; r == 0 && i < there.nr; i++)
		if (weir_str_ends(weir_strz(there.v[i].name), ".mount") &&
		    !has_name(wanted, there.v[i].name))
			r = want_unit(root, there.v[i].name, NULL, out, err);
	return r;
}

int weir_persist_units(const struct weir_root *root, struct weir_persist *out,
                       struct weir_err *err)
{
	static const char *const reload[] = { "systemctl", "daemon-reload" };
	weir_auto(weir_names_done) struct weir_names names = { 0 };
	const struct weir_str text = weir_strz(service);
	size_t nr = out->changes.nr;
	int r = want_unit(root, SERVICE, out->decl.nr_pools ? &text : NULL, out, err);

	for (size_t i = 0; r == 0 && i < out->decl.nr_mounts; i++)
		r = want_mount(root, &out->decl.mounts[i], &names, out, err);
	if (r == 0)
		r = remove_others(root, &names, out, err);
	if (r == 0 && out->changes.nr > nr &&
	    weir_persist_step(out, "makes systemd read its units again", reload,
	                      WEIR_NELEM(reload)) < 0)
		r = weir_err_sys(err, -ENOMEM, "write units");
	return r;
}
