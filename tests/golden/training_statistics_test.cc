// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Compares runs with training=True with real Keras. training/ holds the mean and the standard
// deviation of Keras' outputs over many samples of one row (training_statistics.py). Ours, over as
// many samples with fixed seeds, must be within kLimit standard errors of the difference, element
// by element.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/kernels/random.h"
#include "tests/golden/golden_case.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

// By chance, one of the 160 numbers compared is off by more than 5 standard errors for one in 10
// 000 choices of the seed. A mask in the wrong place shifts numbers by 10 standard errors or more.
constexpr double kLimit = 5.0;
// The tolerance where nothing is random. It allows for the rounding of values near one.
constexpr double kExact = 4e-6;

// The statistics of one element of the output over many samples.
class Moments {
 public:
  void Add(double value) {
    ++count_;
    for (int power = 0; power < 4; ++power) sums_[power] += std::pow(value, power + 1);
  }

  double mean() const { return sums_[0] / count_; }
  double variance() const { return std::max(sums_[1] / count_ - mean() * mean(), 0.0); }
  double std() const { return std::sqrt(variance()); }
  double error_of_mean() const { return std() / std::sqrt(count_); }
  // Returns the standard error of std(), to first order: sqrt((m4 - variance^2) / (4 variance n)).
  double error_of_std() const {
    if (variance() < 1e-12) return 0.0;
    const double m = mean();
    const double m4 = sums_[3] / count_ - 4 * m * sums_[2] / count_ +
                      6 * m * m * sums_[1] / count_ - 3 * m * m * m * m;
    return std::sqrt(std::max(m4 - variance() * variance(), 0.0) / (4 * variance() * count_));
  }

 private:
  double count_ = 0;
  double sums_[4] = {};
};

// Runs the row once for each sample, each time with another seed. Returns the statistics of each
// element of the output.
std::vector<Moments> Sample(const Model& model, const std::vector<float>& row, int64_t time,
                            int64_t num_samples) {
  constexpr int64_t kBatch = 500;
  const int64_t features = model.inputs().front().size;
  const int64_t times[] = {time};
  Workspace workspace(model, kBatch, times);
  std::vector<Moments> moments;
  for (int64_t first = 0; first < num_samples; first += kBatch) {
    std::vector<uint64_t> seeds;
    for (int64_t b = 0; b < kBatch; ++b) {
      seeds.push_back(RandomBits(/*key=*/0, static_cast<uint64_t>(first + b)));
      const auto initial = model.initial_state();
      std::copy(initial.begin(), initial.end(), workspace.states().column(b));
      for (int64_t t = 0; t < time; ++t) {
        std::copy_n(row.data() + t * features, features, workspace.input().At(t).column(b));
      }
    }
    workspace.SetTraining(seeds);
    model.RunSequencePart(workspace);
    model.RunTail(workspace);
    const ConstSequence output = model.output(workspace);
    moments.resize(static_cast<size_t>(output.time * output.rows));
    for (int64_t b = 0; b < kBatch; ++b) {
      for (size_t i = 0; i < moments.size(); ++i) {
        const auto place = static_cast<int64_t>(i);
        moments[i].Add(output.At(place / output.rows).column(b)[place % output.rows]);
      }
    }
  }
  return moments;
}

class TrainingStatisticsTest : public ::testing::TestWithParam<GoldenPath> {};

TEST_P(TrainingStatisticsTest, HasTheMeanAndTheSpreadOfKeras) {
  std::ifstream file(FilePath(GetParam(), GetParam().file));
  const auto statistics = nlohmann::json::parse(file);
  const auto mean = statistics.at("mean").at("data").get<std::vector<double>>();
  const auto std = statistics.at("std").at("data").get<std::vector<double>>();
  const auto model = ImportAndLoad(GetParam());
  ASSERT_THAT(model, IsOk());

  const std::vector<Moments> ours =
      Sample(**model, statistics.at("inputs").at("data"), statistics.at("inputs").at("shape")[1],
             statistics.at("samples"));

  ASSERT_EQ(ours.size(), mean.size());
  for (size_t i = 0; i < mean.size(); ++i) {
    // Both sides are samples of the same size, so the standard error of their difference is sqrt(2)
    // times that of one.
    const double both = kLimit * std::sqrt(2.0);
    EXPECT_NEAR(ours[i].mean(), mean[i], both * ours[i].error_of_mean() + kExact)
        << "element " << i;
    EXPECT_NEAR(ours[i].std(), std[i], both * ours[i].error_of_std() + kExact) << "element " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Keras, TrainingStatisticsTest,
                         ::testing::ValuesIn(GoldenPaths("training")),
                         [](const auto& test) { return test.param.TestName(); });

}  // namespace
}  // namespace rnnserve::testing
