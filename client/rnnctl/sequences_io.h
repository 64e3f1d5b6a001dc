// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_RNNCTL_SEQUENCES_IO_H_
#define RNNSERVE_CLIENT_RNNCTL_SEQUENCES_IO_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/sequences.h"
#include "client/cpp/tensor.h"
#include "client/rnnctl/commands.h"

// Reads the input and writes the output of `infer` and `stream`.
namespace rnnserve::client {

// Reads the sequences of `options.input` in the shape that `options.model` takes. Asks the server
// for that shape.
absl::StatusOr<std::vector<Tensor>> ReadSequences(Client& client, const Options& options);

// Reads the inputs of `options.named_inputs`, all inputs of `options.model`. Sequence i has sequence
// i of every file with a time axis, and vector i of the others.
absl::StatusOr<std::vector<NamedSequence>> ReadNamedSequences(Client& client,
                                                              const Options& options);

// Checks that the inputs of each sequence that have a time axis are equally long, as steps need
// them.
absl::Status CheckLengths(const std::vector<NamedSequence>& sequences);

// Checks, before any work is done, that WriteOutputs will not fail because of a name or a format.
absl::Status CheckOutput(const Options& options);

// Writes to `options.output`. Standard output without a format gets a table, or JSON lines if the
// options ask for JSON.
absl::Status WriteOutputs(const std::vector<Tensor>& outputs, const Options& options,
                          const Terminal& terminal);
// Does the same for all outputs of each sequence. Only JSON lines and the table can hold several of
// them.
absl::Status WriteOutputs(std::vector<std::vector<NamedTensor>> outputs, const Options& options,
                          const Terminal& terminal);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_RNNCTL_SEQUENCES_IO_H_
