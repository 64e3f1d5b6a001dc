// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Runs a load on Triton, as `rnnctl bench` does on rnnserve. Each stream has one sequence. In a
// closed loop, the sequence sends its next step of one timestep when it has the reply to the
// previous one; in an open loop (--interval-ms) it sends one in every interval, whatever the server
// does, and latencies count from when a step is due. Prints JSON with the same keys.
//
//   triton_load --server ADDRESS --model NAME [--input x] [--streams 64] [--channels 4]
//               [--units 128] [--outputs 128] [--interval-ms 32] [--seed 1] [--seconds 3]
//               [--warm-up-seconds 0.5]

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/load/latency_histogram.h"
#include "client/load/random.h"
#include "nlohmann/json.hpp"
#include "tests/bench/serve/triton_peer/grpc_service.grpc.pb.h"

namespace rnnserve::testing {
namespace {

struct Options {
  std::string server;
  std::string model;
  std::string input = "x";
  int streams = 64;
  int channels = 4;
  int64_t units = 128;
  int64_t outputs = 128;
  double interval_ms = 0;  // 0: a closed loop
  uint64_t seed = 1;
  double seconds = 3;
  double warm_up_seconds = 0.5;

  bool is_open_loop() const { return interval_ms > 0; }
};

struct Window {
  absl::Time begin;
  absl::Time end;

  bool Contains(absl::Time time) const { return time >= begin && time < end; }
};

// A sequence on its own stream.
//
// Thread-safe. Send until a step is the last, then Await.
class Sequence final : public grpc::ClientBidiReactor<inference::ModelInferRequest,
                                                      inference::ModelStreamInferResponse> {
 public:
  Sequence(inference::GRPCInferenceService::Stub& stub, const Options& options, int64_t id,
           const Window& window)
      : window_(window),
        is_open_loop_(options.is_open_loop()),
        output_bytes_(static_cast<size_t>(options.outputs) * sizeof(float)) {
    request_.set_model_name(options.model);
    auto& parameters = *request_.mutable_parameters();
    parameters["sequence_id"].set_int64_param(id);
    parameters["sequence_start"].set_bool_param(true);
    auto* const input = request_.add_inputs();
    input->set_name(options.input);
    input->set_datatype("FP32");
    input->add_shape(1);
    input->add_shape(options.units);
    const std::vector<float> values(static_cast<size_t>(options.units), 0.5f);
    request_.add_raw_input_contents(values.data(), values.size() * sizeof(float));
    stub.async()->ModelStreamInfer(&context_, this);
    StartRead(&response_);
    StartCall();
  }

  // Sends the next step, which was due at `due`, after those before it.
  void Send(absl::Time due, bool is_last) {
    absl::MutexLock lock(&mu_);
    steps_.push_back({due, is_last});
    if (!is_writing_) WriteLocked();
  }

  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&mu_);
    is_writing_ = false;
    (*request_.mutable_parameters())["sequence_start"].set_bool_param(false);
    if (!ok) return;
    if (is_over_) return StartWritesDone();
    if (!steps_.empty()) WriteLocked();
  }

  void OnReadDone(bool ok) override {
    const absl::Time now = absl::Now();
    absl::MutexLock lock(&mu_);
    if (!ok) return;
    if (error_.empty()) error_ = ErrorOfAnswerLocked();
    if (!error_.empty()) return context_.TryCancel();
    const Step step = unanswered_.front();
    unanswered_.pop_front();
    if (window_.Contains(is_open_loop_ ? step.due : now)) latencies_.Add(now - step.due);
    StartRead(&response_);
    if (step.is_last) {
      is_over_ = true;
      if (!is_writing_) StartWritesDone();
    } else if (!is_open_loop_) {
      steps_.push_back({now, now >= window_.end});
      if (!is_writing_) WriteLocked();
    }
  }

  void OnDone(const grpc::Status& status) override {
    if (error_.empty() && !status.ok()) {
      const bool is_gone = status.error_code() == grpc::StatusCode::UNAVAILABLE;
      error_ = absl::StrCat(is_gone ? "(it is gone) " : "", status.error_message());
    }
    done_.Notify();
  }

  // Waits for the end of the sequence.
  void Await() { done_.WaitForNotification(); }

  // Return the result. REQUIRES: Await has returned.
  const client::LatencyHistogram& latencies() const { return latencies_; }
  // Returns the error, or an empty string if there was none.
  const std::string& error() const { return error_; }

 private:
  struct Step {
    absl::Time due;
    bool is_last = false;
  };

  void WriteLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    is_writing_ = true;
    (*request_.mutable_parameters())["sequence_end"].set_bool_param(steps_.front().is_last);
    unanswered_.push_back(steps_.front());
    steps_.pop_front();
    StartWrite(&request_);
  }

  // Returns what is wrong with the reply, or an empty string. A reply must be one timestep of
  // outputs, and the second of a sequence must differ from the first: the inputs are the same, but
  // the state is not.
  std::string ErrorOfAnswerLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (!response_.error_message().empty()) return response_.error_message();
    const auto& outputs = response_.infer_response().raw_output_contents();
    if (outputs.size() != 1 || outputs[0].size() != output_bytes_) {
      return absl::StrCat(outputs.size(), " outputs, the first of ",
                          outputs.empty() ? 0 : outputs[0].size(), " bytes instead of ",
                          output_bytes_);
    }
    ++num_answers_;
    if (num_answers_ == 1) first_output_ = outputs[0];
    const bool is_same = num_answers_ == 2 && outputs[0] == first_output_;
    return is_same ? "the second output of a sequence is its first: no state was kept" : "";
  }

  const Window window_;
  const bool is_open_loop_;
  const size_t output_bytes_;
  grpc::ClientContext context_;
  inference::ModelInferRequest request_;
  inference::ModelStreamInferResponse response_;

  absl::Mutex mu_;
  // The steps that have not been sent, and those that have not been answered.
  std::deque<Step> steps_ ABSL_GUARDED_BY(mu_);
  std::deque<Step> unanswered_ ABSL_GUARDED_BY(mu_);
  bool is_writing_ ABSL_GUARDED_BY(mu_) = false;
  bool is_over_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t num_answers_ ABSL_GUARDED_BY(mu_) = 0;
  std::string first_output_ ABSL_GUARDED_BY(mu_);

  // Final when `done_`.
  client::LatencyHistogram latencies_;
  std::string error_;
  absl::Notification done_;
};

using Sequences = std::vector<std::unique_ptr<Sequence>>;

std::vector<std::unique_ptr<inference::GRPCInferenceService::Stub>> Connect(
    const Options& options) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // one connection for each channel
  std::vector<std::unique_ptr<inference::GRPCInferenceService::Stub>> stubs;
  stubs.reserve(static_cast<size_t>(options.channels));
  for (int i = 0; i < options.channels; ++i) {
    stubs.push_back(inference::GRPCInferenceService::NewStub(
        grpc::CreateCustomChannel(options.server, grpc::InsecureChannelCredentials(), arguments)));
  }
  return stubs;
}

// Sends a step of every sequence in each interval, at a phase of its own, until the window ends.
void SendLive(const Options& options, const Window& window, const Sequences& sequences) {
  const absl::Duration interval = absl::Milliseconds(options.interval_ms);
  client::Random random(options.seed);
  std::vector<absl::Duration> phases(sequences.size());
  for (absl::Duration& phase : phases) phase = random.Uniform() * interval;
  std::sort(phases.begin(), phases.end());
  const absl::Time begin = absl::Now();
  for (absl::Time round = begin; round < window.end; round += interval) {
    const bool is_last = round + interval >= window.end;
    for (size_t i = 0; i < sequences.size(); ++i) {
      const absl::Time due = round + phases[i];
      absl::SleepFor(due - absl::Now());
      sequences[i]->Send(due, is_last);
    }
  }
}

int Run(const Options& options) {
  const auto stubs = Connect(options);
  Window window;
  window.begin = absl::Now() + absl::Seconds(options.warm_up_seconds);
  window.end = window.begin + absl::Seconds(options.seconds);
  Sequences sequences;
  sequences.reserve(static_cast<size_t>(options.streams));
  for (int i = 0; i < options.streams; ++i) {
    sequences.push_back(std::make_unique<Sequence>(
        *stubs[static_cast<size_t>(i % options.channels)], options, i + 1, window));
  }
  if (options.is_open_loop()) {
    SendLive(options, window, sequences);
  } else {
    for (const auto& sequence : sequences) sequence->Send(absl::Now(), /*is_last=*/false);
  }
  client::LatencyHistogram latencies;
  std::string error;
  for (const auto& sequence : sequences) {
    sequence->Await();
    latencies.Merge(sequence->latencies());
    if (!sequence->error().empty()) error = sequence->error();
  }
  if (!error.empty()) {
    std::cerr << "the server answered: " << error << "\n";
    return EXIT_FAILURE;
  }
  const nlohmann::json load = {
      {"steps_per_second", static_cast<double>(latencies.count()) / options.seconds},
      {"latencies",
       {{"p50_us", absl::ToDoubleMicroseconds(latencies.Quantile(0.5))},
        {"p99_us", absl::ToDoubleMicroseconds(latencies.Quantile(0.99))}}}};
  std::cout << nlohmann::json{{"loads", {load}}} << "\n";
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace rnnserve::testing

int main(int argc, char** argv) try {
  rnnserve::testing::Options options;
  CLI::App app("A load on Triton.", "triton_load");
  app.add_option("--server", options.server, "Address of its gRPC service")->required();
  app.add_option("--model", options.model, "Name of the model")->required();
  app.add_option("--input", options.input, "Name of its input")->capture_default_str();
  app.add_option("--streams", options.streams, "Streams, of one sequence each")
      ->check(CLI::Range(1, 65'536))
      ->capture_default_str();
  app.add_option("--channels", options.channels, "Connections that the streams share")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--units", options.units, "Inputs of a timestep")
      ->check(CLI::Range(1, 65'536))
      ->capture_default_str();
  app.add_option("--outputs", options.outputs, "Outputs of a timestep; default: as many")
      ->check(CLI::Range(1, 65'536));
  app.add_option("--interval-ms", options.interval_ms,
                 "Open loop: time between the steps of a sequence")
      ->check(CLI::Range(0.0, 10'000.0));
  app.add_option("--seed", options.seed, "Seed of the phases in an open loop")
      ->capture_default_str();
  app.add_option("--seconds", options.seconds, "How long it is measured")
      ->check(CLI::Range(0.1, 600.0))
      ->capture_default_str();
  app.add_option("--warm-up-seconds", options.warm_up_seconds, "Before that")
      ->check(CLI::Range(0.0, 600.0))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (app.count("--outputs") == 0) options.outputs = options.units;
  return rnnserve::testing::Run(options);
} catch (const std::exception& error) {
  std::fprintf(stderr, "triton_load: %s\n", error.what());
  return EXIT_FAILURE;
}
