/* qemu_args: see qemu_args.h.
 *
 * Read from QEMU 7.2: softmmu/vl.c (lookup_opt), util/qemu-option.c (get_opt_value: a
 * doubled comma is one), util/keyval.c, util/cutils.c (do_strtosz). Which option takes an
 * argument matters most: with one wrong guess the word behind it is taken for something
 * that it is not. So the table has all options of 7.2, those removed since 2.0 and those
 * added up to 9.1, of every architecture. */
#include "vm/qemu_args.h"

#include "base/ckd.h"
#include "base/own.h"

#include <errno.h>

#define KEYS_MAX 1024U /* of one argument; the longest -smbios has some 20 */

/* ---- options ----------------------------------------------------------------------- */

#define WITH    true
#define WITHOUT false

static const struct known_option {
	const char *name;
	bool takes_argument;
	enum weir_qemu_option option;
} known_options[] = {
	{ "M", WITH, WEIR_QEMU_MACHINE },
	{ "blockdev", WITH, WEIR_QEMU_BLOCKDEV },
	{ "device", WITH, WEIR_QEMU_DEVICE },
	{ "global", WITH, WEIR_QEMU_GLOBAL },
	{ "m", WITH, WEIR_QEMU_MEMORY },
	{ "machine", WITH, WEIR_QEMU_MACHINE },
	{ "mem-path", WITH, WEIR_QEMU_MEM_PATH },
	{ "mem-prealloc", WITHOUT, WEIR_QEMU_MEM_PREALLOC },
	{ "name", WITH, WEIR_QEMU_NAME },
	{ "netdev", WITH, WEIR_QEMU_NETDEV },
	{ "nic", WITH, WEIR_QEMU_NETDEV },
	{ "numa", WITH, WEIR_QEMU_NUMA },
	{ "object", WITH, WEIR_QEMU_OBJECT },
	{ "overcommit", WITH, WEIR_QEMU_OVERCOMMIT },
	{ "readconfig", WITH, WEIR_QEMU_READCONFIG },
	{ "realtime", WITH, WEIR_QEMU_REALTIME },
	{ "set", WITH, WEIR_QEMU_GLOBAL },
};

/* Options without an argument. */
static const char *const flags[] = {
	"S",
	"alt-grab",
	"async-teardown",
	"audio-help",
	"ctrl-grab",
	"curses",
	"daemonize",
	"enable-fips",
	"enable-hax",
	"enable-kvm",
	"enable-sync-profile",
	"full-screen",
	"h",
	"help",
	"hax",
	"no-acpi",
	"no-fd-bootchk",
	"no-frame",
	"no-hpet",
	"no-kvm",
	"no-kvm-irqchip",
	"no-kvm-pit",
	"no-kvm-pit-reinjection",
	"no-quit",
	"no-reboot",
	"no-shutdown",
	"no-user-config",
	"nodefaults",
	"nodefconfig",
	"nographic",
	"nohpet",
	"old-param",
	"only-migratable",
	"portrait",
	"preconfig",
	"rtc-td-hack",
	"s",
	"sdl",
	"semihosting",
	"singlestep",
	"snapshot",
	"tdf",
	"usb",
	"version",
	"win2k-hack",
	"xen-attach",
	"xen-create",
	"xen-domid-restrict",
};

/* Options with an argument that may itself begin with '-'. */
static const char *const with_argument[] = {
	"D",
	"L",
	"accel",
	"acpitable",
	"action",
	"add-fd",
	"append",
	"audio",
	"audiodev",
	"balloon",
	"bios",
	"boot",
	"bt",
	"cdrom",
	"chardev",
	"chroot",
	"clock",
	"compat",
	"cpu",
	"d",
	"debugcon",
	"dfilter",
	"display",
	"drive",
	"drive_add",
	"dtb",
	"dump-vmstate",
	"echr",
	"fda",
	"fdb",
	"fsdev",
	"fw_cfg",
	"g",
	"gdb",
	"hda",
	"hdb",
	"hdc",
	"hdd",
	"icount",
	"incoming",
	"initrd",
	"iscsi",
	"k",
	"kernel",
	"kvm-shadow-memory",
	"loadvm",
	"mon",
	"monitor",
	"msg",
	"mtdblock",
	"net",
	"option-rom",
	"parallel",
	"perfmap",
	"pflash",
	"pidfile",
	"plugin",
	"prom-env",
	"qmp",
	"qmp-pretty",
	"qtest",
	"qtest-log",
	"redir",
	"rotate",
	"rtc",
	"run-with",
	"runas",
	"sandbox",
	"sd",
	"seed",
	"semihosting-config",
	"serial",
	"shim",
	"smbios",
	"smp",
	"soundhw",
	"spice",
	"tb-size",
	"tftp",
	"tpmdev",
	"trace",
	"usbdevice",
	"uuid",
	"vga",
	"virtfs",
	"virtfs_synth",
	"virtioserial",
	"vnc",
	"watchdog",
	"watchdog-action",
	"writeconfig",
	"xen-domid",
};

static bool is_one_of(struct weir_str name, const char *const *names, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (weir_str_eq(name, names[i]))
			return true;
	return false;
}

/* Takes a word up to its NUL; the last may lack it. */
static bool take_word(struct weir_str *rest, struct weir_str *word)
{
	return weir_str_cut(rest, '\0', word);
}

/* An option of some other QEMU takes an argument, as most do, unless what follows looks
 * like an option. */
static bool takes_argument(struct weir_str name, struct weir_str rest)
{
	if (is_one_of(name, flags, WEIR_NELEM(flags)))
		return false;
	if (is_one_of(name, with_argument, WEIR_NELEM(with_argument)))
		return true;
	return rest.n > 1 && !(rest.p[0] == '-' && rest.p[1]);
}

int weir_qemu_next(struct weir_str *rest, enum weir_qemu_option *option,
                   struct weir_str *word, struct weir_str *arg, struct weir_err *err)
{
	struct weir_str name;
	bool takes;

	if (!take_word(rest, word))
		return 1;
	*arg = weir_str("", 0);
	*option = WEIR_QEMU_IMAGE;
	if (!weir_str_starts(*word, "-"))
		return 0;
	name = weir_str_skip(*word, weir_str_starts(*word, "--") ? 2 : 1);
	*option = WEIR_QEMU_OTHER;
	takes = takes_argument(name, *rest);
	for (size_t i = 0; i < WEIR_NELEM(known_options); i++) {
		if (!weir_str_eq(name, known_options[i].name))
			continue;
		*option = known_options[i].option;
		takes = known_options[i].takes_argument;
	}
	if (takes && !take_word(rest, arg))
		return weir_err_set(err, -EBADMSG, "%.*s needs an argument",
		                    WEIR_STR_ARG(*word));
	return 0;
}

/* ---- key=value --------------------------------------------------------------------- */

/* Takes a value up to a single comma, and that comma; ",," stands for one. */
static int take_value(struct weir_str *rest, struct weir_tree *tree, size_t at)
{
	for (;;) {
		struct weir_str part = weir_str(rest->p, weir_str_index(*rest, ','));
		bool is_doubled = part.n + 1 < rest->n && rest->p[part.n + 1] == ',';
		int r;

		*rest = weir_str_skip(*rest, part.n + (is_doubled ? 2 : 1));
		part.n += is_doubled;
		r = weir_tree_add_text(tree, at, part);
		if (r < 0 || !is_doubled)
			return r;
	}
}

/* "name" -> name=on, "noname" -> name=off; both as QEMU has it. */
static int add_switch(struct weir_tree *tree, struct weir_str name)
{
	const char *value = "on";
	size_t at;
	int r;

	if (name.n > 2 && weir_str_starts(name, "no")) {
		name = weir_str_skip(name, 2);
		value = "off";
	}
	r = weir_tree_add(tree, 0, WEIR_TREE_TEXT, name, &at);
	return r < 0 ? r : weir_tree_add_text(tree, at, weir_strz(value));
}

static int add_part(struct weir_tree *tree, struct weir_str *rest, const char *implied)
{
	size_t end = weir_str_index(*rest, ','), equals = weir_str_index(*rest, '=');
	struct weir_str name = weir_str(rest->p, equals < end ? equals : end);
	size_t at;
	int r;

	if (equals < end) {
		*rest = weir_str_skip(*rest, equals + 1);
	} else if (implied) {
		name = weir_strz(implied);
	} else {
		*rest = weir_str_skip(*rest, end + 1);
		return add_switch(tree, name);
	}
	r = weir_tree_add(tree, 0, WEIR_TREE_TEXT, name, &at);
	return r < 0 ? r : take_value(rest, tree, at);
}

static int parse_keys(struct weir_str arg, const char *implied, struct weir_tree *tree,
                      struct weir_err *err)
{
	size_t at;
	int r = weir_tree_add(tree, 0, WEIR_TREE_MAP, weir_str("", 0), &at);

	for (struct weir_str rest = arg; r == 0 && rest.n; implied = NULL) {
		if (tree->nr > KEYS_MAX)
			return weir_err_set(err, -E2BIG, "more than %u keys", KEYS_MAX);
		r = add_part(tree, &rest, implied);
	}
	return r;
}

int weir_qemu_keys(struct weir_str arg, const char *implied, struct weir_tree *out,
                   struct weir_err *err)
{
	struct weir_tree tree = { 0 };
	int r;

	if (weir_str_starts(arg, "{"))
		return weir_tree_json(arg, out, err);
	r = parse_keys(arg, implied, &tree, err);
	if (r < 0)
		weir_tree_done(&tree);
	else
		*out = tree;
	return r;
}

bool weir_qemu_get(const struct weir_tree *keys, const char *key, struct weir_str *out)
{
	const struct weir_tree_node *found = weir_tree_find_last(keys, &keys->v[0],
	                                                         WEIR_TREE_TEXT, key);

	if (found)
		*out = weir_tree_text(keys, found);
	return found != NULL;
}

/* ---- values ------------------------------------------------------------------------ */

/* 0 for no such letter */
static uint64_t unit_bytes(char c)
{
	static const char units[] = "BKMGTPE";
	const char *at;

	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	at = c ? strchr(units, c) : NULL;
	return at ? UINT64_C(1) << (10 * (at - units)) : 0;
}

/* The digits behind the point, of @unit, cut to whole bytes: QEMU has a double there,
 * which comes to the same for what people write. */
static int fraction_bytes(struct weir_str digits, uint64_t unit, uint64_t *out)
{
	unsigned __int128 n = 0, tens = 1;

	if (unit == 1 && digits.n)
		return -EBADMSG; /* half a byte */
	for (size_t i = 0; i < digits.n; i++) {
		if (!weir_is_digit(digits.p[i]))
			return -EBADMSG;
		if (i >= 18)
			continue; /* below a byte of any unit; 10^18 * 2^60 < 2^128 */
		n = n * 10 + (unsigned int)(digits.p[i] - '0');
		tens *= 10;
	}
	*out = (uint64_t)(n * unit / tens);
	return 0;
}

int weir_qemu_size(struct weir_str s, char unit, uint64_t *out_bytes)
{
	bool is_hex = weir_str_starts(s, "0x") || weir_str_starts(s, "0X");
	struct weir_str whole = s, digits = weir_str("", 0);
	uint64_t said = 0, scale, n = 0, fraction = 0;
	int r = 0;

	/* of a hexadecimal number B and E are digits */
	if (s.n && !(is_hex && strchr("bBeE", s.p[s.n - 1])))
		said = unit_bytes(s.p[s.n - 1]);
	if (said)
		whole.n--;
	scale = said ? said : unit_bytes(unit);
	if (!is_hex && weir_str_split(whole, '.', &whole, &digits))
		/* without a unit also -m wants a whole number */
		r = fraction_bytes(digits, said ? said : 1, &fraction);
	if (r == 0)
		r = is_hex ? weir_parse_hex(whole, &n) : weir_parse_u64(whole, &n);
	if (r < 0)
		return r;
	if (ckd_mul(&n, n, scale) || ckd_add(&n, n, fraction))
		return -ERANGE;
	*out_bytes = n;
	return 0;
}

int weir_qemu_number(struct weir_str s, uint64_t *out)
{
	uint64_t n = 0;

	if (weir_str_starts(s, "0x") || weir_str_starts(s, "0X"))
		return weir_parse_hex(s, out);
	if (s.n < 2 || s.p[0] != '0')
		return weir_parse_u64(s, out);
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '7')
			return -EBADMSG;
		if (ckd_mul(&n, n, UINT64_C(8)) ||
		    ckd_add(&n, n, (uint64_t)(s.p[i] - '0')))
			return -ERANGE;
	}
	*out = n;
	return 0;
}

int weir_qemu_switch(struct weir_str s, bool *out)
{
	static const char *const yes[] = { "on", "yes", "true", "y" };
	static const char *const no[] = { "off", "no", "false", "n" };

	if (is_one_of(s, yes, WEIR_NELEM(yes)))
		*out = true;
	else if (is_one_of(s, no, WEIR_NELEM(no)))
		*out = false;
	else
		return -EBADMSG;
	return 0;
}
