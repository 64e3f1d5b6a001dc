// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/cell_registry.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/cells/gru_cell.h"
#include "core/cells/lstm_cell.h"
#include "core/cells/minimal_rnn_cell.h"
#include "core/cells/simple_rnn_cell.h"
#include "core/cells/stacked_rnn_cells.h"

namespace rnnserve {

CellRegistry CellRegistry::BuiltIn() {
  CellRegistry registry;
  registry.Register("SimpleRNNCell", SimpleRnnCell::Create);
  registry.Register("LSTMCell", LstmCell::Create);
  registry.Register("GRUCell", GruCell::Create);
  registry.Register("StackedRNNCells", StackedRnnCells::Create);
  registry.Register("MinimalRNNCell", MinimalRnnCell::Create);
  registry.Register("rnnserve>MinimalRNNCell", MinimalRnnCell::Create);
  return registry;
}

void CellRegistry::Register(std::string name, Factory factory) {
  factories_.insert_or_assign(std::move(name), std::move(factory));
}

bool CellRegistry::Contains(absl::string_view name) const { return factories_.contains(name); }

absl::StatusOr<std::unique_ptr<Cell>> CellRegistry::Create(const KerasConfig& config,
                                                           const Shape& input_shape,
                                                           WeightSource& weights) const {
  return Create(config.registered_name(), config, input_shape, weights);
}

absl::StatusOr<std::unique_ptr<Cell>> CellRegistry::Create(absl::string_view name,
                                                           const KerasConfig& config,
                                                           const Shape& input_shape,
                                                           WeightSource& weights) const {
  const auto found = factories_.find(name);
  if (found == factories_.end()) {
    return MakeError(absl::StatusCode::kUnimplemented, "CELL_UNSUPPORTED",
                     absl::StrCat(config.path(), ": there is no cell '", name, "'"));
  }
  return found->second(*this, config, input_shape, weights);
}

}  // namespace rnnserve
