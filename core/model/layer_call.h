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
// tensor]}}, and as the bare list in the inputs and outputs of a model.
struct TensorRef {
  std::string layer;
  size_t call = 0;
  size_t tensor = 0;
};

// One call of a layer in a serialized Functional: an entry of `inbound_nodes`.
struct LayerCall {
  std::vector<TensorRef> inputs;
  // The initial states of a recurrent layer, flat, in the order of its states.
  std::vector<TensorRef> initial_state;
  // The constants of a recurrent layer whose cell takes some.
  std::vector<TensorRef> constants;
  std::optional<TensorRef> mask;  // if one is passed; else the masks of the inputs apply
};

// Returns the calls of a layer in a Functional, in order. Errors: INVALID_ARGUMENT, reason
// MODEL_CONFIG; UNIMPLEMENTED, reason OPTION_UNSUPPORTED, for an unknown argument. The text names
// the layer.
absl::StatusOr<std::vector<LayerCall>> ReadLayerCalls(const KerasConfig& layer,
                                                      const nlohmann::json& inbound_nodes);

// Returns the inputs or outputs of a Functional as a flat list. In the configuration they are one
// [layer, call, tensor], or a list or an object of such tensors. Like Keras, an object is read in
// the order of its keys. Errors: INVALID_ARGUMENT, reason MODEL_CONFIG.
absl::StatusOr<std::vector<TensorRef>> ReadTensorRefs(const KerasConfig& model, const char* key);

// Returns the names that a Functional gives to its outputs: for an output in an object its key, and
// for a nested one the path to it, "heads/0". The order is that of ReadTensorRefs. Returns an empty
// list if the outputs are a list or a single tensor, which have no names. Errors: INVALID_ARGUMENT,
// reason MODEL_CONFIG, if a name is empty, too long, holds a control character or occurs twice.
absl::StatusOr<std::vector<std::string>> ReadOutputNames(const KerasConfig& model);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_LAYER_CALL_H_
