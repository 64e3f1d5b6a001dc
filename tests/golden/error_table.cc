// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/golden/error_table.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "absl/strings/str_format.h"

namespace rnnserve::testing {

void Distance::Add(const Distance& other) {
  largest = std::max(largest, other.largest);
  of_allowed = std::max(of_allowed, other.of_allowed);
}

Distance DistanceOf(const std::vector<float>& ours, const std::vector<float>& keras,
                    const Tolerance& tolerance) {
  Distance distance;
  for (size_t i = 0; i < keras.size(); ++i) {
    const double expected = keras[i];
    double error = std::abs(ours.at(i) - expected);
    // Check for NaN separately, because it would pass every comparison below.
    if (std::isnan(error)) error = std::numeric_limits<double>::infinity();
    const double allowed = tolerance.absolute + tolerance.relative * std::abs(expected);
    distance.Add({error, error / allowed});
  }
  return distance;
}

void ErrorTable::Add(const Model& model, const Distance& outputs, const Distance& states) {
  std::set<std::string> classes;
  for (const auto& layer : model.layers()) classes.insert(layer->class_name());
  for (const std::string& name : classes) {
    Row& row = rows_[name];
    ++row.num_cases;
    row.outputs.Add(outputs);
    row.states.Add(states);
  }
}

std::ostream& operator<<(std::ostream& out, const ErrorTable& table) {
  out << absl::StreamFormat("%-22s %6s  %-16s %-16s %s\n", "models with", "cases", "outputs differ",
                            "states differ", "of the tolerance");
  for (const auto& [name, row] : table.rows_) {
    Distance worst = row.outputs;
    worst.Add(row.states);
    out << absl::StreamFormat("%-22s %6d  %-16.1e %-16.1e %3.0f %%\n", name, row.num_cases,
                              row.outputs.largest, row.states.largest, 100 * worst.of_allowed);
  }
  return out;
}

}  // namespace rnnserve::testing
