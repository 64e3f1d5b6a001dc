// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/cell_registry.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/cells/conv_lstm_cell.h"
#include "core/cells/gru_cell.h"
#include "core/cells/lstm_cell.h"
#include "core/cells/minimal_rnn_cell.h"
#include "core/cells/program_cell.h"
#include "core/cells/simple_rnn_cell.h"
#include "core/cells/stacked_rnn_cells.h"

namespace rnnserve {

CellRegistry CellRegistry::BuiltIn() {
  const std::vector<CellVariable> two = {{"kernel", ""}, {"recurrent_kernel", ""}};
  const std::vector<CellVariable> three = {
      {"kernel", ""}, {"recurrent_kernel", ""}, {"bias", "use_bias"}};
  CellRegistry registry;
  registry.Register("SimpleRNNCell", SimpleRnnCell::Create, three);
  registry.Register("LSTMCell", LstmCell::Create, three);
  registry.Register("GRUCell", GruCell::Create, three);
  registry.Register("ConvLSTM1DCell", ConvLstmCell::FactoryFor(1), three);
  registry.Register("ConvLSTM2DCell", ConvLstmCell::FactoryFor(2), three);
  registry.Register("ConvLSTM3DCell", ConvLstmCell::FactoryFor(3), three);
  registry.Register("StackedRNNCells", StackedRnnCells::Create);
  registry.Register("rnnserve>MinimalRNNCell", MinimalRnnCell::Create, two);
  registry.Register("rnnserve>ProgramCell", ProgramCell::Create);
  return registry;
}

void CellRegistry::Register(std::string name, Factory factory,
                            std::vector<CellVariable> variables) {
  entries_.insert_or_assign(std::move(name), Entry{std::move(factory), std::move(variables)});
}

bool CellRegistry::Contains(absl::string_view name) const {
  return entries_.find(name) != entries_.end();
}

std::vector<std::string> CellRegistry::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

absl::StatusOr<std::vector<std::string>> CellRegistry::VariableNames(
    absl::string_view name, const KerasConfig& config) const {
  RNNSERVE_ASSIGN_OR_RETURN(const Entry* entry, Find(name, config));
  std::vector<std::string> names;
  for (const CellVariable& variable : entry->variables) {
    if (!variable.option.empty()) {
      RNNSERVE_ASSIGN_OR_RETURN(const bool is_made, config.Bool(variable.option, true));
      if (!is_made) continue;
    }
    names.push_back(variable.name);
  }
  return names;
}

absl::Status CellRegistry::Merge(CellRegistry other) {
  for (const auto& [name, entry] : other.entries_) {
    if (Contains(name)) {
      return InvalidArgument("PLUGIN_LOAD", absl::StrCat("there is a cell '", name, "' already"));
    }
  }
  entries_.merge(other.entries_);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Cell>> CellRegistry::Create(const KerasConfig& config,
                                                           const Shape& input_shape,
                                                           WeightSource& weights) const {
  return Create(config.registered_name(), config, input_shape, weights);
}

absl::StatusOr<std::unique_ptr<Cell>> CellRegistry::Create(absl::string_view name,
                                                           const KerasConfig& config,
                                                           const Shape& input_shape,
                                                           WeightSource& weights) const {
  RNNSERVE_ASSIGN_OR_RETURN(const Entry* entry, Find(name, config));
  return entry->factory(*this, config, input_shape, weights);
}

absl::StatusOr<const CellRegistry::Entry*> CellRegistry::Find(absl::string_view name,
                                                              const KerasConfig& config) const {
  const auto found = entries_.find(name);
  if (found != entries_.end()) return &found->second;
  return MakeError(
      absl::StatusCode::kUnimplemented, "CELL_UNSUPPORTED",
      absl::StrCat(config.path(), ": there is no cell '", name,
                   "'; a step program (rnnserve>ProgramCell, core/program/PROGRAMS.md) or a "
                   "plug-in (--cell-plugin, core/cells/CUSTOM_CELLS.md) can provide it"));
}

}  // namespace rnnserve
