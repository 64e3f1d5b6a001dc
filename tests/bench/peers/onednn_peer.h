// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_PEERS_ONEDNN_PEER_H_
#define RNNSERVE_TESTS_BENCH_PEERS_ONEDNN_PEER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tests/bench/peers/peer.h"

namespace rnnserve::testing {

// Creates a peer that runs a layer with oneDNN's lstm, gru and lbr_gru primitives, for inference,
// on the calling thread. The weights are packed once, into the layout that the primitive asks for.
// Errors: UNIMPLEMENTED if the primitive does not support the type on this processor.
absl::StatusOr<std::unique_ptr<Peer>> MakeOneDnnFp32Peer(const PeerTask& task);

// Creates the same peer with weights, inputs, outputs and h in bf16. The sums, c and the bias stay
// fp32. The inputs are narrowed in advance, not in the step.
absl::StatusOr<std::unique_ptr<Peer>> MakeOneDnnBf16Peer(const PeerTask& task);

std::string OneDnnVersion();

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_PEERS_ONEDNN_PEER_H_
