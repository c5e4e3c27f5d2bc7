/* qemu: see qemu.h.
 *
 * A device may name a backend that comes behind it, so all options are read here before
 * qemu_meaning.c understands any of those that refer to each other. Left out: what
 * -global, -set and -readconfig may change, which gets a note, and defaults of single
 * machine types. */
#include "vm/qemu.h"

#include "vm/qemu_read.h"

#include "base/own.h"
#include "base/size.h"

#include <errno.h>

#define DEFAULT_RAM (128 * WEIR_MIB) /* hw/core/machine.c, default_ram_size */
#define RAM_ALIGN   8192U            /* machine_set_mem() rounds -m up to it */

static void read_done(struct weir_qemu_read *rd)
{
	for (size_t i = 0; i < rd->nr_kept; i++)
		weir_tree_done(&rd->kept[i].keys);
	for (size_t i = 0; i < rd->nr_backends; i++) {
		free(rd->backends[i].memory.id);
		free(rd->backends[i].memory.path);
	}
	free(rd->kept);
	free(rd->backends);
	weir_demand_done(&rd->demand);
}

/* ---- one option after the other ---------------------------------------------------- */

/* One of the three numbers; @n is 0 where @keys do not say it. */
static void say(struct weir_qemu_said *said, const struct weir_tree *keys,
                const char *key, uint64_t n, bool by_m)
{
	struct weir_str text;

	if (!weir_qemu_get(keys, key, &text) || (said->by_m && !by_m))
		return;
	*said = (struct weir_qemu_said){ true, by_m, text, n };
}

/* The names that -m or -machine have for the numbers, and what the size is in where it
 * has no unit: that maxmem is in bytes also with -m is QEMU's own trap
 * (parse_memory_options). */
struct names {
	const char *size, *max, *slots;
	char unit;
	bool is_m;
};

static int read_numbers(struct weir_qemu_read *rd, const struct weir_tree *keys,
                        const struct names *names)
{
	uint64_t bytes = 0, max = 0, slots = 0;
	struct weir_str text;
	int r = weir_qemu_get_size(keys, names->size, names->unit, &bytes, rd->err);

	if (r == 0)
		r = weir_qemu_get_size(keys, names->max, 'B', &max, rd->err);
	if (r == 0)
		r = weir_qemu_get_number(keys, names->slots, &slots, rd->err);
	if (r < 0)
		return r;
	if (weir_qemu_get(keys, names->size, &text) && !bytes)
		return weir_err_set(rd->err, -EBADMSG,
		                    "no memory; without -m QEMU takes 128M");
	say(&rd->size, keys, names->size, bytes, names->is_m);
	say(&rd->max, keys, names->max, max, names->is_m);
	say(&rd->slots, keys, names->slots, slots, names->is_m);
	if (rd->size.is_said)
		rd->demand.ram_bytes = (rd->size.n + RAM_ALIGN - 1) / RAM_ALIGN *
		                       RAM_ALIGN;
	return 0;
}

static int read_memory(struct weir_qemu_read *rd, const struct weir_tree *keys)
{
	static const struct names names = { "size", "maxmem", "slots", 'M', true };

	for (const struct weir_tree_node *child = weir_tree_first(keys, &keys->v[0]);
	     child; child = weir_tree_next(keys, child)) {
		struct weir_str name = weir_tree_name(keys, child);

		if (!weir_str_eq(name, "size") && !weir_str_eq(name, "maxmem") &&
		    !weir_str_eq(name, "slots") && !weir_str_eq(name, "id"))
			return weir_err_set(rd->err, -EBADMSG,
			                    "no size, maxmem or slots (QEMU: Invalid "
			                    "parameter '%.*s')",
			                    WEIR_STR_ARG(name));
	}
	return read_numbers(rd, keys, &names);
}

static int read_name(struct weir_qemu_read *rd, const struct weir_tree *keys)
{
	struct weir_str name;

	if (!weir_qemu_get(keys, "guest", &name) || !name.n)
		return 0;
	if (name.n > WEIR_VM_NAME_MAX)
		return weir_err_set(rd->err, -EBADMSG,
		                    "a name of %zu bytes; %u are possible", name.n,
		                    WEIR_VM_NAME_MAX);
	return weir_vm_text(&rd->demand.name, name);
}

/* "mem-lock" has on-fault since QEMU 9.2: pages are locked once they are there */
static int read_overcommit(struct weir_qemu_read *rd, const struct weir_tree *keys)
{
	struct weir_str text;

	if (weir_qemu_get(keys, "mem-lock", &text) && weir_str_eq(text, "on-fault"))
		return weir_demand_note(&rd->demand,
		                        "-overcommit mem-lock=on-fault: locks no page "
		                        "before it is used, and counts as off");
	return weir_qemu_get_switch(keys, "mem-lock", &rd->demand.mem_lock, rd->err);
}

static int read_realtime(struct weir_qemu_read *rd, const struct weir_tree *keys)
{
	rd->demand.mem_lock = true; /* mlock=on was its default until it went, in 4.2 */
	return weir_qemu_get_switch(keys, "mlock", &rd->demand.mem_lock, rd->err);
}

/* The last -machine that says it counts; texts outlive this, as options are kept. */
static int read_machine(struct weir_qemu_read *rd, const struct weir_tree *keys)
{
	static const struct names names = { "memory.size", "memory.max-size",
		                            "memory.slots", 'B', false };
	int r = read_numbers(rd, keys, &names);

	if (r == 0)
		r = weir_qemu_get_switch(keys, "nvdimm", &rd->has_nvdimm, rd->err);
	if (r < 0)
		return r;
	(void)weir_qemu_get(keys, "type", &rd->machine);
	(void)weir_qemu_get(keys, "memory-backend", &rd->main_memory);
	(void)weir_qemu_get(keys, "memory-encryption", &rd->guest_object);
	(void)weir_qemu_get(keys, "confidential-guest-support", &rd->guest_object);
	return 0;
}

static const char *implied_key(enum weir_qemu_option option)
{
	switch (option) {
	case WEIR_QEMU_BLOCKDEV:
	case WEIR_QEMU_DEVICE: return "driver";
	case WEIR_QEMU_MACHINE:
	case WEIR_QEMU_NETDEV:
	case WEIR_QEMU_NUMA: return "type";
	case WEIR_QEMU_MEMORY: return "size";
	case WEIR_QEMU_NAME: return "guest";
	case WEIR_QEMU_OBJECT: return "qom-type";
	case WEIR_QEMU_OVERCOMMIT:
	case WEIR_QEMU_REALTIME: return NULL;
	case WEIR_QEMU_GLOBAL:
	case WEIR_QEMU_IMAGE:
	case WEIR_QEMU_MEM_PATH:
	case WEIR_QEMU_MEM_PREALLOC:
	case WEIR_QEMU_OTHER:
	case WEIR_QEMU_READCONFIG: break;
	}
	return NULL;
}

static int read_keys(struct weir_qemu_read *rd, struct weir_qemu_kept *kept)
{
	int r = weir_qemu_keys(kept->arg, implied_key(kept->option), &kept->keys,
	                       rd->err);

	if (r < 0)
		return r;
	switch (kept->option) {
	case WEIR_QEMU_MEMORY: return read_memory(rd, &kept->keys);
	case WEIR_QEMU_NAME: return read_name(rd, &kept->keys);
	case WEIR_QEMU_OVERCOMMIT: return read_overcommit(rd, &kept->keys);
	case WEIR_QEMU_REALTIME: return read_realtime(rd, &kept->keys);
	case WEIR_QEMU_MACHINE: return read_machine(rd, &kept->keys);
	case WEIR_QEMU_BLOCKDEV:
	case WEIR_QEMU_DEVICE:
	case WEIR_QEMU_GLOBAL:
	case WEIR_QEMU_IMAGE:
	case WEIR_QEMU_MEM_PATH:
	case WEIR_QEMU_MEM_PREALLOC:
	case WEIR_QEMU_NETDEV:
	case WEIR_QEMU_NUMA:
	case WEIR_QEMU_OBJECT:
	case WEIR_QEMU_OTHER:
	case WEIR_QEMU_READCONFIG: break; /* understood later, or not at all */
	}
	return 0;
}

static int keep(struct weir_qemu_read *rd, enum weir_qemu_option option,
                struct weir_str word, struct weir_str arg)
{
	struct weir_qemu_kept *kept;
	int r;

	if (rd->nr_kept == WEIR_QEMU_KEPT_MAX)
		return weir_err_set(rd->err, -E2BIG,
		                    "more than %u options about memory, devices and "
		                    "objects",
		                    WEIR_QEMU_KEPT_MAX);
	r = weir_grow(&rd->kept, &rd->cap_kept, rd->nr_kept, sizeof(*rd->kept));
	if (r < 0)
		return r;
	kept = &rd->kept[rd->nr_kept++];
	kept->option = option;
	kept->word = word;
	kept->arg = arg;
	r = read_keys(rd, kept);
	return r < 0 && r != -ENOMEM ? weir_qemu_in_words(rd, r, word, arg) : r;
}

/* -blockdev matters for one driver only, and there are hundreds of others: JSON is not
 * even parsed without that word in it. */
static bool is_worth_keeping(enum weir_qemu_option option, struct weir_str arg)
{
	if (option == WEIR_QEMU_BLOCKDEV || option == WEIR_QEMU_NETDEV)
		return weir_str_find(arg, "vhost-vdpa") >= 0;
	return true;
}

static int read_option(struct weir_qemu_read *rd, enum weir_qemu_option option,
                       struct weir_str word, struct weir_str arg)
{
	switch (option) {
	case WEIR_QEMU_OTHER:
	case WEIR_QEMU_IMAGE: return 0;
	case WEIR_QEMU_MEM_PATH: rd->mem_path = arg; return 0;
	case WEIR_QEMU_MEM_PREALLOC: rd->mem_prealloc = true; return 0;
	case WEIR_QEMU_READCONFIG:
		return weir_demand_note(&rd->demand,
		                        "-readconfig '%.*s': the options in this file "
		                        "are not read",
		                        WEIR_STR_ARG(arg));
	case WEIR_QEMU_GLOBAL:
		if (weir_str_find(arg, "mem") < 0)
			return 0;
		return weir_demand_note(&rd->demand, "%.*s '%.*s' is not read",
		                        WEIR_STR_ARG(word), WEIR_STR_ARG(arg));
	case WEIR_QEMU_BLOCKDEV:
	case WEIR_QEMU_DEVICE:
	case WEIR_QEMU_MACHINE:
	case WEIR_QEMU_MEMORY:
	case WEIR_QEMU_NAME:
	case WEIR_QEMU_NETDEV:
	case WEIR_QEMU_NUMA:
	case WEIR_QEMU_OBJECT:
	case WEIR_QEMU_OVERCOMMIT:
	case WEIR_QEMU_REALTIME: break;
	}
	return is_worth_keeping(option, arg) ? keep(rd, option, word, arg) : 0;
}

static int read_options(struct weir_qemu_read *rd, struct weir_str rest)
{
	enum weir_qemu_option option;
	struct weir_str word, arg, program;

	if (!weir_str_starts(rest, "-"))
		(void)weir_str_cut(&rest, '\0', &program);
	for (;;) {
		int r = weir_qemu_next(&rest, &option, &word, &arg, rd->err);

		if (r)
			return r < 0 ? r : 0;
		r = read_option(rd, option, word, arg);
		if (r < 0)
			return r;
	}
}

int weir_qemu_parse(struct weir_str argv_nul, enum weir_vm_vendor vendor,
                    struct weir_demand *out, struct weir_err *err)
{
	struct weir_qemu_read rd = { .vendor = vendor, .err = err };
	int r;

	if (argv_nul.n > WEIR_QEMU_TEXT_MAX)
		return weir_err_set(err, -E2BIG, "more than %u bytes of command line",
		                    WEIR_QEMU_TEXT_MAX);
	if (!argv_nul.n)
		return weir_err_set(err, -EBADMSG, "an empty command line");
	rd.mem_path = rd.machine = rd.main_memory = rd.guest_object = weir_str("", 0);
	r = weir_demand_init(&rd.demand, weir_str("", 0));
	if (r == 0) {
		rd.demand.ram_bytes = DEFAULT_RAM;
		r = read_options(&rd, argv_nul);
	}
	if (r == 0)
		r = weir_qemu_understand(&rd);
	if (r == 0) {
		*out = rd.demand;
		rd.demand = (struct weir_demand){ 0 };
	}
	read_done(&rd);
	return r == -ENOMEM ? weir_err_sys(err, r, "QEMU command line") : r;
}

int weir_qemu_parse_text(struct weir_str text, enum weir_vm_vendor vendor,
                         struct weir_demand *out, struct weir_err *err)
{
	weir_auto(weir_buf_done) struct weir_buf words = { 0 };
	int r = weir_qemu_split(text, &words, err);

	if (r == -ENOMEM)
		return weir_err_sys(err, r, "QEMU command line");
	return r < 0 ? r : weir_qemu_parse(weir_buf_str(&words), vendor, out, err);
}
