/* persist_grubby: huge pages on the kernel command line where grubby keeps it, and what
 * the entries of boot loaders have of it (the Boot Loader Specification's drop-ins, as on
 * Fedora, RHEL and with systemd-boot).
 *
 * grubby's --args= replaces what is there of the same names, all of it: of several
 * hugepages= none but the new ones stays. So those of others are handed to it again. What
 * is asked for no more is named in --remove-args=, for a name that gets no new value is
 * replaced by nothing. Where there are no entries to read (grubby on RHEL 7 edits
 * grub.cfg), it is run each time that the declaration is made to take effect. */
#include "apply/persist.h"

#include "base/own.h"
#include "facts/cmdline.h"

#include <errno.h>

#define GRUBENV    "/boot/grub2/grubenv"
#define KERNELOPTS "kernelopts" /* the variable of grub that entries share */
#define TEXT_MAX   (64U << 10)

/* ---- one entry -----------------------------------------------------------------------
 */

/* The value of "KEY=VALUE" in grub's environment; empty when it is not there. */
static struct weir_str env_value(struct weir_str env, const char *key)
{
	struct weir_str line;
	size_t n = strlen(key);

	while (weir_str_line(&env, &line))
		if (weir_str_starts(line, key) && line.n > n && line.p[n] == '=')
			return weir_str_skip(line, n + 1);
	return weir_str("", 0);
}

/* Its lines "options ...", as one; an entry without any boots no Linux. */
static int options_of(struct weir_str entry, struct weir_str env, struct weir_buf *out)
{
	struct weir_str line, word;
	int r = 0;

	out->n = 0;
	while (r == 0 && weir_str_line(&entry, &line)) {
		if (!weir_str_word(&line, &word) || !weir_str_eq(word, "options"))
			continue;
		while (r == 0 && weir_str_word(&line, &word)) {
			if (weir_str_eq(word, "$" KERNELOPTS))
				word = env_value(env, KERNELOPTS);
			r = weir_buf_printf(out, "%s%.*s", out->n ? " " : "",
			                    WEIR_STR_ARG(word));
		}
	}
	return r;
}

/* Requests for huge pages among the words of others. */
static int keep_requests(struct weir_str words, struct weir_buf *out)
{
	struct weir_param param;
	int r = 0;

	while (r == 0 && weir_cmdline_next(&words, &param))
		if (weir_param_is(param.name, "hugepagesz") ||
		    weir_param_is(param.name, "hugepages"))
			r = weir_buf_printf(out, "%s%.*s", out->n ? " " : "",
			                    WEIR_STR_ARG(param.text));
	return r;
}

static int see_entry(struct weir_str options, const struct weir_boot_ours *ours,
                     struct weir_str args, struct weir_boot_entries *out)
{
	weir_auto(weir_buf_done) struct weir_buf gone = { 0 }, rest = { 0 },
						 others = { 0 };
	struct weir_str init;
	int r = weir_boot_take_out(options, ours, &init, &rest, &gone);

	if (r == 0)
		r = keep_requests(weir_buf_str(&rest), &others);
	if (r < 0)
		return r;
	out->nr++;
	if (gone.n == args.n && (!args.n || memcmp(gone.p, args.p, args.n) == 0))
		out->nr_have++;
	else if (!out->gone.n && gone.n)
		r = weir_buf_add(&out->gone, weir_buf_str(&gone));
	if (r == 0 && out->nr == 1)
		return weir_buf_add(&out->others, weir_buf_str(&others));
	out->differ = out->differ || others.n != out->others.n ||
	              (others.n && memcmp(others.p, out->others.p, others.n) != 0);
	return r;
}

/* ---- all of them ---------------------------------------------------------------------
 */

void weir_boot_entries_done(struct weir_boot_entries *entries)
{
	weir_buf_done(&entries->gone);
	weir_buf_done(&entries->others);
	*entries = (struct weir_boot_entries){ 0 };
}

int weir_boot_entries_read(const struct weir_root *root, const char *dir,
                           const struct weir_boot_ours *ours, struct weir_str args,
                           struct weir_boot_entries *out)
{
	weir_auto(weir_names_done) struct weir_names names = { 0 };
	weir_auto(weir_buf_done) struct weir_buf path = { 0 }, text = { 0 }, env = { 0 },
						 options = { 0 };
	int r = weir_root_list(root, dir, &names);

	if (weir_root_read(root, GRUBENV, TEXT_MAX, &env) == -ENOMEM)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < names.nr; i++) {
		if (!weir_str_ends(weir_strz(names.v[i].name), ".conf"))
			continue;
		path.n = 0;
		r = weir_buf_printf(&path, "%s/%s", dir, names.v[i].name);
		if (r == 0)
			r = weir_root_read(root, path.p, TEXT_MAX, &text);
		if (r == 0)
			r = options_of(weir_buf_str(&text), weir_buf_str(&env), &options);
		if (r == 0 && options.n)
			r = see_entry(weir_buf_str(&options), ours, args, out);
	}
	if (r != -ENOMEM && r < 0) { /* as if there were none: nothing can be said */
		weir_boot_entries_done(out);
		r = 0;
	}
	return r;
}

/* ---- grubby --------------------------------------------------------------------------
 */

static int add_step(struct weir_persist *out, const struct weir_buf *gone,
                    const struct weir_buf *args)
{
	static const char why[] =
		"changes the kernel command line of all kernels, for the "
		"next boot";
	const char *argv[4] = { "grubby", "--update-kernel=ALL" };
	weir_auto(weir_buf_done) struct weir_buf remove = { 0 }, add = { 0 };
	size_t nr = 2;
	int r = 0;

	if (gone->n) {
		r = weir_buf_printf(&remove, "--remove-args=%s", gone->p);
		argv[nr++] = remove.p;
	}
	if (r == 0 && args->n) {
		r = weir_buf_printf(&add, "--args=%s", args->p);
		argv[nr++] = add.p;
	}
	return r < 0 || nr == 2 ? r : weir_persist_step(out, why, argv, nr);
}

static int make_step(const struct weir_boot_entries *entries,
                     const struct weir_boot_ours *ours, struct weir_str args,
                     struct weir_persist *out)
{
	weir_auto(weir_buf_done) struct weir_buf gone = { 0 }, all = { 0 };
	int r;

	if (entries->nr && entries->nr == entries->nr_have)
		return 0;
	r = weir_buf_add(&gone,
	                 entries->nr ? weir_buf_str(&entries->gone) : ours->recorded);
	/* where there is nothing to see: what is asked for is not removed first */
	if (!entries->nr && gone.n == args.n &&
	    (!args.n || memcmp(gone.p, args.p, args.n) == 0))
		gone.n = 0;
	if (r == 0)
		r = weir_buf_add(&all, weir_buf_str(&entries->others));
	if (r == 0 && args.n)
		r = weir_buf_printf(&all, "%s%.*s", all.n ? " " : "", WEIR_STR_ARG(args));
	if (r == 0 && entries->differ)
		r = weir_buf_addz(
			&out->notes,
			"the entries of the boot loader ask for different huge "
			"pages of other sizes: grubby gives all of them those of "
			"the first\n");
	return r < 0 ? r : add_step(out, &gone, &all);
}

int weir_persist_grubby(const struct weir_root *root, const struct weir_boot_ours *ours,
                        struct weir_str args, struct weir_persist *out,
                        struct weir_err *err)
{
	weir_auto(weir_boot_entries_done) struct weir_boot_entries entries = { 0 };
	int r = weir_boot_entries_read(root, WEIR_BOOT_ENTRIES, ours, args, &entries);

	if (r == 0)
		r = make_step(&entries, ours, args, out);
	out->grubby_seen = entries.nr > 0;
	return r < 0 ? weir_err_sys(err, r, "call grubby") : 0;
}
