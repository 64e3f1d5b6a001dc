// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_PRODUCT_H_
#define RNNSERVE_CORE_KERNELS_PRODUCT_H_

#include <cstdint>

#include "core/base/aligned_buffer.h"
#include "core/kernels/columns.h"
#include "core/kernels/matrix.h"

namespace rnnserve {

// Products of packed weights and columns. A sum runs over the inputs in ascending order, beginning
// with what it starts from, whatever the batch: the bits of a column do not depend on the others.
// With SSE4 and in the portable loops each multiplication and each addition is rounded, with AVX2,
// AVX-512 and NEON both together are rounded once (see Isa); for narrow weights see Operand, whose
// memory is all that is ever allocated.

// y[:, b] := bias + W x[:, b] for every column. `bias` is from PackBias. REQUIRES: x has
// input_size() rows, y has output_rows() rows, both have as many columns.
void Affine(const Matrix& weights, const AlignedBuffer& bias, ConstColumns x, Columns y);

// y[:, b] += W x[:, b], beginning with what y holds.
void AddProduct(const Matrix& weights, ConstColumns x, Columns y);

// The same for the rows of one block of y alone, with the same bits; the other rows of y stay.
// REQUIRES: block is in [0, blocks()); y has the rows of all blocks.
void AffineBlock(const Matrix& weights, int64_t block, const AlignedBuffer& bias, ConstColumns x,
                 Columns y);
void AddBlockProduct(const Matrix& weights, int64_t block, ConstColumns x, Columns y);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_PRODUCT_H_
