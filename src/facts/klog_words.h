/* klog_words: lines of the kernel's log, and what messages are made of. Each weir_eat
 * takes something off the start of @s, all of it or nothing. For klog.c. */
#ifndef WEIR_FACTS_KLOG_WORDS_H
#define WEIR_FACTS_KLOG_WORDS_H

#include "facts/fact.h"

/* The next line that can be the kernel's, without a carriage return behind it. */
bool weir_klog_next_line(struct weir_str *rest, struct weir_str *line);

/* The message itself. "Jan  1 00:00:00 host kernel: " is the journal's and syslog's; with
 * a colon and a blank before it, another program says it. */
struct weir_str weir_klog_message(struct weir_str line);

bool weir_eat(struct weir_str *s, const char *z);
bool weir_eat_count(struct weir_str *s, uint64_t *out);
bool weir_eat_node(struct weir_str *s, unsigned int *out);

/* "0x1000": an address or a size */
bool weir_eat_hex(struct weir_str *s, uint64_t *out);

/* "2.00 MiB", "32.0 MiB", "512 KiB": three digits, cut (lib/string_helpers.c
 * string_get_size()). Page sizes are powers of two, of which all three digits are before
 * the point or zeros behind it; with other digits behind it the size is not known. */
bool weir_eat_page_size(struct weir_str *s, struct weir_count *out);

#endif
