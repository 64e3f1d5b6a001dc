// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_FILES_ROWS_H_
#define RNNSERVE_CLIENT_FILES_ROWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cpp/tensor.h"

// The common part of the text formats: a sequence as rows of numbers.
namespace rnnserve::client {

// The content of one timestep of a model's input.
struct InputKind {
  // Whether a timestep is one token id; otherwise it is `num_features` floats.
  bool is_token = false;
  int64_t num_features = 1;
};

// One sequence as in a text file, [time][values].
using Rows = std::vector<std::vector<double>>;

// Converts rows to the model's input: [time, features] float or [time] int32 token ids.
// INVALID_ARGUMENT, with both numbers, if there is no row, if a row does not have the model's
// number of features, or if a token id is not an int32.
absl::StatusOr<Tensor> SequenceFromRows(const Rows& rows, const InputKind& kind);

// Returns the shortest decimal text that reads back as the same float.
std::string FormatFloat(float value);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_FILES_ROWS_H_
