/* cpu: what the head of a text says, the whole of it says too. */
#include "facts/cpu.h"

#include "fuzz.h"

static void parse(const char *p, size_t n, struct weir_cpu *out)
{
	struct weir_err err = { 0 };
	int r = weir_cpu_parse(weir_str(p, n), out, &err);

	must(r == 0 || (r == WEIR_GARBLED && err.msg[0]));
	must(memchr(out->vendor, '\0', sizeof(out->vendor)) != NULL);
	must(memchr(out->model, '\0', sizeof(out->model)) != NULL);
	for (const char *c = out->model; *c; c++)
		must((unsigned char)*c >= 0x20 && *c != 0x7f);
}

static void check_flag(struct weir_count head, struct weir_count whole)
{
	must(head.n <= 1 && whole.n <= 1);
	must(!head.known || (whole.known && whole.n == head.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n = size ? data[0] * size / 256 : 0;
	const char *text = (const char *)data;
	struct weir_cpu head, whole;

	parse(text, n, &head);
	parse(text, size, &whole);
	must(!head.vendor[0] || strcmp(head.vendor, whole.vendor) == 0);
	must(!head.model[0] || strcmp(head.model, whole.model) == 0);
	check_flag(head.pdpe1gb, whole.pdpe1gb);
	check_flag(head.pse, whole.pse);
	check_flag(head.sme, whole.sme);
	check_flag(head.sev, whole.sev);
	check_flag(head.sev_es, whole.sev_es);
	check_flag(head.sev_snp, whole.sev_snp);
	check_flag(head.tdx_host, whole.tdx_host);
	check_flag(head.hypervisor, whole.hypervisor);
	return 0;
}
