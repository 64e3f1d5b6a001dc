// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_LOAD_MODEL_MIX_H_
#define RNNSERVE_CLIENT_LOAD_MODEL_MIX_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// Divides the sessions among the models.
namespace rnnserve::client {

struct ModelShare {
  std::string model;
  // Relative to the weights of the other models.
  double weight = 1;
};

// Parses "name" or "name=weight". INVALID_ARGUMENT if the name is empty or the weight is not a
// positive number.
absl::StatusOr<ModelShare> ParseModelShare(absl::string_view text);

// Returns the index of the model of each session. In every run of consecutive sessions, and so on
// every stream, the models are as close to their shares as whole numbers allow. REQUIRES: `shares`
// is not empty.
std::vector<size_t> SpreadModels(const std::vector<ModelShare>& shares, size_t num_sessions);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_MODEL_MIX_H_
