// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/cells/cell.h"
#include "core/kernels/isa.h"
#include "tests/core/cells/cell_run.h"
#include "tests/support/program_texts.h"
#include "tests/support/reference_cells.h"
#include "tests/support/scoped_isa.h"
#include "tests/support/status_matchers.h"

// Tests the properties of every cell at every size and under every Isa of this machine. The cell
// agrees with plain double-precision loops, gives a row the same bits alone, in any batch and at
// any place in the batch, and allocates nothing. CellRun fills padding, scratch and outputs with
// NaN, so each of these tests also shows that a step reads nothing that it should not.

namespace rnnserve {
namespace {

using ::rnnserve::testing::CellRun;
using ::rnnserve::testing::CreateCell;
using ::rnnserve::testing::GruText;
using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::LstmText;
using ::rnnserve::testing::ReferenceCell;
using ::rnnserve::testing::ReferenceStep;
using ::rnnserve::testing::ScopedIsa;
using ::rnnserve::testing::Serialized;
using ::rnnserve::testing::SimpleRnnText;
using ::rnnserve::testing::Vector;
using ::rnnserve::testing::WeightMap;

using Rows = std::vector<std::vector<float>>;

struct Kind {
  std::string name;
  std::string cell;
  size_t gates = 1;
  size_t states = 1;
  std::string activation = "tanh";
  std::string recurrent_activation = "sigmoid";
  bool use_bias = true;
  bool reset_after = true;
  WeightType weight_type = WeightType::kFloat32;
  // The cell as a step program, in its text form; null: the built-in cell.
  std::string (*program)(int64_t inputs, int64_t units) = nullptr;
};

// Returns the kind as a step program.
Kind AsProgram(Kind kind, std::string (*program)(int64_t inputs, int64_t units),
               WeightType weight_type = WeightType::kFloat32) {
  kind.program = program;
  kind.weight_type = weight_type;
  return kind;
}

const Kind kKinds[] = {
    {"Simple", "SimpleRNNCell"},
    {"SimpleReluNoBias", "SimpleRNNCell", 1, 1, "relu", "sigmoid", false},
    {"Minimal", "rnnserve>MinimalRNNCell", 1, 1, "linear", "sigmoid", false},
    {"Lstm", "LSTMCell", 4, 2},
    {"LstmHardSigmoidNoBias", "LSTMCell", 4, 2, "elu", "hard_sigmoid", false},
    {"LstmSoftmaxGates", "LSTMCell", 4, 2, "tanh", "softmax"},
    {"GruAfter", "GRUCell", 3, 1},
    {"GruAfterNoBias", "GRUCell", 3, 1, "softsign", "hard_sigmoid", false},
    {"GruBefore", "GRUCell", 3, 1, "tanh", "sigmoid", true, false},
    {"GruBeforeSoftmaxNoBias", "GRUCell", 3, 1, "gelu", "softmax", false, false},
    {"SimpleInt8", "SimpleRNNCell", 1, 1, "tanh", "sigmoid", true, true, WeightType::kInt8},
    {"LstmBfloat16", "LSTMCell", 4, 2, "tanh", "sigmoid", true, true, WeightType::kBfloat16},
    {"LstmInt8", "LSTMCell", 4, 2, "tanh", "sigmoid", true, true, WeightType::kInt8},
    {"GruAfterBfloat16", "GRUCell", 3, 1, "tanh", "sigmoid", true, true, WeightType::kBfloat16},
    {"GruAfterInt8", "GRUCell", 3, 1, "tanh", "sigmoid", true, true, WeightType::kInt8},
    {"GruBeforeBfloat16", "GRUCell", 3, 1, "tanh", "sigmoid", true, false, WeightType::kBfloat16},
    {"GruBeforeInt8", "GRUCell", 3, 1, "tanh", "sigmoid", true, false, WeightType::kInt8},
    AsProgram({"ProgramSimple", "SimpleRNNCell"}, SimpleRnnText),
    AsProgram({"ProgramLstm", "LSTMCell", 4, 2}, LstmText),
    AsProgram({"ProgramGru", "GRUCell", 3, 1}, GruText),
    AsProgram({"ProgramLstmBfloat16", "LSTMCell", 4, 2}, LstmText, WeightType::kBfloat16),
    AsProgram({"ProgramLstmInt8", "LSTMCell", 4, 2}, LstmText, WeightType::kInt8),
    AsProgram({"ProgramGruBfloat16", "GRUCell", 3, 1}, GruText, WeightType::kBfloat16),
    AsProgram({"ProgramGruInt8", "GRUCell", 3, 1}, GruText, WeightType::kInt8),
};

// Returns the tolerance after a few steps, compared with plain loops over the weights before
// rounding.
float Tolerance(WeightType type) { return type == WeightType::kFloat32 ? 2e-6f : 0.05f; }

struct Size {
  int64_t input;
  int64_t units;
};

const Size kSizes[] = {{1, 1}, {3, 2}, {16, 16}, {1, 17}, {17, 15}, {40, 33}, {9, 150}};

// The batch has two full tiles of columns and a part of a third, for the widest kernels.
constexpr size_t kBatch = 15;
constexpr size_t kTime = 5;

auto AllNear(const Vector& expected, WeightType type) {
  return ::testing::Pointwise(::testing::FloatNear(Tolerance(type)),
                              std::vector<float>(expected.begin(), expected.end()));
}

class CellPropertiesTest : public ::testing::TestWithParam<std::tuple<Isa, Kind, Size>> {
 protected:
  CellPropertiesTest() : active_(std::get<Isa>(GetParam())) {
    const auto& [isa, kind, size] = GetParam();
    const int64_t columns = static_cast<int64_t>(kind.gates) * size.units;
    const float limit = 1.0f / std::sqrt(static_cast<float>(size.units));
    weights_.AddRandom("kernel", {size.input, columns}, 1, limit);
    weights_.AddRandom("recurrent_kernel", {size.units, columns}, 2, limit);
    weights_.set_matrix_type(kind.weight_type);
    const bool two_biases = kind.cell == "GRUCell" && kind.reset_after;
    weights_.AddRandom("bias", two_biases ? Shape({2, columns}) : Shape({columns}), 3);

    auto cell = CreateCell(Object(), {size.input}, weights_);
    EXPECT_THAT(cell, IsOk());
    cell_ = *std::move(cell);
  }

  static nlohmann::json Object() {
    const auto& [isa, kind, size] = GetParam();
    if (kind.program == nullptr) {
      return Serialized(kind.cell, {{"units", size.units},
                                    {"activation", kind.activation},
                                    {"recurrent_activation", kind.recurrent_activation},
                                    {"use_bias", kind.use_bias},
                                    {"reset_after", kind.reset_after}});
    }
    const std::string text = kind.program(size.input, size.units);
    nlohmann::json cell = Serialized("ProgramCell", {{"program", nlohmann::json::parse(text)}});
    cell["registered_name"] = "rnnserve>ProgramCell";
    return cell;
  }

  ReferenceCell Reference() const {
    const auto& [isa, kind, size] = GetParam();
    return {.kind = kind.cell,
            .input_size = static_cast<size_t>(size.input),
            .units = static_cast<size_t>(size.units),
            .activation = kind.activation,
            .recurrent_activation = kind.recurrent_activation,
            .use_bias = kind.use_bias,
            .reset_after = kind.reset_after,
            .kernel = weights_.values("kernel"),
            .recurrent_kernel = weights_.values("recurrent_kernel"),
            .bias = weights_.values("bias")};
  }

  // Returns rows [kBatch][length] that depend only on the seed.
  static Rows RandomRows(int64_t length, unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> uniform(-2.0f, 2.0f);
    Rows rows(kBatch, std::vector<float>(static_cast<size_t>(length)));
    for (auto& row : rows) {
      for (float& value : row) value = uniform(random);
    }
    return rows;
  }

  Rows InputAt(size_t t) const {
    return RandomRows(cell_->input_size(), static_cast<unsigned>(100 + t));
  }
  Rows FirstState(size_t k) const {
    return RandomRows(cell_->output_size(), static_cast<unsigned>(200 + k));
  }
  size_t num_states() const { return cell_->states().size(); }

  // Runs the rows with the indices in `order` as one batch.
  CellRun RunRows(const std::vector<size_t>& order) const {
    CellRun run(*cell_, static_cast<int64_t>(order.size()));
    for (size_t k = 0; k < num_states(); ++k) {
      const Rows first = FirstState(k);
      for (size_t i = 0; i < order.size(); ++i) {
        run.set_state(static_cast<int64_t>(i), k, first[order[i]]);
      }
    }
    for (size_t t = 0; t < kTime; ++t) {
      const Rows x = InputAt(t);
      Rows chosen;
      for (const size_t row : order) chosen.push_back(x[row]);
      run.Step(chosen);
    }
    return run;
  }

  // Returns the indices of all rows in order.
  static std::vector<size_t> AllRows() {
    std::vector<size_t> rows(kBatch);
    std::iota(rows.begin(), rows.end(), size_t{0});
    return rows;
  }

  const ScopedIsa active_;
  WeightMap weights_;
  std::unique_ptr<Cell> cell_;
};

TEST_P(CellPropertiesTest, AgreesWithPlainLoops) {
  ASSERT_EQ(num_states(), std::get<Kind>(GetParam()).states);
  const CellRun run = RunRows(AllRows());
  const ReferenceCell reference = Reference();
  const WeightType type = std::get<Kind>(GetParam()).weight_type;

  for (size_t b = 0; b < kBatch; ++b) {
    std::vector<Vector> states;
    for (size_t k = 0; k < num_states(); ++k) {
      const auto first = FirstState(k)[b];
      states.emplace_back(first.begin(), first.end());
    }
    Vector y;
    for (size_t t = 0; t < kTime; ++t) {
      const auto x = InputAt(t)[b];
      y = ReferenceStep(reference, {x.begin(), x.end()}, states);
    }

    const int64_t row = static_cast<int64_t>(b);
    EXPECT_THAT(run.y(row), AllNear(y, type)) << "row " << b;
    for (size_t k = 0; k < num_states(); ++k) {
      EXPECT_THAT(run.state(row, k), AllNear(states[k], type)) << "state " << k << " of row " << b;
    }
  }
}

TEST_P(CellPropertiesTest, ARowHasTheSameBitsInEveryBatch) {
  const CellRun all = RunRows(AllRows());
  const std::vector<std::vector<size_t>> batches = {
      {0}, {3}, {14}, {5, 1}, {2, 2, 2, 0}, {14, 1, 7, 0, 9}, {6, 5, 4, 3, 2, 1, 0, 14}};

  for (const auto& batch : batches) {
    const CellRun run = RunRows(batch);
    for (size_t i = 0; i < batch.size(); ++i) {
      const int64_t here = static_cast<int64_t>(i);
      const int64_t there = static_cast<int64_t>(batch[i]);
      EXPECT_EQ(run.y(here), all.y(there)) << "row " << there;
      for (size_t k = 0; k < num_states(); ++k) {
        EXPECT_EQ(run.state(here, k), all.state(there, k)) << "state " << k << " of row " << there;
      }
    }
  }
}

TEST_P(CellPropertiesTest, AStepAllocatesNothing) {
  EXPECT_EQ(RunRows({0, 1, 2, 3, 4}).allocations(), 0);
}

TEST_P(CellPropertiesTest, StartsWithZeroStates) {
  const CellRun run(*cell_, 1);

  for (size_t k = 0; k < num_states(); ++k) {
    EXPECT_THAT(run.state(0, k), ::testing::Each(0.0f)) << "state " << k;
  }
}

std::string TestName(const ::testing::TestParamInfo<std::tuple<Isa, Kind, Size>>& test) {
  const auto& [isa, kind, size] = test.param;
  return absl::StrCat(IsaName(isa), kind.name, "In", size.input, "Units", size.units);
}

INSTANTIATE_TEST_SUITE_P(Cells, CellPropertiesTest,
                         ::testing::Combine(::testing::ValuesIn(SupportedIsas()),
                                            ::testing::ValuesIn(kKinds),
                                            ::testing::ValuesIn(kSizes)),
                         TestName);

}  // namespace
}  // namespace rnnserve
