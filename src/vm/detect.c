/* detect: see detect.h. Lines that are empty or comments, which shells and YAML write in
 * the same way, and VAR=value words, which stand in front of the program in libvirt's
 * logs, are passed over when the first word is looked for. */
#include "vm/detect.h"

#include "vm/domain.h"
#include "vm/plan_file.h"
#include "vm/qemu.h"

#include <errno.h>

/* The next word of a line, without quotes around it or a \ alone. */
static bool next_word(struct weir_str *line, struct weir_str *word)
{
	while (weir_str_word(line, word)) {
		if (weir_str_eq(*word, "\\"))
			continue;
		if (word->n > 1 && (word->p[0] == '\'' || word->p[0] == '"'))
			*word = weir_str_skip(*word, 1);
		if (weir_str_ends(*word, "'") || weir_str_ends(*word, "\""))
			word->n--;
		return true;
	}
	return false;
}

/* NAME=value, as a shell takes it in front of a program */
static bool is_assignment(struct weir_str word)
{
	struct weir_str name, value;

	if (!weir_str_split(word, '=', &name, &value) || !name.n)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!(name.p[i] >= 'A' && name.p[i] <= 'Z') && name.p[i] != '_' &&
		    !weir_is_digit(name.p[i]))
			return false;
	return true;
}

static struct weir_str first_word(struct weir_str text)
{
	struct weir_str line, word;

	while (weir_str_line(&text, &line)) {
		line = weir_str_trim(line);
		if (weir_str_starts(line, "#"))
			continue;
		while (next_word(&line, &word))
			if (!is_assignment(word))
				return word;
	}
	return weir_str("", 0);
}

static bool is_qemu(struct weir_str word)
{
	for (size_t at; (at = weir_str_index(word, '/')) < word.n;)
		word = weir_str_skip(word, at + 1);
	return (weir_str_starts(word, "qemu") || weir_str_ends(word, "kvm")) &&
	       weir_str_index(word, ':') == word.n;
}

/* -m and --name, but neither YAML's "- name" nor its "---" */
static bool is_option(struct weir_str word)
{
	char c;

	if (!weir_str_starts(word, "-"))
		return false;
	word = weir_str_skip(word, weir_str_starts(word, "--") ? 2 : 1);
	c = word.n ? word.p[0] : '-';
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

enum weir_vm_form weir_vm_form(struct weir_str text)
{
	struct weir_str word = first_word(text);

	if (weir_str_index(text, '\0') < text.n)
		return WEIR_VM_FORM_ARGV;
	if (weir_str_starts(word, "<") || weir_str_starts(word, "\xef\xbb\xbf<"))
		return WEIR_VM_FORM_XML;
	if (is_qemu(word) || is_option(word))
		return WEIR_VM_FORM_SHELL;
	return WEIR_VM_FORM_PLAN_FILE;
}

int weir_vm_parse(struct weir_str text, enum weir_vm_vendor vendor,
                  struct weir_demands *out, struct weir_err *err)
{
	enum weir_vm_form form = weir_vm_form(text);
	struct weir_demand demand = { 0 };
	struct weir_demands one = { 0 };
	int r = 0;

	switch (form) {
	case WEIR_VM_FORM_PLAN_FILE: return weir_plan_file_parse(text, out, err);
	case WEIR_VM_FORM_XML: r = weir_domain_parse(text, vendor, &demand, err); break;
	case WEIR_VM_FORM_ARGV: r = weir_qemu_parse(text, vendor, &demand, err); break;
	case WEIR_VM_FORM_SHELL:
		r = weir_qemu_parse_text(text, vendor, &demand, err);
		break;
	}
	if (r < 0)
		return r;
	r = weir_demands_take(&one, &demand);
	if (r < 0) {
		weir_demand_done(&demand);
		return weir_err_sys(err, r, "a VM");
	}
	*out = one;
	return 0;
}
