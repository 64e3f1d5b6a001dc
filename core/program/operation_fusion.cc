// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/operation_fusion.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace rnnserve {
namespace {

using ValueId = Program::ValueId;

class Fusion {
 public:
  Fusion(const Program& program, const FusionFacts& facts)
      : program_(program),
        facts_(facts),
        producer_(program.values.size()),
        num_uses_(program.values.size(), 0),
        is_absorbed_(program.operations.size(), false) {
    for (size_t i = 0; i < program.operations.size(); ++i) {
      if (!facts.is_live(i)) continue;
      for (const ValueId result : program.operations[i].results) producer_[result] = i;
      for (const ValueId operand : program.operations[i].operands) ++num_uses_[operand];
    }
    for (const Program::Output& output : program.outputs) ++num_uses_[output.value];
    for (const Program::State& state : program.states) ++num_uses_[state.next];
  }

  std::vector<FusedOperation> Run() {
    std::vector<FusedOperation> fused;
    // From the last operation, so that the last one of several absorbs the others.
    for (size_t i = program_.operations.size(); i-- > 0;) {
      const bool is_needed = facts_.is_live(i) && !is_absorbed_[i] &&
                             !facts_.is_constant(program_.operations[i].results[0]);
      if (is_needed) fused.push_back(FuseInto(i));
    }
    std::reverse(fused.begin(), fused.end());
    return fused;
  }

 private:
  const Program::Operation& Of(size_t i) const { return program_.operations[i]; }
  const Program::Value& ResultOf(size_t i) const { return program_.values[Of(i).results[0]]; }

  // Returns the operation that computes `value` if it can be absorbed by a reader whose result has
  // that shape: a float that nothing else reads.
  std::optional<size_t> Absorbable(ValueId value, const Shape& shape) const {
    const std::optional<size_t> producer = producer_[value];
    if (!producer.has_value() || num_uses_[value] != 1 || facts_.is_constant(value)) {
      return std::nullopt;
    }
    const Program::Value& found = program_.values[value];
    if (found.type != ElementType::kFloat32 || !(found.shape == shape)) return std::nullopt;
    return producer;
  }

  std::optional<size_t> AbsorbableProduct(ValueId value, const Shape& shape) const {
    const std::optional<size_t> producer = Absorbable(value, shape);
    return producer.has_value() && Of(*producer).code == OpCode::kMul ? producer : std::nullopt;
  }

  FusedOperation FuseInto(size_t i) {
    FusedOperation fused;
    fused.operation = i;
    if (ResultOf(i).type != ElementType::kFloat32) return fused;
    switch (Of(i).code) {
      case OpCode::kAdd:
        if (FuseSum(i, fused)) return fused;
        FuseAdd(i, fused);
        return fused;
      case OpCode::kSub:
        FuseSub(i, fused);
        return fused;
      case OpCode::kReduceSum:
        FuseReduction(i, fused);
        return fused;
      default:
        if (!facts_.is_product_with_weights(i)) return fused;
        fused.kind = FusedOperation::Kind::kSumOfMatrices;
        fused.products = {i};
        return fused;
    }
  }

  // Collects the summands of the sum that ends with operation i.
  bool FuseSum(size_t i, FusedOperation& fused) {
    std::vector<ValueId> left = {Of(i).operands[1], Of(i).operands[0]};
    std::vector<size_t> absorbed;
    FusedOperation sum;
    while (!left.empty()) {
      const ValueId value = left.back();
      left.pop_back();
      const std::optional<size_t> producer = Absorbable(value, ResultOf(i).shape);
      if (facts_.is_constant(value)) {
        sum.constants.push_back(value);
      } else if (producer.has_value() && Of(*producer).code == OpCode::kAdd) {
        absorbed.push_back(*producer);
        left.push_back(Of(*producer).operands[1]);
        left.push_back(Of(*producer).operands[0]);
      } else if (producer.has_value() && facts_.is_product_with_weights(*producer)) {
        absorbed.push_back(*producer);
        sum.products.push_back(*producer);
      } else {
        sum.others.push_back(value);
      }
    }
    if (sum.products.empty()) return false;
    for (const size_t operation : absorbed) is_absorbed_[operation] = true;
    std::sort(sum.products.begin(), sum.products.end());
    sum.kind = FusedOperation::Kind::kSumOfMatrices;
    sum.operation = i;
    fused = std::move(sum);
    return true;
  }

  void FuseAdd(size_t i, FusedOperation& fused) {
    const auto& operands = Of(i).operands;
    const auto first = AbsorbableProduct(operands[0], ResultOf(i).shape);
    const auto second = AbsorbableProduct(operands[1], ResultOf(i).shape);
    if (first.has_value() && second.has_value() && *first != *second) {
      fused.function = MapFunction::kSumOfProducts;
      fused.others = Of(*first).operands;
      fused.others.insert(fused.others.end(), Of(*second).operands.begin(),
                          Of(*second).operands.end());
      is_absorbed_[*second] = true;
    } else if (first.has_value() || second.has_value()) {
      fused.function = MapFunction::kMulAdd;
      fused.others = Of(first.has_value() ? *first : *second).operands;
      fused.others.push_back(operands[first.has_value() ? 1 : 0]);
    } else {
      return;
    }
    is_absorbed_[first.has_value() ? *first : *second] = true;
    fused.kind = FusedOperation::Kind::kMap;
  }

  void FuseSub(size_t i, FusedOperation& fused) {
    const auto& operands = Of(i).operands;
    const auto first = AbsorbableProduct(operands[0], ResultOf(i).shape);
    const auto second = AbsorbableProduct(operands[1], ResultOf(i).shape);
    if (!first.has_value() && !second.has_value()) return;
    const size_t product = second.has_value() ? *second : *first;
    fused.function = second.has_value() ? MapFunction::kNegMulAdd : MapFunction::kMulSub;
    fused.others = Of(product).operands;
    fused.others.push_back(operands[second.has_value() ? 0 : 1]);
    is_absorbed_[product] = true;
    fused.kind = FusedOperation::Kind::kMap;
  }

  void FuseReduction(size_t i, FusedOperation& fused) {
    const ValueId operand = Of(i).operands[0];
    const auto product = AbsorbableProduct(operand, program_.values[operand].shape);
    if (!product.has_value()) return;
    fused.others = Of(*product).operands;
    is_absorbed_[*product] = true;
    fused.kind = FusedOperation::Kind::kReductionOfProduct;
  }

  const Program& program_;
  const FusionFacts& facts_;
  std::vector<std::optional<size_t>> producer_;
  std::vector<int> num_uses_;
  std::vector<bool> is_absorbed_;
};

}  // namespace

std::vector<FusedOperation> FuseOperations(const Program& program, const FusionFacts& facts) {
  return Fusion(program, facts).Run();
}

}  // namespace rnnserve
