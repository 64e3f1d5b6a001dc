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

// The layers of a serialized Keras Sequential or Functional and how they are connected, before any
// weight is read. Models inside the model are expanded; their layers are named "outer/inner". A
// shared layer, which is called several times, occurs once in `layers` and several times in
// `nodes`.
//
// A view: the JSON must outlive it. Immutable; safe to share.
struct Graph {
  // Output `tensor` of a source. The source is input `source` if source < inputs.size(), else node
  // source - inputs.size(). An input has one output. Only the layer of a node knows how many
  // outputs the node has.
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
    size_t call = 0;   // the index of the node among the nodes of the layer
    std::vector<Value> inputs;
    std::vector<Value> initial_state;
    std::vector<Value> constants;
    std::optional<Value> mask;  // passed explicitly
  };
  struct Output {
    // The key under which the model returns it, if it returns an object; else the name of the
    // layer, or "lstm:1" for its second output.
    std::string name;
    Value value;
  };

  std::vector<Input> inputs;
  std::vector<LayerEntry> layers;
  std::vector<Node> nodes;  // in an order in which each follows the nodes whose outputs it reads
  std::vector<Output> outputs;
};

// Checks a serialized model and reads its graph. Errors: UNIMPLEMENTED, reason MODEL_UNSUPPORTED,
// if it is neither Sequential nor Functional, or OPTION_UNSUPPORTED, if it passes an argument to an
// inner model that is neither an input nor a mask; those of CheckModelParts, ReadLayerCalls and
// ReadInputLayer; INVALID_ARGUMENT, reason MODEL_CONFIG, if a tensor has no source or depends on
// itself, or MODEL_TOO_LARGE, if there are too many calls of layers.
absl::StatusOr<Graph> ReadGraph(const KerasConfig& model, const LayerRegistry& registry);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_GRAPH_H_
