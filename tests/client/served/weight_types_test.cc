// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Measures how much accuracy narrower weights cost the demo models, on data that they were not
// trained on. A real server has each model in every weight type, and the client sends it all
// recordings and months. Also compares the portable loops with the fastest kernels. The
// documentation quotes the numbers that this test prints.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cpp/client.h"
#include "client/cpp/sequences.h"
#include "client/demo/comparison.h"
#include "client/demo/demo_data.h"
#include "tests/support/server_process.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::ServerProcess;

constexpr char kDemo[] = RNNSERVE_SOURCE_DIR "/client/demo";
constexpr const char* kTypes[] = {"float32", "bfloat16", "int8"};
constexpr int64_t kManyTimesteps = 10000;
constexpr float kMaskValue = -99;

std::unique_ptr<ServerProcess> StartServer(std::vector<std::string> arguments) {
  arguments.insert(arguments.end(),
                   {"--max-timesteps", absl::StrCat(kManyTimesteps), "--max-infer-rows", "512"});
  for (const char* type : kTypes) {
    for (const char* model : {"japanese_vowels", "sunspots"}) {
      const std::string name = absl::StrCat(model, "_", type);
      arguments.insert(arguments.end(),
                       {"--model", absl::StrCat(name, "=", kDemo, "/models/", model, ".keras"),
                        "--weight-type", absl::StrCat(name, "=", type)});
    }
  }
  auto server = ServerProcess::Start(arguments);
  EXPECT_THAT(server, IsOk());
  return server.ok() ? *std::move(server) : nullptr;
}

class WeightTypesTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = StartServer({});
    auto data = LoadDemoData(absl::StrCat(kDemo, "/data"));
    ASSERT_THAT(data, IsOk());
    data_ = *std::move(data);
  }
  static void TearDownTestSuite() { server_.reset(); }

  // Returns a client of a running server.
  static std::unique_ptr<Client> Connect(const ServerProcess& server) {
    auto client = Client::Connect(server.grpc_address());
    EXPECT_THAT(client, IsOk());
    return *std::move(client);
  }

  // Returns the outputs of one Infer.
  static std::vector<float> Outputs(Client& client, const std::string& model, Tensor input) {
    InferRequest request;
    request.model = model;
    request.input = std::move(input);
    const auto result = client.Infer(request);
    EXPECT_THAT(result, IsOk()) << model;
    if (!result.ok()) return {};
    const absl::Span<const float> values = result->output.floats();
    return {values.begin(), values.end()};
  }

  // Returns the predicted speaker of each recording.
  std::vector<int> Speakers(const std::string& type) {
    const Tensor frames = Pad(data_.vowels.frames, kMaskValue).input;
    const std::vector<float> all =
        Outputs(*client_, absl::StrCat("japanese_vowels_", type), frames);
    const size_t num_speakers = data_.vowels.keras_probabilities[0].size();
    std::vector<int> speakers;
    for (auto row = all.begin(); row != all.end(); row += static_cast<ptrdiff_t>(num_speakers)) {
      speakers.push_back(static_cast<int>(
          std::max_element(row, row + static_cast<ptrdiff_t>(num_speakers)) - row));
    }
    return speakers;
  }

  // Returns the fraction of recordings whose predicted speaker is the right one.
  static double Accuracy(const std::vector<int>& speakers) {
    size_t num_right = 0;
    for (size_t i = 0; i < speakers.size(); ++i) {
      num_right += speakers[i] == data_.vowels.labels[i] ? 1 : 0;
    }
    return static_cast<double>(num_right) / static_cast<double>(speakers.size());
  }

  // Returns the forecasts of 10 000 months: the series repeated.
  static std::vector<float> Forecasts(Client& client, const std::string& type) {
    std::vector<float> months(kManyTimesteps);
    const std::vector<float>& series = data_.sunspots.values;
    for (size_t t = 0; t < months.size(); ++t) months[t] = series[t % series.size()];
    return Outputs(client, absl::StrCat("sunspots_", type),
                   Tensor({1, kManyTimesteps, 1}, std::move(months)));
  }

  int64_t Bytes(const std::string& model) {
    const auto described = client_->DescribeModel(model);
    EXPECT_THAT(described, IsOk());
    return described.ok() ? described->summary().parameter_bytes() : 0;
  }

  static std::unique_ptr<ServerProcess> server_;
  static DemoData data_;
  const std::unique_ptr<Client> client_ = Connect(*server_);
};

std::unique_ptr<ServerProcess> WeightTypesTest::server_;
DemoData WeightTypesTest::data_;

TEST_F(WeightTypesTest, Bfloat16LosesNoPredictionAndInt8LittleAccuracy) {
  const std::vector<int> exact = Speakers("float32");
  EXPECT_EQ(exact, data_.vowels.keras_labels);
  for (const char* type : kTypes) {
    const std::vector<int> speakers = Speakers(type);
    size_t num_changed = 0;
    for (size_t i = 0; i < exact.size(); ++i) num_changed += speakers[i] != exact[i] ? 1 : 0;
    std::cout << absl::StrFormat(
        "japanese_vowels in %-8s  %6d bytes  accuracy %.2f %%  %d of %d predictions changed\n",
        type, Bytes(absl::StrCat("japanese_vowels_", type)), 100.0 * Accuracy(speakers),
        num_changed, exact.size());
    if (std::string(type) != "int8") {
      EXPECT_EQ(num_changed, 0u) << type;
    }
    EXPECT_GE(Accuracy(speakers), Accuracy(exact) - 0.005) << type;
  }
}

// The forecast for most months is above 1, where LargestDifference is relative.
TEST_F(WeightTypesTest, TenThousandStepsDriftLittle) {
  const std::map<std::string, double> bounds = {
      {"float32", 0.0}, {"bfloat16", 0.05}, {"int8", 0.1}};
  const std::vector<float> exact = Forecasts(*client_, "float32");
  const float largest = *std::max_element(exact.begin(), exact.end());
  for (const char* type : kTypes) {
    const double drift = LargestDifference(Forecasts(*client_, type), exact);
    std::cout << absl::StrFormat(
        "sunspots in %-8s  %6d bytes  10 000 forecasts up to %.1f, at most %.1f %% off\n", type,
        Bytes(absl::StrCat("sunspots_", type)), largest, 100.0 * drift);
    EXPECT_LE(drift, bounds.at(type)) << type;
  }
}

TEST_F(WeightTypesTest, TheFastestKernelsAgreeWithThePortableLoopsForTenThousandSteps) {
  const std::unique_ptr<ServerProcess> portable = StartServer({"--isa", "portable"});
  ASSERT_NE(portable, nullptr);
  const std::unique_ptr<Client> client = Connect(*portable);

  const double drift =
      LargestDifference(Forecasts(*client_, "float32"), Forecasts(*client, "float32"));

  std::cout << absl::StrFormat("sunspots: 10 000 forecasts, at most %.1g %% between the kernels\n",
                               100.0 * drift);
  EXPECT_LE(drift, 1e-4);
  EXPECT_EQ(portable->Stop(), 0);
}

}  // namespace
}  // namespace rnnserve::client
