// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Runs a closed loop on Triton, as `rnnctl bench` does on rnnserve. Each stream has one sequence,
// which sends its next step of one timestep when it has the reply to the previous one. Prints JSON
// with the same keys.
//
//   triton_load --server ADDRESS --model NAME [--streams 64] [--channels 4] [--units 128]
//               [--seconds 3] [--warm-up-seconds 0.5]

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/load/latency_histogram.h"
#include "nlohmann/json.hpp"
#include "tests/bench/serve/triton_peer/grpc_service.grpc.pb.h"

namespace rnnserve::testing {
namespace {

struct Options {
  std::string server;
  std::string model;
  int streams = 64;
  int channels = 4;
  int64_t units = 128;
  double seconds = 3;
  double warm_up_seconds = 0.5;
};

struct Window {
  absl::Time begin;
  absl::Time end;
};

// A sequence on its own stream, from its first step to the end of the window.
class Sequence final : public grpc::ClientBidiReactor<inference::ModelInferRequest,
                                                      inference::ModelStreamInferResponse> {
 public:
  Sequence(inference::GRPCInferenceService::Stub& stub, const Options& options, int64_t id,
           const Window& window)
      : window_(window) {
    request_.set_model_name(options.model);
    auto& parameters = *request_.mutable_parameters();
    parameters["sequence_id"].set_int64_param(id);
    parameters["sequence_start"].set_bool_param(true);
    parameters["sequence_end"].set_bool_param(false);
    auto* const input = request_.add_inputs();
    input->set_name("x");
    input->set_datatype("FP32");
    input->add_shape(1);
    input->add_shape(options.units);
    const std::vector<float> values(static_cast<size_t>(options.units), 0.5f);
    request_.add_raw_input_contents(values.data(), values.size() * sizeof(float));
    stub.async()->ModelStreamInfer(&context_, this);
    Send();
    StartCall();
  }

  void OnWriteDone(bool /*ok*/) override { OnHalfDone(); }
  void OnReadDone(bool ok) override {
    const absl::Time now = absl::Now();
    if (ok) error_ = ErrorOfAnswer();
    if (!ok || !error_.empty()) {
      is_over_ = true;
    } else if (now >= window_.begin && now < window_.end) {
      latencies_.Add(now - sent_);
    }
    OnHalfDone();
  }
  void OnDone(const grpc::Status& status) override {
    if (!error_.empty() || status.ok()) return done_.Notify();
    const bool is_gone = status.error_code() == grpc::StatusCode::UNAVAILABLE;
    error_ = absl::StrCat(is_gone ? "(it is gone) " : "", status.error_message());
    done_.Notify();
  }

  // Waits for the end of the sequence.
  void Await() { done_.WaitForNotification(); }
  const client::LatencyHistogram& latencies() const { return latencies_; }
  // Returns the error, or an empty string if there was none.
  const std::string& error() const { return error_; }

 private:
  void Send() {
    num_halves_ = 2;
    sent_ = absl::Now();
    StartRead(&response_);
    StartWrite(&request_);
  }

  // Returns what is wrong with the reply, or an empty string. A reply must be one timestep of
  // outputs, and the second of a sequence must differ from the first: the inputs are the same, but
  // the state is not.
  std::string ErrorOfAnswer() {
    if (!response_.error_message().empty()) return response_.error_message();
    const auto& outputs = response_.infer_response().raw_output_contents();
    const size_t expected = request_.raw_input_contents(0).size();
    if (outputs.size() != 1 || outputs[0].size() != expected) {
      return absl::StrCat(outputs.size(), " outputs, the first of ",
                          outputs.empty() ? 0 : outputs[0].size(), " bytes instead of ", expected);
    }
    const bool is_same = std::exchange(is_second_, false) && outputs[0] == first_output_;
    if (request_.parameters().at("sequence_start").bool_param()) {
      first_output_ = outputs[0];
      is_second_ = true;
    }
    return is_same ? "the second output of a sequence is its first: no state was kept" : "";
  }

  // Call this when the step has been written and when it has been answered. The two events come in
  // any order; the second one finishes the step.
  void OnHalfDone() {
    if (num_halves_.fetch_sub(1) > 1) return;
    if (is_over_) return StartWritesDone();
    auto& parameters = *request_.mutable_parameters();
    parameters["sequence_start"].set_bool_param(false);
    is_over_ = absl::Now() >= window_.end;  // the next step is the last
    parameters["sequence_end"].set_bool_param(is_over_);
    Send();
  }

  const Window window_;
  grpc::ClientContext context_;
  inference::ModelInferRequest request_;
  inference::ModelStreamInferResponse response_;
  absl::Time sent_;
  std::atomic<int> num_halves_ = 0;
  bool is_over_ = false;
  bool is_second_ = false;  // whether the next reply is the second
  std::string first_output_;
  client::LatencyHistogram latencies_;
  std::string error_;
  absl::Notification done_;
};

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

int Run(const Options& options) {
  const auto stubs = Connect(options);
  Window window;
  window.begin = absl::Now() + absl::Seconds(options.warm_up_seconds);
  window.end = window.begin + absl::Seconds(options.seconds);
  std::vector<std::unique_ptr<Sequence>> sequences;
  sequences.reserve(static_cast<size_t>(options.streams));
  for (int i = 0; i < options.streams; ++i) {
    sequences.push_back(std::make_unique<Sequence>(
        *stubs[static_cast<size_t>(i % options.channels)], options, i + 1, window));
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
  CLI::App app("A closed loop on Triton.", "triton_load");
  app.add_option("--server", options.server, "Address of its gRPC service")->required();
  app.add_option("--model", options.model, "Name of the model")->required();
  app.add_option("--streams", options.streams, "Streams, of one sequence each")
      ->check(CLI::Range(1, 65'536))
      ->capture_default_str();
  app.add_option("--channels", options.channels, "Connections that the streams share")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--units", options.units, "Inputs of a timestep")
      ->check(CLI::Range(1, 65'536))
      ->capture_default_str();
  app.add_option("--seconds", options.seconds, "How long it is measured")
      ->check(CLI::Range(0.1, 600.0))
      ->capture_default_str();
  app.add_option("--warm-up-seconds", options.warm_up_seconds, "Before that")
      ->check(CLI::Range(0.0, 600.0))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return rnnserve::testing::Run(options);
} catch (const std::exception& error) {
  std::fprintf(stderr, "triton_load: %s\n", error.what());
  return EXIT_FAILURE;
}
