/* report_json: the report as one JSON document, described in weir-json(5). What is
 * unknown is null; bytes and pages are integers; names never change their meaning within
 * a schema number, and new ones may be added. */
#include "cli/report.h"

#include "base/json.h"
#include "base/own.h"

#include <errno.h>
#include <inttypes.h>

#define SCHEMA 1

static void count(struct weir_json *j, const char *key, struct weir_count n)
{
	if (n.known)
		weir_json_u64(j, key, n.n);
	else
		weir_json_null(j, key);
}

/* A count that is a yes or a no. */
static void flag(struct weir_json *j, const char *key, struct weir_count n)
{
	if (n.known)
		weir_json_bool(j, key, n.n != 0);
	else
		weir_json_null(j, key);
}

static void word(struct weir_json *j, const char *key, const char *z)
{
	weir_json_strz(j, key, z && *z ? z : NULL);
}

static void pool_fields(struct weir_json *j, const struct weir_huge_size *size,
                        const struct weir_pool *pool)
{
	struct weir_span span = weir_pool_really_free(size, pool);

	count(j, "pages", pool->nr);
	count(j, "in_use", weir_pool_in_use(pool));
	count(j, "free", pool->free);
	count(j, "reserved", pool->reserved);
	count(j, "really_free_min", span.min);
	count(j, "really_free_max", span.max);
	count(j, "surplus", pool->surplus);
	count(j, "persistent", weir_pool_persistent(pool));
	count(j, "bytes", weir_count_mul(pool->nr, size->size_bytes));
}

static void one_size(struct weir_json *j, const struct weir_huge_size *size,
                     const struct weir_report_style *style)
{
	weir_json_open(j, NULL, '{');
	weir_json_u64(j, "size_bytes", size->size_bytes);
	pool_fields(j, size, &size->all);
	count(j, "overcommit", size->overcommit);
	count(j, "demote_size_bytes", size->demote_size);
	weir_json_bool(j, "consistent", size->consistent);
	weir_json_open(j, "nodes", '[');
	for (size_t i = 0; i < size->nr_nodes; i++) {
		if (!weir_style_has_node(style, size->nodes[i].node))
			continue;
		weir_json_open(j, NULL, '{');
		weir_json_u64(j, "node", size->nodes[i].node);
		pool_fields(j, size, &size->nodes[i].pool);
		weir_json_close(j);
	}
	weir_json_close(j);
	weir_json_close(j);
}

static void pools(struct weir_json *j, const struct weir_report *report,
                  const struct weir_report_style *style)
{
	const struct weir_pools *p = &report->snap->pools;

	if (!p->known) {
		weir_json_null(j, "pools");
		return;
	}
	weir_json_open(j, "pools", '[');
	for (size_t i = 0; i < p->nr; i++)
		if (weir_style_has_size(style, p->sizes[i].size_bytes))
			one_size(j, &p->sizes[i], style);
	weir_json_close(j);
}

static void sysctls(struct weir_json *j, const struct weir_report *report)
{
	const struct weir_pools *p = &report->snap->pools;

	weir_json_open(j, "sysctl", '{');
	count(j, "default_size_bytes", report->snap->mem.huge_size);
	count(j, "nr_hugepages", p->sysctl_nr);
	count(j, "nr_overcommit_hugepages", p->sysctl_overcommit);
	count(j, "hugetlb_shm_group", p->shm_group);
	flag(j, "hugetlb_optimize_vmemmap", p->optimize_vmemmap);
	weir_json_close(j);
}

static void zone(struct weir_json *j, const struct weir_zone *z)
{
	weir_json_open(j, NULL, '{');
	weir_json_strz(j, "name", z->name);
	count(j, "free_pages", z->free);
	count(j, "boost_pages", z->boost);
	count(j, "min_pages", z->min);
	count(j, "low_pages", z->low);
	count(j, "high_pages", z->high);
	count(j, "promo_pages", z->promo);
	count(j, "spanned_pages", z->spanned);
	count(j, "present_pages", z->present);
	count(j, "managed_pages", z->managed);
	count(j, "cma_pages", z->cma);
	count(j, "free_cma_pages", z->free_cma);
	count(j, "start_pfn", z->start_pfn);
	weir_json_open(j, "lowmem_reserve_pages", '[');
	for (size_t i = 0; i < z->nr_reserves; i++)
		weir_json_u64(j, NULL, z->reserve[i]);
	weir_json_close(j);
	weir_json_close(j);
}

static void topology(struct weir_json *j, const struct weir_node *node)
{
	if (node && node->cpus_known) {
		weir_auto(weir_buf_done) struct weir_buf text = { 0 };

		if (weir_ranges_format(&node->cpus, &text) < 0)
			j->failed = -ENOMEM;
		weir_json_str(j, "cpus", weir_buf_str(&text));
	} else {
		weir_json_null(j, "cpus");
	}
	if (!node || !node->nr_distances) {
		weir_json_null(j, "distances");
		return;
	}
	weir_json_open(j, "distances", '[');
	for (size_t i = 0; i < node->nr_distances; i++)
		weir_json_u64(j, NULL, node->distances[i]);
	weir_json_close(j);
}

static void node_memory(struct weir_json *j, const struct weir_report *report,
                        const struct weir_node_memory *row)
{
	const struct weir_snapshot *snap = report->snap;

	weir_json_open(j, NULL, '{');
	weir_json_u64(j, "node", row->node);
	count(j, "total_bytes", row->total);
	count(j, "free_bytes", row->free);
	count(j, "free_outside_cma_bytes", row->free_no_cma);
	count(j, "pinnable_free_bytes", row->pinnable);
	count(j, "cma_bytes", row->cma);
	count(j, "cma_free_bytes", row->cma_free);
	count(j, "movable_bytes", row->movable);
	count(j, "movable_free_bytes", row->movable_free);
	count(j, "pool_bytes", row->pool);
	count(j, "free_blocks_2m", row->blocks_2m);
	count(j, "free_blocks_1g_max", row->blocks_1g_max);
	topology(j, weir_nodes_find(&snap->nodes, row->node));
	weir_json_open(j, "zones", '[');
	for (size_t i = 0; i < snap->zones.nr; i++)
		if (snap->zones.v[i].node == row->node && snap->zones.v[i].present.n)
			zone(j, &snap->zones.v[i]);
	weir_json_close(j);
	weir_json_close(j);
}

static void nodes(struct weir_json *j, const struct weir_report *report,
                  const struct weir_report_style *style)
{
	weir_json_open(j, "nodes", '[');
	for (size_t i = 0; i < report->view.nr; i++)
		if (weir_style_has_node(style, report->view.nodes[i].node))
			node_memory(j, report, &report->view.nodes[i]);
	weir_json_close(j);
}

static void counters(struct weir_json *j, const struct weir_vmstat *v)
{
	weir_json_open(j, "counters", '{');
	count(j, "htlb_buddy_alloc_success", v->htlb_alloc_success);
	count(j, "htlb_buddy_alloc_fail", v->htlb_alloc_fail);
	count(j, "compact_stall", v->compact_stall);
	count(j, "compact_fail", v->compact_fail);
	count(j, "compact_success", v->compact_success);
	count(j, "cma_alloc_success", v->cma_alloc_success);
	count(j, "cma_alloc_fail", v->cma_alloc_fail);
	count(j, "nr_foll_pin_acquired", v->pin_acquired);
	count(j, "nr_foll_pin_released", v->pin_released);
	count(j, "pgmigrate_success", v->migrate_success);
	count(j, "pgmigrate_fail", v->migrate_fail);
	weir_json_close(j);
}

static void thp(struct weir_json *j, const struct weir_thp *t)
{
	weir_json_open(j, "transparent_huge_pages", '{');
	word(j, "enabled", t->enabled);
	word(j, "defrag", t->defrag);
	word(j, "shmem_enabled", t->shmem_enabled);
	count(j, "pmd_size_bytes", t->pmd_size);
	weir_json_close(j);
}

static void boot(struct weir_json *j, const struct weir_report *report,
                 const struct weir_report_style *style)
{
	const struct weir_snapshot *snap = report->snap;

	if (!snap->cmdline) {
		weir_json_null(j, "boot");
		return;
	}
	weir_json_open(j, "boot", '{');
	weir_json_open(j, "arguments", '[');
	for (size_t i = 0; i < snap->boot.nr_args; i++) {
		const struct weir_boot_arg *a = &snap->boot.args[i];

		weir_json_open(j, NULL, '{');
		weir_json_str(j, "text", a->text);
		weir_json_bool(j, "taken", a->taken);
		weir_json_strz(j, "why", a->note);
		weir_json_close(j);
	}
	weir_json_close(j);
	weir_json_open(j, "pools", '[');
	for (size_t i = 0; i < report->view.boot.nr; i++) {
		const struct weir_shortfall *s = &report->view.boot.v[i];

		if (!weir_style_has_size(style, s->size_bytes))
			continue;
		weir_json_open(j, NULL, '{');
		weir_json_u64(j, "size_bytes", s->size_bytes);
		count(j, "node", s->node);
		weir_json_u64(j, "asked", s->asked);
		count(j, "present", s->present);
		count(j, "missing", s->missing);
		count(j, "at_boot", s->at_boot);
		weir_json_close(j);
	}
	weir_json_close(j);
	weir_json_close(j);
}

static void mode_of(struct weir_json *j, struct weir_count mode)
{
	char text[8]; /* of at most 07777 */

	(void)snprintf(text, sizeof(text), "%04" PRIo64, mode.n & 07777U);
	weir_json_strz(j, "mode", mode.known ? text : NULL);
}

void weir_report_json_mount(struct weir_json *j, const char *key,
                            const struct weir_mounts *all, size_t i)
{
	const struct weir_hugetlbfs *m = &all->v[i];

	weir_json_open(j, key, '{');
	weir_json_strz(j, "target", m->target);
	weir_json_strz(j, "source", m->source);
	count(j, "page_bytes", m->page_bytes);
	count(j, "limit_bytes", m->size_bytes);
	count(j, "minimum_bytes", m->min_size_bytes);
	count(j, "inodes", m->nr_inodes);
	mode_of(j, m->mode);
	count(j, "uid", m->uid);
	count(j, "gid", m->gid);
	count(j, "blocks", m->statfs.blocks);
	count(j, "free_blocks", m->statfs.free_blocks);
	weir_json_bool(j, "shares_subpool", m->same_as != i);
	weir_json_close(j);
}

static void mounts(struct weir_json *j, const struct weir_mounts *all,
                   const struct weir_report_style *style)
{
	if (!all->known) {
		weir_json_null(j, "mounts");
		return;
	}
	weir_json_open(j, "mounts", '[');
	for (size_t i = 0; i < all->nr; i++) {
		const struct weir_hugetlbfs *m = &all->v[i];

		if (m->page_bytes.known && !weir_style_has_size(style, m->page_bytes.n))
			continue;
		weir_report_json_mount(j, NULL, all, i);
	}
	weir_json_close(j);
}

/* A limit: a number, "max" for none, or null. */
static void limit(struct weir_json *j, const char *key, struct weir_count n)
{
	if (n.known && n.n == WEIR_CGROUP_UNLIMITED)
		weir_json_strz(j, key, "max");
	else
		count(j, key, n);
}

static void cgroups(struct weir_json *j, const struct weir_cgroups *all,
                    const struct weir_report_style *style)
{
	if (!all->known) {
		weir_json_null(j, "cgroups");
		return;
	}
	weir_json_open(j, "cgroups", '[');
	for (size_t i = 0; i < all->nr; i++)
		for (size_t k = 0; k < all->v[i].nr; k++) {
			const struct weir_cgroup_use *u = &all->v[i].v[k];

			if (!weir_style_has_size(style, u->page_bytes))
				continue;
			weir_json_open(j, NULL, '{');
			weir_json_strz(j, "path", all->v[i].path);
			weir_json_u64(j, "page_bytes", u->page_bytes);
			count(j, "usage_bytes", u->usage);
			limit(j, "limit_bytes", u->limit);
			count(j, "reserved_bytes", u->reserved);
			limit(j, "reserved_limit_bytes", u->reserved_limit);
			count(j, "refusals", weir_cgroup_refusals(u));
			weir_json_close(j);
		}
	weir_json_close(j);
}

static void cma(struct weir_json *j, const struct weir_cma *all)
{
	if (!all->known) {
		weir_json_null(j, "cma_areas");
		return;
	}
	weir_json_open(j, "cma_areas", '[');
	for (size_t i = 0; i < all->nr; i++) {
		weir_json_open(j, NULL, '{');
		weir_json_strz(j, "name", all->v[i].name);
		count(j, "total_pages", all->v[i].total);
		count(j, "available_pages", all->v[i].available);
		count(j, "alloc_pages_success", all->v[i].alloc_success);
		count(j, "alloc_pages_fail", all->v[i].alloc_fail);
		count(j, "release_pages_success", all->v[i].release_success);
		weir_json_close(j);
	}
	weir_json_close(j);
}

static void confidential(struct weir_json *j, const struct weir_snapshot *snap)
{
	const struct weir_confidential *c = &snap->confidential;
	const struct weir_cpu *cpu = &snap->cpu;
	const struct weir_misc *capacity = &snap->cgroups.misc_capacity;
	const struct weir_misc *usage = &snap->cgroups.misc_usage;

	weir_json_open(j, "confidential", '{');
	flag(j, "kvm_sev", c->sev);
	flag(j, "kvm_sev_es", c->sev_es);
	flag(j, "kvm_sev_snp", c->sev_snp);
	flag(j, "kvm_tdx", c->tdx);
	flag(j, "dev_sev", c->dev_sev);
	count(j, "sev_slots", capacity->sev);
	count(j, "sev_es_slots", capacity->sev_es);
	count(j, "tdx_slots", capacity->tdx);
	count(j, "sev_slots_used", usage->sev);
	count(j, "sev_es_slots_used", usage->sev_es);
	count(j, "tdx_slots_used", usage->tdx);
	count(j, "csv_total_bytes", c->csv.all.total);
	count(j, "csv_used_bytes", c->csv.all.used);
	count(j, "csv_smr_bytes",
	      c->csv_smr_bytes.known ? c->csv_smr_bytes : snap->klog.csv_smr_entry_bytes);
	weir_json_open(j, "csv_reserved", '[');
	for (size_t i = 0; i < snap->klog.nr_csv_nodes; i++) {
		const struct weir_klog_csv_node *node = &snap->klog.csv_nodes[i];

		weir_json_open(j, NULL, '{');
		weir_json_u64(j, "node", node->node);
		weir_json_u64(j, "reserved_bytes", node->reserved_bytes);
		weir_json_u64(j, "expected_bytes", node->expected_bytes);
		weir_json_close(j);
	}
	weir_json_close(j);
	weir_json_close(j);
	weir_json_open(j, "cpu", '{');
	word(j, "vendor", cpu->vendor);
	word(j, "model", cpu->model);
	flag(j, "pdpe1gb", cpu->pdpe1gb);
	flag(j, "sme", cpu->sme);
	flag(j, "sev", cpu->sev);
	flag(j, "sev_es", cpu->sev_es);
	flag(j, "sev_snp", cpu->sev_snp);
	flag(j, "tdx_host", cpu->tdx_host);
	weir_json_close(j);
}

static void findings(struct weir_json *j, const struct weir_report *report,
                     const struct weir_report_style *style)
{
	weir_json_open(j, "findings", '[');
	for (size_t i = 0; i < report->findings.nr; i++) {
		const struct weir_finding *f = &report->findings.v[i];

		if (!weir_finding_is_about(f, style))
			continue;
		weir_json_open(j, NULL, '{');
		weir_json_strz(j, "id", f->id);
		weir_json_strz(j, "severity", weir_severity_word(f->severity));
		count(j, "size_bytes", f->size_bytes);
		count(j, "node", f->node);
		count(j, "pages", f->pages);
		weir_json_strz(j, "text", f->text);
		weir_json_strz(j, "remedy", f->remedy);
		weir_json_strz(j, "command", f->command);
		weir_json_close(j);
	}
	weir_json_close(j);
}

static void gaps(struct weir_json *j, const struct weir_gaps *all)
{
	weir_json_open(j, "unknown", '[');
	for (size_t i = 0; i < all->nr; i++) {
		weir_json_open(j, NULL, '{');
		weir_json_strz(j, "path", all->v[i].path);
		weir_json_strz(j, "kind", weir_gap_word(all->v[i].kind));
		weir_json_strz(j, "why", all->v[i].why);
		weir_json_close(j);
	}
	weir_json_close(j);
}

static void host(struct weir_json *j, const struct weir_report *report)
{
	const struct weir_snapshot *snap = report->snap;

	weir_json_open(j, "host", '{');
	word(j, "hostname", snap->hostname);
	word(j, "kernel", snap->release);
	count(j, "time_ns",
	      snap->at_ns ? WEIR_COUNT(snap->at_ns) : (struct weir_count){ 0 });
	count(j, "page_bytes", snap->page_bytes);
	count(j, "memory_block_bytes", snap->memory_block_bytes);
	count(j, "memory_bytes", report->view.host_total);
	count(j, "available_bytes", report->view.host_available);
	count(j, "floor_bytes", report->view.host_floor);
	count(j, "pool_bytes", report->view.host_pool);
	count(j, "cma_bytes", snap->mem.cma_total);
	count(j, "cma_free_bytes", snap->mem.cma_free);
	weir_json_bool(j, "consistent", snap->consistent);
	weir_json_close(j);
}

int weir_report_json(const struct weir_report *report,
                     const struct weir_report_style *style, bool compact, FILE *out,
                     struct weir_err *err)
{
	struct weir_json j = { .compact = compact };
	int r;

	weir_json_open(&j, NULL, '{');
	weir_json_u64(&j, "schema", SCHEMA);
	weir_json_strz(&j, "weir", WEIR_VERSION);
	host(&j, report);
	pools(&j, report, style);
	weir_report_json_warm(&j, report, style);
	sysctls(&j, report);
	nodes(&j, report, style);
	boot(&j, report, style);
	mounts(&j, &report->snap->mounts, style);
	cgroups(&j, &report->snap->cgroups, style);
	cma(&j, &report->snap->cma);
	confidential(&j, report->snap);
	thp(&j, &report->snap->thp);
	counters(&j, &report->snap->vmstat);
	findings(&j, report, style);
	gaps(&j, &report->snap->gaps);
	weir_json_close(&j);
	r = j.failed;
	if (r == 0) /* a failed write is seen when stdout is flushed */
		(void)fwrite(j.out.p, 1, j.out.n, out);
	weir_json_done(&j);
	return r < 0 ? weir_err_sys(err, r, "write JSON") : 0;
}
