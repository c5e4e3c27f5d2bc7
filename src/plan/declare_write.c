/* declare_write: a declaration as text, anew or as changes to a text that is there.
 *
 * Both go through one list of "section, key, value". A file that a person wrote is
 * changed line by line: what is said already stays as it stands, comments stay, a value
 * that differs is replaced in its line, what is new goes to the end of its section. */
#include "plan/declare.h"

#include "base/ini.h"
#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct entry {
	char *section; /* "pool 2M" */
	char key[24];
	char *value;
	bool said;
};

struct entries {
	struct entry *v;
	size_t nr, cap;
	int failed;
};

static void entries_done(struct entries *list)
{
	for (size_t i = 0; i < list->nr; i++) {
		free(list->v[i].section);
		free(list->v[i].value);
	}
	free(list->v);
}

__attribute__((format(printf, 4, 5))) static void add(struct entries *list,
                                                      const char *section,
                                                      const char *key, const char *fmt,
                                                      ...)
{
	struct entry *e;
	va_list ap;

	if (list->failed)
		return;
	if (weir_grow(&list->v, &list->cap, list->nr, sizeof(list->v[0])) < 0) {
		list->failed = -ENOMEM;
		return;
	}
	e = &list->v[list->nr++];
	(void)snprintf(e->key, sizeof(e->key), "%s", key);
	e->section = strdup(section);
	va_start(ap, fmt);
	if (vasprintf(&e->value, fmt, ap) < 0)
		e->value = NULL;
	va_end(ap);
	if (!e->section || !e->value)
		list->failed = -ENOMEM;
}

static void add_number(struct entries *list, const char *section, const char *key,
                       const struct weir_declared_number *number)
{
	if (number->given)
		add(list, section, key, "%" PRIu64, number->n);
}

static void add_size(struct entries *list, const char *section, const char *key,
                     const struct weir_declared_number *number)
{
	char text[WEIR_SIZE_TEXT_MAX];

	if (number->given)
		add(list, section, key, "%s",
		    weir_format_size(number->n, text, sizeof(text)).p);
}

static void list_pool(struct entries *list, const struct weir_declared_pool *pool)
{
	char section[64], size[WEIR_SIZE_TEXT_MAX], key[24];

	(void)snprintf(section, sizeof(section), "pool %s",
	               weir_format_size(pool->page_bytes, size, sizeof(size)).p);
	add_number(list, section, "pages", &pool->pages);
	for (size_t i = 0; i < pool->nr_nodes; i++) {
		(void)snprintf(key, sizeof(key), "node%u", pool->nodes[i].node);
		add_number(list, section, key, &pool->nodes[i].pages);
	}
	add_number(list, section, "overcommit", &pool->overcommit);
	if (pool->boot.given)
		add(list, section, "boot", "%s", pool->boot.n ? "yes" : "no");
}

static void list_mount(struct entries *list, const struct weir_declared_mount *m)
{
	char *section = NULL;

	if (asprintf(&section, "mount %s", m->target) < 0) {
		list->failed = -ENOMEM;
		return;
	}
	add_size(list, section, "page-size", &m->page_bytes);
	add_size(list, section, "size", &m->size_bytes);
	add_size(list, section, "min-size", &m->min_size_bytes);
	if (m->mode.given)
		add(list, section, "mode", "%04o", (unsigned int)m->mode.n);
	if (m->user.z)
		add(list, section, "user", "%s", m->user.z);
	if (m->group.z)
		add(list, section, "group", "%s", m->group.z);
	add_number(list, section, "inodes", &m->nr_inodes);
	free(section);
}

static void list_all(const struct weir_declaration *decl, struct entries *list)
{
	char section[128];

	for (size_t i = 0; i < decl->nr_pools; i++)
		list_pool(list, &decl->pools[i]);
	for (size_t i = 0; i < decl->nr_mounts; i++)
		list_mount(list, &decl->mounts[i]);
	add_size(list, "guards", "floor", &decl->floor_bytes);
	for (size_t i = 0; i < decl->nr_vms; i++) {
		(void)snprintf(section, sizeof(section), "vm %s", decl->vms[i].name);
		if (decl->vms[i].file.z)
			add(list, section, "file", "%s", decl->vms[i].file.z);
	}
}

/* All entries not said yet, each section once; with @section only that one's. */
static int write_rest(struct entries *list, const char *section, struct weir_buf *out)
{
	const char *in = section;
	int r = list->failed;

	for (size_t i = 0; r == 0 && i < list->nr; i++) {
		struct entry *e = &list->v[i];

		if (e->said || (section && strcmp(section, e->section) != 0))
			continue;
		if (!in || strcmp(in, e->section) != 0)
			r = weir_buf_printf(out, "%s[%s]\n", out->n ? "\n" : "",
			                    e->section);
		in = e->section;
		if (r == 0)
			r = weir_buf_printf(out, "%s = %s\n", e->key, e->value);
		e->said = true;
	}
	return r;
}

int weir_declaration_format(const struct weir_declaration *decl, struct weir_buf *out)
{
	struct entries list = { 0 };
	int r;

	list_all(decl, &list);
	r = write_rest(&list, NULL, out);
	entries_done(&list);
	return r;
}

/* ---- changing a text ----------------------------------------------------------------
 */

struct update {
	struct entries list;
	struct weir_buf *out;
	char *section;    /* that the line is in, in the form of an entry; NULL: none */
	bool drop;        /* the section is not wanted any more */
	size_t blank_end; /* out->n behind the last line of the section that says
	                     something */
};

/* The name of a section as entries have it: "2048kB" is "2M". */
static char *section_of(struct weir_str kind, struct weir_str name)
{
	char size[WEIR_SIZE_TEXT_MAX];
	uint64_t bytes;
	char *z = NULL;

	if (weir_str_eq(kind, "pool") && weir_parse_size(name, &bytes) == 0)
		name = weir_format_size(bytes, size, sizeof(size));
	if (asprintf(&z, "%.*s%s%.*s", (int)kind.n, kind.p, name.n ? " " : "",
	             (int)name.n, name.p) < 0)
		return NULL;
	return z;
}

static struct entry *entry_of(struct entries *list, const char *section,
                              struct weir_str key)
{
	for (size_t i = 0; i < list->nr; i++)
		if (strcmp(list->v[i].section, section) == 0 &&
		    weir_str_eq(key, list->v[i].key))
			return &list->v[i];
	return NULL;
}

static bool section_is_wanted(const struct entries *list, const char *section)
{
	for (size_t i = 0; i < list->nr; i++)
		if (strcmp(list->v[i].section, section) == 0)
			return true;
	return false;
}

/* What is new in the section that ends here goes behind its last line, before the blank
 * lines and comments that introduce the next. */
static int end_section(struct update *u)
{
	weir_auto(weir_buf_done) struct weir_buf tail = { 0 };
	int r;

	if (!u->section || u->drop)
		return 0;
	r = weir_buf_add(&tail, weir_str_skip(weir_buf_str(u->out), u->blank_end));
	u->out->n = u->blank_end;
	if (r == 0)
		r = write_rest(&u->list, u->section, u->out);
	return r == 0 ? weir_buf_add(u->out, weir_buf_str(&tail)) : r;
}

static int copy(struct update *u, struct weir_str whole)
{
	int r = weir_buf_add(u->out, whole);

	return r == 0 ? weir_buf_addz(u->out, "\n") : r;
}

static int update_section(struct update *u, struct weir_str whole, struct weir_str line)
{
	struct weir_str kind, name;
	int r = end_section(u);

	free(u->section);
	u->section = NULL;
	if (r < 0)
		return r;
	(void)weir_ini_section(line, &kind, &name);
	u->section = section_of(kind, name);
	if (!u->section)
		return -ENOMEM;
	u->drop = !section_is_wanted(&u->list, u->section);
	r = u->drop ? 0 : copy(u, whole);
	u->blank_end = u->out->n;
	return r;
}

/* Would the entry's value be read as the line's is? "2048kB" and "2M" are the same. */
static bool is_same(const struct entry *e, struct weir_str value)
{
	uint64_t a, b;

	if (weir_str_eq(value, e->value))
		return true;
	if (strcmp(e->key, "mode") == 0) /* octal: digits, however many zeros lead */
	{
		struct weir_str want = weir_strz(e->value);

		while (want.n > 1 && *want.p == '0')
			want = weir_str_skip(want, 1);
		while (value.n > 1 && *value.p == '0')
			value = weir_str_skip(value, 1);
		return value.n == want.n && memcmp(value.p, want.p, want.n) == 0;
	}
	if (strcmp(e->key, "user") == 0 || strcmp(e->key, "group") == 0)
		return false;
	return weir_parse_size(value, &a) == 0 &&
	       weir_parse_size(weir_strz(e->value), &b) == 0 && a == b;
}

static int update_key(struct update *u, struct weir_str whole, struct weir_str line)
{
	struct weir_str key, value, before, after;
	struct entry *e;
	int r;

	if (!weir_str_split(line, '=', &key, &value))
		return copy(u, whole);
	e = entry_of(&u->list, u->section, weir_str_trim(key));
	value = weir_str_trim(value);
	if (!e)
		return 0; /* no longer said */
	if (is_same(e, value)) {
		r = copy(u, whole);
	} else {
		before = weir_str(whole.p, (size_t)(value.p - whole.p));
		after = weir_str_skip(whole, before.n + value.n);
		r = weir_buf_add(u->out, before);
		if (r == 0)
			r = weir_buf_addz(u->out, e->value);
		if (r == 0)
			r = copy(u, after);
	}
	u->blank_end = u->out->n;
	return r;
}

static int update_line(struct update *u, struct weir_str whole)
{
	struct weir_str rest = whole, line = weir_str("", 0);

	(void)weir_ini_line(&rest, &line);
	if (!line.n)
		return copy(u, whole);
	if (*line.p == '[')
		return update_section(u, whole, line);
	return u->drop || !u->section ? 0 : update_key(u, whole, line);
}

/* Marks what the text has a line for, wherever: a section may be there twice, and what is
 * said in the second is not new in the first. */
static int mark_said(struct entries *list, struct weir_str text)
{
	struct weir_str line, kind, name, key, value;
	char *section = NULL;
	int r = 0;

	while (r == 0 && weir_ini_line(&text, &line)) {
		struct entry *e = NULL;

		if (weir_ini_section(line, &kind, &name)) {
			free(section);
			section = section_of(kind, name);
			r = section ? 0 : -ENOMEM;
		} else if (section && weir_str_split(line, '=', &key, &value)) {
			e = entry_of(list, section, weir_str_trim(key));
		}
		if (e)
			e->said = true;
	}
	free(section);
	return r;
}

int weir_declaration_update(struct weir_str text, const struct weir_declaration *decl,
                            struct weir_buf *out)
{
	struct update u = { .out = out };
	struct weir_str line;
	int r;

	list_all(decl, &u.list);
	r = u.list.failed;
	if (r == 0)
		r = mark_said(&u.list, text);
	while (r == 0 && weir_str_line(&text, &line))
		r = update_line(&u, line);
	if (r == 0)
		r = end_section(&u);
	if (r == 0)
		r = write_rest(&u.list, NULL, out);
	free(u.section);
	entries_done(&u.list);
	return r;
}
