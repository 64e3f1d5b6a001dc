// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_LOAD_RANDOM_H_
#define RNNSERVE_CLIENT_LOAD_RANDOM_H_

#include <cmath>
#include <cstdint>
#include <numbers>

namespace rnnserve::client {

// Random numbers that are the same for a seed on every machine: SplitMix64 (Steele, Lea and Flood,
// 2014), with distributions computed by their inverse, because the distributions of the standard
// library differ from one implementation to another.
//
// It takes only eight bytes, so that every session can have its own. Thread-compatible.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  // Returns a uniformly distributed 64-bit number.
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  // Returns a number distributed uniformly over [0, 1).
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

  // Returns an integer uniform in [low, high]. REQUIRES: low <= high, and the two are less than
  // 2^53 apart.
  int64_t Integer(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(Uniform() * static_cast<double>(high - low + 1));
  }

  double Exponential(double mean) { return -mean * std::log1p(-Uniform()); }

  // Returns a normally distributed number of mean 0 and standard deviation 1, by Box and Muller.
  double Normal() {
    const double radius = std::sqrt(Exponential(2));
    return radius * std::cos(2 * std::numbers::pi * Uniform());
  }

 private:
  uint64_t state_;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_RANDOM_H_
