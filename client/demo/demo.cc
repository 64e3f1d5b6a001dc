// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// rnnserve-demo: runs three trained models on real data and compares every number with Keras or
// ONNX Runtime. README.md describes the models and the data.

#include <chrono>
#include <iostream>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "client/cpp/client.h"
#include "client/demo/comparison.h"
#include "client/demo/demo_data.h"
#include "client/demo/parts.h"

namespace rnnserve::client {
namespace {

struct Places {
  std::string grpc = "localhost:50051";
  std::string metrics = "localhost:9464";
  std::string data;
  std::string picture;
};

absl::Duration SteadyClock() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

absl::Status RunParts(const Places& places, Checks* checks) {
  const absl::StatusOr<DemoData> data = LoadDemoData(places.data);
  if (!data.ok()) return data.status();
  const auto client = Client::Connect(places.grpc);
  if (!client.ok()) return client.status();
  std::cout << "rnnserve at " << places.grpc << ", compared with Keras " << data->keras_version
            << "\n";
  const Stage stage{**client,  places.metrics, *data,         SteadyClock,
                    std::cout, *checks,        places.picture};
  absl::Status status = RunVowels(stage);
  if (status.ok()) status = RunSunspots(stage);
  if (status.ok()) status = RunSpeed(stage);
  if (status.ok()) status = RunSpeech(stage);
  return status;
}

int Main(int argc, char** argv) {
  CLI::App app(
      "Streams real data through an rnnserve server and compares the results with those of "
      "Keras and ONNX Runtime.",
      "rnnserve-demo");
  Places places;
  app.add_option("--grpc", places.grpc, "Address of the server, host:port")->capture_default_str();
  app.add_option("--metrics", places.metrics, "Address of the server's /metrics, host:port")
      ->capture_default_str();
  app.add_option("--data", places.data, "Folder that train.py and speech.py wrote")->required();
  app.add_option("--picture", places.picture, "SVG file for a picture of the speech");
  CLI11_PARSE(app, argc, argv);

  Checks checks(std::cout);
  const absl::Status status = RunParts(places, &checks);
  if (!status.ok()) {
    std::cout << std::flush;
    std::cerr << "rnnserve-demo: " << status << "\n";
    return 1;
  }
  std::cout << "\n"
            << checks.num_all() - checks.num_failed() << " of " << checks.num_all()
            << " comparisons agree.\n";
  return checks.num_failed() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace rnnserve::client

int main(int argc, char** argv) { return rnnserve::client::Main(argc, argv); }
