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

// The allowed difference from Keras: |ours - keras| <= absolute + relative * |keras|.
struct Tolerance {
  double absolute;
  double relative;
};

// The tolerance for float32, the only type that models compute in so far. Both sides round every
// operation in chains of dozens of sums. The differences seen are below a quarter of this.
constexpr Tolerance kFloat32Tolerance = {2e-6, 1e-5};

// The difference between our values and those of Keras.
struct Distance {
  double largest = 0;     // |ours - keras|
  double of_allowed = 0;  // the largest share of the tolerance that a value took; above 1: an error

  void Add(const Distance& other);
};

// Compares two lists of values. REQUIRES: both have the same length.
Distance DistanceOf(const std::vector<float>& ours, const std::vector<float>& keras,
                    const Tolerance& tolerance);

// The largest difference for each class of layer, over all models that contain it.
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
