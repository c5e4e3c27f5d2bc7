/* ckd: checked arithmetic under C23's names.
 *
 * Each returns true when the exact result does not fit *r (which then holds the wrapped
 * value). Replaced by <stdckdint.h> once that is everywhere. */
#ifndef WEIR_BASE_CKD_H
#define WEIR_BASE_CKD_H

#define ckd_add(r, a, b) __builtin_add_overflow((a), (b), (r))
#define ckd_sub(r, a, b) __builtin_sub_overflow((a), (b), (r))
#define ckd_mul(r, a, b) __builtin_mul_overflow((a), (b), (r))

#endif
