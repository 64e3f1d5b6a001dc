// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_SEQUENCE_H_
#define RNNSERVE_CORE_LAYERS_SEQUENCE_H_

#include <cstdint>

#include "core/kernels/columns.h"

namespace rnnserve {

// A view of a mask, which says which timesteps of a batch count and which are masked. Without data,
// all of them count.
struct Mask {
  const uint8_t* data = nullptr;
  int64_t batch_stride = 0;
  int64_t time_stride = 0;

  bool operator()(int64_t b, int64_t t) const {
    return data == nullptr || data[b * batch_stride + t * time_stride] != 0;
  }
};

// A view of a batch of sequences: `time` timesteps of `batch` columns of `rows` values. Timestep t
// of row b is the column at data + b * batch_stride + t * time_stride, so one timestep of all rows
// is a Columns without a copy. A batch of single vectors has time == 1. Owns nothing; a value type.
template <typename T>
struct BasicSequence {
  T* data = nullptr;
  int64_t rows = 0;
  int64_t batch = 0;
  int64_t time = 0;
  int64_t batch_stride = 0;  // floats
  int64_t time_stride = 0;   // floats

  BasicColumns<T> At(int64_t t) const {
    return {data + t * time_stride, rows, batch, batch_stride};
  }

  operator BasicSequence<const T>() const {  // NOLINT: a view
    return {data, rows, batch, time, batch_stride, time_stride};
  }
};

using Sequence = BasicSequence<float>;
using ConstSequence = BasicSequence<const float>;

// Returns a sequence over `data` in which columns are padded and the timesteps of a row are
// contiguous.
template <typename T>
BasicSequence<T> DenseSequence(T* data, int64_t rows, int64_t batch, int64_t time) {
  return {data, rows, batch, time, time * PaddedRows(rows), PaddedRows(rows)};
}

// Returns the number of floats that a DenseSequence covers.
constexpr int64_t DenseSequenceSize(int64_t rows, int64_t batch, int64_t time) {
  return PaddedRows(rows) * batch * time;
}

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_SEQUENCE_H_
