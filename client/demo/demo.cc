// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// rnnserve-demo: runs two trained models on real data and compares every number with Keras.
// README.md describes the models and the data.

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

struct Addresses {
  std::string grpc = "localhost:50051";
  std::string metrics = "localhost:9464";
  std::string data;
};

absl::Duration SteadyClock() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

absl::Status RunParts(const Addresses& addresses, Checks* checks) {
  const absl::StatusOr<DemoData> data = LoadDemoData(addresses.data);
  if (!data.ok()) return data.status();
  const auto client = Client::Connect(addresses.grpc);
  if (!client.ok()) return client.status();
  std::cout << "rnnserve at " << addresses.grpc << ", compared with Keras " << data->keras_version
            << "\n";
  const Stage stage{**client, addresses.metrics, *data, SteadyClock, std::cout, *checks};
  absl::Status status = RunVowels(stage);
  if (status.ok()) status = RunSunspots(stage);
  if (status.ok()) status = RunSpeed(stage);
  return status;
}

int Main(int argc, char** argv) {
  CLI::App app("Streams real data through an rnnserve server and compares the results with Keras.",
               "rnnserve-demo");
  Addresses addresses;
  app.add_option("--grpc", addresses.grpc, "Address of the server, host:port")
      ->capture_default_str();
  app.add_option("--metrics", addresses.metrics, "Address of the server's /metrics, host:port")
      ->capture_default_str();
  app.add_option("--data", addresses.data, "Folder that train.py wrote")->required();
  CLI11_PARSE(app, argc, argv);

  Checks checks(std::cout);
  const absl::Status status = RunParts(addresses, &checks);
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
