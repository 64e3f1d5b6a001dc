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

// A graph with its layers built, which a model runs node by node.
//
// The nodes fall into two parts. The sequence part holds every node that has a time axis or a
// state, and all nodes that those nodes read. The tail is the rest: the nodes after a recurrent
// layer that returns only its last output. A run that feeds a session timestep by timestep runs the
// sequence part for each timestep, and the tail only after the last.
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
    std::vector<size_t> inputs;         // values: x, then the further inputs of a merging layer
    std::vector<size_t> initial_state;  // values, one for each state of the layer; or none
    std::optional<size_t> mask;  // a value of zeros and ones that replaces the masks of the inputs
    // Whether the masks of the inputs are ignored. Keras passes the mask of a tensor on only to a
    // call that has no other tensor.
    bool ignores_mask = false;
    // Whether the outputs have no mask, even if the layer would make one from the mask of x.
    bool stops_mask = false;
    // The index of the first output in `values`. The next values are the further outputs of the
    // layer, and the states, if it returns them.
    size_t output = 0;
    int64_t state_offset = 0;  // floats, in the state block
    int64_t index = 0;         // in `nodes`
  };

  std::vector<std::unique_ptr<Layer>> layers;
  std::vector<std::string> layer_names;  // of each layer; "outer/inner" inside a model
  std::vector<Value> values;             // the inputs, then the outputs of the nodes
  std::vector<Node> nodes;               // each after those whose values it reads
  size_t tail_begin = 0;                 // the first node of the tail; nodes.size() if it is empty
  std::vector<size_t> outputs;           // values

  // Returns the index of the value that holds the first state that the node returns. The further
  // outputs of the node are the values between node.output and this one.
  static size_t FirstStateValue(const Node& node) {
    return node.output + 1 + node.layer->more_outputs().size();
  }

  // Computes the number of timesteps of each value in a run. On entry, `times` holds the numbers
  // for the inputs (1 without a time axis); on return, it holds all of them. A number below 1 means
  // that a node cannot process its inputs. Allocates nothing if no node has more than 8 inputs.
  void PropagateTimes(absl::Span<int64_t> times) const;
};

// Builds the layers of a graph. Errors: those of LayerRegistry::Create; INVALID_ARGUMENT, reason
// MODEL_CONFIG, and UNIMPLEMENTED, reason OPTION_UNSUPPORTED, for a call that does not fit its
// layer. The text names the layer.
absl::StatusOr<Plan> BuildPlan(const Graph& graph, const LayerRegistry& registry,
                               WeightSource& weights, MaskRules mask_rules);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_PLAN_H_
