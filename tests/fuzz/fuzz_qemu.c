#include "vm/qemu.h"

#include "vm/qemu_args.h"

#include "fuzz_vm.h"

static void check(int r, struct weir_demand *demand, const struct weir_err *err)
{
	must(r <= 0);
	if (r < 0) {
		must(err->code == r && err->msg[0]);
		must(demand->name == NULL);
		return;
	}
	vm_must_be_sane(demand);
	weir_demand_done(demand);
}

/* What was split is, each word in quotes, split into the same again. */
static void check_split(struct weir_str text)
{
	struct weir_buf words = { 0 }, quoted = { 0 }, again = { 0 };
	struct weir_str rest, word;

	if (weir_qemu_split(text, &words, NULL) == 0) {
		rest = weir_buf_str(&words);
		must(rest.n == 0 || rest.p[rest.n - 1] == '\0');
		/* else a first word such as A=1 would be taken for an assignment */
		must(weir_buf_addz(&quoted, "'x'") == 0);
		while (weir_str_cut(&rest, '\0', &word)) {
			must(weir_buf_addz(&quoted, " '") == 0);
			for (size_t i = 0; i < word.n; i++)
				must((word.p[i] == '\''
				              ? weir_buf_addz(&quoted, "'\\''")
				              : weir_buf_add(&quoted, weir_str(word.p + i,
				                                               1))) == 0);
			must(weir_buf_addz(&quoted, "'") == 0);
		}
		must(quoted.n > WEIR_QEMU_TEXT_MAX ||
		     weir_qemu_split(weir_buf_str(&quoted), &again, NULL) == 0);
		must(!again.n ||
		     (again.n == words.n + 2 &&
		      (!words.n || memcmp(again.p + 2, words.p, words.n) == 0)));
	}
	weir_buf_done(&words);
	weir_buf_done(&quoted);
	weir_buf_done(&again);
}

/* The first byte: the form and the vendor. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_demand demand = { 0 };
	enum weir_vm_vendor vendor;
	struct weir_err err = { 0 };
	struct weir_str text;
	uint64_t n;

	if (!size)
		return 0;
	text = weir_str((const char *)data + 1, size - 1);
	vendor = (enum weir_vm_vendor)(data[0] >> 1 & 3);
	if (data[0] & 1) {
		check(weir_qemu_parse(text, vendor, &demand, &err), &demand, &err);
	} else {
		check(weir_qemu_parse_text(text, vendor, &demand, &err), &demand, &err);
		check_split(text);
	}
	if (weir_qemu_size(text, 'B', &n) == 0)
		must(text.n > 0);
	return 0;
}
