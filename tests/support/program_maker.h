// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SUPPORT_PROGRAM_MAKER_H_
#define RNNSERVE_TESTS_SUPPORT_PROGRAM_MAKER_H_

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tests/support/random_program.h"

namespace rnnserve::testing {

// Adds random operations to a program, and knows two things about every value: how large it may
// become, and whether all implementations compute it to the bit.
// Internal to random_program.h. Used by one thread at a time: the test's.
class ProgramMaker {
 public:
  using ValueId = Program::ValueId;
  using Extents = std::vector<int64_t>;

  static constexpr int64_t kElementsMax = 400;
  static constexpr float kBoundMax = 16.0f;
  static constexpr float kWeightBound = 1.0f;
  static constexpr float kInputBound = 2.0f;
  static constexpr float kStateBound = 2.0f;
  static constexpr int kWholeMax = 6;
  static constexpr int kModulus = 97;

  explicit ProgramMaker(unsigned seed) : random_(seed) {}

  RandomProgram Make(int num_operations) &&;

 private:
  struct Knowledge {
    float bound = 0.0f;
    bool is_exact = true;
  };

  static Extents ExtentsOf(const Shape& shape) {
    return {shape.extents().begin(), shape.extents().end()};
  }

  // Random numbers.
  int64_t Between(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }
  bool Chance(double probability) { return std::bernoulli_distribution(probability)(random_); }
  float Real(float bound) { return std::uniform_real_distribution<float>(-bound, bound)(random_); }
  ElementType AnyType();
  Shape AnyShape(int rank_min, int rank_max);
  Extents Shuffled(Extents numbers) {
    std::shuffle(numbers.begin(), numbers.end(), random_);
    return numbers;
  }
  std::string NewName(const char* prefix) { return absl::StrCat(prefix, ++num_names_); }

  // Values without an operation.
  ValueId AddValue(std::string name, ElementType type, Shape shape, Knowledge knowledge);
  ValueId AddWeight(const Shape& shape);
  ValueId AddLiteral(ElementType type, const Shape& shape, int32_t whole_max = kWholeMax);
  ValueId AddLeaf(ElementType type, const Shape& shape);
  ValueId Number(float value);
  ValueId Number(int32_t value);
  ValueId AddScalar(ElementType type, std::variant<std::vector<float>, std::vector<int32_t>> value);
  void DeclareInputs();
  void DeclareStates();
  void FinishStates();
  void FinishOutputs();

  // Operations. Each returns the first result, or nullopt if the operation is not possible.
  std::optional<ValueId> TryAdd(OpCode code, std::vector<ValueId> operands, Attributes attributes,
                                Knowledge knowledge);
  // For operations that are always possible.
  ValueId Add(OpCode code, std::vector<ValueId> operands, Attributes attributes,
              Knowledge knowledge);
  ValueId Calm(ValueId id);      // brings large values back
  ValueId Tanh(ValueId id);      // within -1 and 1
  ValueId Positive(ValueId id);  // from 0.5 to 1.5
  ValueId WithRank(ValueId id, int rank);

  const Program::Value& Value(ValueId id) const { return program_.values[id]; }
  const Shape& ShapeOf(ValueId id) const { return Value(id).shape; }
  int64_t SizeOf(ValueId id) const { return *ShapeOf(id).NumElements(); }
  float Bound(ValueId id) const { return knowledge_[id].bound; }
  bool IsExact(ValueId id) const { return knowledge_[id].is_exact; }
  // Returns the knowledge about a move of these operands.
  Knowledge Joint(const std::vector<ValueId>& operands) const;

  ValueId Pick(ElementType type, bool needs_exact, int rank_min = 0);
  ValueId PickPartner(ValueId id, bool needs_exact);  // of the same type, broadcasts with it
  ValueId PickSameShape(ValueId id);

  void AddRandom(OpCode code);
  void AddUnary(OpCode code);
  void AddBinary(OpCode code);
  void AddWholeBinary(OpCode code);
  void AddWhere();
  void AddCast();
  void AddMove(OpCode code);
  void AddConcat();
  void AddPad();
  void AddIndexed(OpCode code);
  void AddUpdate();
  void AddReduction(OpCode code);
  void AddArgExtreme(OpCode code);
  void AddScan(OpCode code);
  void AddDot();
  void AddConvolution(OpCode code);
  void AddPool(OpCode code);
  Attributes::Window AnyWindow(size_t axes);

  std::mt19937 random_;
  Program program_;
  WeightMap weights_;
  std::vector<Knowledge> knowledge_;
  std::vector<ValueId> pickable_;
  int num_names_ = 0;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SUPPORT_PROGRAM_MAKER_H_
