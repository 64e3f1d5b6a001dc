// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_DEMO_DEMO_DATA_H_
#define RNNSERVE_CLIENT_DEMO_DEMO_DATA_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cpp/tensor.h"

// The files that train.py and speech.py wrote: real recordings and series, and what Keras and ONNX
// Runtime compute for them.
namespace rnnserve::client {

// The held-out recordings of the Japanese Vowels set. All vectors have one element per recording.
struct VowelsData {
  // [time, 12]
  std::vector<Tensor> frames;
  // The speaker, 0 to 8.
  std::vector<int> labels;
  // Keras' probability of each speaker, [9], and the speaker that it chooses.
  std::vector<std::vector<float>> keras_probabilities;
  std::vector<int> keras_labels;
  // The fraction of recordings for which Keras chooses the right speaker.
  double keras_accuracy = 0;
};

// Monthly sunspot numbers. All vectors have one element per month.
struct SunspotsData {
  // "1749-01"
  std::vector<std::string> months;
  std::vector<float> values;
  // Keras' forecast of the next month's value, made in this month.
  std::vector<float> keras_forecasts;
  // The same forecasts with a reset of the state before the month `reset_at`; NaN for earlier
  // months.
  std::vector<float> keras_forecasts_after_reset;
  size_t reset_at = 0;
};

// A recording of speech, as the clients of the demo hear it: each has missed the beginning, by a
// fraction of a frame, so that all of them send different frames. All vectors have one element per
// client.
struct SpeechData {
  std::string onnxruntime_version;
  // The rate of the recording, and its samples, from -1 to 1.
  uint32_t samples_per_second = 0;
  std::vector<float> samples;
  // [time, 512]: the frames that are sent, one for each timestep. All have the same number.
  std::vector<Tensor> frames;
  // ONNX Runtime's probability of speech in each frame.
  std::vector<std::vector<float>> onnxruntime_probabilities;
};

struct DemoData {
  std::string keras_version;
  VowelsData vowels;
  SunspotsData sunspots;
  SpeechData speech;
};

// Reads `folder`. Errors: NOT_FOUND, or the code of another system error, if a file cannot
// be read; INVALID_ARGUMENT, naming the file, if its contents are not what the scripts write.
absl::StatusOr<DemoData> LoadDemoData(const std::string& folder);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_DEMO_DEMO_DATA_H_
