/* emit: the memory part of a VM's definition, for the placement that the verdict found:
 * ready to paste, with what must be mounted or set before. */
#include "cli/check.h"

#include "base/own.h"
#include "base/size.h"
#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>

/* The nodes that the memory came from on the model, as "0,2". */
static int from_nodes(const struct weir_verdict *v, struct weir_buf *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < v->nr_sources; i++)
		r = weir_buf_printf(out, "%s%u", out->n ? "," : "", v->sources[i].node);
	return r;
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
                      const char *nodes, FILE *out)
{
	const struct weir_demand *vm = v->demand;
	bool numa = false;

	for (size_t i = 0; i < vm->nr_memory; i++)
		numa = numa || vm->memory[i].guest_node >= 0;
	(void)fprintf(out, "-m %" PRIu64 "M \\\n", vm->ram_bytes >> 20);
	for (size_t i = 0; i < vm->nr_memory; i++) {
		const struct weir_vm_memory *mem = &vm->memory[i];
		uint64_t page = ask->memory[i].page_bytes;

		(void)fprintf(
			out, "-object memory-backend-%s,id=mem%zu,size=%" PRIu64 "M",
			page || mem->backing == WEIR_BACKING_MEMFD ? "memfd" : "ram", i,
			ask->memory[i].bytes >> 20);
		if (page)
			(void)fprintf(out, ",hugetlb=on,hugetlbsize=%" PRIu64 "M",
			              page >> 20);
		(void)fprintf(out, ",share=%s,prealloc=%s", mem->shared ? "on" : "off",
		              mem->prealloc ? "on" : "off");
		if (!mem->reserve)
			(void)fputs(",reserve=off", out);
		if (*nodes)
			(void)fprintf(out, ",host-nodes=%s,policy=bind", nodes);
		(void)fputs(" \\\n", out);
		if (numa && !mem->is_device)
			(void)fprintf(out, "-numa node,nodeid=%d,memdev=mem%zu \\\n",
			              mem->guest_node < 0 ? 0 : mem->guest_node, i);
	}
	(void)fprintf(out, "-machine q35%s\n", numa ? "" : ",memory-backend=mem0");
}

static void emit_libvirt(const struct weir_verdict *v, const struct weir_ask *ask,
                         const char *nodes, FILE *out)
{
	const struct weir_demand *vm = v->demand;
	const struct weir_vm_memory *first = vm->nr_memory ? &vm->memory[0] : NULL;
	uint64_t page = first ? ask->memory[0].page_bytes : 0;

	if (page)
		put_mount(page, out, "<!-- ", " -->");
	(void)fprintf(out, "<memory unit='KiB'>%" PRIu64 "</memory>\n<memoryBacking>\n",
	              weir_demand_bytes(vm) >> 10);
	if (page)
		(void)fprintf(out,
		              "  <hugepages><page size='%" PRIu64
		              "' unit='KiB'/></hugepages>\n",
		              page >> 10);
	if (first && first->backing == WEIR_BACKING_MEMFD)
		(void)fputs("  <source type='memfd'/>\n", out);
	if (first)
		(void)fprintf(out, "  <access mode='%s'/>\n  <allocation mode='%s'/>\n",
		              first->shared ? "shared" : "private",
		              first->prealloc ? "immediate" : "ondemand");
	if (vm->mem_lock)
		(void)fputs("  <locked/>\n", out);
	(void)fputs("</memoryBacking>\n", out);
	if (*nodes)
		(void)fprintf(out,
		              "<numatune><memory mode='strict' "
		              "nodeset='%s'/></numatune>\n",
		              nodes);
}

int weir_check_emit(const struct weir_verdict *v, const struct weir_ask *ask,
                    enum weir_emit form, FILE *out)
{
	weir_auto(weir_buf_done) struct weir_buf nodes = { 0 };
	const char *name = v->demand->name;
	int r = from_nodes(v, &nodes);

	if (r < 0)
		return r;
	if (v->word == WEIR_VERDICT_NO) {
		(void)weir_cli_fail("check", 0, "%s does not start: %s", name, v->reason);
		return 0;
	}
	(void)fputs(form == WEIR_EMIT_QEMU ? "# " : "<!-- ", out);
	weir_cli_put(out, weir_strz(name));
	(void)fputs(form == WEIR_EMIT_QEMU ? "\n" : " -->\n", out);
	if (form == WEIR_EMIT_QEMU)
		emit_qemu(v, ask, nodes.p ? nodes.p : "", out);
	else
		emit_libvirt(v, ask, nodes.p ? nodes.p : "", out);
	return 0;
}
