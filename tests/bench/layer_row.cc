// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/layer_row.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/bench/peers/peers.h"

namespace rnnserve::testing {
namespace {

constexpr char kOurFloat32[] = "us/our fp32";
constexpr char kOnTwoCores[] = "us/ours on two cores";

// Returns the tolerance for outputs below 1. Narrow weights are rounded to 8 bits of mantissa (and
// the inputs too, where pairs are multiplied) or to 255 steps. The tolerances are more than twice
// the differences in the rows of the table, which are at most 0.0016 and 0.0034.
float Tolerance(WeightType weights) {
  switch (weights) {
    case WeightType::kFloat32:
      return 0.0f;
    case WeightType::kBfloat16:
      return 4e-3f;
    case WeightType::kInt8:
      return 8e-3f;
  }
  return 0.0f;
}

// Ends the program if the outputs differ, because a comparison of different work would be
// worthless.
void CheckOutput(absl::string_view name, float tolerance, const std::vector<float>& expected,
                 const std::vector<float>& actual) {
  float difference = expected.size() == actual.size() ? 0.0f : HUGE_VALF;
  for (size_t i = 0; i < std::min(expected.size(), actual.size()); ++i) {
    const float here = std::abs(expected[i] - actual[i]);
    difference = std::isnan(here) ? HUGE_VALF : std::max(difference, here);
  }
  if (difference <= tolerance) return;
  std::cerr << name << " and our layer in float32 differ by " << difference << ", more than "
            << tolerance << "\n";
  std::exit(1);
}

}  // namespace

LayerRow::LayerRow(const LayerKind& kind, WeightType weights, const LayerShape& shape)
    : LayerRow(LayerTask(kind, shape), weights) {}

LayerRow::LayerRow(LayerTask task, WeightType weights)
    : BenchRow(weights, task.input_weights() + task.recurrent_weights(), task.recurrent_weights(),
               task.num_operations()),
      task_(std::move(task)) {
  auto float32 = std::make_unique<OurLayer>(task_, WeightType::kFloat32, nullptr);
  float32->Step();
  expected_ = float32->Output();
  const bool is_shareable = float32->is_shareable();
  layers_.push_back(std::move(float32));
  AddPeers(weights);
  if (weights == WeightType::kFloat32) {
    AddLayer(kOurs, *layers_[0]);
  } else {
    AddOurs(kOurs, weights, nullptr);
    AddLayer(kOurFloat32, *layers_[0]);
  }
  const bool is_single_step = task_.shape().num_timesteps == 1;
  if (weights == WeightType::kFloat32 && is_single_step && is_shareable &&
      std::thread::hardware_concurrency() >= 2) {
    team_.emplace(2);
    AddOurs(kOnTwoCores, weights, &*team_);
  }
  AddCeilings(/*is_read_often=*/task_.recurrent_weights() > 0 && !is_single_step);
}

void LayerRow::AddOurs(const std::string& name, WeightType weights, Team* team) {
  layers_.push_back(std::make_unique<OurLayer>(task_, weights, team));
  layers_.back()->Step();
  CheckOutput(name, Tolerance(weights), expected_, layers_.back()->Output());
  AddLayer(name, *layers_.back());
}

void LayerRow::AddPeers(WeightType weights) {
  if (!task_.kind().peer_cell.has_value()) return;
  for (const PeerKind& kind : InstalledPeers()) {
    if (kind.weights != weights) continue;
    absl::StatusOr<std::unique_ptr<Peer>> peer = kind.make(task_.ForPeers());
    if (absl::IsUnimplemented(peer.status())) continue;
    layers_.push_back(std::move(peer).value());
    layers_.back()->Step();
    CheckOutput(kind.name, kind.tolerance, expected_, layers_.back()->Output());
    AddLayer(absl::StrCat("us/", kind.name), *layers_.back());
  }
}

void LayerRow::AddLayer(const std::string& name, Peer& peer) {
  AddCall(name, [&peer] { peer.Step(); });
}

}  // namespace rnnserve::testing
