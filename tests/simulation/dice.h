// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SIMULATION_DICE_H_
#define RNNSERVE_TESTS_SIMULATION_DICE_H_

#include <cstdint>

namespace rnnserve::testing {

// The random numbers behind every decision of a simulation: SplitMix64, which gives the same
// numbers with every standard library. A value type. Thread-compatible.
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}

  uint64_t Bits() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // Returns a number from 0 to count - 1. REQUIRES: count > 0.
  uint64_t Below(uint64_t count) { return Bits() % count; }
  // Returns a number from `low` to `high`, both included.
  int Between(int low, int high) {
    return low + static_cast<int>(Below(static_cast<uint64_t>(high - low + 1)));
  }
  // Returns true with a probability of `percent` in 100.
  bool Percent(int percent) { return static_cast<int>(Below(100)) < percent; }

 private:
  uint64_t state_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SIMULATION_DICE_H_
