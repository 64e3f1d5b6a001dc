// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_PEERS_PEERS_H_
#define RNNSERVE_TESTS_BENCH_PEERS_PEERS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/kernels/weight_type.h"
#include "tests/bench/peers/peer.h"

namespace rnnserve::testing {

// One way of another library to run a layer.
struct PeerKind {
  std::string name;     // "oneDNN fp32"; the same on every machine, so fit for a table or a file
  std::string version;  // of the library that is loaded
  float tolerance = 0;  // of its outputs, absolute, where the states and outputs are below 1
  WeightType weights = WeightType::kFloat32;  // that it keeps: our layer with such is its match

  // Fails with UNIMPLEMENTED where the library cannot run the task on this processor.
  absl::StatusOr<std::unique_ptr<Peer>> (*make)(const PeerTask& task) = nullptr;
};

// Those that this program was built with; none where tests/bench/peers/install has not run.
std::vector<PeerKind> InstalledPeers();

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_PEERS_PEERS_H_
