// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_LAYERED_MODEL_H_
#define RNNSERVE_CORE_IMPORT_ONNX_LAYERED_MODEL_H_

#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/import/onnx/program_builder.h"
#include "core/import/onnx/recurrent_blocks.h"
#include "core/model/bundle.h"

namespace rnnserve {

// A graph that was taken apart at its recurrences.
struct GraphOfBlocks {
  // The graph without the blocks, for one timestep. Its inputs are those of the graph and the
  // results of the blocks; its outputs are those of the graph and the operands of the blocks.
  ProgramBuilder::Result rest;
  std::vector<RecurrentBlock> blocks;
  // The inputs of the graph that hold for a whole sequence, and its outputs with a time axis.
  std::set<std::string> row_inputs;
  std::set<std::string> sequence_outputs;
};

// Returns a Functional of rnnserve>Program layers that computes the graph, with its weights: a layer
// for each block, and between the blocks layers that run the rest.
//
// The rest is cut by levels: a value that reads the result of a block is one level behind what the
// block reads. The operations of a level that read timesteps are one layer, which runs at every
// timestep, and those that do not are another, which runs once a sequence. So every operation is in
// one layer. What needs one value of a sequence - an output without a time axis, an initial state
// - takes that of the last timestep, and what needs a sequence of a value without time takes the
// value at every timestep. It is up to the caller to check that the graph means this, too.
//
// Errors: UNIMPLEMENTED, reason ONNX_TIME, if no input is a sequence.
absl::StatusOr<Bundle> LayeredModel(const GraphOfBlocks& graph);

// Returns the InputLayer of that name. One whole number for each timestep is given as a whole
// number, like the token ids of Keras, and all others as floats.
nlohmann::json InputLayerJson(const Program::Value& value, bool has_time);
// Returns a Program layer with these inputs: the tensors of a Functional.
nlohmann::json ProgramLayerJson(const std::string& name, const Program& program,
                                nlohmann::json inputs);
// Returns output number `output` of a layer, as an argument of another.
nlohmann::json LayerTensorJson(const std::string& layer, size_t output);
// Returns a Functional of these layers. The outputs are [layer, 0, number], by name.
nlohmann::json FunctionalJson(nlohmann::json layers, nlohmann::json inputs, nlohmann::json outputs);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_LAYERED_MODEL_H_
