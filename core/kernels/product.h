// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_PRODUCT_H_
#define RNNSERVE_CORE_KERNELS_PRODUCT_H_

#include <cstdint>

#include "core/base/aligned_buffer.h"
#include "core/base/team.h"
#include "core/kernels/column_grid.h"
#include "core/kernels/columns.h"
#include "core/kernels/matrix.h"

namespace rnnserve {

// Products of packed weights and columns. A sum adds the inputs in ascending order to its start
// value, whatever the batch, so the result for a column is the same to the bit whatever the other
// columns hold. With SSE4 and in the portable loops each multiplication and each addition is
// rounded; with AVX2, AVX-512 and NEON a multiplication and its addition are rounded once (see
// Isa). Nothing is allocated except the memory of an Operand for narrow weights.

// Computes y[:, b] := bias + W x[:, b] for every column. `bias` is from PackBias. REQUIRES: x has
// input_size() rows, y has output_rows() rows, and both have the same number of columns.
void Affine(const Matrix& weights, const AlignedBuffer& bias, ConstColumns x, Columns y);

// Computes y[:, b] += W x[:, b] for every column. REQUIRES: as above.
void AddProduct(const Matrix& weights, ConstColumns x, Columns y);

// Compute the same, bit for bit, for the rows of one block of y. The other rows of y stay
// unchanged. REQUIRES: block is in [0, blocks()), and y has the rows of all blocks.
void AffineBlock(const Matrix& weights, int64_t block, const AlignedBuffer& bias, ConstColumns x,
                 Columns y);
void AddBlockProduct(const Matrix& weights, int64_t block, ConstColumns x, Columns y);

// Computes y := start + W x for every column of a grid with `batch` rows, whose columns all take
// part in one product. A team, if there is one, shares the panels if there are enough weights
// (panel_range.h). The columns of x need not be aligned, and may overlap. REQUIRES: there is one
// block; x has input_size() rows; start and y have units() rows, padded; the grids have the same
// number of columns; y does not overlap x, and is `start` or does not overlap it.
void SharedProduct(const Matrix& weights, const ConstColumnGrid& start, const ConstColumnGrid& x,
                   const ColumnGrid& y, int64_t batch, Team* team);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_PRODUCT_H_
