/* emit: the memory part of a VM's definition, for the placement that the verdict found:
 * ready to paste, with what must be mounted or set before. Memory that its text binds to
 * nodes stays bound to them; the other is bound to those that it came from. */
#include "cli/check.h"

#include "base/own.h"
#include "base/size.h"
#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>

/* The nodes that the memory came from on the model. */
static uint64_t from_nodes(const struct weir_verdict *v)
{
	uint64_t nodes = 0;

	for (size_t i = 0; i < v->nr_sources; i++)
		nodes |= UINT64_C(1) << v->sources[i].node;
	return nodes;
}

/* "0,2" */
static void put_nodes(uint64_t nodes, const char *between, FILE *out)
{
	const char *before = "";

	for (unsigned int n = 0; n < WEIR_VM_NODES_MAX; n++)
		if (nodes >> n & 1) {
			(void)fprintf(out, "%s%u", before, n);
			before = between;
		}
}

/* QEMU has RAM in units of 8 KiB (softmmu/vl.c, set_memory_options()). */
static void put_size(uint64_t bytes, FILE *out)
{
	uint64_t kib = (bytes / 8192 + (bytes % 8192 != 0)) * 8;

	if (kib % 1024)
		(void)fprintf(out, "%" PRIu64 "K", kib);
	else
		(void)fprintf(out, "%" PRIu64 "M", kib / 1024);
}

static void put_binding(const struct weir_vm_memory *mem, uint64_t nodes, FILE *out)
{
	static const char *const words[] = {
		[WEIR_VM_POLICY_DEFAULT] = "bind",
		[WEIR_VM_POLICY_PREFERRED] = "preferred",
		[WEIR_VM_POLICY_BIND] = "bind",
		[WEIR_VM_POLICY_INTERLEAVE] = "interleave",
	};

	if (mem->policy != WEIR_VM_POLICY_DEFAULT)
		nodes = mem->host_nodes;
	if (!nodes)
		return;
	(void)fputs(",host-nodes=", out);
	put_nodes(nodes, ",host-nodes=", out);
	(void)fprintf(out, ",policy=%s", words[mem->policy]);
}

static void put_mount(uint64_t page_bytes, FILE *out, const char *open, const char *close)
{
	char size[WEIR_SIZE_TEXT_MAX];

	(void)weir_format_size(page_bytes, size, sizeof(size));
	(void)fprintf(
		out,
		"%sa hugetlbfs of %s pages must be mounted before libvirtd starts:\n"
		"%smount -t hugetlbfs -o pagesize=%s none /dev/hugepages%s%s\n",
		open, size, *close ? "     " : "# ", size, size, close);
}

static void emit_qemu(const struct weir_verdict *v, const struct weir_ask *ask,
                      uint64_t nodes, FILE *out)
{
	const struct weir_demand *vm = v->demand;
	bool numa = false;

	for (size_t i = 0; i < vm->nr_memory; i++)
		numa = numa || vm->memory[i].guest_node >= 0;
	(void)fputs("-m ", out);
	put_size(vm->ram_bytes, out);
	(void)fputs(" \\\n", out);
	if (vm->mem_lock)
		(void)fputs("-overcommit mem-lock=on \\\n", out);
	for (size_t i = 0; i < vm->nr_memory; i++) {
		const struct weir_vm_memory *mem = &vm->memory[i];
		uint64_t page = ask->memory[i].page_bytes;

		(void)fprintf(
			out, "-object memory-backend-%s,id=mem%zu,size=",
			page || mem->backing == WEIR_BACKING_MEMFD ? "memfd" : "ram", i);
		put_size(ask->memory[i].bytes, out);
		if (page) {
			(void)fputs(",hugetlb=on,hugetlbsize=", out);
			put_size(page, out);
		}
		(void)fprintf(out, ",share=%s,prealloc=%s", mem->shared ? "on" : "off",
		              mem->prealloc ? "on" : "off");
		if (!mem->reserve)
			(void)fputs(",reserve=off", out);
		put_binding(mem, nodes, out);
		(void)fputs(" \\\n", out);
		if (numa && !mem->is_device)
			(void)fprintf(out, "-numa node,nodeid=%d,memdev=mem%zu \\\n",
			              mem->guest_node < 0 ? 0 : mem->guest_node, i);
	}
	(void)fprintf(out, "-machine q35%s\n", numa ? "" : ",memory-backend=mem0");
}

/* What guest nodes have nodes of their own, <cpu> with its cells must have as well. */
static void put_numatune(const struct weir_demand *vm, uint64_t nodes, FILE *out)
{
	static const char *const modes[] = {
		[WEIR_VM_POLICY_DEFAULT] = "strict",
		[WEIR_VM_POLICY_PREFERRED] = "preferred",
		[WEIR_VM_POLICY_BIND] = "strict",
		[WEIR_VM_POLICY_INTERLEAVE] = "interleave",
	};

	if (!nodes)
		return;
	(void)fputs("<numatune>\n  <memory mode='strict' nodeset='", out);
	put_nodes(nodes, ",", out);
	(void)fputs("'/>\n", out);
	for (size_t i = 0; i < vm->nr_memory; i++) {
		const struct weir_vm_memory *mem = &vm->memory[i];

		if (mem->is_device || mem->guest_node < 0 ||
		    mem->policy == WEIR_VM_POLICY_DEFAULT)
			continue;
		(void)fprintf(out, "  <memnode cellid='%d' mode='%s' nodeset='",
		              mem->guest_node, modes[mem->policy]);
		put_nodes(mem->host_nodes, ",", out);
		(void)fputs("'/>\n", out);
	}
	(void)fputs("</numatune>\n", out);
}

/* What holds for all of it is what holds for its first memory. */
static void put_backing(const struct weir_demand *vm, uint64_t page, FILE *out)
{
	const struct weir_vm_memory *first = vm->memory;

	(void)fputs("<memoryBacking>\n", out);
	if (page)
		(void)fprintf(out,
		              "  <hugepages><page size='%" PRIu64
		              "' unit='KiB'/></hugepages>\n",
		              page >> 10);
	if (first->backing == WEIR_BACKING_MEMFD)
		(void)fputs("  <source type='memfd'/>\n", out);
	(void)fprintf(out, "  <access mode='%s'/>\n  <allocation mode='%s'/>\n",
	              first->shared ? "shared" : "private",
	              first->prealloc ? "immediate" : "ondemand");
	if (vm->mem_lock)
		(void)fputs("  <locked/>\n", out);
	(void)fputs("</memoryBacking>\n", out);
}

static void emit_libvirt(const struct weir_verdict *v, const struct weir_ask *ask,
                         uint64_t nodes, FILE *out)
{
	const struct weir_demand *vm = v->demand;
	uint64_t page = vm->nr_memory ? ask->memory[0].page_bytes : 0;

	if (page)
		put_mount(page, out, "<!-- ", " -->");
	(void)fprintf(out, "<memory unit='KiB'>%" PRIu64 "</memory>\n",
	              weir_demand_bytes(vm) / 1024 + (weir_demand_bytes(vm) % 1024 != 0));
	if (!vm->nr_memory)
		return;
	put_backing(vm, page, out);
	put_numatune(vm, nodes, out);
}

/* As a comment: "--" may not stand in one of XML. */
static void put_name(struct weir_str name, enum weir_emit form, FILE *out)
{
	size_t from = 0;

	(void)fputs(form == WEIR_EMIT_QEMU ? "# " : "<!-- ", out);
	for (size_t i = 1; form != WEIR_EMIT_QEMU && i < name.n; i++)
		if (name.p[i] == '-' && name.p[i - 1] == '-') {
			weir_cli_put(out, weir_str(name.p + from, i - from));
			(void)fputc(' ', out);
			from = i;
		}
	weir_cli_put(out, weir_str_skip(name, from));
	(void)fputs(form == WEIR_EMIT_QEMU ? "\n" : " -->\n", out);
}

int weir_check_emit(const struct weir_verdict *v, const struct weir_ask *ask,
                    enum weir_emit form, FILE *out)
{
	const char *name = v->demand->name;

	if (v->word == WEIR_VERDICT_NO) {
		(void)weir_cli_fail("check", 0, "%s does not start: %s", name, v->reason);
		return 0;
	}
	put_name(weir_strz(name), form, out);
	if (form == WEIR_EMIT_QEMU)
		emit_qemu(v, ask, from_nodes(v), out);
	else
		emit_libvirt(v, ask, from_nodes(v), out);
	return 0;
}
