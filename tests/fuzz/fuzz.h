/* fuzz: what every fuzzer includes. A fuzzer feeds one parser, checks what must hold for
 * any input (not only that nothing crashes), and aborts when it does not. */
#ifndef WEIR_FUZZ_H
#define WEIR_FUZZ_H

#include "base/err.h"
#include "base/own.h"
#include "base/str.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void must(int holds)
{
	if (!holds)
		abort();
}

#endif
