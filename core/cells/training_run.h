// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CELLS_TRAINING_RUN_H_
#define RNNSERVE_CORE_CELLS_TRAINING_RUN_H_

#include <cstdint>

#include "absl/types/span.h"
#include "core/kernels/random.h"

namespace rnnserve {

// The source of random numbers in a run with Keras' `training=True`. A random number is a function
// of
//
//   the seed of the batch row,  the key of the part of the model,  an index
//
// and of nothing else. So a row gets the same numbers in any batch, and a cell recomputes the same
// dropout mask at every timestep instead of storing it. Two parts of a model (two layers, the
// halves of a Bidirectional, the gates of a cell) have different keys: anything that consists of
// parts passes Part(i) to part i. A view; a value type.
struct TrainingRun {
  absl::Span<const uint64_t> row_seeds;  // one for each batch row
  uint64_t key = 0;

  TrainingRun Part(int64_t index) const {
    return {row_seeds, RandomBits(key, static_cast<uint64_t>(index))};
  }
  // Returns the key for RandomUniform and RandomNormal of row b in this part.
  uint64_t RowKey(int64_t b) const { return RandomBits(row_seeds[static_cast<size_t>(b)], key); }
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CELLS_TRAINING_RUN_H_
