/* warm_lines: the lines of the state of warm memory: see warm.h, and warm.c for the
 * whole.
 *
 * New numbers ascend, so the regions stand in order without sorting, and a damaged text
 * cannot make much work: what is gone is marked, and swept out when there is no room. */
#include "facts/warm_lines.h"

#include "base/own.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

/* ---- values ------------------------------------------------------------------------ */

static bool take_bytes(struct weir_str value, uint64_t *out)
{
	return weir_parse_u64(value, out) == 0 && *out <= WEIR_COUNT_MAX;
}

static bool take_page(struct weir_str value, uint64_t *out)
{
	return take_bytes(value, out) && *out >= 4096 && (*out & (*out - 1)) == 0;
}

static bool take_node(struct weir_str value, int *out)
{
	uint64_t node;

	if (weir_str_eq(value, "-1")) {
		*out = -1;
		return true;
	}
	if (weir_parse_u64(value, &node) < 0 || node > WEIR_NODE_MAX)
		return false;
	*out = (int)node;
	return true;
}

static bool take_u32(struct weir_str value, uint32_t *out)
{
	uint64_t n;

	if (weir_parse_u64(value, &n) < 0 || n > UINT32_MAX)
		return false;
	*out = (uint32_t)n;
	return true;
}

/* "major:minor" */
static bool take_device(struct weir_str value, uint64_t *out)
{
	struct weir_str major_text, minor_text;
	uint32_t maj, min;

	if (!weir_str_split(value, ':', &major_text, &minor_text) ||
	    !take_u32(major_text, &maj) || !take_u32(minor_text, &min))
		return false;
	*out = (uint64_t)maj << 32 | min;
	return true;
}

/* What is between the quotes, as it was before it was escaped; -EBADMSG, -ENOMEM. */
static int unquote(struct weir_str value, struct weir_buf *out)
{
	int r;

	if (value.n < 2 || value.p[0] != '"' || value.p[value.n - 1] != '"')
		return -EBADMSG;
	r = weir_buf_add_unescaped(out, weir_str(value.p + 1, value.n - 2));
	if (r == 0 && out->n && memchr(out->p, '\0', out->n))
		return -EBADMSG;
	return r;
}

static bool is_name_char(char c)
{
	return weir_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c && strchr("._:@-", c));
}

bool weir_warm_name_is_valid(struct weir_str name)
{
	if (name.n > WEIR_WARM_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!is_name_char(name.p[i]))
			return false;
	return true;
}

static bool take_name(struct weir_str value, char out[WEIR_WARM_NAME_MAX + 1])
{
	if (value.n < 2 || value.p[0] != '"' || value.p[value.n - 1] != '"')
		return false;
	value = weir_str(value.p + 1, value.n - 2);
	if (!weir_warm_name_is_valid(value))
		return false;
	memcpy(out, value.p, value.n);
	out[value.n] = '\0';
	return true;
}

/* "none", "pid:4242:99173", "unit:vm.service", ... */
static int take_owner(struct weir_str value, struct weir_warm_owner *out)
{
	struct weir_str word = value, rest = weir_str("", 0), pid, start;
	weir_auto(weir_buf_done) struct weir_buf unit = { 0 };
	size_t kind = 0;
	uint64_t n;
	int r;

	(void)weir_str_split(value, ':', &word, &rest);
	while (kind <= WEIR_OWNER_CONNECTION &&
	       !weir_str_eq(word, weir_owner_word((enum weir_owner_kind)kind)))
		kind++;
	if (kind > WEIR_OWNER_CONNECTION)
		return -EBADMSG;
	out->kind = (enum weir_owner_kind)kind;
	if (out->kind == WEIR_OWNER_PID) {
		if (!weir_str_split(rest, ':', &pid, &start) ||
		    weir_parse_u64(pid, &n) < 0 || n > INT_MAX ||
		    weir_parse_u64(start, &out->start) < 0)
			return -EBADMSG;
		out->pid = (int)n;
		return 0;
	}
	if (out->kind != WEIR_OWNER_UNIT)
		return weir_str_eq(value, weir_owner_word(out->kind)) ? 0 : -EBADMSG;
	r = unquote(rest, &unit);
	if (r < 0)
		return r;
	if (unit.n >= sizeof(out->unit))
		return -EBADMSG;
	if (unit.n)
		memcpy(out->unit, unit.p, unit.n);
	out->unit[unit.n] = '\0';
	return 0;
}

/* ---- lines ------------------------------------------------------------------------- */

int weir_warm_refuse(struct weir_warm_parse *p, const char *what)
{
	p->what = what;
	return -EBADMSG;
}

/* Takes a key off the line and marks it; false at its end. */
static bool next_key(struct weir_str *line, struct weir_str *key, struct weir_str *value)
{
	struct weir_str word;

	if (!weir_str_word(line, &word))
		return false;
	if (!weir_str_split(word, '=', key, value)) {
		*key = weir_str("", 0);
		*value = word;
	}
	return true;
}

/* Which of @keys it is, with its bit set in *seen; their number: of none, or repeated. */
static size_t key_of(struct weir_str key, const char *const *keys, size_t nr,
                     unsigned int *seen, bool *again)
{
	for (size_t i = 0; i < nr; i++)
		if (weir_str_eq(key, keys[i])) {
			*again = *seen >> i & 1;
			*seen |= 1U << i;
			return i;
		}
	*again = key.n == 0;
	return nr;
}

int weir_warm_read_head(struct weir_str line, struct weir_warm_parse *p)
{
	static const char *const keys[] = { "pid", "start", "boot" };
	struct weir_str key, value, word;
	struct weir_warm_state *out = p->out;
	unsigned int seen = 0;
	bool again, ok = true;

	if (!weir_str_word(&line, &word) || !weir_str_eq(word, "weir-warm"))
		return weir_warm_refuse(p, "it is not weird's");
	if (!weir_str_word(&line, &word) || !weir_str_eq(word, "1"))
		return weir_warm_refuse(p, "it is of another version");
	while (ok && next_key(&line, &key, &value)) {
		size_t k = key_of(key, keys, WEIR_NELEM(keys), &seen, &again);

		if (k == 0)
			ok = weir_parse_u64(value, &out->pid.n) == 0;
		else if (k == 1)
			ok = weir_parse_u64(value, &out->pid_start.n) == 0;
		else if (k == 2)
			ok = value.n < sizeof(out->boot_id) &&
			     !memchr(value.p, '\0', value.n);
		if (ok && k == 2)
			memcpy(out->boot_id, value.p, value.n);
		ok = ok && !again;
	}
	if (!ok || seen != 7)
		return weir_warm_refuse(p, "the writer's numbers are garbled");
	out->pid.known = out->pid_start.known = true;
	return 0;
}

static int put_dir(const struct weir_warm_dir *dir, struct weir_warm_state *out)
{
	for (size_t i = 0; i < out->nr_dirs; i++)
		if (out->dirs[i].page_bytes == dir->page_bytes) {
			free(out->dirs[i].path);
			out->dirs[i] = *dir;
			return 0;
		}
	if (weir_grow(&out->dirs, &out->cap_dirs, out->nr_dirs, sizeof(*out->dirs)) < 0)
		return -ENOMEM;
	out->dirs[out->nr_dirs++] = *dir;
	return 0;
}

static int read_store(struct weir_str line, struct weir_warm_parse *p)
{
	static const char *const keys[] = { "page", "device", "dir" };
	weir_auto(weir_buf_done) struct weir_buf path = { 0 };
	struct weir_warm_dir dir = { 0 };
	struct weir_str key, value;
	unsigned int seen = 0;
	bool again, ok = true;
	int r = 0;

	while (ok && r == 0 && next_key(&line, &key, &value)) {
		size_t k = key_of(key, keys, WEIR_NELEM(keys), &seen, &again);

		if (k == 0)
			ok = take_page(value, &dir.page_bytes);
		else if (k == 1)
			ok = take_device(value, &dir.device);
		else if (k == 2 && !again)
			r = unquote(value, &path);
		ok = ok && !again;
	}
	if (r == -ENOMEM)
		return r;
	if (r < 0 || !ok || seen != 7)
		return weir_warm_refuse(p, "no store");
	dir.path = strdup(path.p ? path.p : "");
	r = dir.path ? put_dir(&dir, p->out) : -ENOMEM;
	if (r < 0)
		free(dir.path);
	return r;
}

static int put_target(const struct weir_warm_target *target, struct weir_warm_state *out)
{
	size_t i = 0;

	while (i < out->nr_targets && (out->targets[i].page_bytes != target->page_bytes ||
	                               out->targets[i].node != target->node))
		i++;
	if (!target->bytes) {
		if (i < out->nr_targets)
			memmove(&out->targets[i], &out->targets[i + 1],
			        (--out->nr_targets - i) * sizeof(*target));
		return 0;
	}
	if (i == out->nr_targets) {
		if (weir_grow(&out->targets, &out->cap_targets, i,
		              sizeof(*out->targets)) < 0)
			return -ENOMEM;
		out->nr_targets++;
	}
	out->targets[i] = *target;
	return 0;
}

static int read_target(struct weir_str line, struct weir_warm_parse *p)
{
	static const char *const keys[] = { "page", "node", "bytes" };
	struct weir_warm_target target = { 0 };
	struct weir_str key, value;
	unsigned int seen = 0;
	bool again, ok = true;

	while (ok && next_key(&line, &key, &value)) {
		size_t k = key_of(key, keys, WEIR_NELEM(keys), &seen, &again);

		if (k == 0)
			ok = take_page(value, &target.page_bytes);
		else if (k == 1)
			ok = take_node(value, &target.node);
		else if (k == 2)
			ok = take_bytes(value, &target.bytes);
		ok = ok && !again;
	}
	if (!ok || seen != 7)
		return weir_warm_refuse(p, "no target");
	if (p->out->nr_targets >= WEIR_WARM_TARGETS_MAX)
		return weir_warm_refuse(p, "too many targets");
	return put_target(&target, p->out);
}

/* ---- regions ----------------------------------------------------------------------- */

static const char *const region_keys[] = { "state",  "page",  "node",  "inode", "bytes",
	                                   "filled", "lease", "name",  "uid",   "gid",
	                                   "since",  "until", "owner", "opened" };

enum {
	KEY_STATE,
	KEY_PAGE,
	KEY_NODE,
	KEY_INODE,
	KEY_BYTES,
	KEY_FILLED,
	KEY_LEASE,
	KEY_NAME,
	KEY_UID,
	KEY_GID,
	KEY_SINCE,
	KEY_UNTIL,
	KEY_OWNER,
	KEY_OPENED,
};

#define KEYS_REGION ((1U << KEY_LEASE) - 1) /* that every region has */
#define KEYS_LEASE  (((1U << KEY_OPENED) - 1) & ~KEYS_REGION)

static bool take_state(struct weir_str value, enum weir_region_state *out)
{
	for (size_t i = 0; i <= WEIR_REGION_SCRUBBING; i++)
		if (weir_str_eq(value,
		                weir_region_state_word((enum weir_region_state)i))) {
			*out = (enum weir_region_state)i;
			return true;
		}
	return false;
}

static int take_region_key(size_t key, struct weir_str value, struct weir_warm_region *r)
{
	struct weir_warm_lease *lease = &r->lease;
	uint32_t flag = 0;
	bool ok = true;

	switch (key) {
	case KEY_STATE: ok = take_state(value, &r->state); break;
	case KEY_PAGE: ok = take_page(value, &r->page_bytes); break;
	case KEY_NODE: ok = take_node(value, &r->node); break;
	case KEY_INODE: ok = weir_parse_u64(value, &r->inode) == 0; break;
	case KEY_BYTES: ok = take_bytes(value, &r->bytes); break;
	case KEY_FILLED: ok = take_bytes(value, &r->filled_bytes); break;
	case KEY_LEASE: ok = weir_parse_u64(value, &lease->id) == 0 && lease->id; break;
	case KEY_NAME: ok = take_name(value, lease->name); break;
	case KEY_UID: ok = take_u32(value, &lease->uid); break;
	case KEY_GID: ok = take_u32(value, &lease->gid); break;
	case KEY_SINCE: ok = weir_parse_u64(value, &lease->since_ns) == 0; break;
	case KEY_UNTIL: ok = weir_parse_u64(value, &lease->until_ns) == 0; break;
	case KEY_OWNER: return take_owner(value, &lease->owner);
	case KEY_OPENED:
		ok = take_u32(value, &flag) && flag <= 1;
		lease->opened = flag == 1;
		break;
	default: /* of a later version */ break;
	}
	return ok ? 0 : -EBADMSG;
}

static bool may_have_lease(enum weir_region_state state)
{
	return state == WEIR_REGION_GROWING || state == WEIR_REGION_LEASED ||
	       state == WEIR_REGION_WAITING;
}

static int check_region(const struct weir_warm_region *r, unsigned int seen,
                        struct weir_warm_parse *p)
{
	unsigned int lease = seen & (KEYS_LEASE | 1U << KEY_OPENED);

	if ((seen & KEYS_REGION) != KEYS_REGION)
		return weir_warm_refuse(p, "the region lacks something");
	if (!r->bytes || r->bytes % r->page_bytes || r->filled_bytes > r->bytes)
		return weir_warm_refuse(p, "the region's size is not possible");
	if (lease && (seen & KEYS_LEASE) != KEYS_LEASE)
		return weir_warm_refuse(p, "the lease lacks something");
	if (lease && !may_have_lease(r->state))
		return weir_warm_refuse(p, "it is leased, and is not");
	if (!lease && r->state == WEIR_REGION_LEASED)
		return weir_warm_refuse(p, "it is leased to nobody");
	return 0;
}

static struct weir_warm_region *region_of(const struct weir_warm_state *state,
                                          uint64_t id)
{
	size_t low = 0, high = state->nr_regions;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (state->regions[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < state->nr_regions && state->regions[low].id == id
	               ? &state->regions[low]
	               : NULL;
}

void weir_warm_sweep(struct weir_warm_parse *p)
{
	struct weir_warm_state *out = p->out;
	size_t to = 0;

	for (size_t i = 0; p->nr_gone && i < out->nr_regions; i++)
		if (!p->gone[i]) {
			out->regions[to] = out->regions[i];
			p->gone[to++] = false;
		}
	if (p->nr_gone)
		out->nr_regions = to;
	p->nr_gone = 0;
}

static int put_region(const struct weir_warm_region *region, struct weir_warm_parse *p)
{
	struct weir_warm_state *out = p->out;
	struct weir_warm_region *old = region_of(out, region->id);

	if (old) {
		if (p->gone[old - out->regions])
			return weir_warm_refuse(p, "the region was gone");
		*old = *region;
		return 0;
	}
	if (out->nr_regions && out->regions[out->nr_regions - 1].id > region->id)
		return weir_warm_refuse(p, "the region's number does not ascend");
	if (out->nr_regions >= WEIR_WARM_REGIONS_MAX && p->nr_gone > out->nr_regions / 2)
		weir_warm_sweep(p);
	if (out->nr_regions >= 2 * (size_t)WEIR_WARM_REGIONS_MAX)
		return weir_warm_refuse(p, "too many regions");
	if (weir_grow(&out->regions, &out->cap_regions, out->nr_regions,
	              sizeof(*out->regions)) < 0 ||
	    weir_grow(&p->gone, &p->cap_gone, out->nr_regions, sizeof(*p->gone)) < 0)
		return -ENOMEM;
	out->regions[out->nr_regions] = *region;
	p->gone[out->nr_regions++] = false;
	return 0;
}

static int read_region(struct weir_str line, struct weir_warm_parse *p)
{
	struct weir_warm_region region = { .node = -1 };
	struct weir_str key, value, id;
	unsigned int seen = 0;
	bool again;
	int r = 0;

	if (!weir_str_word(&line, &id) || weir_parse_u64(id, &region.id) < 0 ||
	    !region.id)
		return weir_warm_refuse(p, "no region's number");
	while (r == 0 && next_key(&line, &key, &value)) {
		size_t k = key_of(key, region_keys, WEIR_NELEM(region_keys), &seen,
		                  &again);

		r = again ? -EBADMSG : take_region_key(k, value, &region);
	}
	if (r == -EBADMSG)
		return weir_warm_refuse(p, "the region is garbled");
	if (r == 0)
		r = check_region(&region, seen, p);
	return r < 0 ? r : put_region(&region, p);
}

static int read_gone(struct weir_str line, struct weir_warm_parse *p)
{
	struct weir_warm_region *region;
	struct weir_str word, more;
	uint64_t id;

	if (!weir_str_word(&line, &word) || weir_parse_u64(word, &id) < 0 ||
	    weir_str_word(&line, &more))
		return weir_warm_refuse(p, "no region's number");
	region = region_of(p->out, id);
	if (!region || p->gone[region - p->out->regions])
		return weir_warm_refuse(p, "there is no such region");
	p->gone[region - p->out->regions] = true;
	p->nr_gone++;
	return 0;
}

static int read_next(struct weir_str line, struct weir_warm_parse *p)
{
	static const char *const keys[] = { "region", "lease" };
	struct weir_str key, value;
	unsigned int seen = 0;
	bool again, ok = true;

	while (ok && next_key(&line, &key, &value)) {
		size_t k = key_of(key, keys, WEIR_NELEM(keys), &seen, &again);

		if (k == 0)
			ok = weir_parse_u64(value, &p->out->next_region) == 0;
		else if (k == 1)
			ok = weir_parse_u64(value, &p->out->next_lease) == 0;
		ok = ok && !again;
	}
	if (!ok || seen != 3)
		return weir_warm_refuse(p, "no numbers of the next");
	p->has_next = true;
	return 0;
}

int weir_warm_read_line(struct weir_str line, struct weir_warm_parse *p)
{
	struct weir_str word;

	if (!weir_str_word(&line, &word))
		return weir_warm_refuse(p, "it is empty");
	if (weir_str_eq(word, "region"))
		return read_region(line, p);
	if (weir_str_eq(word, "gone"))
		return read_gone(line, p);
	if (weir_str_eq(word, "next"))
		return read_next(line, p);
	if (weir_str_eq(word, "store"))
		return read_store(line, p);
	if (weir_str_eq(word, "target"))
		return read_target(line, p);
	return weir_str_eq(word, "end") ? 0
	                                : weir_warm_refuse(p, "the word is not known");
}
