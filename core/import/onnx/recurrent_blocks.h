// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_RECURRENT_BLOCKS_H_
#define RNNSERVE_CORE_IMPORT_ONNX_RECURRENT_BLOCKS_H_

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/import/onnx/graph_converter.h"
#include "core/import/onnx/program_builder.h"

namespace rnnserve {

// A recurrence over time that was taken out of a graph: the program of one timestep, to be run by a
// layer of its own. The rest of the graph is a program that has the operands of the block among its
// outputs and the results of the block among its inputs. A value type.
struct RecurrentBlock {
  std::string name;
  ProgramBuilder::Result step;
  // Outputs of the rest that are the inputs, and the constants, of `step`.
  std::vector<std::string> inputs;
  std::vector<std::string> constants;
  // Inputs of the rest that are the outputs of `step`. The first num_sequences of them have a value
  // for each timestep; the others are those after the timestep that is processed last.
  std::vector<std::string> results;
  size_t num_sequences = 0;
  bool go_backwards = false;
};

// Takes LSTM, GRU and RNN nodes that run over time out of a graph that is converted for one
// timestep, each direction as a block. The weights of a block are known. Its initial states may
// depend on the inputs: then they are constants of the block, which reads them at its first
// timestep. The lengths of the rows (sequence_lens) become a block of their own that counts
// timesteps and says at each whether it is before the end, so that the states of a row stay as they
// are from its end on, and its outputs are zeros there, in both directions.
//
// A Scan over time becomes a block too, with its states and with what its body reads from outside as
// constants.
//
// A node whose time axis is not 1 in a graph for one timestep runs over something else, and is left
// to the table of operators. Used by one thread at a time: the one that imports the file.
class RecurrentBlocks final : public GraphConverter::Override {
 public:
  // Errors: UNIMPLEMENTED, reason MODEL_CONFIG, if the weights depend on the inputs.
  absl::StatusOr<std::optional<std::vector<BuiltValue>>> Convert(NodeConversion& node) override;

  // Errors: those of the builder.
  absl::StatusOr<std::optional<std::vector<BuiltValue>>> ConvertScan(
      ProgramBuilder& rest, const GraphConverter::ScanPass& pass) override;

  // In an order in which each block reads results of blocks before it alone.
  std::vector<RecurrentBlock>& blocks() { return blocks_; }

 private:
  class Direction;
  class ScanStep;

  // Returns a value of the rest that is 1 at the timesteps before the end of the row, else 0.
  absl::StatusOr<BuiltValue> Counts(NodeConversion& node);
  // Adds an output to the rest for an operand of a block, and returns its name.
  absl::StatusOr<std::string> Export(ProgramBuilder& rest, const RecurrentBlock& block,
                                     const std::string& name, const BuiltValue& value);
  // Adds an input to the rest for the next result of a block.
  absl::StatusOr<BuiltValue> Import(ProgramBuilder& rest, RecurrentBlock& block,
                                    const std::string& name, ElementType type, const Shape& shape);
  // Returns the name of a layer for a node. Names of layers become parts of the names of weights.
  static std::string LayerName(std::string name);
  std::string UnusedName(const std::string& wish);

  std::vector<RecurrentBlock> blocks_;
  std::set<std::string> names_;
  std::map<std::string, BuiltValue> counts_;  // by the name of the lengths in the file
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_RECURRENT_BLOCKS_H_
