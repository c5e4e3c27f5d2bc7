/* declare_parse: the text of a declaration, see declare.h and weir-pools(5).
 *
 * A table says which sections there are and which keys each has; one function for each
 * kind of value. Every error names file, line and column, and the first one is the
 * result: a declaration is either right or not there. */
#include "plan/declare.h"

#include "base/ini.h"
#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <stddef.h>

#define PAGES_MAX  (UINT64_C(1) << 40) /* as in a wish */
#define BYTES_MAX  (UINT64_C(1) << 62) /* so that no sum of two overflows */
#define INODES_MAX (UINT64_C(1) << 40)
#define MODE_MAX   01777U /* the bits that hugetlbfs takes: fs/hugetlbfs/inode.c */
#define NAME_MAX_  64U    /* of users, groups and VMs */
#define PATH_MAX_  1024U

enum section { NO_SECTION, POOL, MOUNT, GUARDS, VM };

struct parser {
	struct weir_declaration *out;
	struct weir_err *err;
	struct weir_ini ini;
	size_t file;
	enum section section;
	size_t idx; /* into the list of this section's kind */
};

/* Says what is wrong at @at, which lies in the line. Returns -EBADMSG. */
#define fail(p, at, ...) weir_ini_fail(&(p)->ini, at, (p)->err, __VA_ARGS__)

static struct weir_origin origin(const struct parser *p, const char *at)
{
	return (struct weir_origin){ p->file, p->ini.line_nr,
		                     weir_ini_column(&p->ini, at) };
}

/* ---- values ------------------------------------------------------------------------ */

static int no_value(struct parser *p, struct weir_str value, const char *want)
{
	return fail(p, value.p, "'%.*s' is no %s", WEIR_STR_ARG(value), want);
}

static int parse_bounded(struct parser *p, struct weir_str value, uint64_t most,
                         const char *want, uint64_t *out)
{
	uint64_t n;

	if (weir_parse_u64(value, &n) < 0 || n > most)
		return no_value(p, value, want);
	*out = n;
	return 0;
}

static int parse_pages(struct parser *p, struct weir_str value, uint64_t *out)
{
	return parse_bounded(p, value, PAGES_MAX, "number of pages that a host can have",
	                     out);
}

static int parse_inodes(struct parser *p, struct weir_str value, uint64_t *out)
{
	return parse_bounded(p, value, INODES_MAX, "number of inodes", out);
}

static int parse_switch(struct parser *p, struct weir_str value, uint64_t *out)
{
	bool yes = weir_str_eq(value, "yes");

	if (!yes && !weir_str_eq(value, "no"))
		return fail(p, value.p, "'%.*s' is neither yes nor no",
		            WEIR_STR_ARG(value));
	*out = yes;
	return 0;
}

static int parse_bytes(struct parser *p, struct weir_str value, uint64_t *out)
{
	uint64_t n;

	if (weir_parse_size(value, &n) < 0 || n > BYTES_MAX)
		return no_value(p, value, "size such as 512M or 16G");
	*out = n;
	return 0;
}

static int parse_page_size(struct parser *p, struct weir_str value, uint64_t *out)
{
	uint64_t n;

	if (weir_parse_size(value, &n) < 0 || n < 2 || (n & (n - 1)) || n > BYTES_MAX)
		return no_value(p, value, "page size such as 2M or 1G");
	*out = n;
	return 0;
}

static int parse_mode(struct parser *p, struct weir_str value, uint64_t *out)
{
	uint64_t mode = 0;

	if (!value.n || value.n > 5)
		return no_value(p, value, "mode such as 0770");
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] < '0' || value.p[i] > '7')
			return no_value(p, value, "mode such as 0770");
		mode = mode * 8 + (uint64_t)(value.p[i] - '0');
	}
	if (mode > MODE_MAX)
		return no_value(p, value, "mode that a hugetlbfs can have, 1777 at most");
	*out = mode;
	return 0;
}

static bool is_name(struct weir_str s)
{
	if (!s.n || s.n > NAME_MAX_ || *s.p == '-')
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!weir_is_digit(c) && !(c >= 'a' && c <= 'z') &&
		    !(c >= 'A' && c <= 'Z') && (!c || !strchr("._-+@", c)))
			return false;
	}
	return true;
}

bool weir_declare_path_is_fine(struct weir_str path)
{
	struct weir_str rest = weir_str_skip(path, 1), part;
	struct weir_str trimmed = weir_str_trim(path);

	if (path.n < 2 || path.n > PATH_MAX_ || path.p[0] != '/' || trimmed.n != path.n ||
	    path.p[path.n - 1] == '/' || memchr(path.p, ']', path.n))
		return false;
	for (size_t i = 0; i < path.n; i++)
		if ((unsigned char)path.p[i] < 0x20 || path.p[i] == 0x7f ||
		    (i && path.p[i] == '#' && path.p[i - 1] == ' '))
			return false;
	while (weir_str_cut(&rest, '/', &part))
		if (!part.n || weir_str_eq(part, ".") || weir_str_eq(part, ".."))
			return false;
	return true;
}

/* ---- the table --------------------------------------------------------------------- */

enum value_kind { NUMBER, USER, FILE_NAME };

struct key {
	enum section section;
	const char *name;
	enum value_kind kind;
	size_t at; /* of the entry in its section's struct */
	int (*parse)(struct parser *p, struct weir_str value, uint64_t *out);
};

static const struct key keys[] = {
	{ POOL, "pages", NUMBER, offsetof(struct weir_declared_pool, pages),
	  parse_pages },
	{ POOL, "overcommit", NUMBER, offsetof(struct weir_declared_pool, overcommit),
	  parse_pages },
	{ POOL, "boot", NUMBER, offsetof(struct weir_declared_pool, boot), parse_switch },
	{ MOUNT, "page-size", NUMBER, offsetof(struct weir_declared_mount, page_bytes),
	  parse_page_size },
	{ MOUNT, "size", NUMBER, offsetof(struct weir_declared_mount, size_bytes),
	  parse_bytes },
	{ MOUNT, "min-size", NUMBER, offsetof(struct weir_declared_mount, min_size_bytes),
	  parse_bytes },
	{ MOUNT, "mode", NUMBER, offsetof(struct weir_declared_mount, mode), parse_mode },
	{ MOUNT, "inodes", NUMBER, offsetof(struct weir_declared_mount, nr_inodes),
	  parse_inodes },
	{ MOUNT, "user", USER, offsetof(struct weir_declared_mount, user), NULL },
	{ MOUNT, "group", USER, offsetof(struct weir_declared_mount, group), NULL },
	{ GUARDS, "floor", NUMBER, offsetof(struct weir_declaration, floor_bytes),
	  parse_bytes },
	{ VM, "file", FILE_NAME, offsetof(struct weir_declared_vm, file), NULL },
};

static char *section_struct(struct parser *p)
{
	switch (p->section) {
	case POOL: return (char *)&p->out->pools[p->idx];
	case MOUNT: return (char *)&p->out->mounts[p->idx];
	case VM: return (char *)&p->out->vms[p->idx];
	case GUARDS: return (char *)p->out;
	case NO_SECTION: break;
	}
	return NULL;
}

static int twice(struct parser *p, struct weir_str name, struct weir_origin before)
{
	return fail(p, name.p, "'%.*s' is here again: line %u has it already",
	            WEIR_STR_ARG(name), before.line);
}

static int set_number(struct parser *p, const struct key *key, struct weir_str name,
                      struct weir_str value)
{
	struct weir_declared_number *slot = (void *)(section_struct(p) + key->at);
	uint64_t n = 0;
	int r;

	if (slot->given && slot->at.file == p->file)
		return twice(p, name, slot->at);
	r = key->parse(p, value, &n);
	if (r == 0)
		*slot = (struct weir_declared_number){ true, n, origin(p, name.p) };
	return r;
}

static int set_text(struct parser *p, const struct key *key, struct weir_str name,
                    struct weir_str value)
{
	struct weir_declared_text *slot = (void *)(section_struct(p) + key->at);
	char *z;

	if (slot->z && slot->at.file == p->file)
		return twice(p, name, slot->at);
	if (key->kind == USER && !is_name(value))
		return no_value(p, value, "name or number of a user or group");
	if (key->kind == FILE_NAME && !weir_declare_path_is_fine(value))
		return no_value(p, value, "path such as /etc/weir/vms/db.yaml");
	z = strndup(value.p, value.n);
	if (!z)
		return weir_err_sys(p->err, -ENOMEM, "read '%s'", p->ini.file);
	free(slot->z);
	*slot = (struct weir_declared_text){ z, origin(p, name.p) };
	return 0;
}

/* ---- pages of all nodes, and of one ------------------------------------------------ */

/* What earlier files said of the nodes gives way; what this file said contradicts. */
static int make_room_for_pages(struct parser *p, struct weir_str name)
{
	struct weir_declared_pool *pool = &p->out->pools[p->idx];

	for (size_t i = 0; i < pool->nr_nodes; i++)
		if (pool->nodes[i].pages.at.file == p->file)
			return fail(p, name.p,
			            "'pages' are of all nodes together, and line %u has "
			            "those of node %u",
			            pool->nodes[i].pages.at.line, pool->nodes[i].node);
	pool->nr_nodes = 0;
	return 0;
}

static int set_node(struct parser *p, struct weir_str name, struct weir_str value)
{
	struct weir_declared_pool *pool = &p->out->pools[p->idx];
	struct weir_str id = weir_str_skip(name, strlen("node"));
	const struct weir_declared_number *before;
	struct weir_declared_number pages = { .given = true };
	uint64_t node;
	int r;

	if (weir_parse_u64(id, &node) < 0 || node > WEIR_NODE_MAX ||
	    (id.n > 1 && *id.p == '0'))
		return fail(p, name.p, "'%.*s' names no node such as node0",
		            WEIR_STR_ARG(name));
	if (pool->pages.given && pool->pages.at.file == p->file)
		return fail(p, name.p,
		            "'%.*s' is of one node, and line %u has 'pages' of all nodes "
		            "together",
		            WEIR_STR_ARG(name), pool->pages.at.line);
	before = weir_declared_node(pool, (unsigned int)node);
	if (before && before->at.file == p->file)
		return twice(p, name, before->at);
	r = parse_pages(p, value, &pages.n);
	if (r < 0)
		return r;
	pages.at = origin(p, name.p);
	pool->pages = (struct weir_declared_number){ 0 };
	r = weir_declared_set_node(pool, (unsigned int)node, pages);
	return r < 0 ? weir_err_sys(p->err, r, "read '%s'", p->ini.file) : 0;
}

/* ---- lines ------------------------------------------------------------------------- */

static const struct {
	const char *name;
	enum section section;
	bool named;
	const char *example;
} sections[] = {
	{ "pool", POOL, true, "[pool 2M]" },
	{ "mount", MOUNT, true, "[mount /dev/hugepages1G]" },
	{ "guards", GUARDS, false, "[guards]" },
	{ "vm", VM, true, "[vm db]" },
};

static const char *section_name(enum section section)
{
	for (size_t i = 0; i < WEIR_NELEM(sections); i++)
		if (sections[i].section == section)
			return sections[i].name;
	return "?";
}

static int unknown_key(struct parser *p, struct weir_str name)
{
	return fail(p, name.p, "[%s] has no key '%.*s'", section_name(p->section),
	            WEIR_STR_ARG(name));
}

static int take_key(struct parser *p, const struct weir_ini_item *item)
{
	struct weir_str name = item->name, value = item->value;
	int r = 0;

	if (p->section == NO_SECTION)
		return fail(p, item->text.p, "'%.*s' stands before the first section",
		            WEIR_STR_ARG(name));
	if (p->section == POOL && weir_str_starts(name, "node"))
		return set_node(p, name, value);
	for (size_t i = 0; i < WEIR_NELEM(keys); i++) {
		if (keys[i].section != p->section || !weir_str_eq(name, keys[i].name))
			continue;
		if (keys[i].parse == parse_pages && weir_str_eq(name, "pages"))
			r = make_room_for_pages(p, name);
		if (r < 0)
			return r;
		return keys[i].kind == NUMBER ? set_number(p, &keys[i], name, value)
		                              : set_text(p, &keys[i], name, value);
	}
	return unknown_key(p, name);
}

static int no_memory(struct parser *p)
{
	return weir_err_sys(p->err, -ENOMEM, "read '%s'", p->ini.file);
}

static int too_many(struct parser *p, unsigned int most)
{
	(void)fail(p, p->ini.line.p, "more than %u sections of a kind", most);
	if (p->err)
		p->err->code = -E2BIG;
	return -E2BIG;
}

static int enter_pool(struct parser *p, struct weir_str name)
{
	struct weir_declared_pool *pool;
	uint64_t page_bytes = 0;
	int r = parse_page_size(p, name, &page_bytes);

	if (r < 0)
		return r;
	if (p->out->nr_pools >= WEIR_DECLARE_POOLS_MAX &&
	    !weir_declared_pool(p->out, page_bytes))
		return too_many(p, WEIR_DECLARE_POOLS_MAX);
	pool = weir_declaration_pool(p->out, page_bytes);
	if (!pool)
		return no_memory(p);
	if (pool->at.file == WEIR_NO_FILE)
		pool->at = origin(p, name.p);
	p->idx = (size_t)(pool - p->out->pools);
	return 0;
}

static int enter_mount(struct parser *p, struct weir_str name)
{
	struct weir_declaration *out = p->out;

	if (!weir_declare_path_is_fine(name))
		return no_value(p, name, "path to mount at, such as /dev/hugepages1G");
	for (p->idx = 0; p->idx < out->nr_mounts; p->idx++)
		if (weir_str_eq(name, out->mounts[p->idx].target))
			return 0;
	if (out->nr_mounts >= WEIR_DECLARE_LIST_MAX)
		return too_many(p, WEIR_DECLARE_LIST_MAX);
	if (weir_grow(&out->mounts, &out->cap_mounts, out->nr_mounts,
	              sizeof(out->mounts[0])) < 0)
		return no_memory(p);
	out->mounts[p->idx].at = origin(p, name.p);
	out->mounts[p->idx].target = strndup(name.p, name.n);
	return out->mounts[out->nr_mounts++].target ? 0 : no_memory(p);
}

static int enter_vm(struct parser *p, struct weir_str name)
{
	struct weir_declaration *out = p->out;

	if (!is_name(name))
		return no_value(p, name, "name of a VM");
	for (p->idx = 0; p->idx < out->nr_vms; p->idx++)
		if (weir_str_eq(name, out->vms[p->idx].name))
			return 0;
	if (out->nr_vms >= WEIR_DECLARE_LIST_MAX)
		return too_many(p, WEIR_DECLARE_LIST_MAX);
	if (weir_grow(&out->vms, &out->cap_vms, out->nr_vms, sizeof(out->vms[0])) < 0)
		return no_memory(p);
	out->vms[p->idx].at = origin(p, name.p);
	out->vms[p->idx].name = strndup(name.p, name.n);
	return out->vms[out->nr_vms++].name ? 0 : no_memory(p);
}

static int take_section(struct parser *p, const struct weir_ini_item *item)
{
	struct weir_str kind = item->name, name = item->value;

	for (size_t i = 0; i < WEIR_NELEM(sections); i++) {
		if (!weir_str_eq(kind, sections[i].name))
			continue;
		if (sections[i].named != (name.n > 0))
			return fail(p, item->text.p, "[%.*s]: %s: %s", WEIR_STR_ARG(kind),
			            name.n ? "takes no name" : "which one",
			            sections[i].example);
		p->section = sections[i].section;
		switch (p->section) {
		case POOL: return enter_pool(p, name);
		case MOUNT: return enter_mount(p, name);
		case VM: return enter_vm(p, name);
		case GUARDS:
		case NO_SECTION: return 0;
		}
	}
	return fail(p, kind.p, "there is no section [%.*s]", WEIR_STR_ARG(kind));
}

static int parse(struct parser *p)
{
	struct weir_ini_item item;
	int r;

	for (;;) {
		r = weir_ini_next(&p->ini, "[pool 2M]", &item, p->err);
		if (r < 0 || item.kind == WEIR_INI_END)
			return r;
		r = item.kind == WEIR_INI_SECTION ? take_section(p, &item)
		                                  : take_key(p, &item);
		if (r < 0)
			return r;
	}
}

int weir_declaration_add(struct weir_declaration *decl, const char *file,
                         struct weir_str text, struct weir_err *err)
{
	struct parser p = { .out = decl, .err = err, .ini = weir_ini(file, text) };
	int r;

	if (text.n > WEIR_DECLARE_TEXT_MAX)
		r = weir_err_set(err, -E2BIG, "%s:1:1: longer than %u bytes", file,
		                 WEIR_DECLARE_TEXT_MAX);
	else if (decl->nr_files >= WEIR_DECLARE_FILES_MAX)
		r = weir_err_set(err, -E2BIG, "%s:1:1: more than %u files", file,
		                 WEIR_DECLARE_FILES_MAX);
	else if (weir_grow(&decl->files, &decl->cap_files, decl->nr_files,
	                   sizeof(decl->files[0])) < 0 ||
	         !(decl->files[decl->nr_files] = strdup(file)))
		r = no_memory(&p);
	else {
		p.file = decl->nr_files++;
		r = parse(&p);
	}
	if (r < 0)
		weir_declaration_done(decl);
	return r;
}

/* ---- the whole --------------------------------------------------------------------- */

static int wrong(const struct weir_declaration *decl, struct weir_origin at,
                 struct weir_err *err, const char *words)
{
	const char *file = at.file < decl->nr_files ? decl->files[at.file] : "?";

	return weir_err_set(err, -EBADMSG, "%s:%u:%u: %s", file, at.line, at.column,
	                    words);
}

static int check_mount(const struct weir_declaration *decl,
                       const struct weir_declared_mount *m, struct weir_err *err)
{
	uint64_t page = m->page_bytes.n;

	if (!m->page_bytes.given)
		return wrong(decl, m->at, err, "this mount has no page-size");
	if (m->size_bytes.given && (m->size_bytes.n % page || !m->size_bytes.n))
		return wrong(decl, m->size_bytes.at, err,
		             "size is not one or more whole pages of its page-size");
	if (m->min_size_bytes.given && m->min_size_bytes.n % page)
		return wrong(decl, m->min_size_bytes.at, err,
		             "min-size is not a whole number of pages of its page-size");
	if (m->size_bytes.given && m->min_size_bytes.given &&
	    m->min_size_bytes.n > m->size_bytes.n)
		return wrong(decl, m->min_size_bytes.at, err,
		             "min-size is more than size");
	return 0;
}

static void number_of(const struct weir_declared_text *text, struct weir_count *out)
{
	*out = (struct weir_count){ 0 };
	if (text->z && weir_parse_u64(weir_strz(text->z), &out->n) == 0 &&
	    out->n < UINT32_MAX)
		out->known = true;
	else
		out->n = 0;
}

int weir_declaration_check(struct weir_declaration *decl, struct weir_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < decl->nr_pools; i++) {
		const struct weir_declared_pool *pool = &decl->pools[i];

		if (!pool->pages.given && !pool->nr_nodes && !pool->overcommit.given)
			r = wrong(decl, pool->at, err,
			          "nothing is said of this pool: pages = 1024");
	}
	for (size_t i = 0; r == 0 && i < decl->nr_mounts; i++) {
		r = check_mount(decl, &decl->mounts[i], err);
		number_of(&decl->mounts[i].user, &decl->mounts[i].uid);
		number_of(&decl->mounts[i].group, &decl->mounts[i].gid);
	}
	for (size_t i = 0; r == 0 && i < decl->nr_vms; i++)
		if (!decl->vms[i].file.z)
			r = wrong(decl, decl->vms[i].at, err, "this VM has no file");
	if (r < 0)
		weir_declaration_done(decl);
	return r;
}
