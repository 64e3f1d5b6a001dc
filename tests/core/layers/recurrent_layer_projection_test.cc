// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// A run of many timesteps projects their inputs together, and a run of one timestep does not. Both
// must give the same bits, for every Isa and weight type, for the cells that project, and for
// numbers of rows and timesteps around those at which the layer starts to project.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/kernels/isa.h"
#include "core/layers/recurrent_layer.h"
#include "tests/core/layers/layer_fixture.h"
#include "tests/support/scoped_isa.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

constexpr int64_t kFeatures = 5;
constexpr int64_t kUnits = 19;

struct CellCase {
  std::string name;
  Json layer;
  int64_t gates;
  bool two_biases = false;
};

Json Units(Json options = Json::object()) {
  options.update({{"units", kUnits}, {"return_sequences", true}});
  return options;
}

const CellCase kCells[] = {
    {"SimpleRnn", Object("SimpleRNN", Units()), 1},
    {"Lstm", Object("LSTM", Units()), 4},
    {"LstmElu", Object("LSTM", Units({{"activation", "elu"}})), 4},
    {"GruAfter", Object("GRU", Units()), 3, true},
    {"GruBefore", Object("GRU", Units({{"reset_after", false}})), 3},
};

class ProjectionTest : public ::testing::TestWithParam<std::tuple<Isa, WeightType, CellCase>> {
 protected:
  ProjectionTest() : active_(std::get<Isa>(GetParam())) {}

  std::unique_ptr<Layer> MakeLayer(bool go_backwards) {
    const auto& [isa, type, cell] = GetParam();
    const int64_t columns = cell.gates * kUnits;
    WeightMap weights;
    weights.set_matrix_type(type);
    weights.AddRandom("kernel", {kFeatures, columns}, 1);
    weights.AddRandom("recurrent_kernel", {kUnits, columns}, 2, 0.3f);
    weights.AddRandom("bias", cell.two_biases ? Shape({2, columns}) : Shape({columns}), 3);
    Json object = cell.layer;
    object["config"]["go_backwards"] = go_backwards;
    auto layer = Build(object, Sequences(kFeatures), weights);
    EXPECT_THAT(layer, IsOk());
    return *std::move(layer);
  }

 private:
  const ScopedIsa active_;
};

TEST_P(ProjectionTest, ManyTimestepsGiveTheBitsOfSingleTimesteps) {
  const auto layer = MakeLayer(/*go_backwards=*/false);
  for (const int64_t batch : {1, 3, 4, 9}) {
    for (const size_t time : {size_t{2}, size_t{24}, size_t{25}, size_t{61}}) {
      const Values x = Random(batch, static_cast<int64_t>(time), kFeatures, 4);

      const auto whole = RunLayer(*layer, x);

      StateColumns states;
      for (size_t t = 0; t < time; ++t) {
        const auto step = RunLayer(*layer, Slice(x, t, t + 1), {}, states);
        states = step.state_columns();
        EXPECT_EQ(Bits(step.y()), Bits(Slice(whole.y(), t, t + 1)))
            << "timestep " << t << " of " << time << ", " << batch << " rows";
      }
    }
  }
}

TEST_P(ProjectionTest, GoingBackwardsGivesTheBitsOfTheReversedSequence) {
  const auto forward = MakeLayer(/*go_backwards=*/false);
  const auto backward = MakeLayer(/*go_backwards=*/true);
  const Values x = Random(2, 61, kFeatures, 5);
  Values reversed = x;
  for (auto& row : reversed) std::reverse(row.begin(), row.end());

  EXPECT_EQ(Bits(RunLayer(*backward, x).y()), Bits(RunLayer(*forward, reversed).y()));
}

// Returns the number of floats of scratch that a run of `batch` rows needs for projecting.
int64_t ProjectionSize(const Layer& layer, int64_t batch) {
  return layer.scratch_size(batch, RecurrentLayer::kMaxProjectedTime) -
         layer.scratch_size(batch, 1);
}

TEST(ProjectedRowsTest, AreMoreIfTheWeightsComeFromMemory) {
  for (const auto& [features, max_batch] :
       {std::pair<int64_t, int64_t>{64, 3}, {70'000, RecurrentLayer::kMaxProjectedBatch}}) {
    WeightMap weights;
    weights.AddRandom("kernel", {features, 4 * 16}, 1, 0.01f);
    weights.AddRandom("recurrent_kernel", {16, 4 * 16}, 2, 0.3f);
    weights.AddRandom("bias", {4 * 16}, 3);
    const auto layer = Build(Object("LSTM", {{"units", 16}, {"return_sequences", true}}),
                             Sequences(features), weights);
    ASSERT_THAT(layer, IsOk());
    const int64_t size = ProjectionSize(**layer, 1);
    EXPECT_GT(size, 0);
    EXPECT_EQ(ProjectionSize(**layer, max_batch), max_batch * size);
    EXPECT_EQ(ProjectionSize(**layer, 64), max_batch * size);

    const Values x = Random(max_batch, 2, features, 4);
    const auto whole = RunLayer(**layer, x);
    const auto first = RunLayer(**layer, Slice(x, 0, 1));
    const auto second = RunLayer(**layer, Slice(x, 1, 2), {}, first.state_columns());
    EXPECT_EQ(Bits(second.y()), Bits(Slice(whole.y(), 1, 2)));
  }
}

std::string TestName(const ::testing::TestParamInfo<std::tuple<Isa, WeightType, CellCase>>& test) {
  const auto& [isa, type, cell] = test.param;
  return absl::StrCat(IsaName(isa), "_", WeightTypeName(type), "_", cell.name);
}

INSTANTIATE_TEST_SUITE_P(Cells, ProjectionTest,
                         ::testing::Combine(::testing::ValuesIn(SupportedIsas()),
                                            ::testing::Values(WeightType::kFloat32,
                                                              WeightType::kBfloat16,
                                                              WeightType::kInt8),
                                            ::testing::ValuesIn(kCells)),
                         TestName);

}  // namespace
}  // namespace rnnserve::testing
