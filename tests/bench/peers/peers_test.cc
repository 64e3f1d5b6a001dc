// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests that every installed peer computes Keras' equations, because a comparison of times is only
// meaningful if both sides do the same work. The reference is the double-precision loops of
// reference_cells.h. Some sizes are odd, so that a wrong layout cannot pass by symmetry.

#include "tests/bench/peers/peers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <random>
#include <string>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "tests/support/reference_cells.h"

namespace rnnserve::testing {
namespace {

// A layer with random weights, inputs and states, small enough that no gate saturates. The input
// and the layer have different widths, so that swapped weight matrices are noticed.
class RandomLayer {
 public:
  RandomLayer(PeerCell cell, int64_t units, int64_t batch, int64_t num_timesteps) {
    task_.cell = cell;
    task_.input_size = units + 1;
    task_.units = units;
    task_.batch = batch;
    task_.num_timesteps = num_timesteps;
    const int64_t columns = task_.num_gates() * units;
    task_.kernel = Fill(kernel_, task_.input_size * columns);
    task_.recurrent_kernel = Fill(recurrent_kernel_, units * columns);
    task_.bias = Fill(bias_, (cell == PeerCell::kGruResetAfter ? 2 : 1) * columns);
    task_.x = Fill(x_, num_timesteps * batch * task_.input_size);
    task_.h = Fill(h_, batch * units);
    task_.c = Fill(c_, batch * units);
  }
  RandomLayer(const RandomLayer&) = delete;  // task_ borrows from the members.
  RandomLayer& operator=(const RandomLayer&) = delete;

  const PeerTask& task() const { return task_; }

  // Returns the output of the reference, [num_timesteps, batch, units].
  std::vector<float> ReferenceOutput() const {
    const ReferenceCell cell = Cell();
    std::vector<float> result;
    std::vector<std::vector<Vector>> states;
    for (int64_t b = 0; b < task_.batch; ++b) {
      states.push_back({Row(h_, b, task_.units), Row(c_, b, task_.units)});
    }
    for (int64_t row = 0; row < task_.num_timesteps * task_.batch; ++row) {
      const Vector y = ReferenceStep(cell, Row(x_, row, task_.input_size),
                                     states[static_cast<size_t>(row % task_.batch)]);
      result.insert(result.end(), y.begin(), y.end());
    }
    return result;
  }

 private:
  absl::Span<const float> Fill(std::vector<float>& values, int64_t size) {
    std::uniform_real_distribution<float> value(-0.3f, 0.3f);
    values.resize(static_cast<size_t>(size));
    for (float& v : values) v = value(random_);
    return values;
  }

  static Vector Row(const std::vector<float>& values, int64_t row, int64_t width) {
    const auto begin = values.begin() + row * width;
    return Vector(begin, begin + width);
  }

  ReferenceCell Cell() const {
    ReferenceCell cell;
    cell.kind = task_.cell == PeerCell::kLstm ? "LSTMCell" : "GRUCell";
    cell.input_size = static_cast<size_t>(task_.input_size);
    cell.units = static_cast<size_t>(task_.units);
    cell.reset_after = task_.cell == PeerCell::kGruResetAfter;
    cell.kernel = kernel_;
    cell.recurrent_kernel = recurrent_kernel_;
    cell.bias = bias_;
    return cell;
  }

  std::mt19937 random_{7};
  std::vector<float> kernel_, recurrent_kernel_, bias_, x_, h_, c_;
  PeerTask task_;
};

using Case = std::tuple<PeerKind, PeerCell, int64_t, int64_t, int64_t>;

class PeersTest : public ::testing::TestWithParam<Case> {};

std::string CaseName(const ::testing::TestParamInfo<Case>& info) {
  const auto& [kind, cell, units, batch, num_timesteps] = info.param;
  const char* const cells[] = {"Lstm", "GruResetAfter", "GruResetBefore"};
  std::string name = absl::StrCat(kind.name, cells[static_cast<size_t>(cell)], "H", units, "B",
                                  batch, "T", num_timesteps);
  name.erase(std::remove_if(name.begin(), name.end(), [](char c) { return !std::isalnum(c); }),
             name.end());
  return name;
}

TEST_P(PeersTest, ComputesWhatKerasDoes) {
  const auto& [kind, cell, units, batch, num_timesteps] = GetParam();
  const RandomLayer layer(cell, units, batch, num_timesteps);
  const absl::StatusOr<std::unique_ptr<Peer>> peer = kind.make(layer.task());
  if (absl::IsUnimplemented(peer.status())) GTEST_SKIP() << peer.status();
  ASSERT_TRUE(peer.ok()) << peer.status();

  (*peer)->Step();
  const std::vector<float> first = (*peer)->Output();
  (*peer)->Step();

  EXPECT_THAT(first,
              ::testing::Pointwise(::testing::FloatNear(kind.tolerance), layer.ReferenceOutput()));
  EXPECT_EQ((*peer)->Output(), first) << "a step changed what it starts from";
}

INSTANTIATE_TEST_SUITE_P(Installed, PeersTest,
                         ::testing::Combine(::testing::ValuesIn(InstalledPeers()),
                                            ::testing::Values(PeerCell::kLstm,
                                                              PeerCell::kGruResetAfter,
                                                              PeerCell::kGruResetBefore),
                                            ::testing::Values(1, 3, 64, 100),
                                            ::testing::Values(1, 3), ::testing::Values(1, 4)),
                         CaseName);

}  // namespace
}  // namespace rnnserve::testing
