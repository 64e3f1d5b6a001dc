// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_PRIORITY_H_
#define RNNSERVE_CORE_BATCHING_PRIORITY_H_

namespace rnnserve {

// The priority of a request. Workers take waiting work of a higher priority first, and when a queue
// is full, work of a higher priority displaces waiting work of a lower one.
enum class Priority { kLow, kNormal, kHigh };
constexpr int kNumPriorities = 3;

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_PRIORITY_H_
