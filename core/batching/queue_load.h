// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BATCHING_QUEUE_LOAD_H_
#define RNNSERVE_CORE_BATCHING_QUEUE_LOAD_H_

#include <cstdint>

namespace rnnserve {

// The size of waiting work, in the units that queues limit.
struct QueueLoad {
  int64_t rows = 0;       // rows of a batch
  int64_t timesteps = 0;  // timesteps of all rows together
  int64_t bytes = 0;      // of inputs, masks and the outputs to come

  QueueLoad& operator+=(const QueueLoad& other) {
    rows += other.rows;
    timesteps += other.timesteps;
    bytes += other.bytes;
    return *this;
  }
  QueueLoad& operator-=(const QueueLoad& other) {
    rows -= other.rows;
    timesteps -= other.timesteps;
    bytes -= other.bytes;
    return *this;
  }
};

inline QueueLoad operator*(int64_t times, const QueueLoad& load) {
  return {times * load.rows, times * load.timesteps, times * load.bytes};
}

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BATCHING_QUEUE_LOAD_H_
