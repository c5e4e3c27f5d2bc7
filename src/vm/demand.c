/* demand: see demand.h. What is here is storage and words; what a text means is decided
 * by the parser of that text. */
#include "vm/demand.h"

#include "base/buf.h"
#include "base/own.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#define POLICY_ES   UINT64_C(0x04)
#define POLICY_CSV3 UINT64_C(0x40) /* Hygon's; AMD's firmware wants it 0 */

static const struct {
	const char *word;
	enum weir_vm_kind kind;
} kinds[] = {
	{ "plain", WEIR_VM_PLAIN },
	{ "SEV", WEIR_VM_SEV },
	{ "SEV-ES", WEIR_VM_SEV_ES },
	{ "SNP", WEIR_VM_SNP },
	{ "CSV1", WEIR_VM_CSV1 },
	{ "CSV2", WEIR_VM_CSV2 },
	{ "CSV3", WEIR_VM_CSV3 },
	{ "TDX", WEIR_VM_TDX },
	/* from here on only read */
	{ "SEVES", WEIR_VM_SEV_ES },
	{ "SEV-SNP", WEIR_VM_SNP },
	{ "SEVSNP", WEIR_VM_SNP },
	{ "CSV", WEIR_VM_CSV1 },
};

const char *weir_vm_kind_word(enum weir_vm_kind kind)
{
	for (size_t i = 0; i < WEIR_NELEM(kinds); i++)
		if (kinds[i].kind == kind)
			return kinds[i].word;
	return "?";
}

bool weir_vm_kind_find(struct weir_str word, enum weir_vm_kind *out)
{
	for (size_t i = 0; i < WEIR_NELEM(kinds); i++) {
		if (strlen(kinds[i].word) != word.n ||
		    strncasecmp(kinds[i].word, word.p, word.n) != 0)
			continue;
		*out = kinds[i].kind;
		return true;
	}
	return false;
}

enum weir_vm_kind weir_vm_sev_kind(uint64_t policy, enum weir_vm_vendor vendor)
{
	if (vendor != WEIR_VENDOR_HYGON)
		return policy & POLICY_ES ? WEIR_VM_SEV_ES : WEIR_VM_SEV;
	if (!(policy & POLICY_ES))
		return WEIR_VM_CSV1;
	return policy & POLICY_CSV3 ? WEIR_VM_CSV3 : WEIR_VM_CSV2;
}

int weir_vm_text(char **slot, struct weir_str text)
{
	char *copy = malloc(text.n + 1);

	if (!copy)
		return -ENOMEM;
	if (text.n)
		memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	free(*slot);
	*slot = copy;
	return 0;
}

int weir_demand_init(struct weir_demand *demand, struct weir_str name)
{
	*demand = (struct weir_demand){ 0 };
	return weir_vm_text(&demand->name, name.n ? name : weir_strz("vm"));
}

void weir_demand_done(struct weir_demand *demand)
{
	if (!demand)
		return;
	for (size_t i = 0; i < demand->nr_memory; i++) {
		free(demand->memory[i].id);
		free(demand->memory[i].path);
	}
	for (size_t i = 0; i < demand->nr_notes; i++)
		free(demand->notes[i]);
	free(demand->memory);
	free(demand->thread_nodes);
	free(demand->name);
	*demand = (struct weir_demand){ 0 };
}

struct weir_vm_memory *weir_demand_add(struct weir_demand *demand)
{
	struct weir_vm_memory *memory;

	if (weir_grow(&demand->memory, &demand->cap_memory, demand->nr_memory,
	              sizeof(*demand->memory)) < 0)
		return NULL;
	memory = &demand->memory[demand->nr_memory];
	*memory = (struct weir_vm_memory){ .reserve = true, .guest_node = -1 };
	if (weir_vm_text(&memory->id, weir_str("", 0)) < 0)
		return NULL;
	demand->nr_memory++;
	return memory;
}

int weir_demand_note(struct weir_demand *demand, const char *fmt, ...)
{
	char *note = NULL;
	va_list ap;
	char text[sizeof(((struct weir_err *)0)->msg)];

	if (demand->nr_notes == WEIR_VM_NOTES_MAX)
		return 0;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* cut is fine: a message */
	va_end(ap);
	if (weir_vm_text(&note, weir_strz(text)) < 0)
		return -ENOMEM;
	demand->notes[demand->nr_notes++] = note;
	return 0;
}

uint64_t weir_demand_bytes(const struct weir_demand *demand)
{
	static_assert(WEIR_VM_MEMORIES_MAX <= UINT64_MAX / WEIR_VM_BYTES_MAX,
	              "the sum of all memories cannot overflow");
	uint64_t sum = 0;

	for (size_t i = 0; i < demand->nr_memory; i++) {
		const struct weir_vm_memory *memory = &demand->memory[i];

		sum += memory->is_virtio_mem ? memory->requested_bytes
		                             : memory->size_bytes;
	}
	return sum;
}

void weir_demands_done(struct weir_demands *demands)
{
	if (!demands)
		return;
	for (size_t i = 0; i < demands->nr; i++)
		weir_demand_done(&demands->v[i]);
	free(demands->v);
	*demands = (struct weir_demands){ 0 };
}

int weir_demands_take(struct weir_demands *demands, struct weir_demand *demand)
{
	if (weir_grow(&demands->v, &demands->cap, demands->nr, sizeof(*demands->v)) < 0)
		return -ENOMEM;
	demands->v[demands->nr++] = *demand;
	*demand = (struct weir_demand){ 0 };
	return 0;
}
