// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/model/weight_table.h"

#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/error.h"

namespace rnnserve {

absl::StatusOr<absl::Span<const float>> WeightTableSource::Weight(absl::string_view name,
                                                                  const Shape& shape) {
  const auto found = weights_.find(name);
  if (found == weights_.end()) {
    return InvalidArgument("MODEL_WEIGHTS", absl::StrCat("the weight '", name, "' of shape ",
                                                         shape.ToString(), " is missing"));
  }
  const auto& [stored_shape, values] = found->second;
  if (!(stored_shape == shape)) {
    return InvalidArgument(
        "MODEL_WEIGHTS", absl::StrCat("the weight '", name, "' has shape ", stored_shape.ToString(),
                                      "; its layer needs ", shape.ToString()));
  }
  for (int64_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values.data()[i])) {
      return InvalidArgument("MODEL_WEIGHTS",
                             absl::StrCat("the weight '", name, "' holds ", values.data()[i],
                                          " at element ", i, ", which is not finite"));
    }
  }
  used_.emplace(name);
  return values.span();
}

absl::Status WeightTableSource::CheckAllUsed() const {
  std::vector<std::string> unused;
  for (const auto& [name, weight] : weights_) {
    if (!used_.contains(name)) unused.push_back(absl::StrCat("'", name, "'"));
  }
  if (unused.empty()) return absl::OkStatus();
  return InvalidArgument(
      "MODEL_WEIGHTS",
      absl::StrCat("weights that belong to no layer of the model: ", absl::StrJoin(unused, ", ")));
}

}  // namespace rnnserve
