// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// rnnctl: the command line of rnnserve.

#include <unistd.h>

#include <chrono>
#include <iostream>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "client/cpp/client.h"
#include "client/rnnctl/commands.h"
#include "client/rnnctl/failure.h"
#include "client/rnnctl/options.h"

namespace rnnserve::client {
namespace {

// The exit code of failure.h for a wrong command line.
constexpr int kWrongCommandLine = 2;

absl::Duration SteadyClock() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

absl::Status Run(const Options& options) {
  const auto client = Client::Connect(options.server);
  if (!client.ok()) return client.status();
  std::ostream* const progress = isatty(STDERR_FILENO) == 1 ? &std::cerr : nullptr;
  return RunCommand(**client, options, Terminal{std::cout, std::cerr, progress, SteadyClock});
}

int Main(int argc, char** argv) {
  CLI::App app("Command-line client of an rnnserve server: models, sequences and sessions.",
               "rnnctl");
  Options options;
  DeclareCommandLine(app, &options);
  app.set_version_flag("--version", RNNSERVE_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongCommandLine;
  }
  // Debian's Abseil searches for deadlocks at every lock, which would distort the latencies of a
  // load with many threads.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const absl::Status status = Run(options);
  if (!status.ok()) {
    std::cerr << (options.is_json ? "" : "rnnctl: ") << FormatFailure(status, options.is_json)
              << "\n";
  }
  return ExitCode(status);
}

}  // namespace
}  // namespace rnnserve::client

int main(int argc, char** argv) { return rnnserve::client::Main(argc, argv); }
