// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/weight_map.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"

namespace rnnserve::testing {

void WeightMap::Add(const std::string& name, Shape shape, std::vector<float> values) {
  if (shape.NumElements() != static_cast<int64_t>(values.size())) {
    std::cerr << "WeightMap: " << name << " has " << values.size() << " values, but shape "
              << shape.ToString() << "\n";
    std::abort();
  }
  tensors_[name] = {std::move(shape), std::move(values)};
}

void WeightMap::AddConstant(const std::string& name, Shape shape, float value) {
  const auto count = static_cast<size_t>(shape.NumElements().value());
  Add(name, std::move(shape), std::vector<float>(count, value));
}

void WeightMap::AddRandom(const std::string& name, Shape shape, unsigned seed, float limit) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-limit, limit);
  std::vector<float> values(static_cast<size_t>(shape.NumElements().value()));
  for (float& value : values) value = uniform(random);
  Add(name, std::move(shape), std::move(values));
}

void WeightMap::Remove(const std::string& name) { tensors_.erase(name); }

const std::vector<float>& WeightMap::values(const std::string& name) const {
  return tensors_.at(name).values;
}

absl::StatusOr<absl::Span<const float>> WeightMap::Weight(absl::string_view name,
                                                          const Shape& shape) {
  const auto found = tensors_.find(std::string(name));
  if (found == tensors_.end()) {
    return InvalidArgument("MODEL_WEIGHTS", absl::StrCat("there is no weight '", name,
                                                         "' of shape ", shape.ToString()));
  }
  const Tensor& tensor = found->second;
  if (!(tensor.shape == shape)) {
    return InvalidArgument(
        "MODEL_WEIGHTS", absl::StrCat("the weight '", name, "' has shape ", tensor.shape.ToString(),
                                      ", not ", shape.ToString()));
  }
  const auto bad = std::find_if_not(tensor.values.begin(), tensor.values.end(),
                                    [](float value) { return std::isfinite(value); });
  if (bad != tensor.values.end()) {
    return InvalidArgument("MODEL_WEIGHTS", absl::StrCat("the weight '", name, "' holds ", *bad));
  }
  return absl::MakeConstSpan(tensor.values);
}

}  // namespace rnnserve::testing
