// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_RECURRENT_STATES_H_
#define RNNSERVE_CORE_IMPORT_ONNX_RECURRENT_STATES_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/import/onnx/graph_converter.h"

namespace rnnserve {

// Returns whether a node is an LSTM, GRU or RNN.
bool IsRecurrentNode(const OnnxNode& node);
// Returns whether a graph has an LSTM, GRU, RNN or Scan, also in bodies and functions.
bool HasRecurrentNodes(const OnnxModel& model);

// Makes the states of LSTM, GRU and RNN nodes, which begin anew in every run of the file, states of
// the program, so that a run of one timestep goes on where the last one ended. They are named after
// the node: "/lstm/LSTM.h", "/lstm/LSTM.c". A known initial state becomes that of the program.
//
// Used by one thread at a time: the one that imports the file.
class RecurrentStates final : public GraphConverter::Override {
 public:
  // Errors: UNIMPLEMENTED, reason MODEL_CONFIG, if the node runs backwards, has row lengths, or an
  // initial state that depends on the inputs.
  absl::StatusOr<std::optional<std::vector<BuiltValue>>> Convert(NodeConversion& node) override;

 private:
  size_t num_states_ = 0;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_RECURRENT_STATES_H_
