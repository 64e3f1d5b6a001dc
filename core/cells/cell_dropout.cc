// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/cell_dropout.h"

#include <algorithm>

#include "core/base/status_macros.h"
#include "core/kernels/product.h"

namespace rnnserve {
namespace {

struct Rates {
  double input = 0.0;
  double state = 0.0;
};

absl::StatusOr<Rates> ReadRates(const KerasConfig& config) {
  Rates rates;
  RNNSERVE_ASSIGN_OR_RETURN(rates.input, config.Number("dropout", 0.0));
  RNNSERVE_ASSIGN_OR_RETURN(rates.state, config.Number("recurrent_dropout", 0.0));
  return Rates{std::clamp(rates.input, 0.0, 1.0), std::clamp(rates.state, 0.0, 1.0)};
}

CellDropouts Make(const Rates& rates, CellDropout::Masks masks) {
  return {CellDropout(rates.input, masks, /*part=*/0), CellDropout(rates.state, masks, /*part=*/1)};
}

// Cells with gates ignore a rate of 1.
double ZeroIfOne(double rate) { return rate < 1.0 ? rate : 0.0; }

CellDropouts MakeGated(const Rates& rates, CellDropout::Masks masks) {
  return Make({ZeroIfOne(rates.input), ZeroIfOne(rates.state)}, masks);
}

}  // namespace

void DropColumn(double rate, uint64_t key, int64_t rows, const float* x, float* y) {
  // With a rate of 1 nothing is kept, so the infinite scale is never used.
  const float scale = static_cast<float>(1.0 / (1.0 - rate));
  for (int64_t i = 0; i < rows; ++i) {
    y[i] = RandomUniform(key, static_cast<uint64_t>(i)) < rate ? 0.0f : x[i] * scale;
  }
}

void CellDropout::DropFor(int64_t gate, const TrainingRun& training, int64_t b, ConstColumns x,
                          float* y) const {
  const int64_t mask = masks_ == Masks::kPerGate ? gate : 0;
  DropColumn(rate_, training.Part(part_).Part(mask).RowKey(b), x.rows, x.column(b), y);
}

ConstColumns CellDropout::Dropped(int64_t gate, const TrainingRun& training, ConstColumns x,
                                  float* scratch) const {
  const Columns dropped = TakeColumns(scratch, x.rows, x.cols);
  for (int64_t b = 0; b < x.cols; ++b) DropFor(gate, training, b, x, dropped.column(b));
  return dropped;
}

void CellDropout::Affine(const Matrix& weights, const AlignedBuffer& bias,
                         const TrainingRun* training, ConstColumns x, float* scratch,
                         Columns y) const {
  if (!ActsIn(training)) return rnnserve::Affine(weights, bias, x, y);
  if (masks_ == Masks::kShared) {
    return rnnserve::Affine(weights, bias, Dropped(0, *training, x, scratch), y);
  }
  for (int64_t gate = 0; gate < weights.blocks(); ++gate) {
    AffineBlock(weights, gate, bias, Dropped(gate, *training, x, scratch), y);
  }
}

void CellDropout::AddProduct(const Matrix& weights, const TrainingRun* training, ConstColumns x,
                             float* scratch, Columns y) const {
  if (!ActsIn(training)) return rnnserve::AddProduct(weights, x, y);
  if (masks_ == Masks::kShared) {
    return rnnserve::AddProduct(weights, Dropped(0, *training, x, scratch), y);
  }
  for (int64_t gate = 0; gate < weights.blocks(); ++gate) {
    AddBlockProduct(weights, gate, Dropped(gate, *training, x, scratch), y);
  }
}

absl::StatusOr<CellDropouts> CellDropouts::ReadSimple(const KerasConfig& config) {
  RNNSERVE_ASSIGN_OR_RETURN(const Rates rates, ReadRates(config));
  return Make(rates, CellDropout::Masks::kShared);
}

absl::StatusOr<CellDropouts> CellDropouts::ReadGated(const KerasConfig& config) {
  RNNSERVE_ASSIGN_OR_RETURN(const Rates rates, ReadRates(config));
  RNNSERVE_ASSIGN_OR_RETURN(const double implementation, config.Number("implementation", 2.0));
  const bool is_per_gate = rates.state > 0.0 || implementation == 1.0;
  return MakeGated(rates, is_per_gate ? CellDropout::Masks::kPerGate : CellDropout::Masks::kShared);
}

absl::StatusOr<CellDropouts> CellDropouts::ReadConvolutional(const KerasConfig& config) {
  RNNSERVE_ASSIGN_OR_RETURN(const Rates rates, ReadRates(config));
  return MakeGated(rates, CellDropout::Masks::kPerGate);
}

}  // namespace rnnserve
