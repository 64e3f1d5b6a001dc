// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SIMULATION_DICE_H_
#define RNNSERVE_TESTS_SIMULATION_DICE_H_

#include <cstdint>

namespace rnnserve::testing {

// Where every decision of a simulation comes from: SplitMix64, which gives the same numbers with
// every library. A value type. Thread-compatible.
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}

  uint64_t Bits() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // One of 0 to count - 1. REQUIRES: count > 0.
  uint64_t Below(uint64_t count) { return Bits() % count; }
  // From `low` to `high`, both included.
  int Between(int low, int high) {
    return low + static_cast<int>(Below(static_cast<uint64_t>(high - low + 1)));
  }
  // True so often in 100 throws.
  bool Percent(int percent) { return static_cast<int>(Below(100)) < percent; }

 private:
  uint64_t state_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SIMULATION_DICE_H_
