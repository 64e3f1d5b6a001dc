// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERNELS_RANDOM_H_
#define RNNSERVE_CORE_KERNELS_RANDOM_H_

#include <cmath>
#include <cstdint>
#include <numbers>

namespace rnnserve {

// Random numbers without a generator. Each number is a pure function of a key and an index, so
// nothing is stored and the order of calls does not matter. Not for secrets.

// Returns number `index` of the sequence that SplitMix64 generates from the seed `key` (Steele, Lea
// and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014; constants from the
// public domain code of Vigna, 2015). The result can be used as a key itself, which gives a tree of
// independent sequences.
constexpr uint64_t RandomBits(uint64_t key, uint64_t index) {
  uint64_t z = key + (index + 1) * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// Returns a random multiple of 2^-53, uniformly distributed in [0, 1).
constexpr double RandomUniform(uint64_t key, uint64_t index) {
  return static_cast<double>(RandomBits(key, index) >> 11) * 0x1p-53;
}

// Returns a normally distributed random number with mean 0 and standard deviation 1 (Box and
// Muller, 1958).
inline double RandomNormal(uint64_t key, uint64_t index) {
  // Both uniform numbers come from a sequence that belongs to this index alone. 1 - u is never 0.
  const uint64_t own = RandomBits(key, index);
  const double radius = std::sqrt(-2.0 * std::log(1.0 - RandomUniform(own, 0)));
  return radius * std::cos(2.0 * std::numbers::pi * RandomUniform(own, 1));
}

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERNELS_RANDOM_H_
