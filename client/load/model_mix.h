// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_LOAD_MODEL_MIX_H_
#define RNNSERVE_CLIENT_LOAD_MODEL_MIX_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// Which share of the sessions each model gets.
namespace rnnserve::client {

struct ModelShare {
  std::string model;
  // Against the weights of the others.
  double weight = 1;
};

// "name" or "name=weight". INVALID_ARGUMENT if the name is empty or the weight is not a positive
// number.
absl::StatusOr<ModelShare> ParseModelShare(absl::string_view text);

// The index of the model of each session: in every run of consecutive sessions, and so on every
// stream, the models are as near to their shares as whole numbers can be.
// REQUIRES: `shares` is not empty.
std::vector<size_t> SpreadModels(const std::vector<ModelShare>& shares, size_t num_sessions);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_MODEL_MIX_H_
