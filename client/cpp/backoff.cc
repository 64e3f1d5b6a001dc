// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/cpp/backoff.h"

#include <algorithm>
#include <cassert>

namespace rnnserve::client {
namespace {

// xorshift64* (Vigna, 2016): eight bytes of state are enough to keep clients apart.
uint64_t NextRandom(uint64_t* state) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * 0x2545f4914f6cdd1du;
}

}  // namespace

// xorshift would stay at 0 for ever if it started there.
Backoff::Backoff(absl::Duration min, absl::Duration max, uint64_t seed)
    : min_(min), max_(max), next_(min), random_(seed == 0 ? 1 : seed) {
  assert(absl::ZeroDuration() < min && min <= max);
}

absl::Duration Backoff::Next() {
  const double left_out = static_cast<double>(NextRandom(&random_) >> 11) * 0x1p-54;
  const absl::Duration wait = next_ * (1 - left_out);
  next_ = std::min(next_ * 2, max_);
  return wait;
}

}  // namespace rnnserve::client
