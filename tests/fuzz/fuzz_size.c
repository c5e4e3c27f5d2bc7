/* size: what parses is written back to the same size, and people are not shown more. */
#include "base/size.h"

#include "fuzz.h"

#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[WEIR_SIZE_TEXT_MAX];
	uint64_t bytes = 42, again;
	int r = weir_parse_size(weir_str((const char *)data, size), &bytes);

	must(r == 0 || ((r == -EBADMSG || r == -ERANGE) && bytes == 42));
	if (size == sizeof(bytes)) /* any number at all */
		memcpy(&bytes, data, size);
	else if (r < 0)
		return 0;
	must(weir_parse_size(weir_format_size(bytes, text, sizeof(text)), &again) == 0);
	must(again == bytes);
	(void)weir_format_human(bytes, text, sizeof(text));
	if (!strchr(text, '.')) {
		must(weir_parse_size(weir_strz(text), &again) == 0);
		must(again <= bytes);
	}
	return 0;
}
