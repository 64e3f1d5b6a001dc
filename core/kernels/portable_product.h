// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_PORTABLE_PRODUCT_H_
#define RNNSERVE_CORE_KERNELS_PORTABLE_PRODUCT_H_

#include <cstdint>

#include "core/kernels/columns.h"
#include "core/kernels/matrix.h"
#include "core/kernels/operand.h"

namespace rnnserve {

// Computes y[:, b] := start[:, b] + W x[:, b] for the rows of one block of y. This is the product
// of Isa kPortable, written with Eigen. REQUIRES: as for AddBlockProduct, and `start` has the same
// rows as y.
void PortableBlockProduct(const Matrix& weights, int64_t block, ConstColumns start,
                          const Operand& x, Columns y);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_PORTABLE_PRODUCT_H_
