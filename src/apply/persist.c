/* persist: the declaration, and who contradicts it. persist_boot.c has the kernel command
 * line, persist_units.c what systemd is given. */
#include "apply/persist.h"

#include "apply/declared.h"
#include "apply/foreign.h"
#include "base/own.h"
#include "plan/drift.h"

#include <errno.h>
#include <stdio.h>

static const char header[] = "# What this host is to have for good; see weir-pools(5).\n"
			     "# 'weir drift' compares, 'weir apply' sets.\n";

void weir_persist_done(struct weir_persist *p)
{
	weir_declaration_done(&p->decl);
	weir_file_changes_done(&p->changes);
	for (size_t i = 0; i < p->nr_steps; i++)
		for (size_t k = 0; k < WEIR_STEP_WORDS; k++)
			free(p->steps[i].argv[k]);
	free(p->steps);
	weir_foreigns_done(&p->foreigns);
	weir_buf_done(&p->conflicts);
	weir_buf_done(&p->notes);
	*p = (struct weir_persist){ 0 };
}

static bool same_step(const struct weir_persist_step *step, const char *const *argv,
                      size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (!step->argv[i] || strcmp(step->argv[i], argv[i]) != 0)
			return false;
	return !step->argv[nr];
}

int weir_persist_step(struct weir_persist *p, const char *why, const char *const *argv,
                      size_t nr)
{
	struct weir_persist_step *step;

	for (size_t i = 0; i < p->nr_steps; i++)
		if (same_step(&p->steps[i], argv, nr))
			return 0;
	if (weir_grow(&p->steps, &p->cap_steps, p->nr_steps, sizeof(p->steps[0])) < 0)
		return -ENOMEM;
	step = &p->steps[p->nr_steps++];
	step->why = why;
	for (size_t i = 0; i < nr && i + 1 < WEIR_STEP_WORDS; i++) {
		step->argv[i] = strdup(argv[i]);
		if (!step->argv[i])
			return -ENOMEM;
	}
	return 0;
}

/* ---- the declaration -----------------------------------------------------------------
 */

/* A drop-in is read after pools.conf: what was just written there must not be its to say
 * otherwise. */
static int check_number(const struct weir_declared_number *mine,
                        const struct weir_declared_number *all,
                        const struct weir_declaration *decl, struct weir_err *err)
{
	char text[WEIR_ORIGIN_TEXT_MAX];

	if (!mine->given || mine->at.file != WEIR_NO_FILE ||
	    (all && all->given && all->n == mine->n))
		return 0;
	if (!all || !all->given)
		return weir_err_set(err, -EEXIST,
		                    "a drop-in speaks of the same pool in another way, "
		                    "and goes before " WEIR_POOLS_CONF);
	return weir_err_set(err, -EEXIST,
	                    "%s says otherwise, and goes before " WEIR_POOLS_CONF,
	                    weir_origin_text(decl, all->at, text, sizeof(text)));
}

static int check_overridden(const struct weir_declaration *mine,
                            const struct weir_declaration *all, struct weir_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < mine->nr_pools; i++) {
		const struct weir_declared_pool *a = &mine->pools[i];
		const struct weir_declared_pool *b = weir_declared_pool(all,
		                                                        a->page_bytes);

		r = check_number(&a->pages, b ? &b->pages : NULL, all, err);
		if (r == 0)
			r = check_number(&a->overcommit, b ? &b->overcommit : NULL, all,
			                 err);
		for (size_t k = 0; r == 0 && k < a->nr_nodes; k++)
			r = check_number(&a->nodes[k].pages,
			                 b ? weir_declared_node(b, a->nodes[k].node)
			                   : NULL,
			                 all, err);
	}
	return r;
}

static int change_conf(const struct weir_snapshot *snap,
                       const struct weir_persist_options *options, bool from_now,
                       struct weir_declaration *mine, struct weir_persist *out,
                       struct weir_err *err)
{
	int r = from_now ? weir_declaration_from(mine, snap, &out->notes, err) : 0;

	if (r == 0 && options->wishes)
		r = weir_declaration_take(mine, options->wishes, snap, &out->notes, err);
	return r;
}

static int new_text(bool exists, struct weir_str old, const struct weir_declaration *mine,
                    struct weir_buf *text)
{
	int r;

	if (exists)
		return weir_declaration_update(old, mine, text);
	r = weir_buf_addz(text, header);
	return r == 0 ? weir_declaration_format(mine, text) : r;
}

static int persist_conf(const struct weir_root *root, const struct weir_snapshot *snap,
                        const struct weir_persist_options *options,
                        struct weir_persist *out, struct weir_err *err)
{
	weir_auto(weir_declaration_done) struct weir_declaration mine = { 0 };
	weir_auto(weir_buf_done) struct weir_buf old = { 0 }, text = { 0 };
	bool wished = options->wishes && options->wishes->nr, from_now, exists;
	struct weir_str after;
	int r = weir_declared_read_at(root, NULL, &out->decl, err);

	if (r < 0)
		return r;
	from_now = options->from_now || (r == WEIR_UNDECLARED && !wished);
	if (!from_now && !wished)
		return 0;
	weir_declaration_done(&out->decl);
	r = weir_root_read(root, WEIR_POOLS_CONF, WEIR_DECLARE_TEXT_MAX, &old);
	exists = r == 0;
	if (r < 0 && r != -ENOENT)
		return weir_err_sys(err, r, "read '" WEIR_POOLS_CONF "'");
	r = weir_declaration_add(&mine, WEIR_POOLS_CONF, weir_buf_str(&old), err);
	if (r == 0)
		r = change_conf(snap, options, from_now, &mine, out, err);
	if (r < 0)
		return r;
	if (weir_declaration_is_empty(&mine))
		return weir_err_set(err, -ENODATA,
		                    "there are no huge pages and no mounts of them that "
		                    "could be written down: 'weir persist 2M=1024' "
		                    "declares what is not there yet");
	r = new_text(exists, weir_buf_str(&old), &mine, &text);
	if (r < 0)
		return weir_err_sys(err, r, "write '" WEIR_POOLS_CONF "'");
	after = weir_buf_str(&text);
	r = weir_declared_read_at(root, &after, &out->decl, err);
	if (r == 0)
		r = check_overridden(&mine, &out->decl, err);
	return r < 0 ? r
	             : weir_file_want(root, WEIR_POOLS_CONF, WEIR_FILE_TEXT, &after,
	                              &out->changes, err);
}

/* ---- others --------------------------------------------------------------------------
 */

/* Also one that says the same is in the way on a kernel command line: of two requests for
 * the same size the kernel takes the first and drops the second. */
static const char *conflict_of(const struct weir_foreign *f,
                               enum weir_foreign_verdict verdict)
{
	bool line = f->source == WEIR_FOREIGN_GRUB || f->source == WEIR_FOREIGN_TUNED;

	switch (verdict) {
	case WEIR_FOREIGN_CONTRARY:
		return f->source == WEIR_FOREIGN_SYSCTL
		               ? "sets another number whenever sysctl runs; "
		                 "weir-apply.service comes after it at boot"
		               : "sets another number";
	case WEIR_FOREIGN_UNSURE: return "may set another number";
	case WEIR_FOREIGN_AGREES:
		return line ? "asks for the same size: the kernel takes the first of two"
		            : NULL;
	case WEIR_FOREIGN_APART: break;
	}
	return NULL;
}

/* What this very change replaces does not contradict it. */
static bool is_changed_here(const struct weir_persist *p, const char *file)
{
	for (size_t i = 0; i < p->changes.nr; i++)
		if (strcmp(p->changes.v[i].path, file) == 0)
			return true;
	return false;
}

static int find_conflicts(const struct weir_snapshot *snap, struct weir_persist *out)
{
	struct weir_count size = weir_drift_default_size(snap);
	int r = 0;

	for (size_t i = 0; r == 0 && i < out->foreigns.nr; i++) {
		const struct weir_foreign *f = &out->foreigns.v[i];
		const char *words = conflict_of(f,
		                                weir_foreign_judge(&out->decl, f, size));

		if (words && !is_changed_here(out, f->file))
			r = weir_buf_printf(&out->conflicts, "%s:%u %s: %s\n", f->file,
			                    f->line, words, f->text);
	}
	return r;
}

int weir_persist_make(const struct weir_root *root, const struct weir_snapshot *snap,
                      const struct weir_persist_options *options,
                      struct weir_persist *out, struct weir_err *err)
{
	int r;

	*out = (struct weir_persist){ 0 };
	r = persist_conf(root, snap, options, out, err);
	if (r == 0)
		r = weir_foreigns_read(root, &out->foreigns, &out->notes, err);
	if (r == 0)
		r = weir_persist_boot(root, snap, out, err);
	if (r == 0)
		r = weir_persist_units(root, out, err);
	if (r == 0 && find_conflicts(snap, out) < 0)
		r = weir_err_sys(err, -ENOMEM, "look for conflicts");
	if (r < 0)
		weir_persist_done(out);
	return r;
}
