/* SPDX-License-Identifier: Apache-2.0 */
/* The table of implementations, made from impls.def, and the fixed cut of work into chunks. */
#include "base/mem.h"
#include "exec/cpu/cpu.h"

#define I(symbol) extern const whet_cpu_impl symbol;
#include "exec/cpu/impls.def"
#undef I

static const whet_cpu_impl *const rows[] = {
#define I(symbol) &symbol,
#include "exec/cpu/impls.def"
#undef I
    NULL};

int whet_cpu_impl_count(void)
{
    return (int)WHET_COUNT(rows) - 1;
}

const whet_cpu_impl *whet_cpu_impl_at(int i)
{
    return rows[i];
}

int whet_chunks(int64_t n, int64_t grain, int most)
{
    int64_t chunks = n / WHET_MAX(grain, 1);
    chunks = WHET_MIN(chunks, (int64_t)most);
    return (int)WHET_MAX(chunks, 1);
}
