// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// The services of rnnserve with nothing behind them, to measure the cost of the transport alone:
// every session opens, every step returns zeros, and nothing is stored. Its only model, "echo", has
// `--units` inputs and as many outputs, so that any client of rnnserve can load the server with
// messages of the same size. It serves only Stream and the calls that a client makes first.
//
//   echo_server [--units=128] [--api=callback|handoff|async] [--queues=2] [--address-file=FILE]
//
// It listens on a free port of 127.0.0.1 and ends with SIGTERM.

#include <grpcpp/grpcpp.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/synchronization/mutex.h"
#include "tests/bench/echo/async_streams.h"
#include "tests/bench/echo/callback_streams.h"
#include "tests/bench/echo/echo.h"
#include "tests/bench/echo/handoff_streams.h"

namespace rnnserve::testing {
namespace {

struct Options {
  int64_t units = 128;
  std::string api = "callback";
  int num_queues = 2;
  std::string address_file;
};

int Run(const Options& options) {
  // Block the signal before any thread starts, so that all threads inherit the mask and only this
  // one gets the signal.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  // rnnserve does the same.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);

  const Echo echo(options.units);
  EchoModelService models(echo);
  CallbackStreams callback(echo);
  HandoffStreams handoff(echo);
  AsyncStreams async(echo, options.num_queues);
  const bool is_async = options.api == "async";
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  if (is_async) {
    async.AddTo(builder);
  } else {
    builder.RegisterService(&models);
    builder.RegisterService(options.api == "handoff" ? static_cast<grpc::Service*>(&handoff)
                                                     : &callback);
  }
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) {
    std::cerr << "the echo server cannot listen\n";
    return 1;
  }
  if (is_async) async.Start();
  if (!options.address_file.empty()) {
    std::ofstream(options.address_file) << "{\"grpc\":\"127.0.0.1:" << port << "\"}\n";
  }
  std::cout << "127.0.0.1:" << port << std::endl;

  int signal = 0;
  sigwait(&signals, &signal);
  server->Shutdown(std::chrono::system_clock::now());
  if (is_async) async.Stop();
  return 0;
}

}  // namespace
}  // namespace rnnserve::testing

int main(int argc, char** argv) try {
  rnnserve::testing::Options options;
  CLI::App app("The services of rnnserve with nothing behind them.", "echo_server");
  app.add_option("--units", options.units, "Inputs and outputs of a timestep")
      ->check(CLI::Range(1, 65'536))
      ->capture_default_str();
  app.add_option("--api", options.api, "Which interface of gRPC serves the streams")
      ->check(CLI::IsMember({"callback", "handoff", "async"}))
      ->capture_default_str();
  app.add_option("--queues", options.num_queues, "Completion queues, with a thread each, of async")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--address-file", options.address_file, "File that gets the address as JSON");
  CLI11_PARSE(app, argc, argv);
  return rnnserve::testing::Run(options);
} catch (const std::exception& error) {
  std::fprintf(stderr, "echo_server: %s\n", error.what());
  return EXIT_FAILURE;
}
