// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_GOLDEN_ERROR_TABLE_H_
#define RNNSERVE_TESTS_GOLDEN_ERROR_TABLE_H_

#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "core/model/model.h"

namespace rnnserve::testing {

// How far a value may be from what Keras computed: |ours - keras| <= absolute + relative * |keras|.
struct Tolerance {
  double absolute;
  double relative;
};

// By dtype; the models compute in float32 alone so far. Both sides round every operation of a chain
// of tens of sums; what is seen stays within a quarter of this.
constexpr Tolerance kFloat32Tolerance = {2e-6, 1e-5};

// The distance of values from those of Keras.
struct Distance {
  double largest = 0;     // |ours - keras|
  double of_allowed = 0;  // the largest part of the tolerance that a value took; over 1: too much

  void Add(const Distance& other);
};

// REQUIRES: as many of ours as of Keras'.
Distance DistanceOf(const std::vector<float>& ours, const std::vector<float>& keras,
                    const Tolerance& tolerance);

// The largest distance for every class of layer, over the models in which it occurs.
class ErrorTable {
 public:
  void Add(const Model& model, const Distance& outputs, const Distance& states);
  friend std::ostream& operator<<(std::ostream& out, const ErrorTable& table);

 private:
  struct Row {
    int64_t num_cases = 0;
    Distance outputs;
    Distance states;
  };
  std::map<std::string, Row> rows_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_GOLDEN_ERROR_TABLE_H_
