/* Instruction-set levels: the hot loops, compiled once for each width of vector registers and chosen at run time.
 *
 * A level is one file level_*.c that includes level.inc with its vector size, compiled with the flags that the Makefile has for it.  All
 * levels do the same sums in the same order, but a level with fused multiply-add rounds less often: results of two levels agree to
 * rounding, not to the bit. */
#ifndef EFLA_FLOW_LEVEL_H
#define EFLA_FLOW_LEVEL_H

#include <stdbool.h>
#include <stddef.h>

#define EFLA_TILE_BYTES 128 /* of a row of S: a tile is that many columns, packed (dk, TILE), aligned to its width */
#define EFLA_BLOCK      64  /* most tokens of one call of a level's blocks */

/* Some tiles of one head, and a block of its tokens.  Rows of q, k, v, o are `stride` numbers apart; q, k, v, o point to the first token,
 * v and o also to the first column of the first tile.  Columns past `columns` are kept, but not read from v nor written to o. */
#define EFLA_BLOCK_TYPE(REAL, suffix)                                                                                                    \
  typedef struct efla_block_##suffix {                                                                                                   \
    size_t tokens, dk, tiles, columns; /* tokens <= EFLA_BLOCK; columns <= tiles * TILE */                                               \
    const REAL *q, *k, *v;                                                                                                               \
    size_t q_stride, k_stride, v_stride, o_stride;                                                                                       \
    const REAL *gate;  /* (tokens) */                                                                                                    \
    const REAL *decay; /* (tokens), the factor of S before the token; NULL: none */                                                      \
    REAL *S;           /* (tiles, dk, TILE), in and out */                                                                               \
    REAL *o;           /* NULL: no read-out, and then q is not used */                                                                   \
  } efla_block_##suffix;                                                                                                                 \
  /* One token for some tiles of one head whose last update is still pending: S is to become decay S + k u^T first.  The new update    \
   * is left pending in u and *decay; the caller replaces k when all tiles are done. */ \
  typedef struct efla_step_##suffix {                                                                                                    \
    size_t dk, tiles, columns;                                                                                                           \
    const REAL *q, *k, *v;                                                                                                               \
    REAL gate, decay;                                                                                                                    \
    bool decays;           /* either decay is not 1 */                                                                                   \
    const REAL *pending_k; /* (dk) */                                                                                                    \
    REAL pending_decay;                                                                                                                  \
    REAL *u; /* (tiles, TILE), pending in, pending out */                                                                                \
    REAL *S;                                                                                                                             \
    REAL *o;                                                                                                                             \
  } efla_step_##suffix;
EFLA_BLOCK_TYPE(float, f32)
EFLA_BLOCK_TYPE(double, f64)

typedef struct efla_level {
  const char *name;
  size_t vector;           /* bytes of a vector register */
  bool (*supported)(void); /* by this processor */
  void (*block_f32)(const efla_block_f32 *block);
  void (*block_f64)(const efla_block_f64 *block);
  void (*step_f32)(const efla_step_f32 *step);
  void (*step_f64)(const efla_step_f64 *step);
} efla_level;

/* The name of level i of this build, the widest first; NULL past the end. */
const char *efla_level_name(size_t i);
/* That level, also where this processor does not support it. */
const efla_level *efla_level_at(size_t i);
/* The first that this processor supports. */
const efla_level *efla_level_best(void);

#endif
