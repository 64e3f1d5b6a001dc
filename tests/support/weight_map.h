// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SUPPORT_WEIGHT_MAP_H_
#define RNNSERVE_TESTS_SUPPORT_WEIGHT_MAP_H_

#include <map>
#include <string>
#include <vector>

#include "core/keras/weight_source.h"

namespace rnnserve::testing {

// The weights of a test's model: tensors by name, with the errors that WeightSource promises. Owns
// the tensors. Used by one thread at a time: the test's.
//
//   WeightMap weights;
//   weights.Add("lstm/kernel", {1, 4}, {0.1f, 0.2f, 0.3f, 0.4f});
class WeightMap final : public WeightSource {
 public:
  // Adds or replaces a tensor, row-major. REQUIRES: there are as many values as the shape has
  // elements.
  void Add(const std::string& name, Shape shape, std::vector<float> values);
  // Adds or replaces a tensor whose elements all equal `value`.
  void AddConstant(const std::string& name, Shape shape, float value);
  // Adds or replaces a tensor of random elements, uniform in [-limit, limit). The same seed gives
  // the same elements.
  void AddRandom(const std::string& name, Shape shape, unsigned seed, float limit = 0.5f);
  void Remove(const std::string& name);

  // Returns the values of a tensor. REQUIRES: a tensor with this name was added.
  const std::vector<float>& values(const std::string& name) const;

  absl::StatusOr<absl::Span<const float>> Weight(absl::string_view name,
                                                 const Shape& shape) override;
  WeightType matrix_type() const override { return matrix_type_; }
  void set_matrix_type(WeightType type) { matrix_type_ = type; }

 private:
  WeightType matrix_type_ = WeightType::kFloat32;
  struct Tensor {
    Shape shape;
    std::vector<float> values;
  };
  std::map<std::string, Tensor> tensors_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SUPPORT_WEIGHT_MAP_H_
