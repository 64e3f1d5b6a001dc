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

}  // namespace

// The axes of a product of x and constant weights, by their letters in the equation: those of both
// and the result, of x and the result, of both without the result, and of the weights and the
// result.
struct ProgramPlanner::ProductAxes {
  // Returns nullopt if a letter is in one operand only and not in the result.
  static std::optional<ProductAxes> Of(const std::string& x, const std::string& weights,
                                       const std::string& result) {
    ProductAxes axes{x, weights, result, {}, {}, {}, {}};
    const auto has = [](const std::string& letters, char letter) {
      return letters.find(letter) != std::string::npos;
    };
    for (const char letter : x) {
      if (has(weights, letter)) {
        (has(result, letter) ? axes.shared : axes.summed) += letter;
      } else if (has(result, letter)) {
        axes.columns += letter;
      } else {
        return std::nullopt;
      }
    }
    for (const char letter : weights) {
      if (has(x, letter)) continue;
      if (!has(result, letter)) return std::nullopt;
      axes.units += letter;
    }
    return axes;
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
  for (size_t i = 0; i < program_.operations.size(); ++i) {
    if (!is_live_[i]) continue;
    const Program::Operation& operation = program_.operations[i];
    if (known_[operation.results[0]].phase == kConstantPhase) {
      Fold(operation);
    } else if (!LowerProduct(operation)) {
      LowerRowOperation(operation);
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

void ProgramPlanner::LowerRowOperation(const Program::Operation& operation) {
  const int phase = known_[operation.results[0]].phase;
  std::vector<PlannedValue> operands;
  int stage = 0;
  for (const ValueId operand : operation.operands) {
    const Known known = Visible(operand, phase);
    if (known.phase == phase) stage = std::max(stage, known.stage);
    operands.push_back(known.value);
  }
  Lowering lowering(*this, StageOf(phase, stage).instructions);
  const std::vector<PlannedValue> results = lowering.Lower(program_.values, operation, operands);
  for (size_t i = 0; i < results.size(); ++i) {
    known_[operation.results[i]] = {phase, results[i], stage, false};
  }
}

bool ProgramPlanner::LowerProduct(const Program::Operation& operation) {
  if (operation.code != OpCode::kDot) return false;
  const DotEquation equation = *DotEquation::Parse(operation.attributes.equation);
  const bool is_swapped = known_[operation.operands[0]].phase == kConstantPhase;
  const Known& weights = known_[operation.operands[is_swapped ? 0 : 1]];
  if (weights.phase != kConstantPhase) return false;
  const std::optional<ProductAxes> axes = ProductAxes::Of(
      is_swapped ? equation.b : equation.a, is_swapped ? equation.a : equation.b, equation.result);
  if (!axes.has_value()) return false;
  const auto extent = [&](const std::string& letters) {
    int64_t size = 1;
    for (const char letter : letters) {
      size *= weights.value.view.extents[axes->weights.find(letter)];
    }
    return size;
  };
  if (extent(axes->units) < kProductUnitsMin) return false;
  if (!axes->shared.empty() && extent(axes->units) * extent(axes->summed) < kBlockWorkMin) {
    return false;
  }
  const float* const values = ConstantAt(weights.value.storage);
  if (!std::all_of(values, values + weights.value.view.size(),
                   [](float value) { return std::isfinite(value); })) {
    return false;
  }
  AddProducts(*axes, operation);
  return true;
}

void ProgramPlanner::AddProducts(const ProductAxes& axes, const Program::Operation& operation) {
  const int phase = known_[operation.results[0]].phase;
  const bool is_swapped = known_[operation.operands[0]].phase == kConstantPhase;
  const Known& weights = known_[operation.operands[is_swapped ? 0 : 1]];
  Known x = Visible(operation.operands[is_swapped ? 1 : 0], phase);
  int stage = x.phase != phase ? 0 : x.is_product ? x.stage : x.stage + 1;
  // An argument is there before the first stage.
  if (storages_[static_cast<size_t>(x.value.storage)].home == Home::kArgument) stage = 0;

  StridedView x_view =
      ProductAxes::Ordered(x.value.view, axes.x, axes.shared + axes.columns + axes.summed);
  const size_t num_shared = axes.shared.size();
  const size_t num_columns = axes.columns.size();
  const auto part = [&](size_t first, size_t count) {
    const auto begin = static_cast<std::ptrdiff_t>(first);
    const auto end = begin + static_cast<std::ptrdiff_t>(count);
    return StridedView{0,
                       {x_view.extents.begin() + begin, x_view.extents.begin() + end},
                       {x_view.strides.begin() + begin, x_view.strides.begin() + end}};
  };
  const auto is_simple = [&] {
    const StridedView summed = part(num_shared + num_columns, axes.summed.size());
    return summed.IsDense() && LoopNest({part(num_shared, num_columns)}).rank() == 1;
  };
  if (!is_simple()) {
    const int copy_stage = x.phase != phase ? 0 : x.stage;
    Lowering lowering(*this, StageOf(phase, copy_stage).instructions);
    x.value.view = x_view;
    const Known copied{phase, lowering.Dense(x.value), copy_stage, false};
    x = copied;
    x_view = x.value.view;
    stage = copy_stage + 1;
  }
  const StridedView shared = part(0, num_shared);
  const StridedView columns = part(num_shared, num_columns);
  const StridedView summed = part(num_shared + num_columns, axes.summed.size());

  const StridedView w_view = ProductAxes::Ordered(weights.value.view, axes.weights,
                                                  axes.shared + axes.summed + axes.units);
  const std::vector<int64_t> units_extents(
      w_view.extents.begin() + static_cast<std::ptrdiff_t>(num_shared + axes.summed.size()),
      w_view.extents.end());
  const StridedView units = StridedView::Dense(units_extents);
  const int64_t block_size = summed.size() * units.size();
  const LoopNest w_nest({w_view});
  std::vector<float> packed(static_cast<size_t>(w_view.size()));
  {
    const float* const from = ConstantAt(weights.value.storage);
    size_t at = 0;
    std::vector<LoopAxis<1>> loops;
    for (int i = 0; i < w_nest.rank(); ++i) {
      const auto axis = static_cast<size_t>(i);
      loops.push_back({w_nest.extents[axis], {w_nest.strides[0][axis]}});
    }
    ForEachPosition<1>(loops, [&](const std::array<int64_t, 1>& offset) {
      packed[at++] = from[w_view.offset + offset[0]];
    });
  }
  const std::vector<float> zeros(static_cast<size_t>(PaddedRows(units.size())), 0.0f);
  const StorageId start = NewConstant(zeros);

  // The result: [shared, columns, units], units padded.
  std::vector<int64_t> y_extents = shared.extents;
  y_extents.insert(y_extents.end(), columns.extents.begin(), columns.extents.end());
  StridedView y_view = StridedView::Dense(y_extents);
  for (int64_t& stride : y_view.strides) stride *= PaddedRows(units.size());
  const int64_t y_size = y_view.size() * PaddedRows(units.size());
  y_view.extents.insert(y_view.extents.end(), units.extents.begin(), units.extents.end());
  y_view.strides.insert(y_view.strides.end(), units.strides.begin(), units.strides.end());
  const StorageId y = NewRowStorage(y_size);

  const LoopNest column_nest({columns});
  std::vector<LoopAxis<1>> shared_loops;
  for (size_t i = 0; i < num_shared; ++i) {
    shared_loops.push_back({shared.extents[i], {shared.strides[i]}});
  }
  int64_t block = 0;
  ForEachPosition<1>(shared_loops, [&](const std::array<int64_t, 1>& offset) {
    PlannedProduct product;
    product.weights = std::make_shared<const Matrix>(
        absl::MakeConstSpan(packed).subspan(static_cast<size_t>(block * block_size),
                                            static_cast<size_t>(block_size)),
        summed.size(), 1, units.size(), matrix_type_);
    product.x = {x.value.storage, x_view.offset + offset[0], false, 0};
    product.num_columns = columns.size();
    product.x_stride = column_nest.inner_stride(0);
    product.y = {y, block * columns.size() * PaddedRows(units.size()), true, 0};
    product.start = {start, 0, false, 0};
    plan_.matrix_bytes += product.weights->bytes();
    plan_.shareable_bytes += ShareableBytes(product.weights->bytes());
    StageOf(phase, stage).products.push_back(std::move(product));
    ++block;
  });
  PlannedValue result{
      ElementType::kFloat32, y,
      ProductAxes::Ordered(y_view, axes.shared + axes.columns + axes.units, axes.result)};
  known_[operation.results[0]] = {phase, std::move(result), stage, true};
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
