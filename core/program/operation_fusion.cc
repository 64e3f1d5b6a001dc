// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/operation_fusion.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/program/limits.h"

namespace rnnserve {
namespace {

using ValueId = Program::ValueId;

// A value with more readers is not computed again in each.
constexpr int kReadersMax = 3;

class Fusion {
 public:
  Fusion(const Program& program, const FusionFacts& facts)
      : program_(program),
        facts_(facts),
        producer_(program.values.size()),
        num_uses_(program.values.size(), 0),
        num_absorbed_(program.values.size(), 0) {
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
      // All readers have been looked at before.
      const ValueId result = program_.operations[i].results[0];
      const bool is_absorbed = num_uses_[result] > 0 && num_absorbed_[result] == num_uses_[result];
      const bool is_needed = facts_.is_live(i) && !is_absorbed && !facts_.is_constant(result);
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

  int64_t SizeOf(ValueId value) const {
    return program_.values[value].shape.NumElements().value_or(0);
  }

  // Returns the multiplication that computes `value` if a reader can do it instead: nothing else
  // reads it, or it is cheap.
  std::optional<size_t> AbsorbableProduct(ValueId value, const Shape& shape) const {
    const std::optional<size_t> producer = producer_[value];
    if (!producer.has_value() || Of(*producer).code != OpCode::kMul || facts_.is_constant(value)) {
      return std::nullopt;
    }
    const Program::Value& found = program_.values[value];
    if (found.type != ElementType::kFloat32 || !(found.shape == shape)) return std::nullopt;
    if (num_uses_[value] == 1) return producer;
    const int64_t smaller =
        std::min(SizeOf(Of(*producer).operands[0]), SizeOf(Of(*producer).operands[1]));
    constexpr int64_t kTimesSmaller = 8;
    return num_uses_[value] <= kReadersMax && smaller * kTimesSmaller <= SizeOf(value)
               ? producer
               : std::nullopt;
  }

  // Appends the factors of `value`, and the multiplications that are absorbed.
  void AppendFactors(ValueId value, const Shape& shape, std::vector<ValueId>& factors,
                     std::vector<size_t>& absorbed) const {
    const std::optional<size_t> product = AbsorbableProduct(value, shape);
    if (!product.has_value()) return factors.push_back(value);
    absorbed.push_back(*product);
    for (const ValueId operand : Of(*product).operands) {
      // The operands of a value with several readers are not absorbed: the value itself may still
      // be needed.
      if (num_uses_[value] > 1) {
        factors.push_back(operand);
      } else {
        AppendFactors(operand, shape, factors, absorbed);
      }
    }
  }

  // Returns the number of elements of a product.
  int64_t ProductSize(const std::vector<ValueId>& a, const std::vector<ValueId>& b) const {
    std::vector<int64_t> extents(kProgramRankMax, 1);
    for (const auto* factors : {&a, &b}) {
      for (const ValueId value : *factors) {
        const auto shape = program_.values[value].shape.extents();
        for (size_t i = 0; i < shape.size(); ++i) {
          int64_t& extent = extents[extents.size() - shape.size() + i];
          extent = std::max(extent, shape[i]);
        }
      }
    }
    int64_t size = 1;
    for (const int64_t extent : extents) size *= extent;
    return size;
  }

  // Multiplies the factors until two are left, and appends them to the operands: always the two
  // whose product is smallest.
  void AppendTwoFactors(const std::vector<ValueId>& factors, FusedOperation& fused) const {
    std::vector<std::vector<ValueId>> left;
    for (const ValueId factor : factors) left.push_back({factor});
    while (left.size() > 2) {
      size_t first = 0;
      size_t second = 1;
      for (size_t i = 0; i < left.size(); ++i) {
        for (size_t k = i + 1; k < left.size(); ++k) {
          if (ProductSize(left[i], left[k]) < ProductSize(left[first], left[second])) {
            first = i;
            second = k;
          }
        }
      }
      left[first].insert(left[first].end(), left[second].begin(), left[second].end());
      left.erase(left.begin() + static_cast<std::ptrdiff_t>(second));
    }
    fused.operands.insert(fused.operands.end(), left.begin(), left.end());
  }

  void Absorb(const std::vector<size_t>& operations) {
    for (const size_t i : operations) ++num_absorbed_[Of(i).results[0]];
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
    Absorb(absorbed);
    std::sort(sum.products.begin(), sum.products.end());
    sum.kind = FusedOperation::Kind::kSumOfMatrices;
    sum.operation = i;
    fused = std::move(sum);
    return true;
  }

  // Fuses an addition with the multiplications before it: up to three products, or two summands of
  // which one is a product.
  void FuseAdd(size_t i, FusedOperation& fused) {
    const Shape& shape = ResultOf(i).shape;
    std::vector<ValueId> summands = Of(i).operands;
    std::vector<size_t> absorbed;
    for (size_t k = 0; k < 2; ++k) {
      // An addition of two products before this one.
      const std::optional<size_t> sum = Absorbable(summands[k], shape);
      if (!sum.has_value() || Of(*sum).code != OpCode::kAdd) continue;
      const auto& inner = Of(*sum).operands;
      if (AbsorbableProduct(summands[1 - k], shape).has_value() &&
          AbsorbableProduct(inner[0], shape).has_value() &&
          AbsorbableProduct(inner[1], shape).has_value()) {
        absorbed.push_back(*sum);
        summands = {inner[0], inner[1], summands[1 - k]};
        break;
      }
    }
    std::vector<ValueId> plain;
    for (const ValueId summand : summands) {
      if (!AbsorbableProduct(summand, shape).has_value()) {
        plain.push_back(summand);
        continue;
      }
      std::vector<ValueId> factors;
      AppendFactors(summand, shape, factors, absorbed);
      AppendTwoFactors(factors, fused);
    }
    if (fused.operands.empty()) return;
    for (const ValueId summand : plain) fused.operands.push_back({summand});
    fused.function = !plain.empty()         ? MapFunction::kMulAdd
                     : summands.size() == 3 ? MapFunction::kSumOfThreeProducts
                                            : MapFunction::kSumOfProducts;
    fused.kind = FusedOperation::Kind::kMap;
    Absorb(absorbed);
  }

  void FuseSub(size_t i, FusedOperation& fused) {
    const Shape& shape = ResultOf(i).shape;
    const auto& operands = Of(i).operands;
    const bool second = AbsorbableProduct(operands[1], shape).has_value();
    if (!second && !AbsorbableProduct(operands[0], shape).has_value()) return;
    std::vector<ValueId> factors;
    std::vector<size_t> absorbed;
    AppendFactors(operands[second ? 1 : 0], shape, factors, absorbed);
    AppendTwoFactors(factors, fused);
    fused.operands.push_back({operands[second ? 0 : 1]});
    fused.function = second ? MapFunction::kNegMulAdd : MapFunction::kMulSub;
    fused.kind = FusedOperation::Kind::kMap;
    Absorb(absorbed);
  }

  void FuseReduction(size_t i, FusedOperation& fused) {
    const ValueId operand = Of(i).operands[0];
    const Shape& shape = program_.values[operand].shape;
    if (!AbsorbableProduct(operand, shape).has_value()) return;
    std::vector<ValueId> factors;
    std::vector<size_t> absorbed;
    AppendFactors(operand, shape, factors, absorbed);
    AppendTwoFactors(factors, fused);
    fused.kind = FusedOperation::Kind::kReductionOfProduct;
    Absorb(absorbed);
  }

  const Program& program_;
  const FusionFacts& facts_;
  std::vector<std::optional<size_t>> producer_;
  std::vector<int> num_uses_;
  std::vector<int> num_absorbed_;
};

}  // namespace

std::vector<FusedOperation> FuseOperations(const Program& program, const FusionFacts& facts) {
  return Fusion(program, facts).Run();
}

}  // namespace rnnserve
