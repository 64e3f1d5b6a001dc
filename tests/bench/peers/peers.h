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

// A way to run a layer with another library.
struct PeerKind {
  std::string name;     // "oneDNN fp32"; the same on every machine, so usable in tables and files
  std::string version;  // of the loaded library
  float tolerance = 0;  // absolute; states and outputs are below 1
  WeightType weights = WeightType::kFloat32;  // its storage type, and that of our layer next to it

  // Fails with UNIMPLEMENTED if the library cannot run the task on this processor.
  absl::StatusOr<std::unique_ptr<Peer>> (*make)(const PeerTask& task) = nullptr;
};

// Returns the peers that this program was built with; none if tests/bench/peers/install has not
// run.
std::vector<PeerKind> InstalledPeers();

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_PEERS_PEERS_H_
