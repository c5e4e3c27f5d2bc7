/* creators: who made a file or a segment, as far as that is told, and whether he lives.
 */
#ifndef WEIR_FACTS_CREATORS_H
#define WEIR_FACTS_CREATORS_H

#include "facts/holdings.h"

/* The process that a file's name says has made it, "spdk_pid4242map_0": the number behind
 * "pid", else 0. */
uint64_t weir_creator_of_name(struct weir_str path);

/* True when there is a process of this number, also when it is not to be looked at. */
bool weir_process_lives(const struct weir_host *host, uint64_t pid);

/* Why processes may be there that this /proc does not show: "" when it shows all, or when
 * nothing tells, as in captures of old. */
const char *weir_processes_unseen(const struct weir_host *host);

/* Asks whether the creators of files and segments live: for captures.
 * And whether all processes are seen. */
void weir_creators_ask(const struct weir_host *host, const struct weir_holdings *all);

#endif
