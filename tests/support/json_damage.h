// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SUPPORT_JSON_DAMAGE_H_
#define RNNSERVE_TESTS_SUPPORT_JSON_DAMAGE_H_

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <random>
#include <string>

namespace rnnserve::testing {

// Changes texts at random, in their values and in their characters. The same seed makes the same
// changes. Used by one thread at a time: the test's.
class JsonDamage {
 public:
  explicit JsonDamage(unsigned seed) : random_(seed) {}

  // Changes one place of a text: an odd value, a copy of another place, one more or less, or an
  // element that is removed or added.
  void ChangeValue(nlohmann::json& text);

  // Overwrites one character. REQUIRES: the text is not empty.
  void ChangeCharacter(std::string& text);

  // Returns a number from 0 to count - 1. REQUIRES: count is not 0.
  size_t Below(size_t count);

 private:
  nlohmann::json Odd();

  std::mt19937 random_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SUPPORT_JSON_DAMAGE_H_
