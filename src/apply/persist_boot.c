/* persist_boot: huge pages on the kernel command line, through whichever way the host's
 * boot loader takes it from.
 *
 * A host may have several (Proxmox on ZFS boots with GRUB or with systemd-boot, by its
 * firmware): all that are found are written. Where grubby is, it alone knows where the
 * lines are kept, and is run: persist_grubby.c. The line keeps its default_hugepagesz=:
 * the size that programs take which name none is nobody's to change in passing. */
#include "apply/persist.h"

#include "base/own.h"
#include "base/size.h"
#include "facts/cmdline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define GRUB_FILE    "/etc/default/grub.d/99-weir.cfg"
#define CMDLINE_FILE "/etc/kernel/cmdline"
#define ENTRIES      "/boot/loader/entries"
#define TEXT_MAX     (64U << 10)
#define GRUB_MAX     (1U << 20) /* 10 KiB, and 2 for each kernel */

/* ---- what is asked for ---------------------------------------------------------------
 */

static int add_pool(const struct weir_declared_pool *pool, bool node_lists,
                    struct weir_buf *out)
{
	char size[WEIR_SIZE_TEXT_MAX];
	bool any = false;
	int r = weir_buf_printf(out, "%shugepagesz=%s hugepages=", out->n ? " " : "",
	                        weir_format_size(pool->page_bytes, size, sizeof(size)).p);

	if (r == 0 && (!pool->nr_nodes || !node_lists))
		return weir_buf_printf(out, "%" PRIu64, weir_declared_pages(pool).n);
	for (size_t i = 0; r == 0 && i < pool->nr_nodes; i++) {
		if (!pool->nodes[i].pages.n)
			continue;
		r = weir_buf_printf(out, "%s%u:%" PRIu64, any ? "," : "",
		                    pool->nodes[i].node, pool->nodes[i].pages.n);
		any = true;
	}
	return r;
}

static bool is_asked_for(const struct weir_declared_pool *pool)
{
	return weir_declared_at_boot(pool) && weir_declared_pages(pool).n;
}

int weir_boot_args(const struct weir_declaration *decl, bool node_lists,
                   struct weir_buf *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < decl->nr_pools; i++)
		if (is_asked_for(&decl->pools[i]))
			r = add_pool(&decl->pools[i], node_lists, out);
	return r;
}

/* ---- /etc/kernel/cmdline --------------------------------------------------------------
 */

static bool is_recorded(struct weir_str recorded, uint64_t bytes)
{
	struct weir_param param;
	uint64_t size;

	while (weir_cmdline_next(&recorded, &param))
		if (weir_param_is(param.name, "hugepagesz") &&
		    weir_memparse(&param.value, &size) && size == bytes)
			return true;
	return false;
}

static bool is_ours(const struct weir_boot_ours *ours, struct weir_str value)
{
	const struct weir_declared_pool *pool;
	uint64_t bytes;

	if (!weir_memparse(&value, &bytes))
		return false;
	pool = weir_declared_pool(ours->decl, bytes);
	return (pool && weir_declared_at_boot(pool)) ||
	       is_recorded(ours->recorded, bytes);
}

static int add_word(struct weir_str word, size_t start, struct weir_buf *out)
{
	int r = weir_buf_addz(out, out->n > start ? " " : "");

	return r == 0 ? weir_buf_add(out, word) : r;
}

int weir_boot_take_out(struct weir_str line, const struct weir_boot_ours *boot,
                       struct weir_str *init, struct weir_buf *out, struct weir_buf *gone)
{
	struct weir_str rest = line;
	struct weir_param param;
	size_t start = out->n, end = 0;
	bool ours = false, count, size;
	int r = 0;

	while (r == 0 && weir_cmdline_next(&rest, &param)) {
		size = weir_param_is(param.name, "hugepagesz");
		count = weir_param_is(param.name, "hugepages");
		if (size)
			ours = is_ours(boot, param.value);
		else if (weir_param_is(param.name, "default_hugepagesz"))
			ours = false;
		end = (size_t)(param.text.p - line.p) + param.text.n;
		r = ours && (size || count) ? add_word(param.text, 0, gone)
		                            : add_word(param.text, start, out);
	}
	*init = weir_str_trim(weir_str_skip(line, end)); /* "--" and what is for init */
	return r;
}

/* One line, with @args in the place of the requests for these sizes. One that has just
 * these already stays as it is. */
static int edit_line(struct weir_str line, const struct weir_boot_ours *ours,
                     struct weir_str args, struct weir_buf *out)
{
	weir_auto(weir_buf_done) struct weir_buf gone = { 0 };
	struct weir_str init;
	size_t start = out->n;
	int r = weir_boot_take_out(line, ours, &init, out, &gone);

	if (r == 0 && gone.n == args.n &&
	    (!args.n || memcmp(gone.p, args.p, args.n) == 0)) {
		out->n = start;
		return weir_buf_add(out, line);
	}
	if (r == 0 && args.n)
		r = add_word(args, start, out);
	return r == 0 && init.n ? add_word(init, start, out) : r;
}

int weir_boot_edit_cmdline(struct weir_str text, const struct weir_boot_ours *ours,
                           struct weir_str args, struct weir_buf *out)
{
	bool added = false;
	struct weir_str line;
	int r = 0;

	while (r == 0 && weir_str_line(&text, &line)) {
		struct weir_str trimmed = weir_str_trim(line);

		if (!trimmed.n || *trimmed.p == '#') {
			r = weir_buf_add(out, line);
		} else {
			r = edit_line(line, ours, added ? weir_str("", 0) : args, out);
			added = true;
		}
		if (r == 0)
			r = weir_buf_addz(out, "\n");
	}
	if (r == 0 && !added && args.n)
		r = weir_buf_add(out, args);
	return r == 0 && !added && args.n ? weir_buf_addz(out, "\n") : r;
}

/* ---- which way ------------------------------------------------------------------------
 */

static bool has_program(const struct weir_root *root, const char *name)
{
	static const char *const dirs[] = { "/usr/sbin", "/usr/bin", "/sbin", "/bin" };
	char path[128];

	for (size_t i = 0; i < WEIR_NELEM(dirs); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dirs[i], name);
		if (weir_root_has(root, path))
			return true;
	}
	return false;
}

static const char why_boot[] = "puts the kernel command line into effect, for the next "
			       "boot";

#define STEP(p, why, ...)                                                   \
	weir_persist_step((p), (why), (const char *const[]){ __VA_ARGS__ }, \
	                  sizeof((const char *const[]){ __VA_ARGS__ }) /    \
	                          sizeof(const char *))

/* Proxmox keeps the loader's files on partitions of their own, and copies them there. */
static bool is_proxmox_boot(const struct weir_root *root)
{
	return weir_root_has(root, "/etc/kernel/proxmox-boot-uuids") &&
	       has_program(root, "proxmox-boot-tool");
}

static int grub_step(const struct weir_root *root, struct weir_persist *out)
{
	if (is_proxmox_boot(root))
		return STEP(out, why_boot, "proxmox-boot-tool", "refresh");
	if (has_program(root, "update-grub"))
		return STEP(out, why_boot, "update-grub");
	if (has_program(root, "grub2-mkconfig"))
		return STEP(out, why_boot, "grub2-mkconfig", "-o",
		            "/boot/grub2/grub.cfg");
	return STEP(out, why_boot, "grub-mkconfig", "-o", "/boot/grub/grub.cfg");
}

static int cmdline_step(const struct weir_root *root, const struct weir_snapshot *snap,
                        struct weir_persist *out)
{
	char image[256] = "";

	if (has_program(root, "proxmox-boot-tool"))
		return STEP(out, why_boot, "proxmox-boot-tool", "refresh");
	if (snap->release) {
		(void)snprintf(image, sizeof(image), "/boot/vmlinuz-%s", snap->release);
		if (!weir_root_has(root, image))
			(void)snprintf(image, sizeof(image), "/lib/modules/%s/vmlinuz",
			               snap->release);
		if (weir_root_has(root, image))
			return STEP(out, why_boot, "kernel-install", "add", snap->release,
			            image);
	}
	return STEP(out, why_boot, "kernel-install", "add-all");
}

/* Was update-grub not run, or did it fail? 1, 0 or -ENOMEM. What cannot be read says
 * nothing, nor does it where Proxmox copies it elsewhere. */
static int grub_lacks(const struct weir_root *root, struct weir_str args)
{
	static const char *const configs[] = { "/boot/grub/grub.cfg",
		                               "/boot/grub2/grub.cfg" };
	bool lacks = false;

	for (size_t i = 0; args.n && i < WEIR_NELEM(configs); i++) {
		weir_auto(weir_buf_done) struct weir_buf text = { 0 };
		int r = weir_root_read(root, configs[i], GRUB_MAX, &text);

		if (r == -ENOMEM)
			return r;
		if (r < 0)
			continue;
		if (memmem(text.p, text.n, args.p, args.n))
			return 0;
		lacks = true;
	}
	return lacks && !is_proxmox_boot(root);
}

/* The same of kernel-install: there are entries, and none has it. */
static int entries_lack(const struct weir_root *root, const struct weir_boot_ours *ours,
                        struct weir_str args)
{
	static const char *const dirs[] = { WEIR_BOOT_ENTRIES, "/efi/loader/entries",
		                            "/boot/efi/loader/entries" };
	weir_auto(weir_boot_entries_done) struct weir_boot_entries entries = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < WEIR_NELEM(dirs); i++)
		r = weir_boot_entries_read(root, dirs[i], ours, args, &entries);
	if (r < 0)
		return r;
	return entries.nr && !entries.nr_have && !has_program(root, "proxmox-boot-tool");
}

static int persist_grub(const struct weir_root *root, struct weir_str args,
                        struct weir_persist *out, struct weir_err *err)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_str after;
	size_t nr = out->changes.nr;
	int r = weir_buf_printf(&text,
	                        WEIR_MARK
	                        ", from what is declared; see weir-pools(5).\n"
	                        "# It is written anew when that changes.\n"
	                        "GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX %.*s\"\n",
	                        (int)args.n, args.p);

	after = weir_buf_str(&text);
	if (r < 0)
		return weir_err_sys(err, r, "write '" GRUB_FILE "'");
	r = weir_file_want(root, GRUB_FILE, WEIR_FILE_TEXT, args.n ? &after : NULL,
	                   &out->changes, err);
	if (r == 0)
		r = out->changes.nr > nr ? 1 : grub_lacks(root, args);
	if (r > 0)
		r = grub_step(root, out);
	return r == -ENOMEM ? weir_err_sys(err, r, "write '" GRUB_FILE "'") : r;
}

static int persist_cmdline(const struct weir_root *root, const struct weir_snapshot *snap,
                           const struct weir_boot_ours *ours, struct weir_str args,
                           struct weir_persist *out, struct weir_err *err)
{
	weir_auto(weir_buf_done) struct weir_buf old = { 0 }, text = { 0 };
	struct weir_str after;
	size_t nr = out->changes.nr;
	int r = weir_root_read(root, CMDLINE_FILE, TEXT_MAX, &old);

	if (r == 0)
		r = weir_boot_edit_cmdline(weir_buf_str(&old), ours, args, &text);
	if (r < 0)
		return weir_err_sys(err, r, "read '" CMDLINE_FILE "'");
	after = weir_buf_str(&text);
	r = weir_file_want(root, CMDLINE_FILE, WEIR_FILE_TEXT, &after, &out->changes,
	                   err);
	if (r == 0)
		r = out->changes.nr > nr ? 1 : entries_lack(root, ours, args);
	if (r > 0)
		r = cmdline_step(root, snap, out);
	return r == -ENOMEM ? weir_err_sys(err, r, "write '" CMDLINE_FILE "'") : r;
}

/* ---- the whole ------------------------------------------------------------------------
 */

static int note(struct weir_persist *out, bool when, const char *words)
{
	return when ? weir_buf_printf(&out->notes, "%s\n", words) : 0;
}

static int add_notes(const struct weir_root *root, bool node_lists,
                     struct weir_persist *out)
{
	bool any = false;
	int r;

	for (size_t i = 0; i < out->decl.nr_pools; i++)
		any |= is_asked_for(&out->decl.pools[i]) &&
		       out->decl.pools[i].nr_nodes > 1;
	r = note(out, any && !node_lists,
	         "this kernel is older than 5.16, or not known, and takes no pages per "
	         "node on "
	         "its command line: it gets their sum and spreads it evenly, and 'weir "
	         "apply' "
	         "puts right what it can");
	if (r == 0)
		r = note(out, any && node_lists && weir_root_has(root, "/etc/pve"),
		         "Proxmox reads no pages per node from the kernel command line: "
		         "when a "
		         "VM with huge pages stops, it sets the pool to 0, unless the VM "
		         "has "
		         "keephugepages: 1");
	return r;
}

/* What was asked for the last time, without the line that says whose the file is. */
static int read_record(const struct weir_root *root, struct weir_buf *out)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_str rest, line;
	int r = weir_root_read(root, WEIR_BOOT_RECORD, TEXT_MAX, &text);

	rest = weir_buf_str(&text);
	while (r == 0 && weir_str_line(&rest, &line))
		if (line.n && *line.p != '#')
			r = weir_buf_add(out, line);
	return r == -ENOMEM ? r : 0; /* what cannot be read was never written */
}

static int keep_record(const struct weir_root *root, struct weir_str args,
                       struct weir_persist *out, struct weir_err *err)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_str after;

	if (weir_buf_printf(&text,
	                    WEIR_MARK ": what it put on the kernel command line.\n"
	                              "%.*s\n",
	                    WEIR_STR_ARG(args)) < 0)
		return weir_err_sys(err, -ENOMEM, "write '" WEIR_BOOT_RECORD "'");
	after = weir_buf_str(&text);
	return weir_file_want(root, WEIR_BOOT_RECORD, WEIR_FILE_TEXT,
	                      args.n ? &after : NULL, &out->changes, err);
}

/* All ways that are there; *found: any. *kept: one of them is a place that others write
 * to as well. */
static int persist_ways(const struct weir_root *root, const struct weir_snapshot *snap,
                        const struct weir_boot_ours *ours, struct weir_str args,
                        struct weir_persist *out, bool *found, bool *kept,
                        struct weir_err *err)
{
	int r = 0;

	*found = *kept = true;
	if (has_program(root, "grubby"))
		return weir_persist_grubby(root, ours, args, out, err);
	*found = false;
	if (has_program(root, "update-grub") ||
	    weir_root_has(root, "/etc/default/grub")) {
		*found = true;
		r = persist_grub(root, args, out, err);
	}
	*kept = weir_root_has(root, CMDLINE_FILE);
	if (r == 0 && *kept) {
		*found = true;
		r = persist_cmdline(root, snap, ours, args, out, err);
	}
	if (r == 0 && !*found && args.n &&
	    weir_buf_printf(&out->notes,
	                    "no boot loader that weir knows was found: add to the kernel "
	                    "command line: %.*s\n",
	                    WEIR_STR_ARG(args)) < 0)
		r = weir_err_sys(err, -ENOMEM, "make a kernel command line");
	return r;
}

int weir_persist_boot(const struct weir_root *root, const struct weir_snapshot *snap,
                      struct weir_persist *out, struct weir_err *err)
{
	weir_auto(weir_buf_done) struct weir_buf buf = { 0 }, recorded = { 0 };
	bool node_lists = weir_snapshot_kernel_has(snap, 5, 16), kept = false,
	     found = false;
	struct weir_boot_ours ours = { .decl = &out->decl };
	size_t changes = out->changes.nr, steps = out->nr_steps;
	struct weir_str args;
	int r = weir_boot_args(&out->decl, node_lists, &buf);

	if (r == 0)
		r = add_notes(root, node_lists, out);
	if (r == 0)
		r = read_record(root, &recorded);
	if (r < 0)
		return weir_err_sys(err, r, "make a kernel command line");
	args = weir_buf_str(&buf);
	ours.recorded = weir_buf_str(&recorded);
	r = persist_ways(root, snap, &ours, args, out, &found, &kept, err);
	out->boot_is_asked = found && changes == out->changes.nr &&
	                     steps == out->nr_steps;
	return r < 0 ? r : keep_record(root, kept ? args : weir_str("", 0), out, err);
}
