// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/batching/lone_team.h"

namespace rnnserve {

void LoneTeam::Run(int64_t num_pieces, absl::FunctionRef<void(int64_t)> piece) {
  if (num_busy_.load(std::memory_order_relaxed) == 0) {
    size_ = team_.size();
    return team_.Run(num_pieces, piece);
  }
  size_ = 1;
  for (int64_t i = 0; i < num_pieces; ++i) piece(i);
}

}  // namespace rnnserve
