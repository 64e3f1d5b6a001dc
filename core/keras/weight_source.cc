// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/keras/weight_source.h"

#include "absl/strings/str_cat.h"

namespace rnnserve {

ScopedWeights::ScopedWeights(WeightSource& source, absl::string_view scope)
    : source_(source), prefix_(absl::StrCat(scope, "/")) {}

absl::StatusOr<absl::Span<const float>> ScopedWeights::Weight(absl::string_view name,
                                                              const Shape& shape) {
  return source_.Weight(absl::StrCat(prefix_, name), shape);
}

}  // namespace rnnserve
