// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/program_planner.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/kernels/columns.h"
#include "core/kernels/panel_range.h"
#include "core/program/fold_operation.h"
#include "core/program/limits.h"

namespace rnnserve {
namespace {

using Access = RowInstruction::Access;
constexpr int kConstantPhase = -1;
constexpr int kProject = static_cast<int>(Phase::kProject);
constexpr int kStep = static_cast<int>(Phase::kStep);

// The values of rows that run at once stay in the first-level cache, of at least 32 KiB, from one
// instruction to the next. More rows than this save nothing.
constexpr int64_t kFloatsAtOnceMax = 6144;
constexpr int64_t kRowsAtOnceMax = 16;

int64_t SizeOf(const Program::Value& value) { return value.shape.NumElements().value_or(0); }

// Returns the floats of the inputs, states and outputs of a row.
int64_t ArgumentsSize(const Program& program) {
  int64_t size = 0;
  for (const Program::State& state : program.states)
    size += 2 * SizeOf(program.values[state.value]);
  for (const Program::ValueId input : program.inputs) size += SizeOf(program.values[input]);
  for (const Program::Output& output : program.outputs) {
    size += SizeOf(program.values[output.value]);
  }
  return size;
}

}  // namespace

ProgramPlanner::ProgramPlanner(const Program& program,
                               absl::Span<const absl::Span<const float>> weights,
                               WeightType matrix_type)
    : program_(program),
      weights_(weights),
      matrix_type_(matrix_type),
      known_(program.values.size()),
      is_live_(program.operations.size(), false) {}

absl::StatusOr<ProgramPlan> ProgramPlanner::Plan() {
  FindLiveOperations();
  PlaceWeightsAndLiterals();
  PlaceArguments();
  FindPhases();
  LowerOperations();
  PlaceResults();
  memory_.Place(plan_);
  const int64_t row_size =
      plan_.arena_size + plan_.batch_row_size + plan_.prepared_rows + plan_.projection_rows;
  if (row_size > kProgramArenaMax) {
    return InvalidArgument("MODEL_CONFIG",
                           absl::StrCat("the values of one row of the program take ", row_size,
                                        " floats; the limit is ", kProgramArenaMax));
  }
  plan_.rows_at_once =
      std::clamp(kFloatsAtOnceMax / std::max<int64_t>(row_size + ArgumentsSize(program_), 1),
                 int64_t{1}, kRowsAtOnceMax);
  return std::move(plan_);
}

void ProgramPlanner::FindLiveOperations() {
  std::vector<bool> is_needed(program_.values.size(), false);
  for (const Program::Output& output : program_.outputs) is_needed[output.value] = true;
  for (const Program::State& state : program_.states) is_needed[state.next] = true;
  for (size_t i = program_.operations.size(); i-- > 0;) {
    const Program::Operation& operation = program_.operations[i];
    for (const ValueId result : operation.results) is_live_[i] = is_live_[i] || is_needed[result];
    if (!is_live_[i]) continue;
    for (const ValueId operand : operation.operands) is_needed[operand] = true;
  }
}

void ProgramPlanner::PlaceWeightsAndLiterals() {
  const auto place = [&](ValueId id, absl::Span<const float> values) {
    const Program::Value& value = program_.values[id];
    known_[id] = {
        kConstantPhase,
        {value.type, memory_.NewConstant(values), StridedView::Dense(value.shape.extents())}};
  };
  for (size_t i = 0; i < program_.weights.size(); ++i) place(program_.weights[i], weights_[i]);
  for (const Program::Literal& literal : program_.literals) {
    if (const auto* floats = std::get_if<std::vector<float>>(&literal.elements)) {
      place(literal.value, *floats);
      continue;
    }
    std::vector<float> bits;
    for (const int32_t element : std::get<std::vector<int32_t>>(literal.elements)) {
      bits.push_back(std::bit_cast<float>(element));
    }
    place(literal.value, bits);
  }
}

void ProgramPlanner::PlaceArguments() {
  const auto place = [&](ValueId id, PlanBase::Kind kind, size_t index, Phase phase) {
    const Program::Value& value = program_.values[id];
    known_[id] = {static_cast<int>(phase),
                  {ElementType::kFloat32, memory_.NewArgument(kind, index, SizeOf(value)),
                   StridedView::Dense(value.shape.extents())}};
  };
  for (size_t i = 0; i < program_.constants.size(); ++i) {
    place(program_.constants[i], PlanBase::Kind::kConstant, i, Phase::kPrepare);
  }
  for (size_t i = 0; i < program_.inputs.size(); ++i) {
    place(program_.inputs[i], PlanBase::Kind::kInput, i, Phase::kProject);
  }
  for (size_t i = 0; i < program_.states.size(); ++i) {
    place(program_.states[i].value, PlanBase::Kind::kState, i, Phase::kStep);
  }
}

// Finds the phase of every operation. The inputs are worth a projection if they are multiplied by
// weights; else what depends on them runs with the step.
void ProgramPlanner::FindPhases() {
  for (size_t i = 0; i < program_.operations.size(); ++i) {
    if (!is_live_[i]) continue;
    const Program::Operation& operation = program_.operations[i];
    int phase = kConstantPhase;
    bool has_constant = false;
    for (const ValueId operand : operation.operands) {
      phase = std::max(phase, known_[operand].phase);
      has_constant = has_constant || known_[operand].phase == kConstantPhase;
    }
    for (const ValueId result : operation.results) known_[result].phase = phase;
    const bool is_product = operation.code == OpCode::kDot || operation.code == OpCode::kConv ||
                            operation.code == OpCode::kConvTranspose;
    has_projection_ = has_projection_ || (phase == kProject && is_product && has_constant);
  }
  if (program_.states.empty()) has_projection_ = false;
  if (has_projection_) return;
  for (Known& known : known_) {
    if (known.phase == kProject) known.phase = kStep;
  }
}

PlannedStage& ProgramPlanner::StageOf(int phase, int stage) {
  auto& stages = plan_.phases[static_cast<size_t>(phase)];
  if (stages.size() <= static_cast<size_t>(stage)) stages.resize(static_cast<size_t>(stage) + 1);
  return stages[static_cast<size_t>(stage)];
}

// Arguments of another type are converted by the first reader.
ProgramPlanner::Known ProgramPlanner::Visible(ValueId id, int phase) {
  Known& known = known_[id];
  const Program::Value& value = program_.values[id];
  if (known.phase >= 0 && known.value.type != value.type) {
    const int stage = 0;
    Lowering lowering(memory_, StageOf(known.phase, stage).instructions);
    known.value = lowering.Exchange(known.value, value.type, /*is_inward=*/true);
  }
  if (has_projection_ && known.phase == kProject && phase == kStep) {
    if (memory_.IsArgument(known.value.storage)) return ProjectedInput(id);
  }
  return known;
}

ProgramPlanner::Known& ProgramPlanner::ProjectedInput(ValueId id) {
  const auto [entry, is_new] = projected_inputs_.try_emplace(id);
  if (!is_new) return entry->second;
  const Known& input = known_[id];
  const StorageId storage = memory_.NewRowStorage(SizeOf(program_.values[id]));
  const StridedView view = StridedView::Dense(input.value.view.extents);
  entry->second = {kProject, {input.value.type, storage, view}};
  Lowering lowering(memory_, StageOf(kProject, 0).instructions);
  lowering.Copy(input.value, storage, view);
  return entry->second;
}

void ProgramPlanner::LowerOperations() {
  const auto& operations = program_.operations;
  const auto is_constant = [&](ValueId id) { return known_[id].phase == kConstantPhase; };
  for (size_t i = 0; i < operations.size(); ++i) {
    if (is_live_[i] && is_constant(operations[i].results[0])) Fold(operations[i]);
  }
  const auto is_live = [&](size_t i) { return is_live_[i]; };
  const auto is_product = [&](size_t i) { return IsProductWithWeights(operations[i]); };
  for (const FusedOperation& fused : FuseOperations(program_, {is_live, is_constant, is_product})) {
    switch (fused.kind) {
      case FusedOperation::Kind::kSingle:
        LowerRowOperation(operations[fused.operation]);
        break;
      case FusedOperation::Kind::kSumOfMatrices:
        LowerSum(fused);
        break;
      case FusedOperation::Kind::kMap:
      case FusedOperation::Kind::kReductionOfProduct:
        LowerFused(fused);
        break;
    }
  }
}

void ProgramPlanner::Fold(const Program::Operation& operation) {
  std::vector<PlannedValue> operands;
  for (const ValueId operand : operation.operands) operands.push_back(known_[operand].value);
  std::vector<PlannedValue> results = FoldOperation(program_.values, operation, operands, memory_);
  for (size_t i = 0; i < results.size(); ++i) {
    known_[operation.results[i]].value = std::move(results[i]);
  }
}

int ProgramPlanner::StageOfReader(absl::Span<const Known> operands, int phase) const {
  int stage = 0;
  for (const Known& operand : operands) {
    if (operand.phase == phase) stage = std::max(stage, operand.stage);
  }
  return stage;
}

void ProgramPlanner::LowerRowOperation(const Program::Operation& operation) {
  const int phase = known_[operation.results[0]].phase;
  std::vector<Known> known;
  std::vector<PlannedValue> operands;
  for (const ValueId operand : operation.operands) {
    known.push_back(Visible(operand, phase));
    operands.push_back(known.back().value);
  }
  const int stage = StageOfReader(known, phase);
  Lowering lowering(memory_, StageOf(phase, stage).instructions);
  const std::vector<PlannedValue> results = lowering.Lower(program_.values, operation, operands);
  for (size_t i = 0; i < results.size(); ++i) {
    known_[operation.results[i]] = {phase, results[i], stage, false};
  }
}

// Returns the product of some values.
PlannedValue ProgramPlanner::Multiplied(absl::Span<const Known> factors, Lowering& lowering) {
  PlannedValue product = factors[0].value;
  for (const Known& factor : factors.subspan(1)) {
    std::vector<int64_t> extents(
        std::max(product.view.extents.size(), factor.value.view.extents.size()), 1);
    for (const std::vector<int64_t>& of : {product.view.extents, factor.value.view.extents}) {
      for (size_t i = 0; i < of.size(); ++i) {
        int64_t& extent = extents[extents.size() - of.size() + i];
        extent = std::max(extent, of[i]);
      }
    }
    product = lowering.Map(MapFunction::kMul, extents, {product, factor.value});
  }
  return product;
}

void ProgramPlanner::LowerFused(const FusedOperation& fused) {
  const Program::Operation& operation = program_.operations[fused.operation];
  const ValueId result = operation.results[0];
  const int phase = known_[result].phase;
  std::vector<std::vector<Known>> known;
  int stage = 0;
  for (const auto& factors : fused.operands) {
    known.emplace_back();
    for (const ValueId factor : factors) known.back().push_back(Visible(factor, phase));
    stage = std::max(stage, StageOfReader(known.back(), phase));
  }
  Lowering lowering(memory_, StageOf(phase, stage).instructions);
  std::vector<PlannedValue> operands;
  for (const auto& factors : known) operands.push_back(Multiplied(factors, lowering));
  if (fused.kind == FusedOperation::Kind::kMap) {
    const Shape& shape = program_.values[result].shape;
    known_[result] = {phase, lowering.Map(fused.function, shape.extents(), operands), stage};
    return;
  }
  const Shape& shape = program_.values[operation.operands[0]].shape;
  known_[result] = {
      phase,
      lowering.SumOfProducts(shape.extents(), operation.attributes.axes, operands[0], operands[1]),
      stage};
}

bool ProgramPlanner::IsFiniteConstant(ValueId id) const {
  if (known_[id].phase != kConstantPhase) return false;
  const float* const values = memory_.ConstantAt(known_[id].value.storage);
  return std::all_of(values, values + known_[id].value.view.size(),
                     [](float value) { return std::isfinite(value); });
}

bool ProgramPlanner::IsProductWithWeights(const Program::Operation& operation) const {
  if (operation.code != OpCode::kDot && operation.code != OpCode::kConv) return false;
  const ProductOperation product = ProductOf(operation);
  const bool is_kernel_first = operation.code == OpCode::kConv && product.is_first_constant;
  return !is_kernel_first && known_[product.x()].phase != kConstantPhase &&
         IsFiniteConstant(product.weights()) && IsWorthMatrix(product, program_.values);
}

ProductOperation ProgramPlanner::ProductOf(const Program::Operation& operation) const {
  return {operation, known_[operation.operands[0]].phase == kConstantPhase};
}

ProgramPlanner::PlannedForm ProgramPlanner::FormOf(const Program::Operation& operation) {
  const ProductOperation product = ProductOf(operation);
  const int phase = known_[operation.results[0]].phase;
  Known x = Visible(product.x(), phase);
  const PlannedValue& weights = known_[product.weights()].value;
  const int stage = StageOfReader({x}, phase);
  Lowering copies(memory_, StageOf(phase, stage).instructions);
  MatrixForm form = FormOfProduct(product, program_.values, x.value, weights,
                                  memory_.ConstantAt(weights.storage), copies);
  if (form.is_copied) x = {phase, form.x, stage, false};
  return {std::move(form), phase, StageOfProduct(x, phase)};
}

int ProgramPlanner::StageOfProduct(const Known& x, int phase) const {
  if (memory_.IsArgument(x.value.storage) || x.phase != phase) return 0;
  return x.is_product ? x.stage : x.stage + 1;
}

std::optional<std::vector<float>> ProgramPlanner::BiasOf(const MatrixForm& form,
                                                         absl::Span<const ValueId> constants) {
  std::vector<float> bias(static_cast<size_t>(PaddedRows(form.units)), 0.0f);
  for (const ValueId id : constants) {
    const PlannedValue& constant = known_[id].value;
    const StridedView view = constant.view.Broadcast(form.result.extents);
    std::vector<LoopAxis<2>> axes;
    for (size_t i = 0; i < view.extents.size(); ++i) {
      if (form.is_unit_axis[i]) {
        axes.push_back({view.extents[i], {form.result.strides[i], view.strides[i]}});
      } else if (view.extents[i] != 1 && view.strides[i] != 0) {
        return std::nullopt;
      }
    }
    const float* const elements = memory_.ConstantAt(constant.storage) + view.offset;
    ForEachPosition<2>(axes, [&](const std::array<int64_t, 2>& at) {
      bias[static_cast<size_t>(at[0])] += elements[at[1]];
    });
  }
  return bias;
}

// Computes a sum: constants and products of what is known earliest first, each product starting
// with the sum so far.
void ProgramPlanner::LowerSum(const FusedOperation& sum) {
  const ValueId result = program_.operations[sum.operation].results[0];
  std::vector<size_t> products = sum.products;
  std::stable_sort(products.begin(), products.end(), [&](size_t a, size_t b) {
    return known_[program_.operations[a].results[0]].phase <
           known_[program_.operations[b].results[0]].phase;
  });
  std::vector<Known> summands;
  std::optional<Known> total;
  std::optional<StridedView> layout;
  std::vector<ValueId> constants = sum.constants;
  for (const size_t index : products) {
    const PlannedForm planned = FormOf(program_.operations[index]);
    const MatrixForm& form = planned.form;
    const bool goes_on = total.has_value() && layout->strides == form.result.strides;
    StorageId bias = 0;
    if (!goes_on) {
      std::optional<std::vector<float>> values = BiasOf(form, constants);
      if (values.has_value()) constants.clear();
      bias = memory_.NewConstant(
          values.value_or(std::vector<float>(static_cast<size_t>(PaddedRows(form.units)), 0.0f)));
      if (total.has_value()) summands.push_back(*total);
    }
    total = AddProducts(planned, goes_on ? total : std::nullopt, bias);
    layout = form.result;
  }
  summands.push_back(*total);
  const int phase = known_[result].phase;
  for (const ValueId id : sum.others) summands.push_back(Visible(id, phase));
  for (const ValueId id : constants) summands.push_back(known_[id]);
  Known added = summands[0];
  const absl::Span<const int64_t> extents = program_.values[result].shape.extents();
  for (size_t i = 1; i < summands.size(); ++i) {
    const int both = std::max(added.phase, summands[i].phase);
    const int stage = StageOfReader({added, summands[i]}, both);
    Lowering lowering(memory_, StageOf(both, stage).instructions);
    added = {both, lowering.Map(MapFunction::kAdd, extents, {added.value, summands[i].value}),
             stage};
  }
  known_[result] = added;
}

ProgramPlanner::Known ProgramPlanner::AddProducts(const PlannedForm& planned,
                                                  const std::optional<Known>& start,
                                                  StorageId bias) {
  const MatrixForm& form = planned.form;
  int stage = planned.stage;
  const bool is_same_phase = start.has_value() && start->phase == planned.phase;
  if (is_same_phase) stage = std::max(stage, start->stage);
  const StorageId y = is_same_phase ? start->value.storage : memory_.NewRowStorage(form.size);
  for (const MatrixForm::Part& part : form.parts) {
    PlannedProduct product;
    product.weights =
        std::make_shared<const Matrix>(part.weights, part.input_size, 1, form.units, matrix_type_);
    product.x = {form.x.storage, form.x.view.offset};
    product.x_offsets = part.x_offsets;
    product.y = {y, 0, true, 0};
    product.y_offsets = part.y_offsets;
    if (part.goes_on || start.has_value()) {
      product.start = {part.goes_on ? y : start->value.storage, 0};
      product.start_offsets = part.y_offsets;
    } else {
      product.start = {bias, 0};
      product.start_offsets.assign(part.y_offsets.size(), 0);
    }
    plan_.matrix_bytes += product.weights->bytes();
    plan_.shareable_bytes += ShareableBytes(product.weights->bytes());
    StageOf(planned.phase, stage).products.push_back(std::move(product));
  }
  return {planned.phase, {ElementType::kFloat32, y, form.result}, stage, true};
}

void ProgramPlanner::PlaceResults() {
  for (size_t i = 0; i < program_.states.size(); ++i) {
    PlaceResult(program_.states[i].next, PlanBase::Kind::kNextState, i);
  }
  for (size_t i = 0; i < program_.outputs.size(); ++i) {
    PlaceResult(program_.outputs[i].value, PlanBase::Kind::kOutput, i);
  }
}

// Lets a value be computed in the memory of a result, or copies it there.
void ProgramPlanner::PlaceResult(ValueId id, PlanBase::Kind kind, size_t index) {
  const Known known = Visible(id, kStep);
  const PlannedValue& value = known.value;
  const bool is_float = value.type == ElementType::kFloat32;
  const bool is_whole = value.view.IsDense() && value.view.offset == 0 &&
                        value.view.size() == SizeOf(program_.values[id]);
  const bool is_there = is_float && is_whole && known.phase == kStep &&
                        memory_.BecomeResult(value.storage, kind, index, value.view.size());
  if (is_there) return;
  const StorageId to = memory_.NewResult(kind, index, value.view.size());
  const int stage = known.phase == kStep ? known.stage : 0;
  Lowering lowering(memory_, StageOf(kStep, stage).instructions);
  if (is_float) {
    lowering.Copy(value, to, StridedView::Dense(value.view.extents));
  } else {
    lowering.ExchangeTo(value, to);
  }
}

}  // namespace rnnserve
