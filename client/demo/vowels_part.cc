// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cpp/sequences.h"
#include "client/demo/measurement.h"
#include "client/demo/parts.h"
#include "client/text/table.h"

namespace rnnserve::client {
namespace {

constexpr char kModel[] = "japanese_vowels";
constexpr size_t kSessions = 64;
constexpr size_t kBatchRows = 64;
// The value that the model's Masking layer takes for padding; train.py chose it.
constexpr float kMaskValue = -99;
constexpr size_t kRowsShown = 5;

// For each recording, the probabilities of the 9 speakers.
using Probabilities = std::vector<std::vector<float>>;

std::vector<float> ToVector(absl::Span<const float> values) {
  return {values.begin(), values.end()};
}

// Returns the answer to the last frame of each recording.
absl::StatusOr<Probabilities> ClassifyByStreaming(const Stage& stage, Measurement* measurement) {
  const std::vector<Tensor>& frames = stage.data.vowels.frames;
  Probabilities probabilities(frames.size());
  StreamSequencesOptions options;
  options.num_sessions = kSessions;
  options.clock = stage.clock;
  const auto stream = stage.client.OpenStream();
  absl::Status status =
      StreamSequences(*stream, kModel, frames, options, [&](const SequenceStep& step) {
        probabilities[step.sequence_index] = ToVector(step.result.output.floats());
        measurement->Add(step.latency);
      });
  if (status.ok()) status = stream->Finish();
  if (!status.ok()) return status;
  return probabilities;
}

absl::StatusOr<Probabilities> ClassifyByBatches(const Stage& stage) {
  const absl::Span<const Tensor> frames = stage.data.vowels.frames;
  Probabilities probabilities;
  for (size_t begin = 0; begin < frames.size(); begin += kBatchRows) {
    InferRequest request;
    request.model = kModel;
    request.input = Pad(frames.subspan(begin, kBatchRows), kMaskValue).input;
    const absl::StatusOr<InferResult> result = stage.client.Infer(request);
    if (!result.ok()) return result.status();
    const int64_t num_rows = result->output.shape()[0];
    for (int64_t row = 0; row < num_rows; ++row) {
      probabilities.push_back(ToVector(result->output.Rows(row, row + 1).floats()));
    }
  }
  return probabilities;
}

// The comparison of one method of classification with Keras.
struct Score {
  size_t num_right = 0;
  size_t num_as_keras = 0;
  double difference = 0;
};

Score ScoreOf(const Probabilities& probabilities, const VowelsData& vowels) {
  Score score;
  for (size_t i = 0; i < probabilities.size(); ++i) {
    const int prediction = IndexOfLargest(probabilities[i]);
    score.num_right += prediction == vowels.labels[i] ? 1 : 0;
    score.num_as_keras += prediction == vowels.keras_labels[i] ? 1 : 0;
    score.difference = std::max(score.difference,
                                LargestDifference(probabilities[i], vowels.keras_probabilities[i]));
  }
  return score;
}

// Returns a few recordings from the whole set, and the first one whose predicted speaker is wrong.
std::vector<size_t> RecordingsToShow(const Probabilities& probabilities, const VowelsData& vowels) {
  std::vector<size_t> shown;
  for (size_t i = 0; i < kRowsShown; ++i) shown.push_back(i * vowels.labels.size() / kRowsShown);
  for (size_t i = 0; i < probabilities.size(); ++i) {
    if (IndexOfLargest(probabilities[i]) == vowels.labels[i]) continue;
    shown.push_back(i);
    break;
  }
  std::sort(shown.begin(), shown.end());
  return shown;
}

std::string PredictionTable(const Probabilities& probabilities, const VowelsData& vowels) {
  Table table({{"RECORDING", Table::kRight},
               {"FRAMES", Table::kRight},
               {"SPEAKER", Table::kRight},
               {"PREDICTED", Table::kRight},
               {"CONFIDENCE", Table::kRight},
               {"KERAS", Table::kRight},
               {""}});
  for (size_t i : RecordingsToShow(probabilities, vowels)) {
    const int prediction = IndexOfLargest(probabilities[i]);
    const char* remark = prediction == vowels.labels[i]         ? ""
                         : prediction == vowels.keras_labels[i] ? "wrong, like Keras"
                                                                : "wrong";
    table.AddRow({absl::StrCat(i), absl::StrCat(vowels.frames[i].shape()[0]),
                  absl::StrCat(vowels.labels[i] + 1), absl::StrCat(prediction + 1),
                  absl::StrFormat("%.1f %%", 100 * probabilities[i][prediction]),
                  absl::StrCat(vowels.keras_labels[i] + 1), remark});
  }
  return table.ToString(2);
}

std::string ScoreTable(const Score& streamed, const Score& batched, const DemoData& data) {
  const double num_recordings = static_cast<double>(data.vowels.labels.size());
  const auto percent = [&](size_t count) {
    return absl::StrFormat("%.2f %%", 100 * static_cast<double>(count) / num_recordings);
  };
  Table table({{"METHOD"}, {"ACCURACY", Table::kRight}, {"LARGEST DIFFERENCE", Table::kRight}});
  table.AddRow({absl::StrCat("Keras ", data.keras_version),
                absl::StrFormat("%.2f %%", 100 * data.vowels.keras_accuracy), ""});
  table.AddRow({"streamed, frame by frame", percent(streamed.num_right),
                absl::StrFormat("%.1e", streamed.difference)});
  table.AddRow({"padded, masked batches", percent(batched.num_right),
                absl::StrFormat("%.1e", batched.difference)});
  return table.ToString(2);
}

void CheckScore(const std::string& way, const Score& score, const DemoData& data, Checks* checks) {
  const size_t num_recordings = data.vowels.labels.size();
  const double keras_right = data.vowels.keras_accuracy * static_cast<double>(num_recordings);
  checks->Expect(score.num_as_keras == num_recordings,
                 absl::StrFormat("%s: %d of %d predictions equal Keras'", way, score.num_as_keras,
                                 num_recordings));
  // The accuracy has six digits, so this compares the counts exactly.
  checks->Expect(std::abs(static_cast<double>(score.num_right) - keras_right) < 0.5,
                 absl::StrFormat("%s: %d right, Keras %.0f", way, score.num_right, keras_right));
  checks->ExpectSmall(score.difference, way + ": probabilities match Keras");
}

// Returns the number of recordings for which both methods predict the same speaker.
size_t CountAgreeing(const Probabilities& a, const Probabilities& b) {
  size_t count = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    count += IndexOfLargest(a[i]) == IndexOfLargest(b[i]) ? 1 : 0;
  }
  return count;
}

}  // namespace

absl::Status RunVowels(const Stage& stage) {
  const VowelsData& vowels = stage.data.vowels;
  stage.out << absl::StrFormat(
      "\n1. Which of nine speakers is it?  (%s: Masking, LSTM, Dense softmax)\n\n"
      "  %d held-out recordings, streamed one frame at a time,\n"
      "  %d sessions at once on one gRPC stream.\n\n",
      kModel, vowels.labels.size(), kSessions);

  absl::StatusOr<Measurement> measurement = Measurement::Begin(stage, kModel, "Stream.Step");
  if (!measurement.ok()) return measurement.status();
  const absl::StatusOr<Probabilities> streamed = ClassifyByStreaming(stage, &*measurement);
  if (!streamed.ok()) return streamed.status();
  if (absl::Status status = measurement->End(); !status.ok()) return status;
  const absl::StatusOr<Probabilities> batched = ClassifyByBatches(stage);
  if (!batched.ok()) return batched.status();

  const Score streamed_score = ScoreOf(*streamed, vowels);
  const Score batched_score = ScoreOf(*batched, vowels);
  stage.out << PredictionTable(*streamed, vowels) << "\n"
            << ScoreTable(streamed_score, batched_score, stage.data) << "\n"
            << measurement->ToString() << "\n";
  CheckScore("streamed", streamed_score, stage.data, &stage.checks);
  CheckScore("batches", batched_score, stage.data, &stage.checks);
  const size_t num_agreeing = CountAgreeing(*streamed, *batched);
  stage.checks.Expect(num_agreeing == vowels.labels.size(),
                      absl::StrFormat("streamed and batches: %d of %d predictions are the same",
                                      num_agreeing, vowels.labels.size()));
  return absl::OkStatus();
}

}  // namespace rnnserve::client
