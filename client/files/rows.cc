// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/files/rows.h"

#include <charconv>
#include <utility>

#include "absl/strings/str_cat.h"

namespace rnnserve::client {

absl::StatusOr<Tensor> SequenceFromRows(const Rows& rows, const InputKind& kind) {
  if (rows.empty()) return absl::InvalidArgumentError("the sequence has no timestep");
  const size_t row_size = kind.is_token ? 1 : static_cast<size_t>(kind.num_features);
  std::vector<float> features;
  std::vector<int32_t> tokens;
  for (size_t t = 0; t < rows.size(); ++t) {
    if (rows[t].size() != row_size) {
      return absl::InvalidArgumentError(absl::StrCat("timestep ", t, " has ", rows[t].size(),
                                                     " numbers; the model takes ", row_size));
    }
    if (!kind.is_token) {
      features.insert(features.end(), rows[t].begin(), rows[t].end());
      continue;
    }
    const double value = rows[t][0];
    // In this form the condition is false for NaN.
    if (!(value >= INT32_MIN && value <= INT32_MAX && value == static_cast<int32_t>(value))) {
      return absl::InvalidArgumentError(
          absl::StrCat("timestep ", t, " is ", value, ", which is not a token id"));
    }
    tokens.push_back(static_cast<int32_t>(value));
  }
  const int64_t time = static_cast<int64_t>(rows.size());
  if (kind.is_token) return Tensor({time}, std::move(tokens));
  return Tensor({time, kind.num_features}, std::move(features));
}

std::string FormatFloat(float value) {
  char digits[32];  // The longest float takes 15 characters.
  const std::to_chars_result end = std::to_chars(digits, digits + sizeof(digits), value);
  return std::string(digits, end.ptr);
}

}  // namespace rnnserve::client
