// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_PEERS_ONNXRUNTIME_PEER_H_
#define RNNSERVE_TESTS_BENCH_PEERS_ONNXRUNTIME_PEER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tests/bench/peers/peer.h"

namespace rnnserve::testing {

// Creates a peer that runs a layer with ONNX Runtime's LSTM and GRU nodes on its CPU provider, in
// fp32, on the calling thread. The peer is a model of one node whose inputs and outputs are bound
// to our buffers. The weights are constants of the model, which the runtime packs when it loads the
// model. Errors: UNIMPLEMENTED if the runtime refuses the model.
absl::StatusOr<std::unique_ptr<Peer>> MakeOnnxRuntimePeer(const PeerTask& task);

std::string OnnxRuntimeVersion();

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_PEERS_ONNXRUNTIME_PEER_H_
