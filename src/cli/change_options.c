/* change_options: the options that set, apply and undo share: see change.h. */
#include "cli/change.h"

#include "base/own.h"
#include "cli/cli.h"

/* "30", "30s", "2m": milliseconds. */
static bool take_timeout(const char *arg, uint64_t *out_ms)
{
	struct weir_str s = weir_strz(arg);
	uint64_t unit = 1000, n;

	if (weir_str_ends(s, "s") || weir_str_ends(s, "m")) {
		unit = weir_str_ends(s, "m") ? 60000 : 1000;
		s.n--;
	}
	if (weir_parse_u64(s, &n) < 0 || !n || n > 86400)
		return false;
	*out_ms = n * unit;
	return true;
}

/* "surplus,floor" as a mask. */
static bool take_guards(const char *arg, unsigned int *mask)
{
	struct weir_str rest = weir_strz(arg), word;
	enum weir_guard guard;

	if (weir_str_ends(rest, ","))
		return false;
	while (weir_str_cut(&rest, ',', &word)) {
		if (weir_guard_parse(word, &guard) < 0)
			return false;
		*mask |= 1U << guard;
	}
	return true;
}

int weir_change_bad_option(const struct weir_change_options *opts, const char *name,
                           const char *arg, const char *right)
{
	(void)weir_cli_fail(opts->style.command, 0, "--%s '%s': %s", name, arg, right);
	return weir_cli_usage(opts->style.command);
}

int weir_change_take_option(int c, const char *arg, struct weir_change_options *opts)
{
	switch (c) {
	case WEIR_CHANGE_ALLOW:
		return take_guards(arg, &opts->allow)
		               ? 0
		               : weir_change_bad_option(opts, "allow", arg,
		                                        "wants surplus, subpool, lease, "
		                                        "floor, vm, declared or "
		                                        "reach");
	case WEIR_CHANGE_TIMEOUT:
		return take_timeout(arg, &opts->apply.timeout_ms)
		               ? 0
		               : weir_change_bad_option(opts, "timeout", arg,
		                                        "wants a time such as 30s or 2m");
	case WEIR_CHANGE_DROP_CACHES: opts->apply.drop_caches = true; return 0;
	case WEIR_CHANGE_PRESSURE: opts->apply.pressure = true; return 0;
	case WEIR_CHANGE_KEEP_PARTIAL: opts->apply.keep_partial = true; return 0;
	case WEIR_CHANGE_STATE: opts->apply.state_dir = arg; return 0;
	case 'n': opts->style.dry_run = true; return 0;
	case 'y': opts->style.yes = true; return 0;
	case 'J': opts->style.json = true; return 0;
	default: /* getopt has said what is wrong */
		return weir_cli_usage(opts->style.command);
	}
}
