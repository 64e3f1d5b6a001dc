// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CELLS_CELL_REGISTRY_H_
#define RNNSERVE_CORE_CELLS_CELL_REGISTRY_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/shape.h"
#include "core/cells/cell.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"

namespace rnnserve {

// A weight that a Keras cell creates in `build`.
struct CellVariable {
  std::string name;    // its name in a bundle, below the layer: "kernel"
  std::string option;  // the boolean option that creates it ("use_bias"); empty: always created
};

// A table of factories that builds cells by the name under which Keras saved them: the registered
// name of a custom class ("package>Name"), else the class name.
//
// Thread-compatible: fill it first, then share it.
class CellRegistry {
 public:
  // Builds one cell. Each timestep of its input has the shape `input_shape`. Errors:
  // INVALID_ARGUMENT, reason MODEL_CONFIG or MODEL_WEIGHTS, or UNIMPLEMENTED, reason
  // OPTION_UNSUPPORTED; each names the cell.
  using Factory = std::function<absl::StatusOr<std::unique_ptr<Cell>>(
      const CellRegistry& registry, const KerasConfig& config, const Shape& input_shape,
      WeightSource& weights)>;

  // Returns a registry with SimpleRNNCell, LSTMCell, GRUCell, ConvLSTM1DCell, ConvLSTM2DCell,
  // ConvLSTM3DCell, StackedRNNCells, rnnserve>MinimalRNNCell and rnnserve>ProgramCell.
  static CellRegistry BuiltIn();

  // Adds a cell, or replaces the cell of that name. `variables` are its weights in the order in
  // which its Keras class creates them, because a `.keras` file only numbers them. Without them a
  // model with the cell can be served but not imported.
  void Register(std::string name, Factory factory, std::vector<CellVariable> variables = {});

  bool Contains(absl::string_view name) const;
  // Returns the names of all cells in ascending order.
  std::vector<std::string> Names() const;

  // Returns the names of the weights that Keras creates for the cell `name` with these options, in
  // Keras' order.
  // Errors: UNIMPLEMENTED, reason CELL_UNSUPPORTED, if no cell of that name is registered;
  // INVALID_ARGUMENT, reason MODEL_CONFIG, if an option is not a boolean.
  absl::StatusOr<std::vector<std::string>> VariableNames(absl::string_view name,
                                                         const KerasConfig& config) const;

  // Moves the cells of `other` into this registry. Errors: INVALID_ARGUMENT, reason PLUGIN_LOAD,
  // naming the cell, if a name is taken; this registry is then unchanged.
  absl::Status Merge(CellRegistry other);

  // Builds the cell that `config` describes. Errors: those of the factory; UNIMPLEMENTED, reason
  // CELL_UNSUPPORTED, naming the cell and its place in the model, if no cell of that name is
  // registered.
  absl::StatusOr<std::unique_ptr<Cell>> Create(const KerasConfig& config, const Shape& input_shape,
                                               WeightSource& weights) const;

  // Builds the cell `name` with options from another object: Keras' LSTM layer, for example, holds
  // the options of its LSTMCell.
  absl::StatusOr<std::unique_ptr<Cell>> Create(absl::string_view name, const KerasConfig& config,
                                               const Shape& input_shape,
                                               WeightSource& weights) const;

 private:
  struct Entry {
    Factory factory;
    std::vector<CellVariable> variables;
  };

  absl::StatusOr<const Entry*> Find(absl::string_view name, const KerasConfig& config) const;

  // Not an Abseil hash map, because a plug-in has its own copy of this code and Abseil's hashes
  // differ from copy to copy.
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CELLS_CELL_REGISTRY_H_
