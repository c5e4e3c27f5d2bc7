/* http_off: weird without libmicrohttpd. */
#include "daemon/http.h"

#include <errno.h>

int weir_http_new(struct weir_daemon *d, const char *address, uint16_t port,
                  struct weir_http **out, struct weir_err *err)
{
	(void)d;
	(void)out;
	return weir_err_set(err, -ENOTSUP,
	                    "listen on %s:%u: this weird is built without HTTP", address,
	                    port);
}

void weir_http_free(struct weir_http *http)
{
	(void)http;
}

void weir_http_seen(struct weir_http *http)
{
	(void)http;
}
