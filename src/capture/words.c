/* words: see words.h. Names are collected in a tree and then sorted into an array, in
 * which the longest name that a text begins with is found by one search by halving: all
 * names between it and the text in order begin with it too, so that it is the name just
 * before the text or one of those that this one begins with. */
#include "capture/words.h"

#include "base/own.h"

#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdio.h>

static const char *const kind_words[] = {
	[WEIR_WORD_HOST] = "host",
	[WEIR_WORD_USER] = "user",
	[WEIR_WORD_VM] = "vm",
	[WEIR_WORD_PROCESS] = "proc",
};

static void word_free(void *p)
{
	struct weir_word *word = p;

	free(word->name);
	free(word->stands);
	free(word);
}

void weir_words_done(struct weir_words *words)
{
	if (words->names)
		tdestroy(words->names, word_free);
	if (words->taken)
		tdestroy(words->taken, free);
	free(words->v);
	*words = (struct weir_words){ 0 };
}

/* As strcmp(), for names that may hold NULs and do not end in one. */
static int compare(struct weir_str a, struct weir_str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;

	return c ? c : (a.n > b.n) - (a.n < b.n);
}

static struct weir_str name_of(const struct weir_word *word)
{
	return weir_str(word->name, word->n);
}

static int by_name(const void *a, const void *b)
{
	return compare(name_of(a), name_of(b));
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* A byte of a word; those of UTF-8 sequences are. */
static bool is_letter(char c)
{
	return weir_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (unsigned char)c >= 0x80;
}

static bool all_digits(struct weir_str s)
{
	size_t i = 0;

	while (i < s.n && weir_is_digit(s.p[i]))
		i++;
	return s.n && i == s.n;
}

/* Exactly one of our kinds and a number. */
static bool is_ours(struct weir_str s)
{
	for (size_t k = 0; k < WEIR_NELEM(kind_words); k++)
		if (weir_str_starts(s, kind_words[k]) &&
		    all_digits(weir_str_skip(s, strlen(kind_words[k]))))
			return true;
	return false;
}

static bool is_hex(char c)
{
	return weir_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

size_t weir_words_escape_n(struct weir_str s)
{
	return s.n >= 4 && s.p[0] == '\\' && s.p[1] == 'x' && is_hex(s.p[2]) &&
	                       is_hex(s.p[3])
	               ? 4
	               : 0;
}

#define UUID_N      36
#define UUID_PREFIX "00000000-0000-0000-0000-"

static bool is_uuid(struct weir_str s)
{
	if (s.n != UUID_N)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s.p[i] != '-' : !is_hex(s.p[i]))
			return false;
	}
	return true;
}

bool weir_word_is_common(struct weir_str s)
{
	static const char *const common[] = {
		"all",       "anon",    "anon_hugepage", "bin",   "boot",    "cgroup",
		"data",      "default", "deleted",       "dev",   "domain",  "emulator",
		"etc",       "fd",      "file",          "fs",    "heap",    "home",
		"host",      "huge",    "hugepages",     "init",  "kernel",  "hugetlb",
		"hugetlbfs", "kvm",     "lib",           "lib64", "libvirt", "libexec",
		"local",     "machine", "maps",          "media", "memfd",   "misc",
		"mnt",       "net",     "node",          "none",  "opt",     "proc",
		"qemu",      "ram",     "root",          "run",   "sbin",    "scope",
		"self",      "service", "session",       "sev",   "share",   "shm",
		"slice",     "socket",  "srv",           "stack", "status",  "sys",
		"system",    "systemd", "task",          "tmp",   "unified", "user",
		"usr",       "var",     "vcpu",          "vfio",  "vhost",   "vm",
		"pc",        "on",      "off",           "guest", "process", "name",
	};
	static const char *const numbered[] = { "node", "cpu", "vcpu", "vhost",
		                                "iothread" };

	for (size_t i = 0; i < WEIR_NELEM(common); i++)
		if (weir_str_eq(s, common[i]))
			return true;
	for (size_t i = 0; i < WEIR_NELEM(numbered); i++)
		if (weir_str_starts(s, numbered[i]) &&
		    all_digits(weir_str_skip(s, strlen(numbered[i]))))
			return true;
	return false;
}

/* --- adding ------------------------------------------------------------------------ */

static int take_number(struct weir_words *words, struct weir_str word)
{
	char *copy = strndup(word.p, word.n);
	char *const *found = copy ? tsearch(copy, &words->taken, by_text) : NULL;
	int r = found ? 0 : -ENOMEM;

	if (!found || *found != copy)
		free(copy);
	return r;
}

int weir_words_see(struct weir_words *words, struct weir_str text)
{
	int r = 0;

	while (r == 0 && text.n) {
		struct weir_str word = { text.p, 0 };
		size_t skip = weir_words_escape_n(text);

		while (!skip && word.n < text.n && is_letter(word.p[word.n]))
			word.n++;
		if (is_ours(word))
			r = take_number(words, word);
		text = weir_str_skip(text, skip ? skip : word.n + (word.n == 0));
	}
	return r;
}

static int next_number(struct weir_words *words, enum weir_word_kind kind, uint64_t *out)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };

	do {
		text.n = 0;
		if (weir_buf_printf(&text, "%s%" PRIu64, kind_words[kind],
		                    ++words->next[kind]) < 0)
			return -ENOMEM;
	} while (words->taken && tfind(text.p, &words->taken, by_text));
	*out = words->next[kind];
	return 0;
}

/* *out becomes NULL when it is not there. */
static int find_name(const struct weir_words *words, struct weir_str name,
                     const struct weir_word **out)
{
	weir_auto(weir_buf_done) struct weir_buf copy = { 0 };
	int r = weir_buf_add(&copy, name);
	struct weir_word key = { .name = copy.p, .n = name.n };
	void *const *found = r == 0 && words->names ? tfind(&key, &words->names, by_name)
	                                            : NULL;

	*out = found ? *found : NULL;
	return r;
}

static char *make_stand(enum weir_word_kind kind, uint64_t nr, bool uuid)
{
	char *text = NULL;
	int n = uuid ? asprintf(&text, UUID_PREFIX "%012" PRIu64, nr)
	             : asprintf(&text, "%s%" PRIu64, kind_words[kind], nr);

	return n < 0 ? NULL : text;
}

/* A name without a letter is part of anything, and one with a slash is no part of a path:
 * replacing it would move files. */
static bool is_only_whole(struct weir_str name)
{
	bool has_letter = false;

	for (size_t i = 0; i < name.n; i++) {
		has_letter |= is_letter(name.p[i]);
		if (name.p[i] == '/' || name.p[i] == '\n')
			return true;
	}
	return !has_letter || name.n < 2 || all_digits(name) || weir_word_is_common(name);
}

/* Adds one spelling, unless it is there. */
static int add_spelling(struct weir_words *words, enum weir_word_kind kind, uint64_t nr,
                        struct weir_str name, bool uuid)
{
	struct weir_word *word = calloc(1, sizeof(*word));
	struct weir_word **found;

	if (!word)
		return -ENOMEM;
	*word = (struct weir_word){
		.name = strndup(name.p, name.n),
		.n = name.n,
		.stands = make_stand(kind, nr, uuid),
		.kind = kind,
		.nr = nr,
		.whole = is_only_whole(name),
		.parent = SIZE_MAX,
	};
	found = word->name && word->stands ? tsearch(word, &words->names, by_name) : NULL;
	if (found && *found == word)
		return 0;
	word_free(word);
	return found ? 0 : -ENOMEM;
}

/* libvirt's and systemd's: all but letters, digits, ':', '_' and '.' (src/util/
 * virsystemd.c, virSystemdEscapeName(); a '.' in front, too). */
static int spell_systemd(struct weir_str name, struct weir_buf *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < name.n; i++) {
		char c = name.p[i];
		bool plain = (is_letter(c) && (unsigned char)c < 0x80) || c == ':' ||
		             c == '_' || (c == '.' && i);

		if (c == '/')
			r = weir_buf_addz(out, "-");
		else if (plain)
			r = weir_buf_add(out, weir_str(&c, 1));
		else
			r = weir_buf_printf(out, "\\x%02x", (unsigned char)c);
	}
	return r;
}

/* A comma in a value of a QEMU option is doubled. */
static int spell_qemu(struct weir_str name, struct weir_buf *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < name.n; i++)
		r = weir_buf_add(out, weir_str(name.p[i] == ',' ? ",," : &name.p[i],
		                               name.p[i] == ',' ? 2 : 1));
	return r;
}

static int add_name(struct weir_words *words, enum weir_word_kind kind, uint64_t nr,
                    struct weir_str name)
{
	static int (*const spell[])(struct weir_str name, struct weir_buf * out) = {
		spell_systemd,
		spell_qemu,
	};
	weir_auto(weir_buf_done) struct weir_buf other = { 0 };
	bool uuid = is_uuid(name);
	int r = add_spelling(words, kind, nr, name, uuid);

	for (size_t i = 0; r == 0 && i < WEIR_NELEM(spell); i++) {
		other.n = 0;
		r = spell[i](name, &other);
		if (r == 0)
			r = add_spelling(words, kind, nr, weir_buf_str(&other), uuid);
	}
	return r;
}

/* No name with a NUL comes from a kernel. */
static bool stays(struct weir_str name)
{
	return !name.n || memchr(name.p, '\0', name.n) || is_ours(name) ||
	       (is_uuid(name) && weir_str_starts(name, UUID_PREFIX));
}

int weir_words_add(struct weir_words *words, enum weir_word_kind kind,
                   const struct weir_str *names, size_t nr)
{
	uint64_t number = 0;
	bool any = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < nr; i++) {
		const struct weir_word *word;

		if (stays(names[i]))
			continue;
		r = find_name(words, names[i], &word);
		if (r == 0 && word && word->kind == kind && !number)
			number = word->nr;
		any |= r == 0 && !word;
	}
	if (r == 0 && any && !number)
		r = next_number(words, kind, &number);
	for (size_t i = 0; r == 0 && any && i < nr; i++)
		if (!stays(names[i]))
			r = add_name(words, kind, number, names[i]);
	return r;
}

static void take_word(const void *node, VISIT visit, void *ctx)
{
	struct weir_words *words = ctx;

	if (visit == postorder || visit == leaf)
		words->v[words->nr++] = *(struct weir_word *const *)node;
}

static void count_word(const void *node, VISIT visit, void *ctx)
{
	(void)node;
	if (visit == postorder || visit == leaf)
		++*(size_t *)ctx;
}

static bool begins_with(struct weir_str s, const struct weir_word *word)
{
	return s.n >= word->n && memcmp(s.p, word->name, word->n) == 0;
}

/* Up from @at to a name that @s begins with. */
static size_t climb(const struct weir_words *words, size_t at, struct weir_str s)
{
	while (at != SIZE_MAX && !begins_with(s, words->v[at]))
		at = words->v[at]->parent;
	return at;
}

int weir_words_seal(struct weir_words *words)
{
	size_t nr = 0;

	if (words->names)
		twalk_r(words->names, count_word, &nr);
	if (!nr)
		return 0;
	words->v = calloc(nr, sizeof(struct weir_word *));
	if (!words->v)
		return -ENOMEM;
	twalk_r(words->names, take_word, words);
	for (size_t i = 1; i < words->nr; i++)
		words->v[i]->parent = climb(words, i - 1, name_of(words->v[i]));
	return 0;
}

/* --- replacing --------------------------------------------------------------------- */

/* The last name that is not behind @s in order, or SIZE_MAX. */
static size_t not_behind(const struct weir_words *words, struct weir_str s)
{
	size_t lo = 0, hi = words->nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (compare(name_of(words->v[mid]), s) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? lo - 1 : SIZE_MAX;
}

const char *weir_words_find(const struct weir_words *words, struct weir_str name)
{
	size_t at = not_behind(words, name);

	return at != SIZE_MAX && compare(name_of(words->v[at]), name) == 0
	               ? words->v[at]->stands
	               : NULL;
}

static const struct weir_word *match(const struct weir_words *words, struct weir_str rest,
                                     bool after_letter)
{
	size_t at = climb(words, not_behind(words, rest), rest);

	while (at != SIZE_MAX) {
		const struct weir_word *word = words->v[at];
		bool goes_on = rest.n > word->n && is_letter(word->name[word->n - 1]) &&
		               is_letter(rest.p[word->n]);
		bool went_before = after_letter && is_letter(word->name[0]);

		if (!word->whole && !goes_on && !went_before)
			return word;
		at = word->parent;
	}
	return NULL;
}

int weir_words_replace(const struct weir_words *words, struct weir_str text,
                       struct weir_buf *out)
{
	const char *kept = text.p; /* from here on nothing is added yet */
	bool after_letter = false;
	int r = 0;

	while (r == 0 && text.n) {
		bool inside = after_letter &&
		              is_letter(text.p[0]); /* no name begins here */
		const struct weir_word *word = inside ? NULL
		                                      : match(words, text, after_letter);
		size_t n = weir_words_escape_n(text);

		if (word) {
			r = weir_buf_add(out, weir_str(kept, (size_t)(text.p - kept)));
			if (r == 0)
				r = weir_buf_addz(out, word->stands);
			text = weir_str_skip(text, word->n);
			kept = text.p;
			after_letter = word->n && is_letter(word->name[word->n - 1]);
			continue;
		}
		after_letter = !n && is_letter(text.p[0]);
		text = weir_str_skip(text, n ? n : 1);
	}
	return r < 0 ? r : weir_buf_add(out, weir_str(kept, (size_t)(text.p - kept)));
}
