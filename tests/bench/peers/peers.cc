// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/peers/peers.h"

#include "tests/bench/peers/onednn_peer.h"
#include "tests/bench/peers/onnxruntime_peer.h"

namespace rnnserve::testing {
namespace {

// The tolerances for a different but correct order of summation, and for rounding to 8 bits.
constexpr float kFp32Tolerance = 1e-4f;
constexpr float kBf16Tolerance = 3e-2f;

}  // namespace

std::vector<PeerKind> InstalledPeers() {
  constexpr WeightType kFp32 = WeightType::kFloat32;
  constexpr WeightType kBf16 = WeightType::kBfloat16;
  return {{"oneDNN fp32", OneDnnVersion(), kFp32Tolerance, kFp32, MakeOneDnnFp32Peer},
          {"oneDNN bf16", OneDnnVersion(), kBf16Tolerance, kBf16, MakeOneDnnBf16Peer},
          {"ONNX Runtime", OnnxRuntimeVersion(), kFp32Tolerance, kFp32, MakeOnnxRuntimePeer}};
}

}  // namespace rnnserve::testing
