#include "facts/thp.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_str text = weir_str((const char *)data, size);
	struct weir_str word = { 0 }, again = { 0 };
	bool found = weir_choice_parse(text, &word);

	must(weir_choice_parse(text, &again) == found);
	if (!found)
		return 0;
	must(again.p == word.p && again.n == word.n);
	/* a slice of the text, in brackets there, and fit to be shown */
	must(word.n > 0 && word.p > text.p && word.p + word.n < text.p + text.n);
	must(word.p[-1] == '[' && word.p[word.n] == ']');
	for (size_t i = 0; i < word.n; i++)
		must(word.p[i] > ' ' && word.p[i] < 0x7f);
	return 0;
}
