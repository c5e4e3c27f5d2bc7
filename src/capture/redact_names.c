/* redact_names: which names a capture holds; see redact.h. All passes go through the
 * files in the order of their paths, so that the same capture gives the same words. */
#include "capture/redact.h"

#include "base/own.h"

#include <errno.h>

struct names {
	const struct weir_members *files;
	struct weir_words *words;
	struct weir_buf path;
	int failed; /* -ENOMEM */
};

static struct weir_str text_of(const struct weir_member *m)
{
	return m && m->text ? weir_str(m->text, m->n) : weir_str("", 0);
}

static int add_one(struct names *names, enum weir_word_kind kind, struct weir_str name)
{
	return weir_words_add(names->words, kind, &name, 1);
}

/* Names that belong together; unescaped ones are copies. */
struct group {
	struct weir_names names;
	bool failed; /* -ENOMEM */
};

static void group_add(struct group *group, struct weir_str name)
{
	if (name.n && weir_names_add(&group->names, name, false) < 0)
		group->failed = true;
}

static int take_group(struct names *names, enum weir_word_kind kind, struct group *group)
{
	weir_auto(weir_freep) struct weir_str *v = NULL;
	int r = group->failed ? -ENOMEM : 0;
	size_t nr = 0, cap = 0;

	for (; r == 0 && nr < group->names.nr; nr += r == 0) {
		r = weir_grow(&v, &cap, nr, sizeof(*v));
		if (r == 0)
			v[nr] = weir_strz(group->names.v[nr].name);
	}
	if (r == 0 && nr)
		r = weir_words_add(names->words, kind, v, nr);
	weir_names_done(&group->names);
	return r;
}

/* Takes "N" and what follows it in @sep off *s. */
static bool skip_number(struct weir_str *s, const char *sep)
{
	size_t n = 0;

	while (n < s->n && weir_is_digit(s->p[n]))
		n++;
	if (!n || !weir_str_starts(weir_str_skip(*s, n), sep))
		return false;
	*s = weir_str_skip(*s, n + strlen(sep));
	return true;
}

static int hex_value(char c)
{
	return weir_is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* A VM's name as systemd escapes it. */
static void group_add_unescaped(struct group *group, struct weir_str s)
{
	weir_auto(weir_buf_done) struct weir_buf plain = { 0 };
	int r = 0;

	while (r == 0 && s.n) {
		size_t n = weir_words_escape_n(s);
		char c = s.p[0];

		if (n)
			c = (char)(hex_value(s.p[2]) << 4 | hex_value(s.p[3]));
		r = weir_buf_add(&plain, weir_str(&c, 1));
		s = weir_str_skip(s, n ? n : 1);
	}
	group_add(group, weir_buf_str(&plain));
	group->failed |= r < 0;
}

/* A component of a path, up to what ends one in any of the texts. */
static struct weir_str component(struct weir_str s)
{
	size_t n = 0;

	while (n < s.n && !strchr("/ ,\n\"", s.p[n])) /* or a NUL */
		n++;
	return weir_str(s.p, n);
}

/* Calls @fn with what follows each @mark in @text. */
static void each_mark(struct weir_str text, const char *mark, struct group *group,
                      void (*fn)(struct weir_str rest, struct group *group))
{
	ptrdiff_t at;

	while (text.n && (at = weir_str_find(text, mark)) >= 0) {
		text = weir_str_skip(text, (size_t)at + strlen(mark));
		fn(text, group);
	}
}

static void vm_of_scope(struct weir_str s, struct group *group)
{
	ptrdiff_t end;

	if (!skip_number(&s, "\\x2d"))
		return;
	s = component(s);
	end = weir_str_find(s, ".scope");
	if (end > 0)
		group_add_unescaped(group, weir_str(s.p, (size_t)end));
}

static void vm_of_path(struct weir_str s, struct group *group)
{
	if (weir_str_starts(s, "domain-"))
		s = weir_str_skip(s, 7);
	if (skip_number(&s, "-"))
		group_add(group, component(s));
}

static void vm_of_cgroup(struct weir_str s, struct group *group)
{
	static const char suffix[] = ".libvirt-qemu";

	if (!skip_number(&s, "-"))
		return;
	s = component(s);
	if (weir_str_ends(s, suffix))
		group_add(group, weir_str(s.p, s.n - (sizeof(suffix) - 1)));
}

static void vms_in(struct weir_str text, struct group *group)
{
	if (!text.n || weir_str_find(text, "qemu") < 0)
		return;
	each_mark(text, "machine-qemu\\x2d", group, vm_of_scope);
	each_mark(text, "/qemu/", group, vm_of_path);
	each_mark(text, "/qemu-", group, vm_of_cgroup);
}

static void user_of_home(struct weir_str s, struct group *group)
{
	group_add(group, component(s));
}

/* "foo@1.service" -> "foo" */
static int take_services(struct names *names, struct weir_str text)
{
	struct weir_str line, part;
	int r = 0;

	if (!text.n || weir_str_find(text, ".service") < 0)
		return 0;
	while (r == 0 && weir_str_line(&text, &line))
		while (r == 0 && weir_str_cut(&line, '/', &part)) {
			if (!weir_str_ends(part, ".service"))
				continue;
			part.n -= strlen(".service");
			part.n = weir_str_index(part, '@');
			if (!weir_redact_is_known(part) &&
			    !weir_str_starts(part, "systemd-"))
				r = add_one(names, WEIR_WORD_PROCESS, part);
		}
	return r;
}

/* Names that a path or a text with paths shows, each by itself. */
static int take_from_paths(struct names *names, struct weir_str text)
{
	struct group vms = { 0 }, users = { 0 };
	int r = 0;

	vms_in(text, &vms);
	if (text.n)
		each_mark(text, "/home/", &users, user_of_home);
	for (size_t i = 0; r == 0 && i < vms.names.nr; i++)
		r = add_one(names, WEIR_WORD_VM, weir_strz(vms.names.v[i].name));
	for (size_t i = 0; r == 0 && i < users.names.nr; i++)
		r = add_one(names, WEIR_WORD_USER, weir_strz(users.names.v[i].name));
	if (vms.failed || users.failed)
		r = -ENOMEM;
	weir_names_done(&vms.names);
	weir_names_done(&users.names);
	return r;
}

static int take_host(struct names *names)
{
	struct weir_str name = weir_str_trim(
		text_of(weir_members_find(names->files, WEIR_REDACT_HOSTNAME_PATH)));
	struct weir_str both[] = { name, weir_str(name.p, weir_str_index(name, '.')) };

	return weir_words_add(names->words, WEIR_WORD_HOST, both, WEIR_NELEM(both));
}

/* "alice:x:1000:..." */
static int take_users(struct names *names, struct weir_str passwd)
{
	enum { FIRST = 1000, NOBODY = 65534 };
	struct weir_str line, name, field;
	uint64_t uid;
	int r = 0;

	while (r == 0 && weir_str_line(&passwd, &line))
		if (weir_str_cut(&line, ':', &name) && weir_str_cut(&line, ':', &field) &&
		    weir_str_cut(&line, ':', &field) &&
		    weir_parse_u64(field, &uid) == 0 && uid >= FIRST && uid < NOBODY)
			r = add_one(names, WEIR_WORD_USER, name);
	return r;
}

/* A file of the process whose directory is the first @dir_n bytes of @path. */
static struct weir_str process_file(struct names *names, const char *path, size_t dir_n,
                                    const char *file)
{
	int r;

	names->path.n = 0;
	r = weir_buf_printf(&names->path, "%.*s/%s", (int)dir_n, path, file);
	if (r < 0)
		names->failed = r;
	return r < 0 ? weir_str("", 0)
	             : text_of(weir_members_find(names->files, names->path.p));
}

static int take_vm(struct names *names, const char *path, size_t dir_n,
                   struct weir_str args)
{
	struct group group = { 0 };
	struct weir_str rest = args, name;

	while (weir_redact_vm_arg(&rest, &name))
		group_add(&group, name);
	vms_in(args, &group);
	vms_in(process_file(names, path, dir_n, "cgroup"), &group);
	vms_in(process_file(names, path, dir_n, "maps"), &group);
	return take_group(names, WEIR_WORD_VM, &group);
}

static int take_process_name(struct names *names, struct weir_str name)
{
	return weir_redact_is_known(name) ? 0 : add_one(names, WEIR_WORD_PROCESS, name);
}

static bool runs_vms(struct weir_str program)
{
	return weir_str_starts(program, "qemu-") || weir_str_eq(program, "kvm") ||
	       weir_str_eq(program, "firecracker");
}

/* @path is the status of a process, which every process in a capture has. */
static int take_process(struct names *names, const char *path, struct weir_str status)
{
	size_t dir_n = weir_redact_process_n(weir_strz(path));
	struct weir_str args = process_file(names, path, dir_n, "cmdline");
	struct weir_str comm = weir_str_chomp(process_file(names, path, dir_n, "comm")),
			line;
	struct weir_str program = weir_redact_program(
		weir_str(args.p, weir_str_index(args, '\0')));
	int r = take_process_name(names, comm);

	while (r == 0 && weir_str_line(&status, &line))
		if (weir_str_starts(line, "Name:\t"))
			r = take_process_name(names, weir_str_skip(line, 6));
	if (r == 0)
		r = take_process_name(names, program);
	return r == 0 && runs_vms(program) ? take_vm(names, path, dir_n, args) : r;
}

static int take_klog(struct names *names)
{
	struct weir_str text = text_of(
				weir_members_find(names->files, WEIR_REDACT_KLOG_PATH)),
			line;
	int r = 0;

	while (r == 0 && weir_str_line(&text, &line))
		r = take_process_name(names, weir_redact_klog_process(line));
	return r;
}

static bool has_paths(enum weir_redact_kind kind)
{
	return kind >= WEIR_REDACT_MOUNTINFO && kind != WEIR_REDACT_COMM &&
	       kind != WEIR_REDACT_STATUS && kind != WEIR_REDACT_STAT &&
	       kind != WEIR_REDACT_WARM;
}

static int see(struct names *names)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < names->files->nr; i++) {
		const struct weir_member *m = &names->files->v[i];

		r = weir_words_see(names->words, weir_redact_named_part(m->path));
		if (r == 0 && weir_redact_kind(m->path) != WEIR_REDACT_NOTHING)
			r = weir_words_see(names->words, text_of(m));
	}
	return r;
}

static int take_processes(struct names *names)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < names->files->nr; i++) {
		const struct weir_member *m = &names->files->v[i];

		if (weir_redact_kind(m->path) == WEIR_REDACT_STATUS)
			r = take_process(names, m->path, text_of(m));
	}
	return r;
}

/* Leases are called by the VMs that have them, as a rule. */
static int take_leases(struct names *names, struct weir_str text)
{
	struct weir_str rest = text, value;
	int r = 0;

	while (r == 0 && weir_redact_warm_value(&rest, WEIR_REDACT_WARM_NAME, &value))
		r = value.n ? add_one(names, WEIR_WORD_VM, value) : 0;
	rest = text;
	while (r == 0 && weir_redact_warm_value(&rest, WEIR_REDACT_WARM_UNIT, &value)) {
		weir_auto(weir_buf_done) struct weir_buf unit = { 0 };

		r = weir_buf_add_unescaped(&unit, value);
		if (r == 0)
			r = take_from_paths(names, weir_buf_str(&unit));
		if (r == 0)
			r = take_services(names, weir_buf_str(&unit));
	}
	return r;
}

static int take_from_file(struct names *names, const struct weir_member *m)
{
	enum weir_redact_kind kind = weir_redact_kind(m->path);
	struct weir_str path = weir_redact_named_part(m->path);
	int r = take_from_paths(names, path);

	if (r == 0)
		r = take_services(names, path);
	if (r == 0 && has_paths(kind))
		r = take_from_paths(names, text_of(m));
	if (r == 0 && kind == WEIR_REDACT_CGROUP)
		r = take_services(names, text_of(m));
	if (r == 0 && kind == WEIR_REDACT_WARM)
		r = take_leases(names, text_of(m));
	if (r == 0 && kind == WEIR_REDACT_STAT &&
	    !weir_str_eq(weir_redact_stat_name(text_of(m)), "weird"))
		r = take_process_name(names, weir_redact_stat_name(text_of(m)));
	return r;
}

/* Processes come before paths: there the names of a VM are known to belong together. */
int weir_redact_collect(const struct weir_members *files, struct weir_str passwd,
                        struct weir_words *words)
{
	struct names names = { .files = files, .words = words };
	int r = see(&names);

	if (r == 0)
		r = take_host(&names);
	if (r == 0)
		r = take_processes(&names);
	if (r == 0)
		r = take_users(&names, passwd);
	if (r == 0)
		r = take_klog(&names);
	for (size_t i = 0; r == 0 && i < files->nr; i++)
		r = take_from_file(&names, &files->v[i]);
	weir_buf_done(&names.path);
	if (r == 0)
		r = names.failed;
	return r == 0 ? weir_words_seal(words) : r;
}
