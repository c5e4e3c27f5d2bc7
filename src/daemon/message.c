/* message: see message.h.
 *
 * jansson checks all of JSON's grammar and UTF-8, and refuses keys that are there twice
 * and U+0000 in strings. Its own limit of depth is 2,048, so brackets are counted before
 * it is asked. A number with a fraction or an exponent is none of ours. */
#include "daemon/message.h"

#include "base/own.h"

#include <errno.h>
#include <jansson.h>

enum {
	OP_LEASE = 1 << WEIR_REQUEST_LEASE,
	OP_RELEASE = 1 << WEIR_REQUEST_RELEASE,
	OP_RENEW = 1 << WEIR_REQUEST_RENEW,
	OP_LEASES = 1 << WEIR_REQUEST_LEASES,
	OP_TARGET = 1 << WEIR_REQUEST_TARGET,
};

static const char *const ops[] = {
	[WEIR_REQUEST_LEASE] = "lease",     [WEIR_REQUEST_RELEASE] = "release",
	[WEIR_REQUEST_RENEW] = "renew",     [WEIR_REQUEST_LEASES] = "leases",
	[WEIR_REQUEST_WARM] = "warm",       [WEIR_REQUEST_TARGET] = "target",
	[WEIR_REQUEST_METRICS] = "metrics",
};

static const char *const codes[WEIR_REFUSED_CODES] = {
	[WEIR_REFUSED_BAD_REQUEST] = "bad-request",
	[WEIR_REFUSED_VERSION] = "version",
	[WEIR_REFUSED_TOO_LONG] = "too-long",
	[WEIR_REFUSED_NOT_ALLOWED] = "not-allowed",
	[WEIR_REFUSED_QUOTA] = "quota",
	[WEIR_REFUSED_NO_MEMORY] = "no-memory",
	[WEIR_REFUSED_NOT_WARM] = "not-warm",
	[WEIR_REFUSED_NO_SUCH_LEASE] = "no-such-lease",
	[WEIR_REFUSED_NAME_TAKEN] = "name-taken",
	[WEIR_REFUSED_NO_SUCH_SIZE] = "no-such-size",
	[WEIR_REFUSED_NO_SUCH_NODE] = "no-such-node",
	[WEIR_REFUSED_NO_SUCH_OWNER] = "no-such-owner",
	[WEIR_REFUSED_BUSY] = "busy",
	[WEIR_REFUSED_FAILED] = "failed",
};

const char *weir_refused_word(enum weir_refused code)
{
	return codes[code];
}

/* ---- values ------------------------------------------------------------------------ */

static void json_free(json_t **json)
{
	json_decref(*json);
}

static int wrong(const char *key, const char *want, struct weir_err *err)
{
	return weir_err_set(err, -EBADMSG, "'%s' is not %s", key, want);
}

static int take_number(const json_t *v, const char *key, uint64_t least, uint64_t most,
                       uint64_t *out, struct weir_err *err)
{
	json_int_t n = json_integer_value(v);

	if (!json_is_integer(v) || n < 0)
		return wrong(key, "a whole number", err);
	if ((uint64_t)n < least || (uint64_t)n > most)
		return wrong(key, "a number that it can be", err);
	*out = (uint64_t)n;
	return 0;
}

static int take_switch(const json_t *v, const char *key, bool *out, struct weir_err *err)
{
	if (!json_is_boolean(v))
		return wrong(key, "true or false", err);
	*out = json_is_true(v);
	return 0;
}

static struct weir_str text_of(const json_t *v)
{
	return json_is_string(v) ? weir_str(json_string_value(v), json_string_length(v))
	                         : weir_str("", 0);
}

/* ---- one key each ------------------------------------------------------------------ */

static int take_bytes(const json_t *v, struct weir_message *m, struct weir_err *err)
{
	m->has_bytes = true;
	return take_number(v, "bytes", 0, INT64_MAX, &m->bytes, err);
}

static int take_page_bytes(const json_t *v, struct weir_message *m, struct weir_err *err)
{
	return take_number(v, "page_bytes", 1, INT64_MAX, &m->page_bytes, err);
}

static int take_node(const json_t *v, struct weir_message *m, struct weir_err *err)
{
	uint64_t n = 0;
	int r;

	if (json_is_null(v))
		return 0;
	r = take_number(v, "node", 0, WEIR_NODE_MAX, &n, err);
	if (r == 0)
		m->node = (int)n;
	return r;
}

static int take_lease(const json_t *v, struct weir_message *m, struct weir_err *err)
{
	return take_number(v, "lease", 1, INT64_MAX, &m->lease, err);
}

static int take_after(const json_t *v, struct weir_message *m, struct weir_err *err)
{
	return take_number(v, "after", 0, INT64_MAX, &m->after, err);
}

static int take_name(const json_t *v, struct weir_message *m, struct weir_err *err)
{
	struct weir_str name = text_of(v);

	if (!name.n || !weir_warm_name_is_valid(name))
		return wrong("name", "a name of letters, digits and ._:@- , 64 at most",
		             err);
	memcpy(m->name, name.p, name.n);
	return 0;
}

static int take_ttl(const json_t *v, struct weir_message *m, struct weir_err *err)
{
	uint64_t ms = 0;
	int r = take_number(v, "ttl_ms", 0, WEIR_MESSAGE_TTL_MAX, &ms, err);

	m->has_ttl = true;
	/* beyond the clock's range is no end either */
	m->ttl_ns = ms > INT64_MAX / 2 / 1000000 ? INT64_MAX / 2 : ms * 1000000;
	return r;
}

static int take_warm_only(const json_t *v, struct weir_message *m, struct weir_err *err)
{
	return take_switch(v, "warm_only", &m->warm_only, err);
}

static int take_descriptor(const json_t *v, struct weir_message *m, struct weir_err *err)
{
	return take_switch(v, "descriptor", &m->descriptor, err);
}

/* -1 is no user to chown(2). */
static int take_user(const json_t *v, struct weir_message *m, struct weir_err *err)
{
	uint64_t n = 0;
	int r = take_number(v, "user", 0, UINT32_MAX - 1, &n, err);

	m->has_user = true;
	m->user = (uint32_t)n;
	return r;
}

/* A unit's name, or a path below the cgroups; never out of them. */
static bool is_unit(struct weir_str s)
{
	struct weir_str rest = s, part;

	if (!s.n || s.n >= WEIR_WARM_UNIT_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= 0x20 || s.p[i] == 0x7f || s.p[i] == '"')
			return false;
	while (weir_str_cut(&rest, '/', &part))
		if (weir_str_eq(part, "..") || weir_str_eq(part, "."))
			return false;
	return true;
}

static int take_owner_value(const char *key, const json_t *v,
                            struct weir_warm_owner *owner, struct weir_err *err)
{
	struct weir_str text = text_of(v);
	uint64_t pid = 0;
	int r;

	if (strcmp(key, "pid") == 0) {
		r = take_number(v, "pid", 1, INT32_MAX, &pid, err);
		owner->kind = WEIR_OWNER_PID;
		owner->pid = (int)pid;
		return r;
	}
	if (strcmp(key, "unit") == 0) {
		if (!is_unit(text))
			return wrong("unit", "a unit such as vm.service", err);
		owner->kind = WEIR_OWNER_UNIT;
		memcpy(owner->unit, text.p, text.n);
		return 0;
	}
	if (strcmp(key, "use") != 0 && strcmp(key, "connection") != 0)
		return weir_err_set(err, -EBADMSG, "an owner is no '%.40s'", key);
	owner->kind = *key == 'u' ? WEIR_OWNER_USE : WEIR_OWNER_CONNECTION;
	return json_is_true(v) ? 0 : wrong(key, "true", err);
}

static int take_owner(const json_t *v, struct weir_message *m, struct weir_err *err)
{
	json_t *object = (json_t *)(uintptr_t)v; /* jansson 2.14 lacks a const */
	void *i = json_is_object(v) ? json_object_iter(object) : NULL;

	if (!i || json_object_size(v) != 1)
		return wrong("owner", "an object with one of pid, unit, use, connection",
		             err);
	return take_owner_value(json_object_iter_key(i), json_object_iter_value(i),
	                        &m->owner, err);
}

static const struct {
	const char *name;
	int ops; /* that have it */
	int (*take)(const json_t *v, struct weir_message *m, struct weir_err *err);
} keys[] = {
	{ "bytes", OP_LEASE | OP_TARGET, take_bytes },
	{ "page_bytes", OP_LEASE | OP_TARGET, take_page_bytes },
	{ "node", OP_LEASE | OP_TARGET, take_node },
	{ "name", OP_LEASE | OP_RELEASE | OP_RENEW, take_name },
	{ "owner", OP_LEASE, take_owner },
	{ "ttl_ms", OP_LEASE | OP_RENEW, take_ttl },
	{ "warm_only", OP_LEASE, take_warm_only },
	{ "descriptor", OP_LEASE, take_descriptor },
	{ "user", OP_LEASE, take_user },
	{ "lease", OP_RELEASE | OP_RENEW, take_lease },
	{ "after", OP_LEASES, take_after },
};

/* ---- the whole --------------------------------------------------------------------- */

static int take_key(const char *name, const json_t *v, struct weir_message *m,
                    struct weir_err *err)
{
	if (strcmp(name, "weir") == 0 || strcmp(name, "id") == 0 ||
	    strcmp(name, "op") == 0)
		return 0;
	for (size_t i = 0; i < WEIR_NELEM(keys); i++)
		if (strcmp(name, keys[i].name) == 0 && keys[i].ops >> m->op & 1)
			return keys[i].take(v, m, err);
	return weir_err_set(err, -EBADMSG, "'%s' has no '%.40s'", ops[m->op], name);
}

static int take_id(const json_t *v, struct weir_message_id *id, struct weir_err *err)
{
	struct weir_str text = text_of(v);

	if (json_is_integer(v) && json_integer_value(v) >= 0) {
		id->kind = WEIR_ID_NUMBER;
		id->n = (uint64_t)json_integer_value(v);
		return 0;
	}
	if (!json_is_string(v) || text.n > WEIR_MESSAGE_ID_MAX)
		return wrong("id", "a whole number or a string of 64 bytes at most", err);
	id->kind = WEIR_ID_TEXT;
	memcpy(id->text, text.p, text.n);
	return 0;
}

static int take_op(const json_t *v, enum weir_request *op, struct weir_err *err)
{
	struct weir_str text = text_of(v);

	for (size_t i = 0; i < WEIR_NELEM(ops); i++)
		if (weir_str_eq(text, ops[i])) {
			*op = (enum weir_request)i;
			return 0;
		}
	return weir_err_set(err, -EBADMSG,
	                    v ? "there is no such 'op'" : "'op' is missing");
}

/* What each of them cannot be without. */
static int check(const struct weir_message *m, struct weir_err *err)
{
	switch (m->op) {
	case WEIR_REQUEST_LEASE: return m->bytes ? 0 : wrong("bytes", "more than 0", err);
	case WEIR_REQUEST_TARGET:
		if (!m->page_bytes)
			return weir_err_set(err, -EBADMSG, "'page_bytes' is missing");
		return m->has_bytes ? 0
		                    : weir_err_set(err, -EBADMSG, "'bytes' is missing");
	case WEIR_REQUEST_RENEW:
		if (!m->has_ttl)
			return weir_err_set(err, -EBADMSG, "'ttl_ms' is missing");
		break;
	case WEIR_REQUEST_RELEASE: break;
	case WEIR_REQUEST_LEASES:
	case WEIR_REQUEST_WARM:
	case WEIR_REQUEST_METRICS: return 0;
	}
	if (!m->lease == !m->name[0])
		return weir_err_set(err, -EBADMSG, "either 'lease' or 'name'");
	return 0;
}

static int read_object(json_t *object, struct weir_message *m, enum weir_refused *code,
                       struct weir_err *err)
{
	const json_t *id = json_object_get(object, "id");
	const json_t *version = json_object_get(object, "weir");
	int r = id ? take_id(id, &m->id, err) : 0;

	if (r < 0)
		return r;
	if (!json_is_integer(version) || json_integer_value(version) != WEIR_PROTOCOL) {
		*code = WEIR_REFUSED_VERSION;
		return weir_err_set(err, -EBADMSG, "this weird speaks version %u",
		                    WEIR_PROTOCOL);
	}
	r = take_op(json_object_get(object, "op"), &m->op, err);
	for (void *i = json_object_iter(object); r == 0 && i;
	     i = json_object_iter_next(object, i))
		r = take_key(json_object_iter_key(i), json_object_iter_value(i), m, err);
	return r < 0 ? r : check(m, err);
}

/* Brackets inside of others, but for those in strings. */
static bool is_too_deep(struct weir_str text)
{
	bool in_string = false;
	size_t depth = 0;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '{' || c == '['))
			depth++;
		else if (!in_string && (c == '}' || c == ']') && depth)
			depth--;
		if (depth > WEIR_MESSAGE_DEPTH)
			return true;
	}
	return false;
}

int weir_message_parse(struct weir_str line, struct weir_message *out,
                       enum weir_refused *code, struct weir_err *err)
{
	weir_auto(json_free) json_t *json = NULL;
	struct weir_message m = { .node = -1 };
	json_error_t why;
	int r;

	*out = (struct weir_message){ .node = -1 };
	*code = WEIR_REFUSED_BAD_REQUEST;
	if (is_too_deep(line))
		return weir_err_set(err, -EBADMSG, "JSON more than %u deep",
		                    WEIR_MESSAGE_DEPTH);
	json = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, &why);
	if (!json && json_error_code(&why) == json_error_out_of_memory) {
		*code = WEIR_REFUSED_FAILED;
		return weir_err_sys(err, -ENOMEM, "read a request");
	}
	if (!json)
		return weir_err_set(err, -EBADMSG, "JSON, character %d: %s", why.position,
		                    why.text);
	if (!json_is_object(json))
		return weir_err_set(err, -EBADMSG, "a request is a JSON object");
	r = read_object(json, &m, code, err);
	if (r < 0)
		out->id = m.id;
	else
		*out = m;
	return r;
}

/* ---- replies ----------------------------------------------------------------------- */

static void reply_head(struct weir_json *j, const struct weir_message_id *id, bool ok)
{
	j->compact = true;
	weir_json_open(j, NULL, '{');
	weir_json_u64(j, "weir", WEIR_PROTOCOL);
	if (id->kind == WEIR_ID_NUMBER)
		weir_json_u64(j, "id", id->n);
	else if (id->kind == WEIR_ID_TEXT)
		weir_json_strz(j, "id", id->text);
	weir_json_bool(j, "ok", ok);
}

void weir_reply_open(struct weir_json *j, const struct weir_message_id *id)
{
	reply_head(j, id, true);
}

void weir_reply_refuse(struct weir_json *j, const struct weir_message_id *id,
                       enum weir_refused code, const char *text, const char *help)
{
	reply_head(j, id, false);
	weir_json_open(j, "error", '{');
	weir_json_strz(j, "code", weir_refused_word(code));
	weir_json_strz(j, "text", text);
	weir_json_strz(j, "help", help && *help ? help : NULL);
	weir_json_close(j);
	weir_json_close(j);
}
