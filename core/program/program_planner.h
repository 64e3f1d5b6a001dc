// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_PROGRAM_PLANNER_H_
#define RNNSERVE_CORE_PROGRAM_PROGRAM_PLANNER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/kernels/weight_type.h"
#include "core/program/lowering.h"
#include "core/program/matrix_form.h"
#include "core/program/operation_fusion.h"
#include "core/program/plan_memory.h"
#include "core/program/program.h"
#include "core/program/program_plan.h"

namespace rnnserve {

// Makes the plan of a program. Used by one thread at a time: the one that calls Plan.
class ProgramPlanner final {
 public:
  // `weights` has the values of each weight of the program, in its order. Both must outlive this
  // object.
  ProgramPlanner(const Program& program, absl::Span<const absl::Span<const float>> weights,
                 WeightType matrix_type);

  // Errors: INVALID_ARGUMENT, reason MODEL_CONFIG, if the values of one row need more memory than
  // limits.h allows.
  absl::StatusOr<ProgramPlan> Plan();

 private:
  using ValueId = Program::ValueId;
  // The facts that are known of a value of the program.
  struct Known {
    int phase = -1;  // -1: constant
    PlannedValue value;
    int stage = 0;            // the stage that computes it
    bool is_product = false;  // computed by a product of that stage
  };
  // A product, and where it is computed.
  struct PlannedForm {
    MatrixForm form;
    int phase;
    int stage;
  };

  void FindLiveOperations();
  void PlaceWeightsAndLiterals();
  void PlaceArguments();
  void FindPhases();
  void LowerOperations();
  void Fold(const Program::Operation& operation);
  void LowerRowOperation(const Program::Operation& operation);
  // Returns whether an operation is a product with constant weights that is worth a matrix.
  bool IsProductWithWeights(const Program::Operation& operation) const;
  bool IsFiniteConstant(ValueId id) const;
  void LowerSum(const FusedOperation& sum);
  void LowerFused(const FusedOperation& fused);
  PlannedValue Multiplied(absl::Span<const Known> factors, Lowering& lowering);
  // REQUIRES: one operand is constant.
  ProductOperation ProductOf(const Program::Operation& operation) const;
  PlannedForm FormOf(const Program::Operation& operation);
  // Returns the first stage in which a product may read x.
  int StageOfProduct(const Known& x, int phase) const;
  // Adds a product to a sum that has `start`, if any, and returns the sum.
  Known AddProducts(const PlannedForm& planned, const std::optional<Known>& start, StorageId bias);
  // Returns the sum of constants for each unit, or nullopt if one of them depends on more.
  std::optional<std::vector<float>> BiasOf(const MatrixForm& form,
                                           absl::Span<const ValueId> constants);
  // Returns the stage of an operation that reads these values.
  int StageOfReader(absl::Span<const Known> operands, int phase) const;
  // Returns the value for a reader in `phase`; copies an input into the projection if needed.
  Known Visible(ValueId id, int phase);
  Known& ProjectedInput(ValueId id);
  PlannedStage& StageOf(int phase, int stage);
  void PlaceResults();
  void PlaceResult(ValueId id, PlanBase::Kind kind, size_t index);

  const Program& program_;
  const absl::Span<const absl::Span<const float>> weights_;
  const WeightType matrix_type_;
  PlanMemory memory_;
  std::vector<Known> known_;
  std::vector<bool> is_live_;  // of each operation
  std::map<ValueId, Known> projected_inputs_;
  bool has_projection_ = false;
  ProgramPlan plan_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_PROGRAM_PLANNER_H_
