// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_STEP_IMPORT_H_
#define RNNSERVE_CORE_IMPORT_ONNX_STEP_IMPORT_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/shape.h"
#include "core/import/onnx/layered_model.h"
#include "core/import/onnx/onnx_graph.h"
#include "core/import/onnx/onnx_options.h"
#include "core/import/onnx/program_builder.h"

namespace rnnserve {

// Turns a graph whose states are inputs and outputs into the program of one step of one row. Its
// inputs, states and outputs have the names of the graph's. `states` is the result of PairStates.
// Errors: see ImportOnnx.
absl::StatusOr<ProgramBuilder::Result> ImportStep(const OnnxModel& model,
                                                  const OnnxOptions& options,
                                                  const std::map<std::string, std::string>& states);

// A graph whose recurrence is inside the file, as two programs: of one timestep, with the states of
// its recurrent nodes, and of a whole sequence.
struct SequencePrograms {
  struct Input {
    std::string name;
    ElementType type = ElementType::kFloat32;
    Shape whole_shape;  // with the batch axis and the time axis
    int time_axis = 0;  // -1: it holds for the whole sequence
  };
  struct Output {
    std::string name;
    Shape whole_shape;  // for a sequence
    Shape step_shape;   // for one timestep, with the batch axis and the time axis
    int time_axis = -1;
  };
  ProgramBuilder::Result whole;
  ProgramBuilder::Result step;
  std::vector<Input> inputs;
  std::vector<Output> outputs;
};

// Makes both programs, for a sequence of `length` timesteps. Errors: see ImportOnnx.
absl::StatusOr<SequencePrograms> ImportSequencePrograms(const OnnxModel& model,
                                                        const OnnxOptions& options, int64_t length);

// As ImportSequencePrograms, for a graph whose inputs may hold for whole sequences and whose
// recurrences may run in any direction: `step` stays empty, and `blocks` is the graph for one
// timestep, without the recurrences. `blocks.sequence_outputs` is set.
struct SequenceBlocks {
  SequencePrograms programs;
  GraphOfBlocks blocks;
};
absl::StatusOr<SequenceBlocks> ImportSequenceBlocks(const OnnxModel& model,
                                                    const OnnxOptions& options, int64_t length);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_STEP_IMPORT_H_
