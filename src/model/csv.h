/* csv: memory of Hygon's CSV3 VMs: what is set aside at boot, and how it is handed out.
 *
 * At boot a share of each node becomes CMA areas of 1 GiB, which movable memory borrows
 * meanwhile. A CSV3 VM takes its private memory and its nested page tables from there, in
 * units of one SMR entry, and never from its backend. Source: openEuler's, Anolis' and
 * deepin's arch/x86/mm/mem_encrypt_hygon.c (csv_cma_reserve_mem(),
 * csv_alloc_from_contiguous()) and arch/x86/kvm/svm/csv.c
 * (csv3_set_guest_private_memory()) as published; not measured. Only areas of the CMA
 * that CSV owns are meant: a host has no others (checked by who fills the model). */
#ifndef WEIR_MODEL_CSV_H
#define WEIR_MODEL_CSV_H

#include "model/model.h"

#define WEIR_CSV_AREA_BYTES  (UINT64_C(1) << 30)
#define WEIR_CSV_AREAS_MAX   2458U /* CSV_CMA_AREAS: of the whole host */
#define WEIR_CSV_PERCENT_MAX 80U
#define WEIR_CSV_SMR_ENTRIES 8192U

/* What one node sets aside: expected, before it is rounded up to areas, and areas. */
struct weir_csv_share {
	uint64_t expected_bytes;
	uint64_t areas;
};

/* @present: pages of the node, holes left out, what boot keeps included. */
struct weir_csv_share weir_csv_reserve(uint64_t present_pages, unsigned int percent);

/* The unit of allocation, by the largest span of a node's areas: 8 MiB and up. */
uint64_t weir_csv_smr_bytes(uint64_t span_bytes);

/* What a VM needs: @guest_pages of base size in all memory slots, firmware included. */
struct weir_csv_need {
	uint64_t private_bytes, npt_bytes; /* rounded up to units */
	uint64_t nr_smr;
};
struct weir_csv_need weir_csv_need(uint64_t guest_pages, uint64_t smr_bytes);

/* Sets areas aside on every node, as boot does: from its Normal zone, else DMA32. What is
 * free there becomes free CMA. Nodes whose zones have a CMA keep it. */
void weir_csv_boot(struct weir_model *m, unsigned int percent);

/* Takes @nr units for a VM from the nodes of @allowed: that of the calling CPU first,
 * then ascending, one filled before the next. What was borrowed is moved out. Adds the
 * bytes taken of each node to @taken. 0; -ENOMEM, with nothing taken and *got, how many
 * there were (borrowed memory that had to move stays moved). */
int weir_csv_take(struct weir_model *m, uint64_t nr, uint64_t smr_bytes,
                  unsigned int start, uint64_t allowed,
                  uint64_t taken[WEIR_MODEL_NODES_MAX], uint64_t *got);
void weir_csv_give(struct weir_model *m, const uint64_t taken[WEIR_MODEL_NODES_MAX]);

/* Units that could be had without moving anything, and at most, of @allowed. */
struct weir_csv_room {
	uint64_t sure, most;
};
struct weir_csv_room weir_csv_room(const struct weir_model *m, uint64_t smr_bytes,
                                   uint64_t allowed);

#endif
