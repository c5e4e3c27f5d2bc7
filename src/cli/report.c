/* report: see report.h. */
#include "cli/report.h"

#include <errno.h>

int weir_report_make(const struct weir_host *host, bool details, struct weir_report *out,
                     struct weir_err *err)
{
	int r;

	*out = (struct weir_report){ 0 };
	r = weir_snapshot_read(host, details ? WEIR_SNAPSHOT_DETAILS : WEIR_SNAPSHOT_BASE,
	                       &out->snap, err);
	if (r < 0)
		return r;
	r = weir_overview_make(out->snap, &out->view);
	if (r == 0)
		r = weir_findings_make(out->snap, &out->view, &out->findings);
	if (r < 0) {
		weir_report_done(out);
		return weir_err_sys(err, r, "work out what the host's numbers mean");
	}
	return 0;
}

void weir_report_done(struct weir_report *report)
{
	weir_findings_done(&report->findings);
	weir_overview_done(&report->view);
	weir_snapshot_free(report->snap);
	*report = (struct weir_report){ 0 };
}

bool weir_style_has_node(const struct weir_report_style *style, unsigned int node)
{
	return !style->one_node || style->node == node;
}

bool weir_style_has_size(const struct weir_report_style *style, uint64_t size_bytes)
{
	return !style->one_size || style->size_bytes == size_bytes;
}

bool weir_finding_is_about(const struct weir_finding *f,
                           const struct weir_report_style *style)
{
	return (!f->node.known || weir_style_has_node(style, (unsigned int)f->node.n)) &&
	       (!f->size_bytes.known || weir_style_has_size(style, f->size_bytes.n));
}
