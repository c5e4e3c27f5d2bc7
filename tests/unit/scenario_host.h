/* scenario_host: a host that is the end of a scenario (weir-scenario(5)); its pools can
 * be written to. The model's headers and those of the facts do not go into one file. */
#ifndef WEIR_SCENARIO_HOST_H
#define WEIR_SCENARIO_HOST_H

#include "host/host.h"

/* Fails the test when there is no such host. The caller's: weir_host_free(). */
struct weir_host *scenario_host(const char *text);

#endif
