// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_PEERS_ONNXRUNTIME_PEER_H_
#define RNNSERVE_TESTS_BENCH_PEERS_ONNXRUNTIME_PEER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tests/bench/peers/peer.h"

namespace rnnserve::testing {

// A layer as ONNX Runtime's LSTM and GRU nodes run it on its CPU provider, in fp32, on the calling
// thread: a model of one node, whose inputs and outputs are bound to buffers of ours. The weights
// are constants of the model, which the runtime packs when it loads it. UNIMPLEMENTED where the
// runtime refuses the model.
absl::StatusOr<std::unique_ptr<Peer>> MakeOnnxRuntimePeer(const PeerTask& task);

std::string OnnxRuntimeVersion();

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_PEERS_ONNXRUNTIME_PEER_H_
