// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_RNNCTL_SEQUENCES_IO_H_
#define RNNSERVE_CLIENT_RNNCTL_SEQUENCES_IO_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/tensor.h"
#include "client/rnnctl/commands.h"

// What `infer` and `stream` read and write.
namespace rnnserve::client {

// The sequences of `options.input` in the shape that `options.model` takes, which the server tells.
absl::StatusOr<std::vector<Tensor>> ReadSequences(Client& client, const Options& options);

// Fails as WriteOutputs would because of names or formats, before the work is done.
absl::Status CheckOutput(const Options& options);

// Writes to `options.output`; to standard output without a format a table, or JSON lines if the
// options ask for JSON.
absl::Status WriteOutputs(const std::vector<Tensor>& outputs, const Options& options,
                          const Terminal& terminal);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_RNNCTL_SEQUENCES_IO_H_
