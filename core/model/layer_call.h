// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_MODEL_LAYER_CALL_H_
#define RNNSERVE_CORE_MODEL_LAYER_CALL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/keras/keras_config.h"

namespace rnnserve {

// One tensor of a serialized Keras Functional: output `tensor` of call `call` of a layer. Keras
// writes it as {"class_name": "__keras_tensor__", "config": {"keras_history": [layer, call,
// tensor]}}, and as the bare list among a model's inputs and outputs.
struct TensorRef {
  std::string layer;
  size_t call = 0;
  size_t tensor = 0;
};

// One call of a layer in a serialized Functional: what Keras keeps in `inbound_nodes`.
struct LayerCall {
  std::vector<TensorRef> inputs;
  // Of a recurrent layer: the states at which it begins, flat, in its order.
  std::vector<TensorRef> initial_state;
  // Of a recurrent layer over a cell with constants: these.
  std::vector<TensorRef> constants;
  std::optional<TensorRef> mask;  // if one was passed; without, the tensors' own mask counts
};

// The calls of a layer in a Functional, in their order. Errors: INVALID_ARGUMENT, reason
// MODEL_CONFIG; UNIMPLEMENTED, reason OPTION_UNSUPPORTED, for an argument that nothing here
// understands; the text names the layer.
absl::StatusOr<std::vector<LayerCall>> ReadLayerCalls(const KerasConfig& layer,
                                                      const nlohmann::json& inbound_nodes);

// The inputs or outputs of a Functional, flat: one [layer, call, tensor], or a list or an object of
// such. Errors: INVALID_ARGUMENT, reason MODEL_CONFIG.
absl::StatusOr<std::vector<TensorRef>> ReadTensorRefs(const KerasConfig& model, const char* key);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_LAYER_CALL_H_
