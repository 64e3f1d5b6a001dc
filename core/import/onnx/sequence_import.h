// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_SEQUENCE_IMPORT_H_
#define RNNSERVE_CORE_IMPORT_ONNX_SEQUENCE_IMPORT_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "core/import/onnx/onnx_graph.h"
#include "core/import/onnx/onnx_options.h"
#include "core/import/onnx/program_builder.h"

namespace rnnserve {

// Turns a graph that runs an LSTM, GRU or RNN over whole sequences, and has no states as inputs and
// outputs, into the program of one timestep of one row (RecurrentStates). That is right only if the
// rest of the graph treats every timestep alike and looks at no other one. So the program is
// compared with the whole graph, on random sequences of two lengths: every timestep of an output
// with a time axis, and the last one of an output without; also on sequences of `fixed_time`
// timesteps, if the file was made for that many (OpenFixedTime).
//
// Errors: see ImportOnnx; UNIMPLEMENTED, reason ONNX_TIME, if the two differ, with the output, the
// timestep and both numbers.
absl::StatusOr<ProgramBuilder::Result> ImportSequence(const OnnxModel& model,
                                                      const OnnxOptions& options,
                                                      int64_t fixed_time = 0);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_SEQUENCE_IMPORT_H_
