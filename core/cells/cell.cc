// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/cell.h"

#include <algorithm>
#include <utility>

namespace rnnserve {

Cell::Cell(CellSignature signature)
    : signature_(std::move(signature)),
      input_size_(signature_.input.NumElements().value()),
      output_size_(signature_.output.NumElements().value()) {}

int64_t Cell::scratch_size(int64_t /*batch*/) const { return 0; }

void Cell::InitialState(int /*state_index*/, absl::Span<float> value) const {
  std::fill(value.begin(), value.end(), 0.0f);
}

void Cell::Prepare(absl::Span<const ConstColumns> /*constants*/, Columns /*prepared*/,
                   float* /*scratch*/) const {}

int64_t Cell::projection_scratch_size(int64_t /*columns*/) const { return 0; }

void Cell::Project(const CellProjection& /*project*/) const {}

}  // namespace rnnserve
