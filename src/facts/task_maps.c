/* task_maps: see task_maps.h. */
#include "facts/task_maps.h"

#include "base/own.h"
#include "base/size.h"
#include "facts/fact.h"

bool weir_device_parse(struct weir_str s, uint64_t *out)
{
	struct weir_str major_part, minor_part;
	uint64_t major_nr, minor_nr;

	if (!weir_str_split(s, ':', &major_part, &minor_part) ||
	    weir_parse_hex(major_part, &major_nr) < 0 ||
	    weir_parse_hex(minor_part, &minor_nr) < 0 || major_nr > UINT32_MAX ||
	    minor_nr > UINT32_MAX)
		return false;
	*out = major_nr << 32 | minor_nr;
	return true;
}

static bool parse_range(struct weir_str s, struct weir_mapping *out)
{
	struct weir_str start, end;

	return weir_str_split(s, '-', &start, &end) &&
	       weir_parse_hex(start, &out->start) == 0 &&
	       weir_parse_hex(end, &out->end) == 0 && out->start < out->end;
}

/* "7f0000000000-7f0000400000 rw-s 00000000 00:1f 4242    /dev/hugepages/vm" */
bool weir_mapping_parse(struct weir_str line, struct weir_mapping *out)
{
	struct weir_mapping got = { 0 };
	struct weir_str words[5];

	for (size_t i = 0; i < WEIR_NELEM(words); i++)
		if (!weir_str_word(&line, &words[i]))
			return false;
	if (!parse_range(words[0], &got) || words[1].n != 4 ||
	    weir_parse_hex(words[2], &got.offset_bytes) < 0 ||
	    !weir_device_parse(words[3], &got.device) ||
	    weir_parse_u64(words[4], &got.inode) < 0)
		return false;
	got.range = words[0];
	got.shared = words[1].p[3] == 's';
	got.path = weir_str_trim(line);
	*out = got;
	return true;
}

/* The number behind @key in "key=number". */
static bool value_of(struct weir_str word, const char *key, uint64_t *out)
{
	uint64_t n;

	if (!weir_str_starts(word, key) ||
	    weir_parse_u64(weir_str_skip(word, strlen(key)), &n) < 0 ||
	    n > WEIR_COUNT_MAX)
		return false;
	*out = n;
	return true;
}

/* "7f0000000000 default file=/anon_hugepage\040(deleted) huge anon=2 dirty=2 N0=2
 * kernelpagesize_kB=2048": blanks in the path are escaped, so words are words. */
bool weir_numa_mapping_parse(struct weir_str line, struct weir_numa_mapping *out)
{
	struct weir_numa_mapping got = { .mapmax = 1 };
	struct weir_str word;
	uint64_t kb = 0;

	if (!weir_str_word(&line, &word) || weir_parse_hex(word, &got.start) < 0)
		return false;
	got.words = line;
	while (weir_str_word(&line, &word)) {
		got.huge |= weir_str_eq(word, "huge");
		(void)(value_of(word, "anon=", &got.anon) ||
		       value_of(word, "mapmax=", &got.mapmax) ||
		       value_of(word, "kernelpagesize_kB=", &kb));
	}
	if (!got.mapmax)
		got.mapmax = 1;
	if (kb <= WEIR_COUNT_MAX / 1024 && !(kb & (kb - 1)))
		got.page_bytes = kb * 1024;
	*out = got;
	return true;
}

bool weir_numa_node(struct weir_str *words, unsigned int *node, uint64_t *pages)
{
	struct weir_str word, id, count;
	uint64_t n, got;

	while (weir_str_word(words, &word)) {
		if (!weir_str_starts(word, "N") ||
		    !weir_str_split(word, '=', &id, &count))
			continue;
		if (weir_parse_u64(weir_str_skip(id, 1), &n) < 0 || n > WEIR_NODE_MAX ||
		    weir_parse_u64(count, &got) < 0 || got > WEIR_COUNT_MAX)
			continue;
		*node = (unsigned int)n;
		*pages = got;
		return true;
	}
	return false;
}
