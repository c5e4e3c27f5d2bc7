/* running: the QEMU processes of a host: what kind of VM each is, what memory it was
 * promised and what of it is there. */
#include "cli/check.h"

#include "base/json.h"
#include "base/own.h"
#include "base/size.h"
#include "cli/cli.h"
#include "cli/vms.h"
#include "facts/snapshot.h"
#include "host/host.h"
#include "vm/qemu.h"

#include <errno.h>
#include <inttypes.h>

#define NAME        "check"
#define CMDLINE_MAX (4U << 20)
#define STATUS_MAX  65536U

struct running {
	struct weir_demand demand;
	uint64_t pid;
	struct weir_count huge_bytes, rss_bytes; /* resident: in huge pages, in others */
	char nodes[128];                         /* Mems_allowed_list; "" unknown */
};

struct list {
	struct running *v;
	size_t nr, cap;
	size_t nr_forbidden;
};

static void list_done(struct list *list)
{
	for (size_t i = 0; i < list->nr; i++)
		weir_demand_done(&list->v[i].demand);
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

static int add(const struct weir_host *host, enum weir_vm_vendor vendor, uint64_t pid,
               struct weir_str cmdline, struct list *list)
{
	struct weir_err err;
	struct running *vm;
	int r = weir_grow(&list->v, &list->cap, list->nr, sizeof(list->v[0]));

	if (r < 0)
		return r;
	vm = &list->v[list->nr];
	r = weir_qemu_parse(cmdline, vendor, &vm->demand, &err);
	if (r == -ENOMEM)
		return r;
	if (r < 0) /* it runs, so it is weir that does not understand */
		return weir_cli_fail(NAME, 0, "process %" PRIu64 ": %s", pid, err.msg);
	vm->pid = pid;
	see_status(host, vm);
	list->nr++;
	return 0;
}

static int find(const struct weir_host *host, enum weir_vm_vendor vendor,
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
			r = add(host, vendor, pid, weir_buf_str(&text), list);
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

static void put_text(const struct list *list, FILE *out)
{
	char size[3][WEIR_SIZE_TEXT_MAX], pages[WEIR_SIZE_TEXT_MAX];

	if (!list->nr) {
		(void)fputs("no QEMU runs on this host", out);
		(void)fputs(list->nr_forbidden ? ", as far as this user may see\n" : "\n",
		            out);
		return;
	}
	(void)fprintf(out, "%8s %-7s %8s %8s %8s %-6s %-8s %s\n", "PID", "KIND",
	              "PROMISED", "IN-HUGE", "RESIDENT", "PAGES", "NODES", "NAME");
	for (size_t i = 0; i < list->nr; i++) {
		const struct running *vm = &list->v[i];

		(void)fprintf(out, "%8" PRIu64 " %-7s %8s %8s %8s %-6s %-8s ", vm->pid,
		              weir_vm_kind_word(vm->demand.kind),
		              weir_format_human(weir_demand_bytes(&vm->demand), size[0],
		                                sizeof(size[0])),
		              size_of(vm->huge_bytes, size[1], sizeof(size[1])),
		              size_of(vm->rss_bytes, size[2], sizeof(size[2])),
		              pages_of(vm, pages, sizeof(pages)),
		              *vm->nodes ? vm->nodes : "?");
		weir_cli_put(out, weir_strz(vm->demand.name));
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
	r = find(host, weir_host_vendor(snap), &list);
	if (r == 0 && json)
		r = put_json(&list, stdout);
	else if (r == 0)
		put_text(&list, stdout);
	if (r < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "list processes: %s",
		                     strerror(-r));
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}
