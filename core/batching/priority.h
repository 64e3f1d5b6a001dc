// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_PRIORITY_H_
#define RNNSERVE_CORE_BATCHING_PRIORITY_H_

namespace rnnserve {

// The class of a request. A worker takes the waiting work of a higher class first, and when a queue
// is full work of a higher class displaces waiting work of a lower one.
enum class Priority { kLow, kNormal, kHigh };
constexpr int kNumPriorities = 3;

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_PRIORITY_H_
