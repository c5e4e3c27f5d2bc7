/* mountinfo: see mountinfo.h. */
#include "facts/mountinfo.h"

#include <errno.h>
#include <limits.h>

static bool take_number(struct weir_str s, uint64_t most, unsigned int *out)
{
	uint64_t n;

	if (weir_parse_u64(s, &n) < 0 || n > most)
		return false;
	*out = (unsigned int)n;
	return true;
}

static bool take_device(struct weir_str s, struct weir_mount_line *out)
{
	struct weir_str major, minor;

	return weir_str_split(s, ':', &major, &minor) &&
	       take_number(major, UINT_MAX, &out->major) &&
	       take_number(minor, UINT_MAX, &out->minor);
}

/* Optional fields such as "shared:1" stand before a lone "-". */
static bool take_separator(struct weir_str *rest)
{
	struct weir_str word;

	while (weir_str_word(rest, &word))
		if (weir_str_eq(word, "-"))
			return true;
	return false;
}

bool weir_mountinfo_line(struct weir_str line, struct weir_mount_line *out)
{
	struct weir_str rest = line, id, parent, device;
	unsigned int ignored;

	if (memchr(line.p, '\0', line.n))
		return false;
	if (!weir_str_word(&rest, &id) || !weir_str_word(&rest, &parent) ||
	    !weir_str_word(&rest, &device) || !weir_str_word(&rest, &out->root) ||
	    !weir_str_word(&rest, &out->target) ||
	    !weir_str_word(&rest, &out->mount_options) || !take_separator(&rest))
		return false;
	if (!take_number(id, INT_MAX, &out->id) ||
	    !take_number(parent, INT_MAX, &ignored) || !take_device(device, out) ||
	    !weir_str_starts(out->root, "/") || !weir_str_starts(out->target, "/") ||
	    !weir_str_word(&rest, &out->type))
		return false;
	/* a source of "" is written as nothing (show_vfsmnt()), and leaves two blanks */
	if (weir_str_starts(rest, "  "))
		out->source = weir_str(rest.p, 0);
	else if (!weir_str_word(&rest, &out->source))
		return false;
	return weir_str_word(&rest, &out->fs_options) && !weir_str_trim(rest).n;
}

bool weir_mount_option(struct weir_str options, const char *name, struct weir_str *value)
{
	struct weir_str part, key, rest;

	while (weir_str_cut(&options, ',', &part)) {
		if (!weir_str_split(part, '=', &key, &rest))
			key = part, rest = weir_str_skip(part, part.n);
		if (!weir_str_eq(key, name))
			continue;
		*value = rest;
		return true;
	}
	return false;
}
