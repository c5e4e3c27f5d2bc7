/* wish: what is taken as a wish is written as one that is taken for the same; what is not
 * taken adds nothing that contradicts what is there. */
#include "plan/wish.h"

#include "fuzz.h"

#include <errno.h>

static bool same(const struct weir_wish *a, const struct weir_wish *b)
{
	return a->kind == b->kind && a->how == b->how && a->page_bytes == b->page_bytes &&
	       a->node == b->node && a->pages == b->pages;
}

/* Words apart by newlines. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	weir_auto(weir_wishes_done) struct weir_wishes wishes = { 0 };
	struct weir_str rest = weir_str((const char *)data, size), word;
	struct weir_err err = { 0 };

	while (weir_str_line(&rest, &word)) {
		size_t had = wishes.nr;
		int r = weir_wish_parse(word, &wishes, &err);

		must(r == 0 || r == -EBADMSG || r == -EEXIST || r == -E2BIG);
		must(r == 0 || err.msg[0]);
		must(r < 0 || wishes.nr > had);
	}
	for (size_t i = 0; i < wishes.nr; i++) {
		const struct weir_wish *wish = &wishes.v[i];
		weir_auto(weir_wishes_done) struct weir_wishes again = { 0 };
		char text[WEIR_WISH_TEXT_MAX];

		must(wish->page_bytes && !(wish->page_bytes & (wish->page_bytes - 1)));
		must(weir_wish_parse(weir_strz(weir_wish_text(wish, text, sizeof(text))),
		                     &again, &err) == 0);
		must(again.nr == 1 && same(wish, &again.v[0]));
		for (size_t k = 0; k < i; k++)
			must(wishes.v[k].kind != wish->kind ||
			     wishes.v[k].page_bytes != wish->page_bytes ||
			     (wishes.v[k].node != wish->node && wishes.v[k].node >= 0 &&
			      wish->node >= 0));
	}
	return 0;
}
