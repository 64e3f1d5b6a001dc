// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/program/compiled_program.h"

#include <algorithm>
#include <cassert>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/kernels/column_grid.h"
#include "core/kernels/product.h"
#include "core/program/initial_state.h"
#include "core/program/program_plan.h"
#include "core/program/program_planner.h"

namespace rnnserve {
namespace {

// Where the values of a base are in a call: those of batch row b at data + b * stride.
struct BoundBase {
  float* data;
  int64_t stride;
};

constexpr int64_t kFloatsOf(int64_t bytes) {
  return (bytes + int64_t{sizeof(float)} - 1) / int64_t{sizeof(float)};
}

// Returns the size of the tables of addresses that a call needs, in floats.
int64_t TablesSize(const ProgramPlan& plan) {
  const auto num_bases = static_cast<int64_t>(plan.bases.size());
  return PaddedRows(
      kFloatsOf(num_bases * int64_t{sizeof(BoundBase) + sizeof(float*) + sizeof(int64_t)}));
}

// Returns the size of the arenas of the rows that run at once, in floats.
int64_t ArenasSize(const ProgramPlan& plan, int64_t batch) {
  return PaddedRows(plan.arena_size) * std::min(batch, plan.rows_at_once);
}

// A call of a phase: the arguments and the memory.
struct Call {
  const CompiledProgram::Arguments& arguments;
  Columns prepared;
  Columns projection;
  int64_t batch;
};

// Arguments that are only read are bound like the others; no instruction writes them.
template <typename T>
BoundBase Bind(const BasicColumns<T>& columns) {
  return {const_cast<float*>(columns.data), columns.stride};
}

template <typename T>
BoundBase BindArgument(absl::Span<const BasicColumns<T>> arguments, size_t index) {
  if (index >= arguments.size()) return {nullptr, 0};
  return Bind(arguments[index]);
}

// Runs the phases of a plan with the arguments of a call.
class Execution {
 public:
  Execution(const ProgramPlan& plan, const Call& call) : plan_(plan), batch_(call.batch) {
    float* memory = call.arguments.scratch;
    bases_ = reinterpret_cast<BoundBase*>(memory);
    row_ = reinterpret_cast<float**>(bases_ + plan.bases.size());
    strides_ = reinterpret_cast<int64_t*>(row_ + plan.bases.size());
    memory += TablesSize(plan);
    float* const arenas = memory;
    float* const batch_memory = arenas + ArenasSize(plan, batch_);
    for (size_t i = 0; i < plan.bases.size(); ++i) {
      bases_[i] = Bound(plan.bases[i], call, arenas, batch_memory);
      strides_[i] = bases_[i].stride;
    }
  }

  void Run(Phase phase, Team* team) {
    for (const PlannedStage& stage : plan_.phases[static_cast<size_t>(phase)]) {
      for (const PlannedProduct& product : stage.products) Multiply(product, team);
      if (stage.instructions.empty()) continue;
      for (int64_t first = 0; first < batch_; first += plan_.rows_at_once) {
        RunRows(stage, first, std::min(plan_.rows_at_once, batch_ - first));
      }
    }
  }

 private:
  void RunRows(const PlannedStage& stage, int64_t first, int64_t num_rows) const {
    for (size_t i = 0; i < plan_.bases.size(); ++i) {
      // Each tile uses the same arenas.
      const bool is_arena = plan_.bases[i].kind == PlanBase::Kind::kArena;
      row_[i] = bases_[i].data + (is_arena ? 0 : first * bases_[i].stride);
    }
    if (num_rows == 1) {
      for (const auto& instruction : stage.instructions) instruction->Run(row_);
      return;
    }
    const RowTile rows{row_, strides_, plan_.bases.size(), num_rows};
    for (const auto& instruction : stage.instructions) instruction->RunRows(rows);
  }

  BoundBase Bound(const PlanBase& base, const Call& call, float* arenas,
                  float* batch_memory) const {
    const CompiledProgram::Arguments& arguments = call.arguments;
    switch (base.kind) {
      case PlanBase::Kind::kFixed:
        return {const_cast<float*>(plan_.fixed.data()), 0};
      case PlanBase::Kind::kArena:
        return {arenas, PaddedRows(plan_.arena_size)};
      case PlanBase::Kind::kInput:
        return BindArgument(arguments.inputs, base.index);
      case PlanBase::Kind::kState:
        return BindArgument(arguments.states, base.index);
      case PlanBase::Kind::kConstant:
        return BindArgument(arguments.constants, base.index);
      case PlanBase::Kind::kOutput:
        return BindArgument(arguments.outputs, base.index);
      case PlanBase::Kind::kNextState:
        return BindArgument(arguments.next_states, base.index);
      case PlanBase::Kind::kPrepared:
        return Bind(call.prepared);
      case PlanBase::Kind::kProjection:
        return Bind(call.projection);
      case PlanBase::Kind::kBatch:
        return {batch_memory + base.first * batch_, base.row_size};
    }
    return {nullptr, 0};
  }

  void Multiply(const PlannedProduct& product, Team* team) const {
    const auto grid_of = [&](const RowInstruction::Access& access, int64_t rows,
                             const std::vector<int32_t>& offsets) {
      const BoundBase& base = bases_[access.base];
      return ColumnGrid{base.data + access.offset, rows, base.stride, offsets};
    };
    const Matrix& weights = *product.weights;
    SharedProduct(weights, grid_of(product.start, weights.units(), product.start_offsets),
                  grid_of(product.x, weights.input_size(), product.x_offsets),
                  grid_of(product.y, weights.units(), product.y_offsets), batch_, team);
  }

  const ProgramPlan& plan_;
  const int64_t batch_;
  BoundBase* bases_;
  float** row_;  // the bases of the first row of a tile
  int64_t* strides_;
};

}  // namespace

struct CompiledProgram::Parts {
  Program program;
  ProgramPlan plan;
  int64_t num_parameters = 0;
  std::vector<std::vector<float>> initial_states;
};

CompiledProgram::CompiledProgram(std::unique_ptr<const Parts> parts) : parts_(std::move(parts)) {}
CompiledProgram::~CompiledProgram() = default;

absl::StatusOr<std::unique_ptr<const CompiledProgram>> CompiledProgram::Create(
    Program program, WeightSource& weights) {
  auto parts = std::make_unique<Parts>();
  parts->program = std::move(program);
  const Program& owned = parts->program;
  std::vector<absl::Span<const float>> values;
  for (const Program::ValueId id : owned.weights) {
    const Program::Value& weight = owned.values[id];
    RNNSERVE_ASSIGN_OR_RETURN(values.emplace_back(), weights.Weight(weight.name, weight.shape));
    parts->num_parameters += static_cast<int64_t>(values.back().size());
  }
  for (const Program::State& state : owned.states) {
    const Shape& shape = owned.values[state.value].shape;
    std::vector<float>& initial = parts->initial_states.emplace_back(
        static_cast<size_t>(shape.NumElements().value_or(0)), 0.0f);
    if (state.initial.empty()) continue;
    RNNSERVE_ASSIGN_OR_RETURN(const absl::Span<const float> found,
                              weights.Weight(state.initial, shape));
    RNNSERVE_RETURN_IF_ERROR(CheckInitialState(owned, state, found));
    initial.assign(found.begin(), found.end());
  }
  ProgramPlanner planner(owned, values, weights.matrix_type());
  RNNSERVE_ASSIGN_OR_RETURN(parts->plan, planner.Plan());
  return std::unique_ptr<const CompiledProgram>(new CompiledProgram(std::move(parts)));
}

const Program& CompiledProgram::program() const { return parts_->program; }
int64_t CompiledProgram::num_parameters() const { return parts_->num_parameters; }
int64_t CompiledProgram::parameter_bytes() const {
  return parts_->plan.matrix_bytes + parts_->plan.fixed.size() * int64_t{sizeof(float)};
}
int64_t CompiledProgram::shareable_bytes() const { return parts_->plan.shareable_bytes; }
absl::Span<const float> CompiledProgram::initial_state(size_t state) const {
  return parts_->initial_states[state];
}

int64_t CompiledProgram::scratch_size(int64_t batch) const {
  const ProgramPlan& plan = parts_->plan;
  return TablesSize(plan) + ArenasSize(plan, batch) +
         batch * (plan.batch_row_size + plan.projection_rows);
}

int64_t CompiledProgram::prepared_rows() const { return parts_->plan.prepared_rows; }
int64_t CompiledProgram::projection_rows() const { return parts_->plan.projection_rows; }

void CompiledProgram::Prepare(absl::Span<const ConstColumns> constants, Columns prepared,
                              float* scratch) const {
  Arguments arguments;
  arguments.constants = constants;
  arguments.scratch = scratch;
  Execution(parts_->plan, {arguments, prepared, {}, prepared.cols}).Run(Phase::kPrepare, nullptr);
}

void CompiledProgram::Project(absl::Span<const ConstColumns> inputs,
                              absl::Span<const ConstColumns> constants, ConstColumns prepared,
                              Columns projection, float* scratch) const {
  Arguments arguments;
  arguments.inputs = inputs;
  arguments.constants = constants;
  arguments.scratch = scratch;
  const Columns was_prepared{const_cast<float*>(prepared.data), prepared.rows, prepared.cols,
                             prepared.stride};
  Execution(parts_->plan, {arguments, was_prepared, projection, projection.cols})
      .Run(Phase::kProject, nullptr);
}

void CompiledProgram::Step(const Arguments& step) const {
  const ProgramPlan& plan = parts_->plan;
  const int64_t batch = step.outputs[0].cols;
  Columns projection{const_cast<float*>(step.projection.data), plan.projection_rows, batch,
                     step.projection.stride};
  const bool is_projected = step.projection.data != nullptr || plan.projection_rows == 0;
  if (!is_projected) {
    projection.data =
        step.scratch + TablesSize(plan) + ArenasSize(plan, batch) + batch * plan.batch_row_size;
    projection.stride = PaddedRows(plan.projection_rows);
  }
  const Columns prepared{const_cast<float*>(step.prepared.data), step.prepared.rows, batch,
                         step.prepared.stride};
  Execution execution(plan, {step, prepared, projection, batch});
  if (!is_projected) execution.Run(Phase::kProject, step.team);
  execution.Run(Phase::kStep, step.team);
}

}  // namespace rnnserve
