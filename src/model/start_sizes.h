/* start_sizes: what is taken for granted of a VM that starts. Numbers alone: also for who
 * cannot include the model. */
#ifndef WEIR_MODEL_START_SIZES_H
#define WEIR_MODEL_START_SIZES_H

#include <stdint.h>

/* Firmware, ROMs and 16 MiB of video memory: what q35 with OVMF registers besides RAM. */
#define WEIR_START_EXTRA_BYTES (UINT64_C(28) << 20)
/* Of it, what is in memory slots that hold guest memory: the flash. */
#define WEIR_START_FLASH_BYTES (UINT64_C(4) << 20)
/* CSV3's unit of allocation is this at least, mem_encrypt_hygon.c. */
#define WEIR_CSV_SMR_BYTES_MIN (UINT64_C(8) << 20)

#endif
