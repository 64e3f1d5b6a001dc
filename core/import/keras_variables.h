// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_KERAS_VARIABLES_H_
#define RNNSERVE_CORE_IMPORT_KERAS_VARIABLES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/cells/cell_registry.h"
#include "core/keras/keras_config.h"

namespace rnnserve {

// A variable of a Keras object, by the name of the attribute that holds it.
struct KerasVariable {
  std::string name;
  bool is_trained = true;  // by gradients; the statistics of a BatchNormalization are not
};

// The variables that an object of Keras owns itself, in the order in which it makes them; none for
// a class without any. `registered_name` is what it is looked up by: a cell in `cells`. Layers that
// make their cell out of their own options (LSTM, ConvLSTM1D) count as owners of the variables of
// the cell. Errors: INVALID_ARGUMENT, reason MODEL_CONFIG.
absl::StatusOr<std::vector<KerasVariable>> KerasVariablesOf(const KerasConfig& object,
                                                            const std::string& registered_name,
                                                            const CellRegistry& cells);

// Whether the class is a recurrent layer that makes its cell out of its own options.
bool IsLayerOfOneCell(absl::string_view class_name);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_KERAS_VARIABLES_H_
