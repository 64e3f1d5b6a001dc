// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/stacked_rnn_cells.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace rnnserve {
namespace {

// Returns the constants of the first cell that takes any. Create makes sure that all such cells
// take the same ones.
std::vector<Shape> ConstantsOf(const std::vector<std::unique_ptr<Cell>>& cells) {
  for (const auto& cell : cells) {
    if (!cell->constants().empty()) return cell->constants();
  }
  return {};
}

CellSignature SignatureOf(const std::vector<std::unique_ptr<Cell>>& cells) {
  CellSignature signature{.input = cells.front()->input_shape(),
                          .output = cells.back()->output_shape(),
                          .states = {},
                          .constants = ConstantsOf(cells)};
  for (size_t i = 0; i < cells.size(); ++i) {
    for (const StateSpec& state : cells[i]->states()) {
      signature.states.push_back({absl::StrCat(i, "/", state.name), state.shape});
    }
  }
  return signature;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Cell>> StackedRnnCells::Create(const CellRegistry& registry,
                                                              const KerasConfig& config,
                                                              const Shape& input_shape,
                                                              WeightSource& weights) {
  RNNSERVE_RETURN_IF_ERROR(config.CheckDtypePolicy());
  RNNSERVE_ASSIGN_OR_RETURN(const std::vector<KerasConfig> configs, config.Objects("cells"));
  if (configs.empty()) return config.Error("'cells' is empty");
  std::vector<std::unique_ptr<Cell>> cells;
  for (size_t i = 0; i < configs.size(); ++i) {
    ScopedWeights cell_weights(weights, absl::StrCat("cells/", i));
    const Shape& cell_input = i == 0 ? input_shape : cells.back()->output_shape();
    RNNSERVE_ASSIGN_OR_RETURN(auto cell, registry.Create(configs[i], cell_input, cell_weights));
    cells.push_back(std::move(cell));
    const auto& constants = cells.back()->constants();
    if (!constants.empty() && constants != ConstantsOf(cells)) {
      return configs[i].Error("it takes other constants than the cells below it");
    }
  }
  return std::unique_ptr<Cell>(new StackedRnnCells(std::move(cells)));
}

StackedRnnCells::StackedRnnCells(std::vector<std::unique_ptr<Cell>> cells)
    : Cell(SignatureOf(cells)), cells_(std::move(cells)) {}

int64_t StackedRnnCells::num_parameters() const {
  int64_t sum = 0;
  for (const auto& cell : cells_) sum += cell->num_parameters();
  return sum;
}

int64_t StackedRnnCells::parameter_bytes() const {
  int64_t sum = 0;
  for (const auto& cell : cells_) sum += cell->parameter_bytes();
  return sum;
}

int64_t StackedRnnCells::shareable_bytes() const {
  int64_t sum = 0;
  for (const auto& cell : cells_) sum += cell->shareable_bytes();
  return sum;
}

int64_t StackedRnnCells::scratch_size(int64_t batch) const {
  int64_t outputs = 0;
  int64_t largest = 0;
  for (const auto& cell : cells_) {
    if (cell != cells_.back()) outputs += ColumnsSize(cell->output_size(), batch);
    largest = std::max(largest, cell->scratch_size(batch));
  }
  return outputs + largest;
}

void StackedRnnCells::InitialState(int state_index, absl::Span<float> value) const {
  for (const auto& cell : cells_) {
    const int num_states = static_cast<int>(cell->states().size());
    if (state_index < num_states) return cell->InitialState(state_index, value);
    state_index -= num_states;
  }
}

std::string StackedRnnCells::no_training_reason() const {
  for (const auto& cell : cells_) {
    std::string reason = cell->no_training_reason();
    if (!reason.empty()) return reason;
  }
  return "";
}

absl::Span<const ConstColumns> StackedRnnCells::ConstantsFor(
    const Cell& cell, absl::Span<const ConstColumns> constants) {
  return cell.constants().empty() ? absl::Span<const ConstColumns>() : constants;
}

int64_t StackedRnnCells::prepared_rows() const {
  int64_t sum = 0;
  for (const auto& cell : cells_) sum += PaddedRows(cell->prepared_rows());
  return sum;
}

void StackedRnnCells::Prepare(absl::Span<const ConstColumns> constants, Columns prepared,
                              float* scratch) const {
  int64_t first = 0;
  for (const auto& cell : cells_) {
    const int64_t rows = cell->prepared_rows();
    cell->Prepare(ConstantsFor(*cell, constants), prepared.Rows(first, rows), scratch);
    first += PaddedRows(rows);
  }
}

int64_t StackedRnnCells::projection_rows() const { return cells_.front()->projection_rows(); }

int64_t StackedRnnCells::projection_scratch_size(int64_t columns) const {
  return cells_.front()->projection_scratch_size(columns);
}

void StackedRnnCells::Project(const CellProjection& project) const {
  const Cell& first = *cells_.front();
  CellProjection inner = project;
  inner.constants = ConstantsFor(first, project.constants);
  inner.prepared = project.prepared.Rows(0, first.prepared_rows());
  first.Project(inner);
}

void StackedRnnCells::Step(const CellStep& step) const {
  CellStep inner = step;
  TrainingRun training;
  size_t first_state = 0;
  int64_t first_prepared = 0;
  int64_t index = 0;
  for (const auto& cell : cells_) {
    if (step.training != nullptr) {
      training = step.training->Part(index++);
      inner.training = &training;
    }
    const size_t num_states = cell->states().size();
    inner.state = step.state.subspan(first_state, num_states);
    inner.next_state = step.next_state.subspan(first_state, num_states);
    inner.constants = ConstantsFor(*cell, step.constants);
    inner.prepared = step.prepared.Rows(first_prepared, cell->prepared_rows());
    inner.y = cell == cells_.back() ? step.y
                                    : TakeColumns(inner.scratch, cell->output_size(), step.y.cols);
    cell->Step(inner);
    inner.x = inner.y;
    inner.projection = {};
    first_state += num_states;
    first_prepared += PaddedRows(cell->prepared_rows());
  }
}

}  // namespace rnnserve
