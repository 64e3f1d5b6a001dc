// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CELLS_CELL_REGISTRY_H_
#define RNNSERVE_CORE_CELLS_CELL_REGISTRY_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/shape.h"
#include "core/cells/cell.h"
#include "core/cells/keras_config.h"
#include "core/cells/weight_source.h"

namespace rnnserve {

// Builds cells by the name under which Keras serialized them: the registered name of a custom class
// ("package>Name"), else the class name.
//
// Thread-compatible: fill it first, then share it.
class CellRegistry {
 public:
  // Builds one cell whose timesteps of input have that shape. Errors: INVALID_ARGUMENT, reason
  // MODEL_CONFIG or MODEL_WEIGHTS, or UNIMPLEMENTED, reason OPTION_UNSUPPORTED; each names the
  // cell.
  using Factory = std::function<absl::StatusOr<std::unique_ptr<Cell>>(
      const CellRegistry& registry, const KerasConfig& config, const Shape& input_shape,
      WeightSource& weights)>;

  // SimpleRNNCell, LSTMCell, GRUCell, StackedRNNCells, and MinimalRNNCell also under the name
  // rnnserve>MinimalRNNCell.
  static CellRegistry BuiltIn();

  // Adds a cell; a name that is taken is replaced.
  void Register(std::string name, Factory factory);

  bool Contains(absl::string_view name) const;

  // Builds the cell that `config` describes. Errors: those of the factory; UNIMPLEMENTED, reason
  // CELL_UNSUPPORTED, naming the cell and where it stands, if no cell of that name is registered.
  absl::StatusOr<std::unique_ptr<Cell>> Create(const KerasConfig& config, const Shape& input_shape,
                                               WeightSource& weights) const;

  // The same for a cell whose options stand in something else: Keras' LSTM layer holds those of its
  // LSTMCell.
  absl::StatusOr<std::unique_ptr<Cell>> Create(absl::string_view name, const KerasConfig& config,
                                               const Shape& input_shape,
                                               WeightSource& weights) const;

 private:
  absl::flat_hash_map<std::string, Factory> factories_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CELLS_CELL_REGISTRY_H_
