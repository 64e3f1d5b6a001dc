// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_MODEL_PLAN_H_
#define RNNSERVE_CORE_MODEL_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/keras/weight_source.h"
#include "core/layers/layer.h"
#include "core/layers/layer_registry.h"
#include "core/layers/value_spec.h"
#include "core/model/graph.h"
#include "core/model/mask_rules.h"

namespace rnnserve {

// A graph with its layers built: what a model runs, node after node.
//
// The nodes fall into two parts. The sequence part holds every node that has a time axis or a
// state, and whatever those read; the tail follows a recurrent layer that returns only its last
// output. Who steps a session timestep by timestep runs the sequence part each time and the tail
// only for the last one.
//
// Movable. Immutable once built; then safe to share.
struct Plan {
  // A tensor in a run: an input of the model or an output of a node.
  struct Value {
    ValueSpec spec;
    int64_t rows = 0;  // the number of elements of spec.shape
  };
  struct Node {
    const Layer* layer = nullptr;
    std::string name;                   // of the layer; "lstm:1" for its second call
    std::vector<size_t> inputs;         // values: x, then those that a merging layer reads besides
    std::vector<size_t> initial_state;  // values, one for each state of the layer; or none
    std::optional<size_t> mask;         // a value of 0 and 1, in place of the mask of x
    // Keras passes a tensor's own mask on only to a call with this one tensor.
    bool ignores_mask = false;
    // Its outputs have no mask, whatever the layer would make of that of x.
    bool stops_mask = false;
    // The value of its output; behind it that of the second output, if the layer has one, and those
    // of the states, if it returns them.
    size_t output = 0;
    int64_t state_offset = 0;  // floats, in the state block
    int64_t index = 0;         // in `nodes`
  };

  std::vector<std::unique_ptr<Layer>> layers;
  std::vector<std::string> layer_names;  // of each; "outer/inner" inside a model
  std::vector<Value> values;             // the inputs, then the outputs of the nodes
  std::vector<Node> nodes;               // each behind those whose values it reads
  size_t tail_begin = 0;                 // the first node of the tail; nodes.size() if it is empty
  std::vector<size_t> outputs;           // values

  // The first value of a state that the node returns.
  static size_t FirstStateValue(const Node& node) {
    return node.output + 1 + (node.layer->second_output() != nullptr ? 1 : 0);
  }

  // How many timesteps each value has in a run: `times` has those of the inputs (1 without a time
  // axis) and gets the others. Less than 1 stands for a node that cannot work on so many. Allocates
  // nothing for a node of up to 8 inputs.
  void PropagateTimes(absl::Span<int64_t> times) const;
};

// Builds the layers of a graph. Errors: INVALID_ARGUMENT, reason MODEL_CONFIG or MODEL_WEIGHTS, and
// UNIMPLEMENTED, reason OPTION_UNSUPPORTED, naming the layer.
absl::StatusOr<Plan> BuildPlan(const Graph& graph, const LayerRegistry& registry,
                               WeightSource& weights, MaskRules mask_rules);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_PLAN_H_
