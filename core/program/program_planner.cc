// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/program_planner.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/kernels/columns.h"
#include "core/kernels/panel_range.h"
#include "core/program/limits.h"

namespace rnnserve {
namespace {

using Access = RowInstruction::Access;
constexpr int kConstantPhase = -1;
constexpr int kPrepare = static_cast<int>(Phase::kPrepare);
constexpr int kProject = static_cast<int>(Phase::kProject);
constexpr int kStep = static_cast<int>(Phase::kStep);

// A product has at least this many results for each column of x, because packed weights have a
// multiple of 16; else its sums are computed one by one.
constexpr int64_t kProductUnitsMin = 4;
// The multiply-adds of one of several small products that are worth a call.
constexpr int64_t kBlockWorkMin = 64;

int64_t SizeOf(const Program::Value& value) { return value.shape.NumElements().value_or(0); }

// Returns the elements of a view in row-major order.
std::vector<float> ElementsOf(const float* memory, const StridedView& view) {
  std::vector<float> elements;
  elements.reserve(static_cast<size_t>(view.size()));
  const LoopNest nest({view});
  std::vector<LoopAxis<1>> axes;
  for (size_t i = 0; i + 1 < nest.extents.size(); ++i) {
    axes.push_back({nest.extents[i], {nest.strides[0][i]}});
  }
  const int64_t stride = nest.inner_stride(0);
  ForEachPosition<1>(axes, [&](const std::array<int64_t, 1>& offset) {
    const float* const from = memory + view.offset + offset[0];
    if (stride == 1) {
      elements.insert(elements.end(), from, from + nest.inner_extent());
      return;
    }
    for (int64_t i = 0; i < nest.inner_extent(); ++i) elements.push_back(from[i * stride]);
  });
  return elements;
}

}  // namespace

// The axes of a product of x and constant weights, by their letters in the equation: those of both
// and the result, of x and the result, of both without the result, and of the weights and the
// result.
struct ProgramPlanner::DotAxes {
  DotAxes(const Program::Operation& operation, bool is_swapped) {
    const DotEquation equation = *DotEquation::Parse(operation.attributes.equation);
    x = is_swapped ? equation.b : equation.a;
    weights = is_swapped ? equation.a : equation.b;
    result = equation.result;
    summed = equation.summed;
    const auto has = [](const std::string& letters, char letter) {
      return letters.find(letter) != std::string::npos;
    };
    for (const char letter : result) {
      const bool in_both = has(x, letter) && has(weights, letter);
      (in_both ? shared : has(x, letter) ? columns : units) += letter;
    }
  }

  // Returns the view with its axes in the order of `wanted`, a permutation of `letters`.
  static StridedView Ordered(const StridedView& view, const std::string& letters,
                             const std::string& wanted) {
    std::vector<int64_t> perm;
    for (const char letter : wanted) perm.push_back(static_cast<int64_t>(letters.find(letter)));
    return view.Transposed(perm);
  }

  std::string x, weights, result;
  std::string shared, columns, summed, units;
};

ProgramPlanner::ProgramPlanner(const Program& program,
                               absl::Span<const absl::Span<const float>> weights,
                               WeightType matrix_type)
    : program_(program),
      weights_(weights),
      matrix_type_(matrix_type),
      known_(program.values.size()),
      is_live_(program.operations.size(), false) {}

ProgramPlanner::~ProgramPlanner() = default;

absl::StatusOr<ProgramPlan> ProgramPlanner::Plan() {
  FindLiveOperations();
  PlaceWeightsAndLiterals();
  PlaceArguments();
  FindPhases();
  LowerOperations();
  PlaceResults();
  CollectUses();
  ChooseHomes();
  LayOutArena();
  Resolve();
  const int64_t row_size =
      plan_.arena_size + plan_.batch_row_size + plan_.prepared_rows + plan_.projection_rows;
  if (row_size > kProgramArenaMax) {
    return InvalidArgument("MODEL_CONFIG",
                           absl::StrCat("the values of one row of the program take ", row_size,
                                        " floats; the limit is ", kProgramArenaMax));
  }
  return std::move(plan_);
}

StorageId ProgramPlanner::NewRowStorage(int64_t size) {
  Storage& storage = storages_.emplace_back();
  storage.size = size;
  return static_cast<StorageId>(storages_.size() - 1);
}

StorageId ProgramPlanner::NewConstant(absl::Span<const float> values) {
  Storage& storage = storages_.emplace_back();
  storage.size = static_cast<int64_t>(values.size());
  storage.home = Home::kConstant;
  storage.constant.assign(values.begin(), values.end());
  return static_cast<StorageId>(storages_.size() - 1);
}

const float* ProgramPlanner::ConstantAt(StorageId storage) const {
  const Storage& found = storages_[static_cast<size_t>(storage)];
  return found.home == Home::kConstant ? found.constant.data() : nullptr;
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
    known_[id] = {kConstantPhase,
                  {value.type, NewConstant(values), StridedView::Dense(value.shape.extents())}};
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
    const StorageId storage = NewRowStorage(SizeOf(value));
    storages_.back().home = Home::kArgument;
    storages_.back().argument = kind;
    storages_.back().argument_index = index;
    known_[id] = {static_cast<int>(phase),
                  {ElementType::kFloat32, storage, StridedView::Dense(value.shape.extents())}};
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
    Lowering lowering(*this, StageOf(known.phase, stage).instructions);
    known.value = lowering.Exchange(known.value, value.type, /*is_inward=*/true);
  }
  if (has_projection_ && known.phase == kProject && phase == kStep) {
    const Storage& storage = storages_[static_cast<size_t>(known.value.storage)];
    if (storage.home == Home::kArgument) return ProjectedInput(id);
  }
  return known;
}

ProgramPlanner::Known& ProgramPlanner::ProjectedInput(ValueId id) {
  const auto [entry, is_new] = projected_inputs_.try_emplace(id);
  if (!is_new) return entry->second;
  const Known& input = known_[id];
  const StorageId storage = NewRowStorage(SizeOf(program_.values[id]));
  const StridedView view = StridedView::Dense(input.value.view.extents);
  entry->second = {kProject, {input.value.type, storage, view}};
  Lowering lowering(*this, StageOf(kProject, 0).instructions);
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

// Runs an operation on constants at once.
void ProgramPlanner::Fold(const Program::Operation& operation) {
  std::vector<std::unique_ptr<RowInstruction>> code;
  Lowering lowering(*this, code);
  std::vector<PlannedValue> operands;
  for (const ValueId operand : operation.operands) operands.push_back(known_[operand].value);
  std::vector<PlannedValue> results = lowering.Lower(program_.values, operation, operands);
  for (PlannedValue& result : results) {
    if (!result.view.IsDense()) result = lowering.Dense(result);
  }
  std::map<StorageId, std::vector<float>> memory;
  std::vector<float*> bases;
  for (const auto& instruction : code) {
    for (Access& access : instruction->accesses()) {
      Storage& storage = storages_[static_cast<size_t>(access.storage)];
      float* at = storage.constant.data();
      if (storage.home != Home::kConstant) {
        std::vector<float>& values = memory[access.storage];
        values.resize(static_cast<size_t>(storage.size));
        at = values.data();
      }
      access.base = static_cast<int>(bases.size());
      bases.push_back(at);
    }
    instruction->Run(bases.data());
  }
  for (size_t i = 0; i < results.size(); ++i) {
    const PlannedValue& result = results[i];
    const float* const from = ConstantAt(result.storage) != nullptr ? ConstantAt(result.storage)
                                                                    : memory[result.storage].data();
    const std::vector<float> values(from + result.view.offset,
                                    from + result.view.offset + result.view.size());
    known_[operation.results[i]].value = {result.type, NewConstant(values),
                                          StridedView::Dense(result.view.extents)};
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
  Lowering lowering(*this, StageOf(phase, stage).instructions);
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
  Lowering lowering(*this, StageOf(phase, stage).instructions);
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
  const float* const values = ConstantAt(known_[id].value.storage);
  return std::all_of(values, values + known_[id].value.view.size(),
                     [](float value) { return std::isfinite(value); });
}

bool ProgramPlanner::IsProductWithWeights(const Program::Operation& operation) const {
  const auto& operands = operation.operands;
  if (operation.code == OpCode::kConv) {
    const Shape& kernel = program_.values[operands[1]].shape;
    const int64_t units = kernel[0] / operation.attributes.window.groups;
    return known_[operands[0]].phase != kConstantPhase && IsFiniteConstant(operands[1]) &&
           units >= kProductUnitsMin &&
           (operation.attributes.window.groups == 1 || units % kColumnQuantum == 0);
  }
  if (operation.code != OpCode::kDot) return false;
  const bool is_swapped = known_[operands[0]].phase == kConstantPhase;
  const ValueId weights = operands[is_swapped ? 0 : 1];
  if (known_[operands[is_swapped ? 1 : 0]].phase == kConstantPhase) return false;
  const DotAxes axes(operation, is_swapped);
  const auto extent = [&](const std::string& letters) {
    int64_t size = 1;
    for (const char letter : letters) {
      size *= program_.values[weights].shape[static_cast<int>(axes.weights.find(letter))];
    }
    return size;
  };
  const bool is_worth_it =
      extent(axes.units) >= kProductUnitsMin &&
      (axes.shared.empty() || extent(axes.units) * extent(axes.summed) >= kBlockWorkMin);
  return is_worth_it && IsFiniteConstant(weights);
}

// A product of constant weights in the form of the kernels: for each block, a matrix that is
// multiplied by columns of x.
struct ProgramPlanner::MatrixForm {
  Known x;
  int stage = 0;  // the first stage in which x is there for a product
  int phase = 0;
  std::vector<int64_t> block_offsets;  // of x
  int64_t num_columns = 1;
  int64_t x_stride = 0;
  std::vector<float> weights;  // row-major [blocks, input_size, units]
  int64_t input_size = 0;
  int64_t units = 0;
  int64_t column_stride = 0;  // from one column of the result to the next
  int64_t block_stride = 0;   // from one block of the result to the next
  // The result in the memory of all columns of all blocks, and which of its axes are units.
  StridedView result;
  std::vector<bool> is_unit_axis;
};

ProgramPlanner::MatrixForm ProgramPlanner::FormOf(const Program::Operation& operation) {
  return operation.code == OpCode::kConv ? FormOfConvolution(operation) : FormOfDot(operation);
}

ProgramPlanner::MatrixForm ProgramPlanner::FormOfDot(const Program::Operation& operation) {
  const bool is_swapped = known_[operation.operands[0]].phase == kConstantPhase;
  const DotAxes axes(operation, is_swapped);
  const PlannedValue weights = known_[operation.operands[is_swapped ? 0 : 1]].value;
  MatrixForm form;
  form.phase = known_[operation.results[0]].phase;
  form.x = Visible(operation.operands[is_swapped ? 1 : 0], form.phase);
  form.x.value.view =
      DotAxes::Ordered(form.x.value.view, axes.x, axes.shared + axes.columns + axes.summed);
  const auto num_shared = static_cast<std::ptrdiff_t>(axes.shared.size());
  const auto num_kept = num_shared + static_cast<std::ptrdiff_t>(axes.columns.size());
  const auto part = [&](std::ptrdiff_t first, std::ptrdiff_t last) {
    const StridedView& view = form.x.value.view;
    return StridedView{0,
                       {view.extents.begin() + first, view.extents.begin() + last},
                       {view.strides.begin() + first, view.strides.begin() + last}};
  };
  const auto rank = static_cast<std::ptrdiff_t>(axes.x.size());
  if (!part(num_kept, rank).IsDense() || LoopNest({part(num_shared, num_kept)}).rank() > 1) {
    CopyForProduct(form);
  }
  form.stage = StageOfProduct(form.x, form.phase);
  const StridedView shared = part(0, num_shared);
  const StridedView columns = part(num_shared, num_kept);
  form.num_columns = columns.size();
  form.x_stride = LoopNest({columns}).inner_stride(0);
  form.input_size = part(num_kept, rank).size();
  std::vector<LoopAxis<1>> blocks;
  for (size_t i = 0; i < axes.shared.size(); ++i) {
    blocks.push_back({shared.extents[i], {shared.strides[i]}});
  }
  ForEachPosition<1>(blocks, [&](const std::array<int64_t, 1>& offset) {
    form.block_offsets.push_back(offset[0]);
  });
  const StridedView w =
      DotAxes::Ordered(weights.view, axes.weights, axes.shared + axes.summed + axes.units);
  form.weights = ElementsOf(ConstantAt(weights.storage), w);
  const StridedView units = StridedView::Dense(
      absl::MakeConstSpan(w.extents).subspan(axes.shared.size() + axes.summed.size()));
  form.units = units.size();
  form.column_stride = PaddedRows(form.units);
  form.block_stride = form.num_columns * form.column_stride;
  std::vector<int64_t> outer = shared.extents;
  outer.insert(outer.end(), columns.extents.begin(), columns.extents.end());
  StridedView result = StridedView::Dense(outer);
  for (int64_t& stride : result.strides) stride *= PaddedRows(form.units);
  result.extents.insert(result.extents.end(), units.extents.begin(), units.extents.end());
  result.strides.insert(result.strides.end(), units.strides.begin(), units.strides.end());
  form.result = DotAxes::Ordered(result, axes.shared + axes.columns + axes.units, axes.result);
  for (const char letter : axes.result) {
    form.is_unit_axis.push_back(axes.units.find(letter) != std::string::npos);
  }
  return form;
}

// Copies x to a dense memory, in the order of its axes.
void ProgramPlanner::CopyForProduct(MatrixForm& form) {
  const int stage = StageOfReader({form.x}, form.phase);
  Lowering lowering(*this, StageOf(form.phase, stage).instructions);
  form.x = {form.phase, lowering.Dense(form.x.value), stage, false};
}

int ProgramPlanner::StageOfProduct(const Known& x, int phase) const {
  const bool is_argument = storages_[static_cast<size_t>(x.value.storage)].home == Home::kArgument;
  if (is_argument || x.phase != phase) return 0;
  return x.is_product ? x.stage : x.stage + 1;
}

// A convolution is a product of the kernel and the windows of x as columns. Where the windows are
// contiguous parts of x, they are not copied. Along one axis x is copied once, with its padding, if
// that makes them contiguous; else each window is copied.
ProgramPlanner::MatrixForm ProgramPlanner::FormOfConvolution(const Program::Operation& operation) {
  const Attributes::Window& window = operation.attributes.window;
  const Program::Value& result = program_.values[operation.results[0]];
  const Shape& kernel = program_.values[operation.operands[1]].shape;
  const PlannedValue& weights = known_[operation.operands[1]].value;
  MatrixForm form;
  form.phase = known_[operation.results[0]].phase;
  form.x = Visible(operation.operands[0], form.phase);
  const std::vector<int64_t> x_extents = form.x.value.view.extents;
  const size_t num_spatial = x_extents.size() - 1;
  const int64_t groups = window.groups;
  const int64_t channels = kernel[1];
  std::vector<int64_t> taps;
  std::vector<int64_t> positions;
  for (size_t i = 0; i < num_spatial; ++i) {
    taps.push_back(kernel[static_cast<int>(i) + 2]);
    positions.push_back(result.shape[static_cast<int>(i) + 1]);
  }
  const int64_t num_taps = StridedView::Dense(taps).size();
  form.num_columns = StridedView::Dense(positions).size();
  form.input_size = num_taps * channels;
  form.units = kernel[0] / groups;

  const bool is_line = num_spatial == 1 && groups == 1 && window.dilations[0] == 1;
  const StridedView& x_view = form.x.value.view;
  const bool is_padded = is_line && (window.pads[0].low != 0 || window.pads[0].high != 0);
  const bool steps_fit = is_line && (channels == 1 || x_view.strides[0] == 1) &&
                         (num_taps == 1 || x_view.strides[1] == channels);
  if (is_line && !is_padded && steps_fit) {
    form.stage = StageOfProduct(form.x, form.phase);
    form.x_stride = window.strides[0] * x_view.strides[1];
    form.block_offsets = {0};
  } else {
    WindowGrid grid{positions, taps, window.strides, window.dilations, {}, groups};
    for (const Attributes::Pad& pad : window.pads) grid.lows.push_back(pad.low);
    form.x_stride = form.input_size;
    if (is_line) {
      const auto& [low, high] = window.pads[0];
      grid = {{x_extents[1] + low + high}, {1}, {1}, {1}, {low}, 1};
      form.x_stride = window.strides[0] * channels;
    }
    const int stage = StageOfReader({form.x}, form.phase);
    Lowering lowering(*this, StageOf(form.phase, stage).instructions);
    form.x = {form.phase, lowering.Windows(form.x.value, grid), stage, false};
    form.stage = stage + 1;
    for (int64_t group = 0; group < groups; ++group) {
      form.block_offsets.push_back(group * form.num_columns * form.input_size);
    }
  }
  // The kernel as [groups, taps, channels, units].
  std::vector<int64_t> split = {groups, form.units, channels, num_taps};
  const StridedView w = weights.view.Reshaped(split)->Transposed({0, 3, 2, 1});
  form.weights = ElementsOf(ConstantAt(weights.storage), w);
  // The result: a column for each position, with the units of all groups.
  form.column_stride = groups == 1 ? PaddedRows(form.units) : kernel[0];
  form.block_stride = form.units;
  form.result = StridedView::Dense(positions);
  for (int64_t& stride : form.result.strides) stride *= form.column_stride;
  form.result.extents.insert(form.result.extents.begin(), kernel[0]);
  form.result.strides.insert(form.result.strides.begin(), 1);
  form.is_unit_axis.assign(form.result.extents.size(), false);
  form.is_unit_axis[0] = groups == 1;
  return form;
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
    const float* const elements = ConstantAt(constant.storage) + view.offset;
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
    const MatrixForm form = FormOf(program_.operations[index]);
    const bool goes_on = total.has_value() && layout->strides == form.result.strides;
    StorageId bias = 0;
    if (!goes_on) {
      std::optional<std::vector<float>> values = BiasOf(form, constants);
      if (values.has_value()) constants.clear();
      bias = NewConstant(
          values.value_or(std::vector<float>(static_cast<size_t>(PaddedRows(form.units)), 0.0f)));
      if (total.has_value()) summands.push_back(*total);
    }
    total = AddProducts(form, goes_on ? total : std::nullopt, bias);
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
    Lowering lowering(*this, StageOf(both, stage).instructions);
    added = {both, lowering.Map(MapFunction::kAdd, extents, {added.value, summands[i].value}),
             stage};
  }
  known_[result] = added;
}

ProgramPlanner::Known ProgramPlanner::AddProducts(const MatrixForm& form,
                                                  const std::optional<Known>& start,
                                                  StorageId bias) {
  const auto num_blocks = static_cast<int64_t>(form.block_offsets.size());
  const int64_t block_size = form.input_size * form.units;
  int stage = form.stage;
  const bool is_same_phase = start.has_value() && start->phase == form.phase;
  if (is_same_phase) stage = std::max(stage, start->stage);
  const int64_t size =
      std::max(form.num_columns * form.column_stride, num_blocks * form.block_stride);
  const StorageId y = is_same_phase ? start->value.storage : NewRowStorage(size);
  for (int64_t block = 0; block < num_blocks; ++block) {
    const auto index = static_cast<size_t>(block);
    PlannedProduct product;
    product.weights = std::make_shared<const Matrix>(
        absl::MakeConstSpan(form.weights)
            .subspan(static_cast<size_t>(block * block_size), static_cast<size_t>(block_size)),
        form.input_size, 1, form.units, matrix_type_);
    product.x = {form.x.value.storage, form.x.value.view.offset + form.block_offsets[index]};
    product.num_columns = form.num_columns;
    product.x_stride = form.x_stride;
    product.y_stride = form.column_stride;
    const int64_t first = block * form.block_stride;
    product.y = {y, first, true, 0};
    product.start = start.has_value() ? Access{start->value.storage, first} : Access{bias, 0};
    product.start_stride = start.has_value() ? form.column_stride : 0;
    plan_.matrix_bytes += product.weights->bytes();
    plan_.shareable_bytes += ShareableBytes(product.weights->bytes());
    StageOf(form.phase, stage).products.push_back(std::move(product));
  }
  return {form.phase, {ElementType::kFloat32, y, form.result}, stage, true};
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
  Storage& storage = storages_[static_cast<size_t>(value.storage)];
  const bool is_float = value.type == ElementType::kFloat32;
  const bool is_whole = value.view.IsDense() && value.view.offset == 0 &&
                        value.view.size() == SizeOf(program_.values[id]);
  const bool fits = storage.home == Home::kArena && known.phase == kStep &&
                    PaddedRows(storage.size) <= PaddedRows(value.view.size());
  if (is_float && is_whole && fits) {
    storage.home = Home::kResult;
    storage.argument = kind;
    storage.argument_index = index;
    return;
  }
  const StorageId to = NewRowStorage(value.view.size());
  storages_.back().home = Home::kResult;
  storages_.back().argument = kind;
  storages_.back().argument_index = index;
  const int stage = known.phase == kStep ? known.stage : 0;
  Lowering lowering(*this, StageOf(kStep, stage).instructions);
  if (is_float) {
    lowering.Copy(value, to, StridedView::Dense(value.view.extents));
  } else {
    lowering.ExchangeTo(value, to);
  }
}

template <typename F>
void ProgramPlanner::ForEachAccess(F f) {
  for (int phase = 0; phase < static_cast<int>(kNumPhases); ++phase) {
    auto& stages = plan_.phases[static_cast<size_t>(phase)];
    for (size_t s = 0; s < stages.size(); ++s) {
      const int stage = static_cast<int>(s);
      for (PlannedProduct& product : stages[s].products) {
        for (Access* access : {&product.x, &product.start, &product.y}) {
          f(*access, Use{phase, stage, true});
        }
      }
      for (auto& instruction : stages[s].instructions) {
        for (Access& access : instruction->accesses()) f(access, Use{phase, stage, false});
      }
    }
  }
}

void ProgramPlanner::CollectUses() {
  ForEachAccess([&](const Access& access, const Use& use) {
    Storage& storage = storages_[static_cast<size_t>(access.storage)];
    if (access.is_written) storage.written_phase = std::max(storage.written_phase, use.phase);
    if (std::find(storage.uses.begin(), storage.uses.end(), use) == storage.uses.end()) {
      storage.uses.push_back(use);
    }
  });
}

void ProgramPlanner::ChooseHomes() {
  for (Storage& storage : storages_) {
    if (storage.home != Home::kArena) continue;
    if (storage.uses.empty()) {
      storage.home = Home::kUnused;
      continue;
    }
    bool crosses_phases = false;
    bool crosses_stages = false;
    for (const Use& use : storage.uses) {
      crosses_phases = crosses_phases || use.phase != storage.written_phase;
      crosses_stages = crosses_stages || use.by_product || !(use == storage.uses[0]);
    }
    if (crosses_phases) {
      storage.home = storage.written_phase == kPrepare ? Home::kPrepared : Home::kProjection;
    } else if (crosses_stages) {
      storage.home = Home::kBatch;
    }
  }
  // The bases and the places of everything but the arena.
  const auto add_base = [&](PlanBase base) {
    plan_.bases.push_back(base);
    return static_cast<int>(plan_.bases.size() - 1);
  };
  const int fixed = add_base({PlanBase::Kind::kFixed});
  const int arena = add_base({PlanBase::Kind::kArena});
  const int prepared = add_base({PlanBase::Kind::kPrepared});
  const int projection = add_base({PlanBase::Kind::kProjection});
  int64_t fixed_size = 0;
  const auto take = [](int64_t& size, const Storage& storage) {
    const int64_t offset = size;
    size += PaddedRows(storage.size);
    return offset;
  };
  for (Storage& storage : storages_) {
    switch (storage.home) {
      case Home::kUnused:
        break;
      case Home::kConstant:
        if (storage.uses.empty()) break;
        storage.base = fixed;
        storage.offset = take(fixed_size, storage);
        break;
      case Home::kArena:
        storage.base = arena;
        break;
      case Home::kPrepared:
        storage.base = prepared;
        storage.offset = take(plan_.prepared_rows, storage);
        break;
      case Home::kProjection:
        storage.base = projection;
        storage.offset = take(plan_.projection_rows, storage);
        break;
      case Home::kArgument:
      case Home::kResult:
        storage.base = add_base({storage.argument, storage.argument_index});
        break;
      case Home::kBatch: {
        const int64_t first = take(plan_.batch_row_size, storage);
        storage.base = add_base({PlanBase::Kind::kBatch, 0, first, PaddedRows(storage.size)});
        break;
      }
    }
  }
  plan_.fixed = AlignedBuffer(fixed_size);
  for (const Storage& storage : storages_) {
    if (storage.home != Home::kConstant || storage.uses.empty()) continue;
    std::copy(storage.constant.begin(), storage.constant.end(),
              plan_.fixed.data() + storage.offset);
  }
}

// Gives each value of the arena a place from its first to its last use in its stage: the first gap
// that is large enough.
void ProgramPlanner::LayOutArena() {
  struct Life {
    StorageId storage;
    size_t first;
    size_t last;
  };
  for (auto& stages : plan_.phases) {
    for (PlannedStage& stage : stages) {
      std::map<StorageId, Life> lives;
      for (size_t i = 0; i < stage.instructions.size(); ++i) {
        for (const Access& access : stage.instructions[i]->accesses()) {
          if (storages_[static_cast<size_t>(access.storage)].home != Home::kArena) continue;
          const auto [life, is_new] = lives.try_emplace(access.storage, Life{access.storage, i, i});
          life->second.last = i;
        }
      }
      std::vector<Life> in_order;
      for (const auto& [id, life] : lives) in_order.push_back(life);
      std::sort(in_order.begin(), in_order.end(), [](const Life& a, const Life& b) {
        return std::make_pair(a.first, a.storage) < std::make_pair(b.first, b.storage);
      });
      std::vector<Life> placed;
      for (const Life& life : in_order) {
        Storage& storage = storages_[static_cast<size_t>(life.storage)];
        const int64_t size = PaddedRows(storage.size);
        std::erase_if(placed, [&](const Life& other) { return other.last < life.first; });
        std::sort(placed.begin(), placed.end(), [&](const Life& a, const Life& b) {
          return storages_[static_cast<size_t>(a.storage)].offset <
                 storages_[static_cast<size_t>(b.storage)].offset;
        });
        int64_t offset = 0;
        for (const Life& other : placed) {
          const Storage& taken = storages_[static_cast<size_t>(other.storage)];
          if (offset + size <= taken.offset) break;
          offset = std::max(offset, taken.offset + PaddedRows(taken.size));
        }
        storage.offset = offset;
        plan_.arena_size = std::max(plan_.arena_size, offset + size);
        placed.push_back(life);
      }
    }
  }
}

void ProgramPlanner::Resolve() {
  ForEachAccess([&](Access& access, const Use&) {
    const Storage& storage = storages_[static_cast<size_t>(access.storage)];
    access.base = storage.base;
    access.offset += storage.offset;
  });
}

}  // namespace rnnserve
