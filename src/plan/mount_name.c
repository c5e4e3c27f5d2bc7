/* mount_name: see mount_name.h. */
#include "plan/mount_name.h"

#include "base/size.h"

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Takes the next size that a person wrote into a name off *rest: "1G", "1GB", "2M",
 * "2MiB", "2048kB". A number without a unit, or a unit that goes on as a word, is none.
 */
static bool take_size(struct weir_str *rest, uint64_t *out_bytes)
{
	while (rest->n) {
		size_t digits = 0, letters = 0;
		struct weir_str size, unit;

		if (!weir_is_digit(rest->p[0])) {
			*rest = weir_str_skip(*rest, 1);
			continue;
		}
		while (digits < rest->n && weir_is_digit(rest->p[digits]))
			digits++;
		unit = weir_str_skip(*rest, digits);
		while (letters < unit.n && is_letter(unit.p[letters]))
			letters++;
		unit.n = letters;
		size = weir_str(rest->p, digits + (letters > 0));
		*rest = weir_str_skip(*rest, digits + letters);
		if (letters == 2 && (unit.p[1] | 0x20) != 'b')
			continue;
		if (letters == 3 &&
		    ((unit.p[1] | 0x20) != 'i' || (unit.p[2] | 0x20) != 'b'))
			continue;
		if (letters >= 1 && letters <= 3 && weir_parse_size(size, out_bytes) == 0)
			return true;
	}
	return false;
}

struct weir_count weir_mount_named_size(const struct weir_pools *pools,
                                        const char *target)
{
	const char *slash = strrchr(target, '/');
	struct weir_str rest = weir_strz(slash ? slash : target);
	struct weir_count found = { 0 };
	uint64_t bytes;

	while (take_size(&rest, &bytes)) {
		if (!weir_pools_size(pools, bytes))
			continue;
		if (found.known && found.n != bytes)
			return (struct weir_count){ 0 };
		found = WEIR_COUNT(bytes);
	}
	return found;
}
