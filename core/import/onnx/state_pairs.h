// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_STATE_PAIRS_H_
#define RNNSERVE_CORE_IMPORT_ONNX_STATE_PAIRS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/import/onnx/onnx_graph.h"
#include "core/import/onnx/onnx_options.h"

namespace rnnserve {

// Returns whether the name of an output says that it is the next value of an input, by one of the
// ways in which people name states:
//
//   h, hn · state, stateN · h_0, h_n · x_in, x_out · in_x, out_x · x, x_out · x, new_x · x, next_x ·
//   prev_x, next_x · past_x, present_x · past_key_values.0.key, present.0.key · init_x, final_x
//
// A number is no name: input_1 and output_1 do not pair.
bool NamesPair(absl::string_view input, absl::string_view output);

// Returns the output that holds the next value of each input that is a state. Inputs that have a
// fixed value (OnnxOptions::set) are no states. OnnxOptions::state decides first; then names pair.
//
// Errors: INVALID_ARGUMENT, reason ONNX_STATES, with the candidates and the flag that decides, if
// the names pair in several ways, if two states have one output, or if names pair but the shapes in
// the file contradict each other; reason MODEL_CONFIG, if an option names nothing.
absl::StatusOr<std::map<std::string, std::string>> PairStates(const OnnxGraph& graph,
                                                              const OnnxOptions& options);

// Returns, for the text of an error, which inputs and outputs have equal types and shapes:
// "'input_3' and 'tf_op_layer_stack_2'". Empty if there are none.
std::string StateCandidates(const OnnxGraph& graph, const OnnxOptions& options);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_STATE_PAIRS_H_
