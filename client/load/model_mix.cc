// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/load/model_mix.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace rnnserve::client {

absl::StatusOr<ModelShare> ParseModelShare(absl::string_view text) {
  ModelShare share;
  const size_t equals = text.find('=');
  share.model = std::string(text.substr(0, equals));
  const bool has_weight = equals != absl::string_view::npos;
  const bool is_number = !has_weight || absl::SimpleAtod(text.substr(equals + 1), &share.weight);
  if (share.model.empty() || !is_number || !std::isfinite(share.weight) || share.weight <= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is neither NAME nor NAME=WEIGHT with a weight above 0"));
  }
  return share;
}

std::vector<size_t> SpreadModels(const std::vector<ModelShare>& shares, size_t num_sessions) {
  double total = 0;
  for (const ModelShare& share : shares) total += share.weight;
  // How many sessions each model is owed: it grows by the model's share with every session, and
  // shrinks by one with each session that the model gets.
  std::vector<double> owed(shares.size());
  std::vector<size_t> models;
  for (size_t i = 0; i < num_sessions; ++i) {
    for (size_t m = 0; m < shares.size(); ++m) owed[m] += shares[m].weight / total;
    const auto most = std::max_element(owed.begin(), owed.end());
    *most -= 1;
    models.push_back(static_cast<size_t>(most - owed.begin()));
  }
  return models;
}

}  // namespace rnnserve::client
