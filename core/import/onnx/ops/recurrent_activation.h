// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_OPS_RECURRENT_ACTIVATION_H_
#define RNNSERVE_CORE_IMPORT_ONNX_OPS_RECURRENT_ACTIVATION_H_

#include <string>
#include <vector>

#include "core/import/onnx/ops/formula.h"

namespace rnnserve {

// One of the activations that LSTM, GRU and RNN name in an attribute. A value type.
struct RecurrentActivation {
  std::string name;  // in lower case
  float alpha = 0.0f;
  float beta = 0.0f;
};

// Reads the attributes activations, activation_alpha and activation_beta. `defaults` are the names
// for one direction, "Sigmoid", "Tanh", ...; the result has as many for each direction. Fails if a
// name is unknown or their number does not fit.
std::vector<RecurrentActivation> ReadActivations(NodeConversion& node, Formula& f,
                                                 const std::vector<std::string>& defaults,
                                                 size_t directions);

BuiltValue Activate(Formula& f, const RecurrentActivation& activation, const BuiltValue& x);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_OPS_RECURRENT_ACTIVATION_H_
