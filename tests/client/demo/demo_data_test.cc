// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the committed data of the demo, and malformed data.

#include "client/demo/demo_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "client/files/sequence_file.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::StatusIs;
using ::testing::HasSubstr;

constexpr char kCommitted[] = RNNSERVE_SOURCE_DIR "/client/demo/data";

TEST(DemoDataTest, ReadsTheCommittedFiles) {
  const auto data = LoadDemoData(kCommitted);

  ASSERT_THAT(data, IsOk());
  EXPECT_EQ(data->vowels.labels.size(), 370u);
  EXPECT_EQ(data->vowels.frames[0].shape()[1], 12);
  EXPECT_EQ(data->sunspots.months.front(), "1749-01");
  EXPECT_EQ(data->sunspots.values.front(), 58);
  const size_t reset_at = data->sunspots.reset_at;
  EXPECT_TRUE(std::isnan(data->sunspots.keras_forecasts_after_reset[reset_at - 1]));
  EXPECT_FALSE(std::isnan(data->sunspots.keras_forecasts_after_reset[reset_at]));
  EXPECT_EQ(data->speech.samples_per_second, 16000u);
  EXPECT_EQ(data->speech.frames.size(), 16u);
  EXPECT_EQ(data->speech.onnxruntime_probabilities.size(), 16u);
}

TEST(DemoDataTest, ShiftsTheFramesOfEachClient) {
  const auto data = LoadDemoData(kCommitted);

  ASSERT_THAT(data, IsOk());
  const std::vector<Tensor>& frames = data->speech.frames;
  EXPECT_EQ(frames[0].shape(), (std::vector<int64_t>{480, 512}));
  EXPECT_EQ(frames[1].floats()[0], frames[0].floats()[32]);
  EXPECT_EQ(frames[15].floats()[0], frames[0].floats()[480]);
}

struct WrongFile {
  const char* name;
  const char* file;
  const char* contents;
  const char* message;
};

class WrongDemoDataTest : public ::testing::TestWithParam<WrongFile> {};

TEST_P(WrongDemoDataTest, IsNamed) {
  const rnnserve::testing::TemporaryFolder parent;
  const std::string folder = parent.path() / "data";
  std::filesystem::copy(kCommitted, folder);
  ASSERT_THAT(WriteFile(absl::StrCat(folder, "/", GetParam().file), GetParam().contents), IsOk());

  EXPECT_THAT(LoadDemoData(folder), StatusIs(absl::StatusCode::kInvalidArgument,
                                             ::testing::AllOf(HasSubstr(GetParam().file),
                                                              HasSubstr(GetParam().message))));
}

INSTANTIATE_TEST_SUITE_P(
    , WrongDemoDataTest,
    ::testing::Values(
        WrongFile{"NoJson", "sunspots.jsonl", "{", "parse error"},
        WrongFile{"NoLabel", "japanese_vowels_test.jsonl",
                  "{\"frames\":[[1,2,3,4,5,6,7,8,9,10,11,12]]}", "label"},
        WrongFile{"TooFewLines", "sunspots_keras.jsonl", "{\"forecast\":1}\n", "has 1 lines"},
        WrongFile{"TooFewProbabilities", "japanese_vowels_keras.jsonl",
                  "{\"label\":1,\"probabilities\":[1]}\n", "has 1 probabilities"},
        WrongFile{"NoSound", "speech.wav", "MP3", "is not a WAV file"},
        WrongFile{"TooFewSamples", "speech_onnxruntime.json",
                  "{\"onnxruntime_version\":\"1\",\"recordings\":[{\"skipped_samples\":246240,"
                  "\"probabilities\":[1]}]}",
                  "has 246752 samples"},
        WrongFile{"UnevenRecordings", "speech_onnxruntime.json",
                  "{\"onnxruntime_version\":\"1\",\"recordings\":["
                  "{\"skipped_samples\":0,\"probabilities\":[1]},"
                  "{\"skipped_samples\":0,\"probabilities\":[1,1]}]}",
                  "has 2 frames in a recording"},
        WrongFile{"NoRecordings", "speech_onnxruntime.json",
                  "{\"onnxruntime_version\":\"1\",\"recordings\":[]}", "has no recordings"},
        WrongFile{"AnotherType", "keras.json", "{\"keras_version\":3}", "must be string"}),
    [](const auto& test) { return test.param.name; });

TEST(DemoDataTest, NamesTheFolderThatIsMissing) {
  EXPECT_THAT(LoadDemoData("/nonexistent"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent/")));
}

}  // namespace
}  // namespace rnnserve::client
