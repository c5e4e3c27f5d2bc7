/* workload: processes, files and mounts that hold huge pages or keep some reserved, come
 * and go by chance, and stand still while a plan is carried out. */
#ifndef WEIR_PLANS_WORKLOAD_H
#define WEIR_PLANS_WORKLOAD_H

#include <stdint.h>

struct chance {
	uint64_t state;
};
/* From 0 to @below - 1. */
uint64_t chance_of(struct chance *c, uint64_t below);

struct limits {            /* what the whole workload may want */
	uint64_t pages[2]; /* of 2M and of 1G */
	unsigned int nodes;
};

void workload_init(const char *dir); /* where mounts and files go */
/* One thing is begun, ended, or changed; prints what, a line "did ...". */
void workload_step(struct chance *c, const struct limits *limits);
/* Ends all and takes all away. */
void workload_done(void);

/* Writes a number as an administrator would; 0 or -1. */
int put_number(const char *path, uint64_t n);

#define SIZE_2M (UINT64_C(2) << 20)
#define SIZE_1G (UINT64_C(1) << 30)
void pool_file(char out[128], uint64_t size, int node, const char *file);

#endif
