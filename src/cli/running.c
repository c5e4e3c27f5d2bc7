/* running: the QEMU processes of a host: what kind of VM each is, what memory it was
 * promised and what of it is there. */
#include "cli/check.h"

#include "base/ckd.h"
#include "base/json.h"
#include "base/own.h"
#include "base/size.h"
#include "cli/cli.h"
#include "cli/vms.h"
#include "facts/snapshot.h"
#include "facts/task_maps.h"
#include "host/host.h"
#include "vm/qemu.h"

#include <errno.h>
#include <inttypes.h>

#define NAME        "check"
#define CMDLINE_MAX (4U << 20)
#define STATUS_MAX  65536U
#define MAPS_MAX    (64U << 20)

struct place { /* ascending */
	unsigned int node;
	uint64_t huge_bytes, base_bytes;
};

struct running {
	struct weir_demand demand;
	uint64_t pid;
	struct weir_count huge_bytes, rss_bytes; /* resident: in huge pages, in others */
	char nodes[128];                         /* Mems_allowed_list; "" unknown */
	/* what of it is there, by node; not known where its numa_maps may not be read. Of
	 * base pages captures do not keep it. */
	bool has_huge_place, has_base_place;
	struct place *place;
	size_t nr_place, cap_place;
	struct weir_buf leases; /* of weird: "lease vm1, lease 7" */
};

struct list {
	struct running *v;
	size_t nr, cap;
	size_t nr_forbidden;
};

static void list_done(struct list *list)
{
	for (size_t i = 0; i < list->nr; i++) {
		weir_demand_done(&list->v[i].demand);
		free(list->v[i].place);
		weir_buf_done(&list->v[i].leases);
	}
	free(list->v);
}

static struct weir_count kib_of(struct weir_str text, const char *key)
{
	struct weir_count n = { 0 };
	struct weir_str line;

	while (weir_str_line(&text, &line)) {
		struct weir_str rest = weir_str_skip(line, strlen(key)), word;

		if (weir_str_starts(line, key) && weir_str_word(&rest, &word))
			n.known = weir_parse_u64(word, &n.n) == 0;
	}
	return n.known ? weir_count_mul(n, 1024) : n;
}

static void see_status(const struct weir_host *host, struct running *vm)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_str rest, line;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%" PRIu64 "/status", vm->pid);
	if (weir_host_read(host, path, STATUS_MAX, &text) < 0)
		return;
	vm->huge_bytes = kib_of(weir_buf_str(&text), "HugetlbPages:");
	vm->rss_bytes = kib_of(weir_buf_str(&text), "VmRSS:");
	rest = weir_buf_str(&text);
	while (weir_str_line(&rest, &line))
		if (weir_str_starts(line, "Mems_allowed_list:"))
			(void)weir_str_show(weir_str_trim(weir_str_skip(line, 18)),
			                    vm->nodes, sizeof(vm->nodes));
}

static int place_on(struct running *vm, unsigned int node, struct place **out)
{
	size_t i = 0;

	while (i < vm->nr_place && vm->place[i].node < node)
		i++;
	if (i == vm->nr_place || vm->place[i].node != node) {
		if (weir_grow(&vm->place, &vm->cap_place, vm->nr_place,
		              sizeof(vm->place[0])) < 0)
			return -ENOMEM;
		memmove(&vm->place[i + 1], &vm->place[i],
		        (vm->nr_place - i) * sizeof(vm->place[0]));
		vm->place[i] = (struct place){ .node = node };
		vm->nr_place++;
	}
	*out = &vm->place[i];
	return 0;
}

static int add_mapping(struct running *vm, struct weir_numa_mapping *map)
{
	struct place *place;
	unsigned int node;
	uint64_t pages, bytes;

	vm->has_huge_place = true;
	while (weir_numa_node(&map->words, &node, &pages)) {
		uint64_t *sum;

		if (!map->page_bytes || ckd_mul(&bytes, pages, map->page_bytes))
			continue;
		if (place_on(vm, node, &place) < 0)
			return -ENOMEM;
		vm->has_base_place = vm->has_base_place || !map->huge;
		sum = map->huge ? &place->huge_bytes : &place->base_bytes;
		if (ckd_add(sum, *sum, bytes))
			*sum = UINT64_MAX;
	}
	return 0;
}

static int see_place(const struct weir_host *host, struct running *vm)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_str rest, line;
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%" PRIu64 "/numa_maps", vm->pid);
	r = weir_host_read(host, path, MAPS_MAX, &text);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	rest = weir_buf_str(&text);
	while (r == 0 && weir_str_line(&rest, &line)) {
		struct weir_numa_mapping map;

		if (weir_numa_mapping_parse(line, &map))
			r = add_mapping(vm, &map);
	}
	return r;
}

/* One that maps a file in parts has a line for each. */
static int add_lease(struct running *vm, const struct weir_warm_region *region)
{
	char name[WEIR_LEASE_TEXT_MAX];

	if (!*weir_lease_text(region, name) ||
	    weir_str_find(weir_buf_str(&vm->leases), name) >= 0)
		return 0;
	return weir_buf_printf(&vm->leases, "%s%s", vm->leases.n ? ", " : "", name);
}

/* What of its memory is leased: mappings of files of weird's store. */
static int see_leases(const struct weir_host *host, const struct weir_warm_state *warm,
                      struct running *vm)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_str rest, line;
	char path[64];
	int r;

	if (!warm->nr_dirs)
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%" PRIu64 "/maps", vm->pid);
	r = weir_host_read(host, path, MAPS_MAX, &text);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	rest = weir_buf_str(&text);
	while (r == 0 && weir_str_line(&rest, &line)) {
		const struct weir_warm_region *region = NULL;
		struct weir_mapping map;

		if (weir_mapping_parse(line, &map))
			region = weir_warm_find(warm, map.device, map.inode);
		if (region)
			r = add_lease(vm, region);
	}
	return r;
}

static int add(const struct weir_host *host, const struct weir_snapshot *snap,
               uint64_t pid, struct weir_str cmdline, struct list *list)
{
	struct weir_err err;
	struct running *vm;
	int r = weir_grow(&list->v, &list->cap, list->nr, sizeof(list->v[0]));

	if (r < 0)
		return r;
	vm = &list->v[list->nr];
	r = weir_qemu_parse(cmdline, weir_host_vendor(snap), &vm->demand, &err);
	if (r == -ENOMEM)
		return r;
	if (r < 0) /* it runs, so it is weir that does not understand */
		return weir_cli_fail(NAME, 0, "process %" PRIu64 ": %s", pid, err.msg);
	vm->pid = pid;
	see_status(host, vm);
	list->nr++;
	r = see_leases(host, &snap->warm.state, vm);
	return r < 0 ? r : see_place(host, vm);
}

static int find(const struct weir_host *host, const struct weir_snapshot *snap,
                struct list *list)
{
	weir_auto(weir_names_done) struct weir_names names = { 0 };
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int r = weir_host_list(host, "/proc", &names);

	for (size_t i = 0; r == 0 && i < names.nr; i++) {
		char path[64];
		uint64_t pid;

		if (weir_parse_u64(weir_strz(names.v[i].name), &pid) < 0)
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%" PRIu64 "/cmdline", pid);
		text.n = 0;
		r = weir_host_read(host, path, CMDLINE_MAX, &text);
		list->nr_forbidden += r == -EACCES || r == -EPERM;
		if (r == -ENOMEM)
			return r;
		if (r == 0 && weir_vms_is_qemu(weir_buf_str(&text)))
			r = add(host, snap, pid, weir_buf_str(&text), list);
		r = r == -ENOMEM ? r : 0; /* processes come and go */
	}
	return r;
}

/* ---- output ------------------------------------------------------------------------ */

static const char *size_of(struct weir_count bytes, char *out, size_t cap)
{
	return bytes.known ? weir_format_human(bytes.n, out, cap) : "?";
}

static const char *pages_of(const struct running *vm, char *out, size_t cap)
{
	for (size_t i = 0; i < vm->demand.nr_memory; i++) {
		const struct weir_vm_memory *mem = &vm->demand.memory[i];

		if (mem->huge)
			return mem->page_bytes
			               ? weir_format_size(mem->page_bytes, out, cap).p
			               : "huge";
		if (mem->backing == WEIR_BACKING_FILE)
			return "file";
	}
	return "4K";
}

/* "0:4G 1:512M": of huge pages, where there are any, else of base pages. */
static int nodes_of(const struct running *vm, struct weir_buf *out)
{
	bool huge = !vm->huge_bytes.known || vm->huge_bytes.n;
	bool known = huge ? vm->has_huge_place : vm->has_base_place;
	char size[WEIR_SIZE_TEXT_MAX];
	int r = 0;

	for (size_t i = 0; r == 0 && known && i < vm->nr_place; i++) {
		uint64_t bytes = huge ? vm->place[i].huge_bytes : vm->place[i].base_bytes;

		if (bytes)
			r = weir_buf_printf(out, "%s%u:%s", out->n ? " " : "",
			                    vm->place[i].node,
			                    weir_format_human(bytes, size, sizeof(size)));
	}
	return r < 0 || out->n ? r : weir_buf_addz(out, known ? "-" : "?");
}

static void put_text(const struct list *list, FILE *out)
{
	char size[3][WEIR_SIZE_TEXT_MAX], pages[WEIR_SIZE_TEXT_MAX];

	if (!list->nr) {
		(void)fputs("no QEMU runs on this host", out);
		(void)fputs(list->nr_forbidden ? ", as far as this user may see\n" : "\n",
		            out);
		return;
	}
	(void)fprintf(out, "%8s %-7s %8s %8s %8s %-6s %-8s %-12s %s\n", "PID", "KIND",
	              "PROMISED", "IN-HUGE", "RESIDENT", "PAGES", "ALLOWED", "ON-NODES",
	              "NAME");
	for (size_t i = 0; i < list->nr; i++) {
		const struct running *vm = &list->v[i];
		weir_auto(weir_buf_done) struct weir_buf nodes = { 0 };

		(void)nodes_of(vm, &nodes);
		(void)fprintf(out, "%8" PRIu64 " %-7s %8s %8s %8s %-6s %-8s %-12s ",
		              vm->pid, weir_vm_kind_word(vm->demand.kind),
		              weir_format_human(weir_demand_bytes(&vm->demand), size[0],
		                                sizeof(size[0])),
		              size_of(vm->huge_bytes, size[1], sizeof(size[1])),
		              size_of(vm->rss_bytes, size[2], sizeof(size[2])),
		              pages_of(vm, pages, sizeof(pages)),
		              *vm->nodes ? vm->nodes : "?", nodes.p ? nodes.p : "?");
		weir_cli_put(out, weir_strz(vm->demand.name));
		if (vm->leases.n)
			(void)fprintf(out, " (%s)", vm->leases.p);
		(void)fputc('\n', out);
	}
}

static void put_count(struct weir_json *j, const char *key, struct weir_count n)
{
	if (n.known)
		weir_json_u64(j, key, n.n);
	else
		weir_json_null(j, key);
}

static void put_places(struct weir_json *j, const struct running *vm)
{
	if (!vm->has_huge_place) {
		weir_json_null(j, "on_nodes");
		return;
	}
	weir_json_open(j, "on_nodes", '[');
	for (size_t i = 0; i < vm->nr_place; i++) {
		const struct place *p = &vm->place[i];
		struct weir_count base = { vm->has_base_place, p->base_bytes };

		weir_json_open(j, NULL, '{');
		weir_json_u64(j, "node", p->node);
		weir_json_u64(j, "huge_bytes", p->huge_bytes);
		put_count(j, "base_bytes", base);
		weir_json_close(j);
	}
	weir_json_close(j);
}

static int put_json(const struct list *list, FILE *out)
{
	weir_auto(weir_json_done) struct weir_json j = { 0 };
	char pages[WEIR_SIZE_TEXT_MAX];

	weir_json_open(&j, NULL, '{');
	weir_json_u64(&j, "schema", 1);
	weir_json_open(&j, "running", '[');
	for (size_t i = 0; i < list->nr; i++) {
		const struct running *vm = &list->v[i];

		weir_json_open(&j, NULL, '{');
		weir_json_u64(&j, "pid", vm->pid);
		weir_json_strz(&j, "name", vm->demand.name);
		weir_json_strz(&j, "kind", weir_vm_kind_word(vm->demand.kind));
		weir_json_u64(&j, "promised_bytes", weir_demand_bytes(&vm->demand));
		put_count(&j, "huge_bytes", vm->huge_bytes);
		put_count(&j, "resident_bytes", vm->rss_bytes);
		weir_json_strz(&j, "pages", pages_of(vm, pages, sizeof(pages)));
		weir_json_strz(&j, "nodes", *vm->nodes ? vm->nodes : NULL);
		put_places(&j, vm);
		weir_json_strz(&j, "leases", vm->leases.p);
		weir_json_close(&j);
	}
	weir_json_close(&j);
	weir_json_u64(&j, "forbidden", list->nr_forbidden);
	weir_json_close(&j);
	if (j.failed)
		return j.failed;
	(void)fwrite(j.out.p, 1, j.out.n, out);
	return 0;
}

int weir_check_running(const struct weir_host *host, bool json)
{
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;
	weir_auto(list_done) struct list list = { 0 };
	struct weir_err err = { 0 };
	int r = weir_snapshot_read(host, WEIR_SNAPSHOT_DETAILS, &snap, &err);

	if (r < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	r = find(host, snap, &list);
	if (r == 0 && json)
		r = put_json(&list, stdout);
	else if (r == 0)
		put_text(&list, stdout);
	if (r < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "list processes: %s",
		                     strerror(-r));
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}
