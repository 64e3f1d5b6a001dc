// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// rnnserve: the server program. See --help.

#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <variant>

#include "absl/synchronization/mutex.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "server/log.h"
#include "server/server.h"
#include "server/server_options.h"

namespace rnnserve::server {
namespace {

// Blocks SIGTERM, SIGINT and SIGHUP. Main waits for them instead, so that no code runs in a signal
// handler.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  // This happens before any thread starts, so that all threads inherit the mask.
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  // A client that disconnects during a write then causes an error code, not the end of the process.
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

int Main(int argc, const char* const* argv) {
  const std::variant<ServerOptions, int> parsed = ParseCommandLine(argc, argv);
  if (const int* exit_code = std::get_if<int>(&parsed)) return *exit_code;
  const ServerOptions& options = std::get<ServerOptions>(parsed);
  const sigset_t signals = BlockSignals();
  // Debian's Abseil is built with deadlock detection, which takes one global lock for each lock
  // that is taken. The tests link the same code and keep the detection.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const MonotonicClock clock;
  const Log log(options.log);

  auto server = Server::Start(clock, log, options);
  if (!server.ok()) {
    log.Error("cannot start", {{"reason", ErrorReason(server.status())},
                               {"text", std::string(server.status().message())}});
    return EXIT_FAILURE;
  }
  constexpr timespec kTick{0, 250'000'000};
  while (true) {
    const int signal = sigtimedwait(&signals, nullptr, &kTick);
    if (signal == SIGTERM || signal == SIGINT) break;
    if (signal == SIGHUP) (*server)->ReloadModels();
    (*server)->Tick();
  }
  return (*server)->Stop() ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace rnnserve::server

int main(int argc, char** argv) try {
  return rnnserve::server::Main(argc, argv);
} catch (const std::exception& error) {
  std::fprintf(stderr, "rnnserve: %s\n", error.what());
  return EXIT_FAILURE;
}
