/* declared: see declared.h. Names of users and groups are looked up in the system's own
 * files, for another system's are not this one's; what is not there (LDAP, say) stays
 * unknown, and nothing is compared with it. */
#include "apply/declared.h"

#include "base/own.h"

#include <errno.h>
#include <stdio.h>

#define PASSWD_MAX (8U << 20)

static const char *const drop_in_dirs[] = {
	"/etc/weir/pools.d",
	"/run/weir/pools.d",
	"/usr/lib/weir/pools.d",
	NULL,
};

/* ---- which files ---------------------------------------------------------------------
 */

/* "NAME\0PATH" would sort by name; weir_names sorts whole strings, so names first. */
static bool has_name(const struct weir_names *names, const char *name)
{
	for (size_t i = 0; i < names->nr; i++)
		if (strcmp(names->v[i].name, name) == 0)
			return true;
	return false;
}

static int collect_names(const struct weir_root *root, const char *dir,
                         const char *suffix, struct weir_names *out)
{
	weir_auto(weir_names_done) struct weir_names here = { 0 };
	int r = weir_root_list(root, dir, &here);

	for (size_t i = 0; r == 0 && i < here.nr; i++) {
		struct weir_str name = weir_strz(here.v[i].name);

		if (weir_str_ends(name, suffix) && !weir_str_starts(name, ".") &&
		    !has_name(out, here.v[i].name))
			r = weir_names_add(out, name, false);
	}
	return r;
}

/* The path in the first directory that has the name; "" where it is masked. */
static int path_of(const struct weir_root *root, const char *const *dirs,
                   const char *name, struct weir_buf *path)
{
	weir_auto(weir_buf_done) struct weir_buf link = { 0 };
	int r;

	for (; *dirs; dirs++) {
		path->n = 0;
		r = weir_buf_printf(path, "%s/%s", *dirs, name);
		if (r < 0)
			return r;
		r = weir_root_link(root, path->p, &link);
		if (r == -ENOENT)
			continue;
		if (r == 0 && weir_str_eq(weir_buf_str(&link), "/dev/null"))
			path->n = 0;
		return r == -EINVAL ? 0 : r;
	}
	path->n = 0; /* gone meanwhile */
	return 0;
}

int weir_drop_ins(const struct weir_root *root, const char *const *dirs,
                  const char *suffix, struct weir_names *out)
{
	weir_auto(weir_names_done) struct weir_names names = { 0 };
	weir_auto(weir_buf_done) struct weir_buf path = { 0 };
	int r = 0;

	for (const char *const *dir = dirs; r == 0 && *dir; dir++)
		r = collect_names(root, *dir, suffix, &names);
	weir_names_sort(&names);
	for (size_t i = 0; r == 0 && i < names.nr; i++) {
		r = path_of(root, dirs, names.v[i].name, &path);
		if (r == 0 && path.n)
			r = weir_names_add(out, weir_buf_str(&path), false);
	}
	return r;
}

/* ---- users and groups ----------------------------------------------------------------
 */

/* The number of @name in the text of passwd(5) or group(5): the third field in both. */
static struct weir_count look_up(struct weir_str text, const char *name)
{
	struct weir_count id = { 0 };
	struct weir_str line, field;

	while (weir_str_line(&text, &line)) {
		if (!weir_str_cut(&line, ':', &field) || !weir_str_eq(field, name) ||
		    !weir_str_cut(&line, ':', &field) ||
		    !weir_str_cut(&line, ':', &field))
			continue;
		id.known = weir_parse_u64(field, &id.n) == 0;
		return id;
	}
	return id;
}

static int look_up_all(const struct weir_root *root, struct weir_declaration *decl)
{
	weir_auto(weir_buf_done) struct weir_buf users = { 0 }, groups = { 0 };

	int r = weir_root_read(root, "/etc/passwd", PASSWD_MAX, &users);

	if (r < 0)
		users.n = 0;
	if (r != -ENOMEM)
		r = weir_root_read(root, "/etc/group", PASSWD_MAX, &groups);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		groups.n = 0;
	for (size_t i = 0; i < decl->nr_mounts; i++) {
		struct weir_declared_mount *m = &decl->mounts[i];

		if (m->user.z && !m->uid.known)
			m->uid = look_up(weir_buf_str(&users), m->user.z);
		if (m->group.z && !m->gid.known)
			m->gid = look_up(weir_buf_str(&groups), m->group.z);
	}
	return 0;
}

/* ---- the whole -----------------------------------------------------------------------
 */

static int add_file(const struct weir_root *root, const char *path, struct weir_buf *text,
                    struct weir_declaration *out, struct weir_err *err)
{
	int r = weir_root_read(root, path, WEIR_DECLARE_TEXT_MAX, text);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return weir_err_sys(err, r, "read '%s'", path);
	return weir_declaration_add(out, path, weir_buf_str(text), err);
}

int weir_declared_read_at(const struct weir_root *root, const struct weir_str *conf,
                          struct weir_declaration *out, struct weir_err *err)
{
	weir_auto(weir_names_done) struct weir_names paths = { 0 };
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int r;

	*out = (struct weir_declaration){ 0 };
	if (conf)
		r = weir_declaration_add(out, WEIR_POOLS_CONF, *conf, err);
	else
		r = add_file(root, WEIR_POOLS_CONF, &text, out, err);
	if (r == 0) {
		r = weir_drop_ins(root, drop_in_dirs, ".conf", &paths);
		if (r < 0)
			(void)weir_err_sys(err, r, "list '%s' and its like",
			                   drop_in_dirs[0]);
	}
	for (size_t i = 0; r == 0 && i < paths.nr; i++)
		r = add_file(root, paths.v[i].name, &text, out, err);
	if (r == 0)
		r = weir_declaration_check(out, err);
	if (r == 0) {
		r = look_up_all(root, out);
		if (r < 0)
			(void)weir_err_sys(err, r, "look up users and groups");
	}
	if (r < 0) {
		weir_declaration_done(out);
		return r;
	}
	if (!weir_declaration_is_empty(out))
		return 0;
	weir_declaration_done(out);
	return WEIR_UNDECLARED;
}

int weir_declared_read(const char *dir, struct weir_declaration *out,
                       struct weir_err *err)
{
	struct weir_root root;
	int r = weir_root_open(dir, &root, err);

	*out = (struct weir_declaration){ 0 };
	if (r < 0)
		return r;
	r = weir_declared_read_at(&root, NULL, out, err);
	weir_root_close(&root);
	return r;
}
