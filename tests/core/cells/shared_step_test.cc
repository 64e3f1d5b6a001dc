// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests that a step of a large cell gives the same bits on a team as on one thread, under every Isa
// and for every weight type and kind of cell.

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/thread_team.h"
#include "core/cells/cell.h"
#include "core/kernels/isa.h"
#include "core/kernels/panel_range.h"
#include "tests/core/cells/cell_run.h"
#include "tests/support/scoped_isa.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve {
namespace {

using ::rnnserve::testing::CellRun;
using ::rnnserve::testing::CreateCell;
using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::ScopedIsa;
using ::rnnserve::testing::Serialized;
using ::rnnserve::testing::WeightMap;

struct Kind {
  std::string name;
  std::string cell;
  int64_t gates;
  int64_t units;  // also the number of inputs; just enough for a step to be shared
  WeightType weight_type = WeightType::kFloat32;
  bool reset_after = true;
};

// In each kind, the units do not fill the last panel, and the panels do not fill the last piece.
const Kind kKinds[] = {
    {"Simple", "SimpleRNNCell", 1, 379},
    {"Lstm", "LSTMCell", 4, 199},
    {"LstmBfloat16", "LSTMCell", 4, 279, WeightType::kBfloat16},
    {"LstmInt8", "LSTMCell", 4, 379, WeightType::kInt8},
    {"GruAfter", "GRUCell", 3, 219},
    {"GruBefore", "GRUCell", 3, 379, WeightType::kFloat32, false},
};

std::unique_ptr<Cell> MakeCell(const Kind& kind, int64_t units) {
  WeightMap weights;
  weights.set_matrix_type(kind.weight_type);
  const int64_t columns = kind.gates * units;
  weights.AddRandom("kernel", {units, columns}, 1, 0.05f);
  weights.AddRandom("recurrent_kernel", {units, columns}, 2, 0.05f);
  const bool two_biases = kind.cell == "GRUCell" && kind.reset_after;
  weights.AddRandom("bias", two_biases ? Shape({2, columns}) : Shape({columns}), 3);
  auto cell =
      CreateCell(Serialized(kind.cell, {{"units", units}, {"reset_after", kind.reset_after}}),
                 {units}, weights);
  EXPECT_THAT(cell, IsOk());
  return *std::move(cell);
}

class SharedStepTest : public ::testing::TestWithParam<std::tuple<Isa, Kind>> {
 protected:
  const Kind& kind() const { return std::get<Kind>(GetParam()); }
  bool has_kernels() const { return std::get<Isa>(GetParam()) != Isa::kPortable; }

  const ScopedIsa active_{std::get<Isa>(GetParam())};
};

TEST_P(SharedStepTest, ATeamComputesTheBitsOfOneThread) {
  const std::unique_ptr<Cell> cell = MakeCell(kind(), kind().units);
  EXPECT_EQ(cell->shareable_bytes() > 0, has_kernels());
  for (const int team_size : {2, 3}) {
    ThreadTeam team(team_size);
    for (const int64_t batch : {1, 2, 7, 13}) {
      CellRun alone(*cell, batch);
      CellRun shared(*cell, batch);
      shared.set_team(&team);
      std::mt19937 random(static_cast<unsigned>(batch));
      std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
      for (int t = 0; t < 4; ++t) {
        std::vector<std::vector<float>> x(static_cast<size_t>(batch));
        for (auto& row : x) {
          for (int64_t i = 0; i < cell->input_size(); ++i) row.push_back(uniform(random));
        }
        alone.Step(x);
        shared.Step(x);
        EXPECT_EQ(shared.allocations(), 0);
      }
      for (int64_t b = 0; b < batch; ++b) {
        ASSERT_EQ(shared.y(b), alone.y(b)) << "row " << b << " of " << batch;
        for (size_t k = 0; k < cell->states().size(); ++k) {
          ASSERT_EQ(shared.state(b, k), alone.state(b, k)) << "state " << k << " of row " << b;
        }
      }
    }
  }
}

TEST_P(SharedStepTest, SmallCellsAreNotShared) {
  EXPECT_EQ(MakeCell(kind(), 32)->shareable_bytes(), 0);
}

std::string TestName(const ::testing::TestParamInfo<std::tuple<Isa, Kind>>& test) {
  return absl::StrCat(IsaName(std::get<Isa>(test.param)), std::get<Kind>(test.param).name);
}

INSTANTIATE_TEST_SUITE_P(Cells, SharedStepTest,
                         ::testing::Combine(::testing::ValuesIn(SupportedIsas()),
                                            ::testing::ValuesIn(kKinds)),
                         TestName);

}  // namespace
}  // namespace rnnserve
