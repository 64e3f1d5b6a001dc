// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_LAYER_ROW_H_
#define RNNSERVE_TESTS_BENCH_LAYER_ROW_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/thread_team.h"
#include "core/kernels/weight_type.h"
#include "tests/bench/bench_row.h"
#include "tests/bench/layer_task.h"
#include "tests/bench/our_layer.h"
#include "tests/bench/peers/peer.h"

namespace rnnserve::testing {

// One of our layers with weights of one type. It is compared with the same layer in float32 ("our
// fp32", unless the type is float32), with the same layer shared by two threads ("ours on two
// cores", if its step is large enough), and with every installed peer that supports the layer with
// that type. Owns them all.
class LayerRow final : public BenchRow {
 public:
  // Ends the program with exit code 1 if any of them gives another result than our layer in
  // float32.
  LayerRow(const LayerKind& kind, WeightType weights, const LayerShape& shape);

 private:
  LayerRow(LayerTask task, WeightType weights);

  void AddOurs(const std::string& name, WeightType weights, Team* team);
  void AddPeers(WeightType weights);
  void AddLayer(const std::string& name, Peer& peer);

  const LayerTask task_;
  std::optional<ThreadTeam> team_;
  std::vector<std::unique_ptr<Peer>> layers_;
  std::vector<float> expected_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_LAYER_ROW_H_
