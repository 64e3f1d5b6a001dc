// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_OPERATION_FUSION_H_
#define RNNSERVE_CORE_PROGRAM_OPERATION_FUSION_H_

#include <cstddef>
#include <vector>

#include "absl/functional/function_ref.h"
#include "core/kernels/vector_map.h"
#include "core/program/program.h"

namespace rnnserve {

// One or more operations of a program that are computed together.
struct FusedOperation {
  enum class Kind {
    kSingle,             // the operation as it is
    kSumOfMatrices,      // a sum of products with constant weights, and of other values
    kMap,                // an elementwise function of several operations
    kReductionOfProduct  // the sum of the products of two values
  };

  Kind kind = Kind::kSingle;
  size_t operation = 0;  // the last of them, which has the result
  // kSumOfMatrices: the operations that are products, the constants and the other summands.
  std::vector<size_t> products;
  std::vector<Program::ValueId> constants;
  std::vector<Program::ValueId> others;
  // kMap and kReductionOfProduct: the operands. An operand is the product of some values.
  std::vector<std::vector<Program::ValueId>> operands;
  MapFunction function = MapFunction::kAdd;
};

// The facts that FuseOperations needs besides the program.
struct FusionFacts {
  absl::FunctionRef<bool(size_t)> is_live;                  // whether an operation is needed
  absl::FunctionRef<bool(Program::ValueId)> is_constant;    // whether it depends on weights alone
  absl::FunctionRef<bool(size_t)> is_product_with_weights;  // whether a product is worth a matrix
};

// Returns what to compute, in an order in which every value is computed before it is read: all live
// operations that are not on constants alone, unless all their readers have absorbed them. A value
// with several readers is computed again in each only if it is a large value multiplied by a small
// one. Summands are added in another order than in the program: constants, products with weights,
// the others. Factors are multiplied in another order too: small ones first, so that a product of
// three that has the shape of a matrix takes one multiplication for each element.
std::vector<FusedOperation> FuseOperations(const Program& program, const FusionFacts& facts);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_OPERATION_FUSION_H_
