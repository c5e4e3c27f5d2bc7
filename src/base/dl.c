/* dl: see dl.h. */
#include "base/dl.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

int weir_dl_load(const char *soname, const struct weir_dl_symbol *symbols, size_t nr,
                 const char *needed_for, struct weir_err *err)
{
	void *lib = dlopen(soname, RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);

	if (!lib)
		return weir_err_set(err, -ELIBACC, "%s needs the library %s: %s",
		                    needed_for, soname, dlerror());
	for (size_t i = 0; i < nr; i++) {
		void *address = dlsym(lib, symbols[i].name);

		if (!address) {
			(void)dlclose(lib);
			return weir_err_set(err, -ELIBACC,
			                    "%s needs %s, which this %s lacks",
			                    needed_for, symbols[i].name, soname);
		}
		memcpy(symbols[i].slot, &address,
		       sizeof(address)); /* POSIX dlsym's way */
	}
	(void)dlclose(lib); /* RTLD_NODELETE keeps it; this drops only our count */
	return 0;
}
