// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/cpp/sequences.h"
#include "client/demo/measurement.h"
#include "client/demo/parts.h"
#include "client/demo/speech_picture.h"
#include "client/demo/speech_segments.h"
#include "client/files/sequence_file.h"
#include "client/text/table.h"

namespace rnnserve::client {
namespace {

constexpr char kModel[] = "silero_vad";
constexpr size_t kSessions = 64;
constexpr size_t kColumns = 80;

// For each session, the probability of speech in each frame. Session i hears recording i modulo
// their number.
using Probabilities = std::vector<std::vector<float>>;

const Tensor& FramesOf(const SpeechData& speech, size_t session) {
  return speech.frames[session % speech.frames.size()];
}

size_t NumFrames(const SpeechData& speech) {
  return speech.onnxruntime_probabilities.front().size();
}

double SecondsPerFrame(const SpeechData& speech) {
  return static_cast<double>(speech.frames.front().shape()[1]) / speech.samples_per_second;
}

// The outcome of one way to send the frames.
struct Run {
  Probabilities probabilities;
  Measurement measurement;
};

// Sends each frame as a step of its own, all on one stream.
absl::StatusOr<Run> StepOneByOne(const Stage& stage) {
  const SpeechData& speech = stage.data.speech;
  absl::StatusOr<Measurement> measurement = Measurement::Begin(stage, kModel, "Stream.Step");
  if (!measurement.ok()) return measurement.status();
  Run run{Probabilities(kSessions), *std::move(measurement)};
  std::vector<Tensor> sequences;
  for (size_t i = 0; i < kSessions; ++i) sequences.push_back(FramesOf(speech, i));
  StreamSequencesOptions options;
  options.num_sessions = kSessions;
  options.clock = stage.clock;
  const auto stream = stage.client.OpenStream();
  absl::Status status =
      StreamSequences(*stream, kModel, sequences, options, [&](const SequenceStep& step) {
        const absl::Span<const float> output = step.result.output.floats();
        std::vector<float>& probabilities = run.probabilities[step.sequence_index];
        probabilities.insert(probabilities.end(), output.begin(), output.end());
        run.measurement.Add(step.latency);
      });
  if (status.ok()) status = run.measurement.End();
  if (status.ok()) status = stream->Finish();
  if (!status.ok()) return status;
  return run;
}

// Returns the frame `time` of every session: [sessions, 1, 512].
Tensor FramesAt(const SpeechData& speech, int64_t time) {
  std::vector<float> values;
  for (size_t i = 0; i < kSessions; ++i) {
    const Tensor frame = FramesOf(speech, i).Rows(time, time + 1);
    values.insert(values.end(), frame.floats().begin(), frame.floats().end());
  }
  return Tensor({kSessions, 1, speech.frames.front().shape()[1]}, std::move(values));
}

// Advances all sessions by one frame, and adds their answers to `probabilities`.
absl::Status StepTogether(Stream& stream, const StepSessionsRequest& request,
                          Probabilities* probabilities) {
  const absl::StatusOr<StepSessionsResult> result = stream.StepSessions(request);
  if (!result.ok()) return result.status();
  if (!result->errors.empty()) return result->errors.front().second;
  const absl::Span<const float> outputs = result->output.floats();
  if (outputs.size() != kSessions) {
    return absl::InternalError(absl::StrCat(outputs.size(), " outputs for ", kSessions, " frames"));
  }
  for (size_t i = 0; i < kSessions; ++i) (*probabilities)[i].push_back(outputs[i]);
  return absl::OkStatus();
}

// Sends the frames of all sessions in one message, as a gateway of many microphones does.
absl::StatusOr<Run> StepAllTogether(const Stage& stage) {
  const SpeechData& speech = stage.data.speech;
  const auto stream = stage.client.OpenStream();
  std::vector<Session> sessions;
  StepSessionsRequest request;
  request.model = kModel;
  for (size_t i = 0; i < kSessions; ++i) {
    absl::StatusOr<Session> session = stream->OpenSession(kModel);
    if (!session.ok()) return session.status();
    request.session_ids.push_back(session->id());
    sessions.push_back(*std::move(session));
  }
  absl::StatusOr<Measurement> measurement =
      Measurement::Begin(stage, kModel, "Stream.StepSessions");
  if (!measurement.ok()) return measurement.status();
  Run run{Probabilities(kSessions), *std::move(measurement)};
  for (size_t time = 0; time < NumFrames(speech); ++time) {
    request.input = FramesAt(speech, static_cast<int64_t>(time));
    const absl::Duration sent_at = stage.clock();
    absl::Status status = StepTogether(*stream, request, &run.probabilities);
    if (!status.ok()) return status;
    const absl::Duration latency = stage.clock() - sent_at;
    for (size_t i = 0; i < kSessions; ++i) run.measurement.Add(latency);
  }
  if (absl::Status status = run.measurement.End(); !status.ok()) return status;
  for (Session& session : sessions) {
    if (absl::Status status = session.Close(); !status.ok()) return status;
  }
  if (absl::Status status = stream->Finish(); !status.ok()) return status;
  return run;
}

// Returns the largest difference from ONNX Runtime over all sessions and frames.
double DifferenceOf(const Probabilities& probabilities, const SpeechData& speech) {
  double difference = 0;
  for (size_t i = 0; i < probabilities.size(); ++i) {
    const std::vector<float>& expected =
        speech.onnxruntime_probabilities[i % speech.onnxruntime_probabilities.size()];
    difference = std::max(difference, LargestDifference(probabilities[i], expected));
  }
  return difference;
}

std::string RunsTable(const Run& one_by_one, const Run& together, const SpeechData& speech) {
  Table table({{"METHOD"},
               {"FRAMES/S", Table::kRight},
               {"OF REAL TIME", Table::kRight},
               {"P50", Table::kRight},
               {"P99", Table::kRight},
               {"SESSIONS/BATCH", Table::kRight},
               {"LARGEST DIFFERENCE", Table::kRight}});
  const auto add = [&](const std::string& method, const Run& run) {
    const Latencies& client = run.measurement.client();
    const double frames_per_second = run.measurement.StepsPerSecond();
    table.AddRow({method, absl::StrFormat("%.0f", frames_per_second),
                  absl::StrFormat("%.0fx", frames_per_second * SecondsPerFrame(speech)),
                  FormatLatency(client.Quantile(0.5)), FormatLatency(client.Quantile(0.99)),
                  absl::StrFormat("%.1f", run.measurement.server().batch_rows.Mean()),
                  absl::StrFormat("%.1e", DifferenceOf(run.probabilities, speech))});
  };
  add("a frame a step", one_by_one);
  add(absl::StrCat("one message for ", kSessions, " sessions"), together);
  return table.ToString(2);
}

// Returns how loud each frame of the first recording is, 0 to 1. Few samples are loud, so the root
// shows more of speech than a linear scale.
std::vector<float> LoudnessOf(const SpeechData& speech) {
  const Tensor& frames = speech.frames.front();
  const auto frame_samples = static_cast<size_t>(frames.shape()[1]);
  std::vector<float> loudness;
  for (size_t i = 0; i < NumFrames(speech); ++i) {
    float loudest = 0;
    for (const float sample : frames.floats().subspan(i * frame_samples, frame_samples)) {
      loudest = std::max(loudest, std::abs(sample));
    }
    loudness.push_back(std::sqrt(loudest));
  }
  const float loudest = std::max(1e-6f, *std::max_element(loudness.begin(), loudness.end()));
  for (float& value : loudness) value /= loudest;
  return loudness;
}

SpeechPicture MakePicture(const std::vector<float>& probabilities, const SpeechData& speech) {
  SpeechPicture picture;
  picture.title =
      absl::StrFormat("%.1f s of speech, one of %d sessions",
                      SecondsPerFrame(speech) * static_cast<double>(NumFrames(speech)), kSessions);
  picture.seconds_per_frame = SecondsPerFrame(speech);
  picture.loudness = LoudnessOf(speech);
  picture.probabilities = probabilities;
  picture.segments = FindSpeech(probabilities);
  return picture;
}

std::string DescribePicture(const SpeechPicture& picture) {
  std::vector<std::string> times;
  for (const SpeechSegment& segment : picture.segments) {
    times.push_back(absl::StrFormat("%.2f to %.2f s",
                                    picture.seconds_per_frame * double(segment.begin),
                                    picture.seconds_per_frame * double(segment.end)));
  }
  return absl::StrCat("  loudness  ", Sparkline(picture.loudness, kColumns), "\n  speech    ",
                      Sparkline(picture.probabilities, kColumns), "\n\n  Somebody speaks from ",
                      absl::StrJoin(times, ", "), ".\n\n");
}

void CheckRun(const std::string& way, const Run& run, const SpeechData& speech, Checks* checks) {
  checks->ExpectSmall(DifferenceOf(run.probabilities, speech),
                      absl::StrFormat("%s: %d probabilities match ONNX Runtime", way,
                                      run.probabilities.size() * NumFrames(speech)));
}

}  // namespace

absl::Status RunSpeech(const Stage& stage) {
  const SpeechData& speech = stage.data.speech;
  stage.out << absl::StrFormat(
      "\n4. Is somebody speaking?  (%s: an ONNX model, convolutions and an LSTM)\n\n"
      "  %d sessions at once hear %d frames of %.0f ms of a recording, cut in %d different ways.\n"
      "  Compared with ONNX Runtime %s, frame by frame.\n\n",
      kModel, kSessions, NumFrames(speech), 1000 * SecondsPerFrame(speech), speech.frames.size(),
      speech.onnxruntime_version);

  const absl::StatusOr<Run> one_by_one = StepOneByOne(stage);
  if (!one_by_one.ok()) return one_by_one.status();
  const absl::StatusOr<Run> together = StepAllTogether(stage);
  if (!together.ok()) return together.status();

  const SpeechPicture picture = MakePicture(one_by_one->probabilities.front(), speech);
  stage.out << DescribePicture(picture) << RunsTable(*one_by_one, *together, speech) << "\n";
  CheckRun("a frame a step", *one_by_one, speech, &stage.checks);
  CheckRun("one message for all", *together, speech, &stage.checks);
  stage.checks.Expect(picture.segments == FindSpeech(speech.onnxruntime_probabilities.front()),
                      absl::StrFormat("speech begins and ends in the same frames, %d times",
                                      picture.segments.size()));
  if (stage.picture.empty()) return absl::OkStatus();
  stage.out << "\n  A picture of it: " << stage.picture << "\n";
  return WriteFile(stage.picture, picture.ToSvg());
}

}  // namespace rnnserve::client
