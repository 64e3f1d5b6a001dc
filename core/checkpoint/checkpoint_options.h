// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CHECKPOINT_CHECKPOINT_OPTIONS_H_
#define RNNSERVE_CORE_CHECKPOINT_CHECKPOINT_OPTIONS_H_

#include <cstdint>

#include "absl/time/time.h"
#include "core/checkpoint/write_buffer.h"

namespace rnnserve {

// How often a Checkpointer writes snapshots, and for how long the store keeps them.
struct CheckpointOptions {
  // The number of changes of a session in kAsync after which a snapshot is written. A smaller
  // number leaves clients fewer steps to send again after a loss, but causes more writes, each of
  // the whole state.
  int64_t steps = 32;
  // The shortest time between two snapshots that `steps` triggers for a session in kAsync. Limits
  // what a fast session costs the server.
  absl::Duration min_interval = absl::Milliseconds(100);
  // How long a change in kAsync waits for others before a snapshot is written.
  absl::Duration interval = absl::Seconds(1);
  // How long the store keeps a session beyond its idle timeout. A session whose server is lost
  // must be restored within this time.
  absl::Duration extra_time_to_live = absl::Minutes(10);
  // Bounds the queued writes, for which no caller waits.
  WriteBuffer::Options buffer{};
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CHECKPOINT_CHECKPOINT_OPTIONS_H_
