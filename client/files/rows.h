// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_FILES_ROWS_H_
#define RNNSERVE_CLIENT_FILES_ROWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cpp/tensor.h"

// What the text formats have in common: a sequence as rows of numbers.
namespace rnnserve::client {

// What a model takes as one timestep.
struct InputKind {
  // One token id; otherwise `num_features` floats.
  bool is_token = false;
  int64_t num_features = 1;
};

// One sequence as it stands in a text file, [time][values].
using Rows = std::vector<std::vector<double>>;

// Rows as the model takes them: [time, features] float or [time] int32 token ids.
// INVALID_ARGUMENT, with both numbers, if there is no row, a row has not the model's number of
// features, or a token id is not an int32.
absl::StatusOr<Tensor> SequenceFromRows(const Rows& rows, const InputKind& kind);

// The fewest digits that read back as the same float.
std::string FormatFloat(float value);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_FILES_ROWS_H_
