// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_MODEL_GRAPH_H_
#define RNNSERVE_CORE_MODEL_GRAPH_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/keras/keras_config.h"
#include "core/layers/layer_registry.h"
#include "core/layers/value_spec.h"

namespace rnnserve {

// What a serialized Keras Sequential or Functional says before any weight is read: which layers
// there are and who reads whose output. Models inside the model are dissolved; their layers are
// called "outer/inner". A layer that is called several times (shared) stands once among the layers
// and several times among the nodes.
//
// A view: the JSON must outlive it. Immutable; safe to share.
struct Graph {
  // Output `tensor` of the source: of an input if source < inputs.size(), else of node source -
  // inputs.size(). An input has one output; how many a node has, its layer tells.
  struct Value {
    size_t source = 0;
    size_t tensor = 0;
  };
  struct Input {
    std::string name;
    ValueSpec spec;
    bool is_token_ids = false;
  };
  struct LayerEntry {
    std::string name;
    KerasConfig config;
  };
  struct Node {
    size_t layer = 0;  // index into layers
    size_t call = 0;   // counts the nodes of the layer
    std::vector<Value> inputs;
    std::vector<Value> initial_state;
    std::vector<Value> constants;
    std::optional<Value> mask;  // passed explicitly
  };
  struct Output {
    std::string name;  // of the layer; "lstm:1" for a further output of it
    Value value;
  };

  std::vector<Input> inputs;
  std::vector<LayerEntry> layers;
  std::vector<Node> nodes;  // each behind those whose outputs it reads
  std::vector<Output> outputs;
};

// Checks a serialized model and reads its graph. Errors: UNIMPLEMENTED, reason MODEL_UNSUPPORTED,
// if it is neither Sequential nor Functional; those of CheckModelParts and ReadLayerCalls;
// INVALID_ARGUMENT, reason MODEL_CONFIG, if a tensor comes from nowhere or from itself.
absl::StatusOr<Graph> ReadGraph(const KerasConfig& model, const LayerRegistry& registry);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_GRAPH_H_
