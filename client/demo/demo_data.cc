// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/demo/demo_data.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/types/span.h"
#include "client/demo/wav.h"
#include "client/files/json_lines.h"
#include "client/files/sequence_file.h"
#include "nlohmann/json.hpp"

namespace rnnserve::client {
namespace {

using Json = nlohmann::json;

constexpr InputKind kVowelsInput{false, 12};
constexpr size_t kSpeakers = 9;
constexpr size_t kFrameSamples = 512;

absl::Status Mismatch(absl::string_view what, size_t actual, size_t expected) {
  return absl::InvalidArgumentError(
      absl::StrCat("has ", actual, " ", what, "; the other files have ", expected));
}

// Runs `read` on the contents of a file, and adds the file's name to its error. nlohmann::json throws
// if a key is missing or has another type.
template <typename Read>
absl::Status ReadDemoFile(const std::string& path, Read read) {
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return text.status();
  absl::Status status;
  try {
    status = read(*text);
  } catch (const Json::exception& error) {
    status = absl::InvalidArgumentError(error.what());
  }
  if (status.ok()) return status;
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", status.message()));
}

template <typename Read>
absl::Status ForEachLine(const std::string& text, Read read) {
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    read(Json::parse(line));
  }
  return absl::OkStatus();
}

absl::Status ReadRecordings(const std::string& text, VowelsData* vowels) {
  absl::StatusOr<std::vector<Tensor>> frames = ParseJsonLines(text, kVowelsInput);
  if (!frames.ok()) return frames.status();
  vowels->frames = *std::move(frames);
  return ForEachLine(text, [&](const Json& line) { vowels->labels.push_back(line.at("label")); });
}

absl::Status ReadKerasVowels(const std::string& text, VowelsData* vowels) {
  const absl::Status status = ForEachLine(text, [&](const Json& line) {
    vowels->keras_labels.push_back(line.at("label"));
    vowels->keras_probabilities.push_back(line.at("probabilities"));
  });
  for (const std::vector<float>& row : vowels->keras_probabilities) {
    if (row.size() != kSpeakers) return Mismatch("probabilities on a line", row.size(), kSpeakers);
  }
  const size_t num_lines = vowels->keras_labels.size();
  if (num_lines != vowels->labels.size()) {
    return Mismatch("lines", num_lines, vowels->labels.size());
  }
  return status;
}

absl::Status ReadKerasSunspots(const std::string& text, SunspotsData* sunspots) {
  const absl::Status status = ForEachLine(text, [&](const Json& line) {
    sunspots->keras_forecasts.push_back(line.at("forecast"));
    sunspots->keras_forecasts_after_reset.push_back(
        line.value("after_reset", std::numeric_limits<float>::quiet_NaN()));
  });
  const size_t num_lines = sunspots->keras_forecasts.size();
  if (num_lines != sunspots->values.size()) {
    return Mismatch("lines", num_lines, sunspots->values.size());
  }
  return status;
}

absl::Status ReadSummary(const std::string& text, DemoData* data) {
  const Json summary = Json::parse(text);
  data->keras_version = summary.at("keras_version");
  data->vowels.keras_accuracy = summary.at("japanese_vowels").at("accuracy");
  data->sunspots.reset_at = summary.at("sunspots").at("reset_at");
  const size_t num_months = data->sunspots.months.size();
  if (data->sunspots.reset_at == 0 || data->sunspots.reset_at >= num_months) {
    return Mismatch("months before the reset", data->sunspots.reset_at, num_months);
  }
  return absl::OkStatus();
}

absl::Status ReadSound(const std::string& bytes, SpeechData* speech) {
  absl::StatusOr<Sound> sound = ParseWav(bytes);
  if (!sound.ok()) return sound.status();
  speech->samples_per_second = sound->rate;
  speech->samples = std::move(sound->samples);
  return absl::OkStatus();
}

absl::Status ReadSpeechResults(const std::string& text, SpeechData* speech) {
  const Json results = Json::parse(text);
  speech->onnxruntime_version = results.at("onnxruntime_version");
  for (const Json& recording : results.at("recordings")) {
    const size_t skipped = recording.at("skipped_samples");
    std::vector<float> probabilities = recording.at("probabilities");
    const size_t num_samples = probabilities.size() * kFrameSamples;
    if (skipped + num_samples > speech->samples.size()) {
      return Mismatch("samples", skipped + num_samples, speech->samples.size());
    }
    const absl::Span<const float> heard =
        absl::MakeSpan(speech->samples).subspan(skipped, num_samples);
    speech->frames.emplace_back(
        std::vector<int64_t>{static_cast<int64_t>(probabilities.size()), kFrameSamples},
        std::vector<float>(heard.begin(), heard.end()));
    speech->onnxruntime_probabilities.push_back(std::move(probabilities));
    const size_t num_frames = speech->onnxruntime_probabilities.back().size();
    const size_t num_frames_of_first = speech->onnxruntime_probabilities.front().size();
    if (num_frames == 0 || num_frames != num_frames_of_first) {
      return Mismatch("frames in a recording", num_frames, num_frames_of_first);
    }
  }
  if (speech->frames.empty()) return absl::InvalidArgumentError("has no recordings");
  return absl::OkStatus();
}

absl::Status ReadVowelsFiles(const std::string& folder, VowelsData* vowels) {
  const absl::Status status =
      ReadDemoFile(folder + "/japanese_vowels_test.jsonl",
                   [&](const std::string& text) { return ReadRecordings(text, vowels); });
  if (!status.ok()) return status;
  return ReadDemoFile(folder + "/japanese_vowels_keras.jsonl",
                      [&](const std::string& text) { return ReadKerasVowels(text, vowels); });
}

absl::Status ReadSunspotsFiles(const std::string& folder, SunspotsData* sunspots) {
  const absl::Status status =
      ReadDemoFile(folder + "/sunspots.jsonl", [&](const std::string& text) {
        return ForEachLine(text, [&](const Json& line) {
          sunspots->months.push_back(line.at("month"));
          sunspots->values.push_back(line.at("sunspots"));
        });
      });
  if (!status.ok()) return status;
  return ReadDemoFile(folder + "/sunspots_keras.jsonl",
                      [&](const std::string& text) { return ReadKerasSunspots(text, sunspots); });
}

absl::Status ReadSpeechFiles(const std::string& folder, SpeechData* speech) {
  const absl::Status status = ReadDemoFile(
      folder + "/speech.wav", [&](const std::string& bytes) { return ReadSound(bytes, speech); });
  if (!status.ok()) return status;
  return ReadDemoFile(folder + "/speech_onnxruntime.json",
                      [&](const std::string& text) { return ReadSpeechResults(text, speech); });
}

}  // namespace

absl::StatusOr<DemoData> LoadDemoData(const std::string& folder) {
  DemoData data;
  absl::Status status = ReadVowelsFiles(folder, &data.vowels);
  if (status.ok()) status = ReadSunspotsFiles(folder, &data.sunspots);
  if (status.ok()) {
    status = ReadDemoFile(folder + "/keras.json",
                          [&](const std::string& text) { return ReadSummary(text, &data); });
  }
  if (status.ok()) status = ReadSpeechFiles(folder, &data.speech);
  if (!status.ok()) return status;
  return data;
}

}  // namespace rnnserve::client
