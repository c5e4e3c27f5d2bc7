/* domain_read: domain XML while it is read; private to domain*.c. */
#ifndef WEIR_VM_DOMAIN_READ_H
#define WEIR_VM_DOMAIN_READ_H

#include "vm/demand.h"
#include "vm/tree.h"

#define WEIR_DOMAIN_PAGES_MAX 64U /* <page> lines: one a guest node is enough */

enum weir_domain_mode { /* of numatune */
	                WEIR_DOMAIN_STRICT,
	                WEIR_DOMAIN_PREFERRED,
	                WEIR_DOMAIN_INTERLEAVE,
	                WEIR_DOMAIN_RESTRICTIVE,
};

enum weir_domain_access { /* that of the next outer level where it is not said */
	                  WEIR_DOMAIN_ACCESS_UNSAID,
	                  WEIR_DOMAIN_SHARED,
	                  WEIR_DOMAIN_PRIVATE,
};

struct weir_domain_cell {
	bool seen;
	uint64_t bytes;
	enum weir_domain_access access;
	bool is_tuned; /* <memnode> */
	enum weir_domain_mode mode;
	uint64_t nodes;
};

struct weir_domain_read {
	const struct weir_tree *tree;
	struct weir_err *err;
	enum weir_vm_vendor vendor;
	struct weir_demand *demand;

	/* memoryBacking */
	struct weir_domain_page {
		uint64_t bytes; /* 0: the host's default */
		uint64_t cells; /* guest nodes; 0: all that no other names */
	} pages[WEIR_DOMAIN_PAGES_MAX];
	size_t nr_pages;
	enum {
		WEIR_DOMAIN_SOURCE_ANON,
		WEIR_DOMAIN_SOURCE_UNSAID,
		WEIR_DOMAIN_SOURCE_FILE,
		WEIR_DOMAIN_SOURCE_MEMFD,
	} source;
	enum weir_domain_access access;
	bool is_immediate;
	uint64_t threads;

	/* numatune */
	bool is_tuned;
	enum weir_domain_mode mode;
	uint64_t nodes;

	struct weir_domain_cell cells[WEIR_VM_NODES_MAX];
	unsigned int nr_cells; /* their ids are 0 to this, without gaps */
};

typedef const struct weir_tree_node weir_element;

/* Words with line and element; returns -EBADMSG. */
int weir_domain_wrong(const struct weir_domain_read *rd, weir_element *element,
                      const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The element at the end of a path "a/b/c" below @from, or NULL. */
weir_element *weir_domain_at(const struct weir_domain_read *rd, weir_element *from,
                             const char *path);

/* An attribute, trimmed; false where it is not there. */
bool weir_domain_attr(const struct weir_domain_read *rd, weir_element *element,
                      const char *name, struct weir_str *out);
bool weir_domain_attr_is(const struct weir_domain_read *rd, weir_element *element,
                         const char *name, const char *value);
struct weir_str weir_domain_text(const struct weir_domain_read *rd,
                                 weir_element *element);

/* @text with @unit ("" means KiB) in bytes, rounded up to @align; never 0 unless
 * @zero_is_fine. */
struct weir_domain_size {
	struct weir_str text, unit;
	uint64_t align;
	bool zero_is_fine;
};
int weir_domain_bytes(const struct weir_domain_read *rd, weir_element *element,
                      struct weir_domain_size size, uint64_t *out);
/* That of an element with its unit attribute. */
int weir_domain_element_bytes(const struct weir_domain_read *rd, weir_element *element,
                              uint64_t align, bool zero_is_fine, uint64_t *out);

/* "0-3,^2,5": a mask that is not empty. */
int weir_domain_nodes(const struct weir_domain_read *rd, weir_element *element,
                      struct weir_str text, uint64_t *out);
/* One node's number, below 64. */
int weir_domain_node(const struct weir_domain_read *rd, weir_element *element,
                     struct weir_str text, unsigned int *out);

int weir_domain_access(const struct weir_domain_read *rd, weir_element *element,
                       const char *attr, enum weir_domain_access *out);

/* domain_numa.c: <cpu><numa>, then <numatune>, into rd. */
int weir_domain_cells(struct weir_domain_read *rd, weir_element *domain);
int weir_domain_numatune(struct weir_domain_read *rd, weir_element *domain);
/* Of a backend; DEFAULT for restrictive, which works by the cpuset alone. */
enum weir_vm_policy weir_domain_policy(enum weir_domain_mode mode);

/* domain_memory.c: <memoryBacking>, <memory> and the above into rd, and rd
 * into the demand's memory. */
int weir_domain_memory(struct weir_domain_read *rd, weir_element *domain);

#endif
