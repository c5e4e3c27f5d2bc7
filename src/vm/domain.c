/* domain: see domain.h. The elements one by one, and how libvirt reads their values; what
 * they mean for memory is in domain_memory.c. */
#include "vm/domain.h"

#include "vm/domain_read.h"

#include "base/ckd.h"
#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

/* conf/domain_conf.h, VIR_DOMAIN_MEMORY_PARAM_UNLIMITED, in KiB */
#define UNLIMITED_BYTES (UINT64_C(9007199254740991) << 10)

int weir_domain_wrong(const struct weir_domain_read *rd, weir_element *element,
                      const char *fmt, ...)
{
	char words[sizeof(rd->err->msg)];
	struct weir_str name = weir_tree_name(rd->tree, element);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(words, sizeof(words), fmt, ap); /* cut is fine: a message */
	va_end(ap);
	(void)weir_err_set(rd->err, -EBADMSG, "line %u: <%.*s>: %s", element->line,
	                   WEIR_STR_ARG(name), words);
	return -EBADMSG;
}

weir_element *weir_domain_at(const struct weir_domain_read *rd, weir_element *from,
                             const char *path)
{
	struct weir_str rest = weir_strz(path), part;
	char name[32];

	while (from && weir_str_cut(&rest, '/', &part)) {
		(void)snprintf(name, sizeof(name), "%.*s", (int)part.n, part.p);
		from = weir_tree_find(rd->tree, from, WEIR_TREE_MAP, name);
	}
	return from;
}

bool weir_domain_attr(const struct weir_domain_read *rd, weir_element *element,
                      const char *name, struct weir_str *out)
{
	weir_element *found = weir_tree_find(rd->tree, element, WEIR_TREE_TEXT, name);

	if (found)
		*out = weir_str_trim(weir_tree_text(rd->tree, found));
	return found != NULL;
}

bool weir_domain_attr_is(const struct weir_domain_read *rd, weir_element *element,
                         const char *name, const char *value)
{
	struct weir_str text;

	return weir_domain_attr(rd, element, name, &text) && weir_str_eq(text, value);
}

struct weir_str weir_domain_text(const struct weir_domain_read *rd, weir_element *element)
{
	return weir_str_trim(weir_tree_text(rd->tree, element));
}

/* util/virutil.c, virScaleInteger(): k, KiB: 1024; KB: 1000; any case; b, byte, bytes. 0:
 * no such unit. */
static uint64_t unit_bytes(struct weir_str unit)
{
	static const char letters[] = "KMGTPE";
	uint64_t base = 1024, bytes = 1;
	const char *at;

	if (!unit.n)
		return 1024;
	if ((unit.n == 1 && (unit.p[0] == 'b' || unit.p[0] == 'B')) ||
	    (unit.n == 4 && strncasecmp(unit.p, "byte", 4) == 0) ||
	    (unit.n == 5 && strncasecmp(unit.p, "bytes", 5) == 0))
		return 1;
	if (unit.n == 2 && (unit.p[1] == 'b' || unit.p[1] == 'B'))
		base = 1000;
	else if (unit.n != 1 && !(unit.n == 3 && strncasecmp(unit.p + 1, "ib", 2) == 0))
		return 0;
	at = memchr(letters, unit.p[0] & ~0x20, sizeof(letters) - 1);
	if (!at)
		return 0;
	for (const char *c = letters; c <= at; c++)
		bytes *= base;
	return bytes;
}

static int plain_bytes(const struct weir_domain_read *rd, weir_element *element,
                       struct weir_domain_size size, uint64_t *out)
{
	uint64_t n = 0, unit = unit_bytes(size.unit);
	int r;

	if (!unit)
		return weir_domain_wrong(rd, element, "no such unit: '%.*s'",
		                         WEIR_STR_ARG(size.unit));
	r = weir_parse_u64(size.text, &n);
	if (r == -EBADMSG)
		return weir_domain_wrong(rd, element, "'%.*s' is no number",
		                         WEIR_STR_ARG(size.text));
	if (r < 0 || ckd_mul(&n, n, unit))
		return weir_domain_wrong(rd, element, "%.*s is too large",
		                         WEIR_STR_ARG(size.text));
	*out = n;
	return 0;
}

int weir_domain_bytes(const struct weir_domain_read *rd, weir_element *element,
                      struct weir_domain_size size, uint64_t *out)
{
	uint64_t bytes = 0;
	int r = plain_bytes(rd, element, size, &bytes);

	if (r < 0)
		return r;
	if (bytes > WEIR_VM_BYTES_MAX)
		return weir_domain_wrong(rd, element, "%.*s is more than 4 PiB",
		                         WEIR_STR_ARG(size.text));
	if (!bytes && !size.zero_is_fine)
		return weir_domain_wrong(rd, element, "no memory");
	*out = (bytes + size.align - 1) / size.align * size.align;
	return 0;
}

int weir_domain_element_bytes(const struct weir_domain_read *rd, weir_element *element,
                              uint64_t align, bool zero_is_fine, uint64_t *out)
{
	struct weir_domain_size size = { .text = weir_domain_text(rd, element),
		                         .unit = weir_str("", 0),
		                         .align = align,
		                         .zero_is_fine = zero_is_fine };

	(void)weir_domain_attr(rd, element, "unit", &size.unit);
	return weir_domain_bytes(rd, element, size, out);
}

int weir_domain_node(const struct weir_domain_read *rd, weir_element *element,
                     struct weir_str text, unsigned int *out)
{
	uint64_t node;

	if (weir_parse_u64(text, &node) < 0 || node >= WEIR_VM_NODES_MAX)
		return weir_domain_wrong(rd, element,
		                         "'%.*s' is no node: they are 0 to %d",
		                         WEIR_STR_ARG(text), WEIR_VM_NODES_MAX - 1);
	*out = (unsigned int)node;
	return 0;
}

/* util/virbitmap.c, virBitmapParse(): ranges, and ^N for one that is taken out of what
 * stands before it. */
int weir_domain_nodes(const struct weir_domain_read *rd, weir_element *element,
                      struct weir_str text, uint64_t *out)
{
	struct weir_str rest = text, part;
	uint64_t mask = 0;

	while (weir_str_cut(&rest, ',', &part)) {
		struct weir_str first, last;
		unsigned int from = 0, to = 0;
		bool is_out;
		int r;

		part = weir_str_trim(part);
		is_out = weir_str_starts(part, "^");
		first = last = weir_str_skip(part, is_out ? 1 : 0);
		if (!is_out)
			(void)weir_str_split(part, '-', &first, &last);
		r = weir_domain_node(rd, element, weir_str_trim(first), &from);
		if (r == 0)
			r = weir_domain_node(rd, element, weir_str_trim(last), &to);
		if (r < 0)
			return r;
		if (from > to)
			return weir_domain_wrong(rd, element, "'%.*s' goes downwards",
			                         WEIR_STR_ARG(part));
		for (unsigned int node = from; node <= to; node++)
			if (is_out)
				mask &= ~(UINT64_C(1) << node);
			else
				mask |= UINT64_C(1) << node;
	}
	if (!mask)
		return weir_domain_wrong(rd, element, "a nodeset without nodes");
	*out = mask;
	return 0;
}

int weir_domain_access(const struct weir_domain_read *rd, weir_element *element,
                       const char *attr, enum weir_domain_access *out)
{
	struct weir_str text;

	if (!weir_domain_attr(rd, element, attr, &text))
		return 0;
	if (weir_str_eq(text, "shared"))
		*out = WEIR_DOMAIN_SHARED;
	else if (weir_str_eq(text, "private"))
		*out = WEIR_DOMAIN_PRIVATE;
	else
		return weir_domain_wrong(rd, element,
		                         "%s='%.*s' is neither shared nor private", attr,
		                         WEIR_STR_ARG(text));
	return 0;
}

static int read_name(struct weir_domain_read *rd, weir_element *domain)
{
	weir_element *name = weir_domain_at(rd, domain, "name");
	struct weir_str text;

	if (!name)
		return weir_domain_wrong(rd, domain, "has no <name>");
	text = weir_tree_text(rd->tree, name); /* blanks belong to it */
	if (!text.n || text.n > WEIR_VM_NAME_MAX)
		return weir_domain_wrong(rd, name, "a name has 1 to %u bytes",
		                         WEIR_VM_NAME_MAX);
	return weir_vm_text(&rd->demand->name, text);
}

static int read_guest_policy(struct weir_domain_read *rd, weir_element *security)
{
	weir_element *policy = weir_domain_at(rd, security, "policy");
	struct weir_str text;

	if (!policy)
		return 0;
	text = weir_domain_text(rd, policy);
	if (weir_parse_hex(text, &rd->demand->guest_policy) < 0)
		return weir_domain_wrong(rd, policy, "'%.*s' is no hexadecimal number",
		                         WEIR_STR_ARG(text));
	return 0;
}

static int read_security(struct weir_domain_read *rd, weir_element *domain)
{
	weir_element *security = weir_domain_at(rd, domain, "launchSecurity");
	struct weir_demand *demand = rd->demand;
	struct weir_str type = weir_str("", 0);
	int r;

	if (!security)
		return 0;
	(void)weir_domain_attr(rd, security, "type", &type);
	demand->has_guest_object = true;
	if (weir_str_eq(type, "sev")) {
		if (!weir_domain_at(rd, security, "policy"))
			return weir_domain_wrong(rd, security, "has no <policy>");
		r = read_guest_policy(rd, security);
		demand->kind = weir_vm_sev_kind(demand->guest_policy, rd->vendor);
		return r;
	}
	if (weir_str_eq(type, "sev-snp")) {
		demand->kind = WEIR_VM_SNP;
		return read_guest_policy(rd, security);
	}
	if (weir_str_eq(type, "tdx")) {
		demand->kind = WEIR_VM_TDX;
		return 0; /* its policy is none of guest_policy's */
	}
	return weir_demand_note(demand,
	                        "launchSecurity '%.*s' is not known and counts as plain",
	                        WEIR_STR_ARG(type));
}

static bool is_host_device(const struct weir_domain_read *rd, weir_element *element)
{
	struct weir_str model;

	if (!weir_domain_attr_is(rd, element, "mode", "subsystem"))
		return false;
	if (weir_domain_attr_is(rd, element, "type", "pci"))
		return true;
	/* the other models are for s390 and pin page by page */
	return weir_domain_attr_is(rd, element, "type", "mdev") &&
	       (!weir_domain_attr(rd, element, "model", &model) ||
	        weir_str_eq(model, "vfio-pci"));
}

/* Counts what pins all memory; vDPA devices do so each for itself. */
static void read_device(struct weir_domain_read *rd, weir_element *element,
                        uint64_t *nr_vdpa)
{
	struct weir_str name = weir_tree_name(rd->tree, element);

	if (weir_str_eq(name, "hostdev"))
		rd->demand->nr_vfio += is_host_device(rd, element);
	if (weir_str_eq(name, "interface") &&
	    weir_domain_attr_is(rd, element, "type", "hostdev"))
		rd->demand->nr_vfio++;
	if ((weir_str_eq(name, "interface") &&
	     weir_domain_attr_is(rd, element, "type", "vdpa")) ||
	    (weir_str_eq(name, "disk") &&
	     weir_domain_attr_is(rd, element, "type", "vhostvdpa")))
		++*nr_vdpa;
	if (weir_str_eq(name, "memballoon") &&
	    weir_domain_attr_is(rd, element, "freePageReporting", "on"))
		rd->demand->free_page_reporting = true;
}

static void read_devices(struct weir_domain_read *rd, weir_element *domain)
{
	weir_element *devices = weir_domain_at(rd, domain, "devices");
	uint64_t nr_vdpa = 0;

	if (!devices)
		return;
	for (weir_element *element = weir_tree_first(rd->tree, devices); element;
	     element = weir_tree_next(rd->tree, element))
		if (element->type == WEIR_TREE_MAP && !element->foreign)
			read_device(rd, element, &nr_vdpa);
	rd->demand->nr_vfio += nr_vdpa;
}

/* qemu/qemu_domain.c, qemuDomainGetMemLockLimitBytes(): the hard limit, if there is one,
 * is the limit of locked memory too; <locked/> alone means none. With VFIO libvirt sets
 * one that depends on its version, and always suffices: it stays unknown. */
static int read_memlock(struct weir_domain_read *rd, weir_element *domain)
{
	weir_element *limit = weir_domain_at(rd, domain, "memtune/hard_limit");
	struct weir_domain_size size = { .unit = weir_str("", 0) };
	int r;

	if (limit) {
		size.text = weir_domain_text(rd, limit);
		(void)weir_domain_attr(rd, limit, "unit", &size.unit);
		r = plain_bytes(rd, limit, size, &rd->demand->memlock_bytes);
		if (r < 0)
			return r;
		if (rd->demand->memlock_bytes >= UNLIMITED_BYTES)
			rd->demand->memlock_bytes = UINT64_MAX;
		rd->demand->memlock_known = true;
	} else if (rd->demand->mem_lock) {
		rd->demand->memlock_bytes = UINT64_MAX;
		rd->demand->memlock_known = true;
	}
	return 0;
}

/* <qemu:commandline>, or <qemu:override>: what is in them is not read. */
static int note_foreign(struct weir_domain_read *rd, weir_element *domain)
{
	for (weir_element *element = weir_tree_first(rd->tree, domain); element;
	     element = weir_tree_next(rd->tree, element)) {
		struct weir_str name = weir_tree_name(rd->tree, element);

		if (element->type != WEIR_TREE_MAP || !element->foreign ||
		    weir_str_eq(name, "metadata"))
			continue;
		if (weir_demand_note(rd->demand,
		                     "line %u: <%.*s> of a namespace of its own is not "
		                     "read, and may change memory",
		                     element->line, WEIR_STR_ARG(name)) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int read_domain(struct weir_domain_read *rd, weir_element *domain)
{
	struct weir_str type;
	int r;

	if (weir_domain_attr(rd, domain, "type", &type) && !weir_str_eq(type, "kvm") &&
	    !weir_str_eq(type, "qemu"))
		return weir_domain_wrong(rd, domain, "type='%.*s' is not for QEMU",
		                         WEIR_STR_ARG(type));
	r = read_name(rd, domain);
	if (r == 0)
		r = read_security(rd, domain);
	if (r == 0)
		r = weir_domain_memory(rd, domain);
	if (r == 0)
		r = read_memlock(rd, domain);
	if (r == 0)
		r = note_foreign(rd, domain);
	if (r == 0)
		read_devices(rd, domain);
	return r;
}

static int read_pid(struct weir_domain_read *rd, weir_element *status)
{
	struct weir_str pid;
	uint64_t n;

	if (!weir_domain_attr(rd, status, "pid", &pid))
		return 0;
	if (weir_parse_u64(pid, &n) < 0 || n > INT32_MAX)
		return weir_domain_wrong(rd, status, "pid='%.*s' is no process",
		                         WEIR_STR_ARG(pid));
	rd->demand->pid = (int64_t)n;
	return 0;
}

static int find_domain(struct weir_domain_read *rd, weir_element **out)
{
	weir_element *top = &rd->tree->v[0];
	struct weir_str name = weir_tree_name(rd->tree, top);
	int r = 0;

	if (weir_str_eq(name, "domain")) {
		*out = top;
	} else if (weir_str_eq(name, "domstatus")) {
		*out = weir_domain_at(rd, top, "domain");
		if (!*out)
			return weir_domain_wrong(rd, top, "has no <domain>");
		r = read_pid(rd, top);
	} else {
		r = weir_domain_wrong(rd, top, "this is no <domain>");
	}
	return r;
}

int weir_domain_parse(struct weir_str text, enum weir_vm_vendor vendor,
                      struct weir_demand *out, struct weir_err *err)
{
	weir_auto(weir_tree_done) struct weir_tree tree = { 0 };
	struct weir_demand demand;
	struct weir_domain_read rd = { .tree = &tree,
		                       .err = err,
		                       .vendor = vendor,
		                       .demand = &demand,
		                       .source = WEIR_DOMAIN_SOURCE_UNSAID };
	weir_element *domain = NULL;
	int r = weir_tree_xml(text, &tree, err);

	if (r == 0) {
		r = weir_demand_init(&demand, weir_str("", 0));
		if (r == 0)
			r = find_domain(&rd, &domain);
		if (r == 0)
			r = read_domain(&rd, domain);
		if (r == 0)
			*out = demand;
		else
			weir_demand_done(&demand);
	}
	return r == -ENOMEM ? weir_err_sys(err, r, "domain XML") : r;
}
