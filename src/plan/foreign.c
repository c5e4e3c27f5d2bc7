/* foreign: see foreign.h. Every kind of file comes down to one of three things: a sysctl
 * key with a value, a pool's file in sysfs with a value, or a kernel command line. */
#include "plan/foreign.h"

#include "base/own.h"
#include "base/size.h"
#include "facts/boot.h"

#include <errno.h>
#include <stdio.h>

#define TEXT_SHOWN 160U

const char *weir_foreign_word(enum weir_foreign_source source)
{
	static const char *const words[] = {
		[WEIR_FOREIGN_SYSCTL] = "sysctl",   [WEIR_FOREIGN_TUNED] = "tuned",
		[WEIR_FOREIGN_GRUB] = "grub",       [WEIR_FOREIGN_CMDLINE] = "cmdline",
		[WEIR_FOREIGN_LOADER] = "loader",   [WEIR_FOREIGN_UNIT] = "unit",
		[WEIR_FOREIGN_SCRIPT] = "script",   [WEIR_FOREIGN_TMPFILES] = "tmpfiles",
		[WEIR_FOREIGN_PROXMOX] = "proxmox",
	};

	return words[source];
}

const char *weir_foreign_what_word(enum weir_foreign_what what)
{
	static const char *const words[] = {
		[WEIR_SETS_PAGES] = "pages",
		[WEIR_SETS_OVERCOMMIT] = "overcommit",
		[WEIR_SETS_SHM_GROUP] = "shm-group",
		[WEIR_SETS_DEFAULT_SIZE] = "default-size",
	};

	return words[what];
}

void weir_foreigns_done(struct weir_foreigns *list)
{
	for (size_t i = 0; i < list->nr; i++) {
		free(list->v[i].file);
		free(list->v[i].text);
	}
	free(list->v);
	*list = (struct weir_foreigns){ 0 };
}

/* A place in a file, and where what is found there goes. */
struct scan {
	enum weir_foreign_source source;
	const char *file;
	unsigned int line_nr;
	struct weir_foreigns *out;
};

static int add(const struct scan *scan, struct weir_str line,
               const struct weir_foreign *found)
{
	struct weir_foreign *f;

	if (scan->out->nr >= WEIR_FOREIGN_MAX)
		return -E2BIG;
	if (weir_grow(&scan->out->v, &scan->out->cap, scan->out->nr,
	              sizeof(scan->out->v[0])) < 0)
		return -ENOMEM;
	line = weir_str_trim(line);
	f = &scan->out->v[scan->out->nr++];
	*f = *found;
	f->source = scan->source;
	f->line = scan->line_nr;
	f->file = strdup(scan->file);
	f->text = strndup(line.p, line.n < TEXT_SHOWN ? line.n : TEXT_SHOWN);
	return f->file && f->text ? 0 : -ENOMEM;
}

static struct weir_count number(struct weir_str s)
{
	struct weir_count n = { 0 };

	if (s.n >= 2 && (*s.p == '"' || *s.p == '\'') && s.p[s.n - 1] == *s.p)
		s = weir_str(s.p + 1, s.n - 2);
	n.known = weir_parse_u64(s, &n.n) == 0;
	return n;
}

/* ---- what a name sets ---------------------------------------------------------------
 */

static const struct {
	const char *name;
	enum weir_foreign_what what;
} settings[] = {
	/* a longer name before one that it begins with */
	{ "nr_hugepages_mempolicy", WEIR_SETS_PAGES },
	{ "nr_hugepages", WEIR_SETS_PAGES },
	{ "nr_overcommit_hugepages", WEIR_SETS_OVERCOMMIT },
	{ "hugetlb_shm_group", WEIR_SETS_SHM_GROUP },
};

/* "vm.nr_hugepages", "vm/nr_hugepages" */
static bool is_sysctl(struct weir_str key, struct weir_foreign *out)
{
	if (!weir_str_starts(key, "vm.") && !weir_str_starts(key, "vm/"))
		return false;
	for (size_t i = 0; i < WEIR_NELEM(settings); i++)
		if (weir_str_eq(weir_str_skip(key, 3), settings[i].name)) {
			out->what = settings[i].what;
			out->default_size = out->what != WEIR_SETS_SHM_GROUP;
			return true;
		}
	return false;
}

/* The number between @before and @after in @text. */
static struct weir_count number_in(struct weir_str text, const char *before,
                                   const char *after)
{
	struct weir_count n = { 0 };
	ptrdiff_t at = weir_str_find(text, before), end;

	if (at < 0)
		return n;
	text = weir_str_skip(text, (size_t)at + strlen(before));
	end = weir_str_find(text, after);
	return end < 0 ? n : number(weir_str(text.p, (size_t)end));
}

/* A file of sysfs or procfs, somewhere in @text: what is set by writing to it. */
static bool is_file(struct weir_str text, struct weir_foreign *out)
{
	struct weir_count kb = number_in(text, "hugepages-", "kB");
	size_t i = 0;

	while (i < WEIR_NELEM(settings) && weir_str_find(text, settings[i].name) < 0)
		i++;
	if (i == WEIR_NELEM(settings))
		return false;
	out->what = settings[i].what;
	out->node = number_in(text, "/node/node", "/");
	if (kb.known)
		out->page_bytes = weir_count_mul(kb, 1024);
	else
		out->default_size = out->what != WEIR_SETS_SHM_GROUP &&
		                    weir_str_find(text, "hugepages-") < 0;
	return true;
}

/* ---- kernel command lines ------------------------------------------------------------
 */

/* Read by the kernel's own rules, but that every size is taken for one that it has. */
static int add_args(const struct scan *scan, struct weir_str line, struct weir_str args)
{
	static const struct weir_boot_rules rules = { .sizes_unknown = true,
		                                      .node_lists = true };
	struct weir_boot boot;
	int r = weir_boot_parse(args, &rules, &boot, NULL);

	for (size_t i = 0; r >= 0 && i < boot.nr_pools; i++) {
		const struct weir_boot_pool *pool = &boot.pools[i];
		struct weir_foreign f = { .what = WEIR_SETS_PAGES };

		if (!pool->counted)
			continue;
		f.default_size = !pool->size_bytes;
		if (pool->size_bytes)
			f.page_bytes = WEIR_COUNT(pool->size_bytes);
		f.value = WEIR_COUNT(pool->pages);
		if (!pool->nr_nodes)
			r = add(scan, line, &f);
		for (size_t k = 0; r >= 0 && k < pool->nr_nodes; k++) {
			f.node = WEIR_COUNT(pool->nodes[k].node);
			f.value = WEIR_COUNT(pool->nodes[k].pages);
			r = add(scan, line, &f);
		}
	}
	if (r >= 0 && boot.default_named) {
		struct weir_foreign f = { .what = WEIR_SETS_DEFAULT_SIZE,
			                  .value = boot.default_bytes };

		r = add(scan, line, &f);
	}
	weir_boot_done(&boot);
	return r < 0 ? r : 0;
}

/* ---- a line of each kind -------------------------------------------------------------
 */

static int sysctl_line(struct scan *scan, struct weir_str line)
{
	struct weir_foreign f = { 0 };
	struct weir_str key, value;

	if (!weir_str_split(line, '=', &key, &value))
		return 0;
	key = weir_str_trim(key);
	if (weir_str_starts(key, "-")) /* a failure of it is of no matter */
		key = weir_str_skip(key, 1);
	if (!is_sysctl(key, &f))
		return 0;
	f.value = number(weir_str_trim(value));
	return add(scan, line, &f);
}

static struct weir_str without_quotes(struct weir_str s)
{
	s = weir_str_trim(s);
	if (s.n && (*s.p == '"' || *s.p == '\'')) {
		char quote = *s.p;

		s = weir_str_skip(s, 1);
		s.n = weir_str_index(s, quote);
	}
	return s;
}

static int grub_line(struct scan *scan, struct weir_str line)
{
	struct weir_str key, value;

	if (weir_str_starts(line, "export "))
		line = weir_str_trim(weir_str_skip(line, strlen("export ")));
	if (!weir_str_starts(line, "GRUB_CMDLINE_") ||
	    !weir_str_split(line, '=', &key, &value))
		return 0;
	return add_args(scan, line, without_quotes(value));
}

static int cmdline_line(struct scan *scan, struct weir_str line)
{
	return add_args(scan, line, line);
}

static int loader_line(struct scan *scan, struct weir_str line)
{
	struct weir_str rest = line, word;

	if (!weir_str_word(&rest, &word) || !weir_str_eq(word, "options"))
		return 0;
	return add_args(scan, line, rest);
}

/* "echo 16 > FILE", "printf '16' | tee FILE" */
static struct weir_count echoed(struct weir_str line)
{
	struct weir_str word;
	bool next = false;

	while (weir_str_word(&line, &word)) {
		struct weir_count n = number(word);

		if (next && n.known)
			return n;
		if (!next || *word.p != '-')
			next = weir_str_ends(word, "echo") ||
			       weir_str_ends(word, "printf");
	}
	return (struct weir_count){ 0 };
}

/* "sysctl -w vm.nr_hugepages=16" */
static bool is_sysctl_call(struct weir_str line, struct weir_foreign *out)
{
	struct weir_str word, key, value;

	if (weir_str_find(line, "sysctl") < 0)
		return false;
	while (weir_str_word(&line, &word))
		if (weir_str_split(without_quotes(word), '=', &key, &value) &&
		    is_sysctl(key, out)) {
			out->value = number(without_quotes(value));
			return true;
		}
	return false;
}

static bool has_any(struct weir_str line, const char *const *words, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (weir_str_find(line, words[i]) >= 0)
			return true;
	return false;
}

/* A command that is made for it, with an option that writes. */
static bool is_tool(struct weir_str line)
{
	static const char *const tools[] = { "hugeadm", "dpdk-hugepages" };
	static const char *const writes[] = { "--pool-pages", "--set-recommended",
		                              "--setup",      "--clear",
		                              "--reserve",    " -p",
		                              " -r",          " -c" };

	return has_any(line, tools, WEIR_NELEM(tools)) &&
	       has_any(line, writes, WEIR_NELEM(writes));
}

/* A shell's command, as far as one line tells. Reading a pool's file sets nothing; any
 * other mention may, and is told without a value. */
static int command_line(struct scan *scan, struct weir_str line)
{
	static const char *const reads[] = { "cat ", "grep ", "$(<", "awk ", "head " };
	struct weir_foreign f = { .what = WEIR_SETS_PAGES };
	ptrdiff_t to = weir_str_find(line, ">"), tee = weir_str_find(line, "tee ");
	struct weir_str target = weir_str_skip(line, to >= 0 ? (size_t)to : 0);

	if (is_sysctl_call(line, &f) || is_tool(line))
		return add(scan, line, &f);
	if ((to >= 0 || tee >= 0) && is_file(target, &f)) {
		f.value = echoed(line);
		return add(scan, line, &f);
	}
	if (has_any(line, reads, WEIR_NELEM(reads)) ||
	    weir_str_find(line, "sysctl") >= 0 || !is_file(line, &f))
		return 0;
	return add(scan, line, &f);
}

static int unit_line(struct scan *scan, struct weir_str line)
{
	struct weir_str key, value;

	if (!weir_str_starts(line, "Exec") || !weir_str_split(line, '=', &key, &value))
		return 0;
	/* the words of sh -c '...' are the shell's */
	return command_line(scan, line);
}

/* type path mode user group age argument */
static int tmpfiles_line(struct scan *scan, struct weir_str line)
{
	struct weir_foreign f = { 0 };
	struct weir_str rest = line, word[7] = { 0 };
	size_t nr = 0;

	while (nr < WEIR_NELEM(word) && weir_str_word(&rest, &word[nr]))
		nr++;
	if (nr < 2 || !strchr("wfF", *word[0].p) || !is_file(word[1], &f))
		return 0;
	if (nr == WEIR_NELEM(word))
		f.value = number(word[6]);
	return add(scan, line, &f);
}

/* ---- whole files ---------------------------------------------------------------------
 */

static int each_line(enum weir_foreign_source source, struct weir_str text,
                     const char *file, struct weir_foreigns *out,
                     int (*take)(struct scan *scan, struct weir_str line))
{
	struct scan scan = { .source = source, .file = file, .out = out };
	struct weir_str line;
	int r = 0;

	if (weir_str_starts(text, WEIR_MARK))
		return 0;
	while (r == 0 && weir_str_line(&text, &line)) {
		scan.line_nr++;
		line = weir_str_trim(line);
		if (line.n && *line.p != '#' && *line.p != ';')
			r = take(&scan, line);
	}
	return r;
}

int weir_foreign_sysctl(struct weir_str text, const char *file, struct weir_foreigns *out)
{
	return each_line(WEIR_FOREIGN_SYSCTL, text, file, out, sysctl_line);
}

int weir_foreign_grub(struct weir_str text, const char *file, struct weir_foreigns *out)
{
	return each_line(WEIR_FOREIGN_GRUB, text, file, out, grub_line);
}

int weir_foreign_cmdline(struct weir_str text, const char *file,
                         struct weir_foreigns *out)
{
	return each_line(WEIR_FOREIGN_CMDLINE, text, file, out, cmdline_line);
}

int weir_foreign_loader(struct weir_str text, const char *file, struct weir_foreigns *out)
{
	return each_line(WEIR_FOREIGN_LOADER, text, file, out, loader_line);
}

int weir_foreign_unit(struct weir_str text, const char *file, struct weir_foreigns *out)
{
	return each_line(WEIR_FOREIGN_UNIT, text, file, out, unit_line);
}

int weir_foreign_script(struct weir_str text, const char *file, struct weir_foreigns *out)
{
	return each_line(WEIR_FOREIGN_SCRIPT, text, file, out, command_line);
}

int weir_foreign_tmpfiles(struct weir_str text, const char *file,
                          struct weir_foreigns *out)
{
	return each_line(WEIR_FOREIGN_TMPFILES, text, file, out, tmpfiles_line);
}

/* ---- tuned ---------------------------------------------------------------------------
 */

/* "+hugepages=4", "=hugepages=4", and "-hugepages=4", which takes it away */
static int tuned_args(struct scan *scan, struct weir_str line, struct weir_str value)
{
	if (weir_str_starts(value, "-"))
		return 0;
	while (weir_str_starts(value, "+") || weir_str_starts(value, "="))
		value = weir_str_trim(weir_str_skip(value, 1));
	return add_args(scan, line, without_quotes(value));
}

static int add_include(struct weir_str names, struct weir_buf *includes)
{
	struct weir_str name;
	int r = 0;

	while (r == 0 && weir_str_cut(&names, ',', &name)) {
		r = weir_buf_add(includes, weir_str_trim(name));
		if (r == 0)
			r = weir_buf_addz(includes, "\n");
	}
	return r;
}

static int tuned_line(struct scan *scan, struct weir_str line, struct weir_str section,
                      struct weir_buf *includes)
{
	struct weir_foreign f = { 0 };
	struct weir_str key, value;

	if (weir_str_eq(section, "[sysctl]"))
		return sysctl_line(scan, line);
	if (!weir_str_split(line, '=', &key, &value))
		return 0;
	key = weir_str_trim(key);
	value = weir_str_trim(value);
	if (weir_str_eq(section, "[main]") && weir_str_eq(key, "include"))
		return add_include(value, includes);
	if (weir_str_eq(section, "[bootloader]") && weir_str_starts(key, "cmdline"))
		return tuned_args(scan, line, value);
	if (!weir_str_eq(section, "[sysfs]") || !is_file(key, &f))
		return 0;
	f.value = number(value);
	return add(scan, line, &f);
}

int weir_foreign_tuned(struct weir_str text, const char *file, struct weir_buf *includes,
                       struct weir_foreigns *out)
{
	struct scan scan = { .source = WEIR_FOREIGN_TUNED, .file = file, .out = out };
	struct weir_str line, section = weir_str("", 0);
	int r = 0;

	if (weir_str_starts(text, WEIR_MARK))
		return 0;
	while (r == 0 && weir_str_line(&text, &line)) {
		scan.line_nr++;
		line = weir_str_trim(line);
		if (!line.n || *line.p == '#' || *line.p == ';')
			continue;
		if (*line.p == '[')
			section = line;
		else
			r = tuned_line(&scan, line, section, includes);
	}
	return r;
}

/* ---- Proxmox -------------------------------------------------------------------------
 */

/* What Proxmox does for a VM with huge pages: makes pages before it starts, and sets the
 * pool to what the command line says when it stops, unless keephugepages is set
 * (qemu-server, PVE/QemuServer/Memory.pm). */
int weir_foreign_proxmox(struct weir_str text, const char *file, struct weir_buf *hooks,
                         struct weir_foreigns *out)
{
	struct scan scan = { .source = WEIR_FOREIGN_PROXMOX, .file = file, .out = out };
	struct weir_foreign f = { .what = WEIR_SETS_PAGES };
	struct weir_str line, key, value, pages = { 0 };
	unsigned int line_nr = 0;
	bool keep = false;
	int r = 0;

	while (r == 0 && weir_str_line(&text, &line)) {
		line_nr++;
		line = weir_str_trim(line);
		if (weir_str_starts(line, "[")) /* snapshots of the VM follow */
			break;
		if (!weir_str_split(line, ':', &key, &value))
			continue;
		value = weir_str_trim(value);
		keep |= weir_str_eq(key, "keephugepages") && weir_str_eq(value, "1");
		if (weir_str_eq(key, "hugepages")) {
			pages = line;
			scan.line_nr = line_nr;
			if (weir_str_eq(value, "1024"))
				f.page_bytes = WEIR_COUNT(WEIR_GIB);
			else if (weir_str_eq(value, "2"))
				f.page_bytes = WEIR_COUNT(2 * WEIR_MIB);
		}
		if (weir_str_eq(key, "hookscript")) {
			r = weir_buf_add(hooks, value);
			if (r == 0)
				r = weir_buf_addz(hooks, "\n");
		}
	}
	return r == 0 && pages.n && !keep ? add(&scan, pages, &f) : r;
}
