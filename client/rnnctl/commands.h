// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_RNNCTL_COMMANDS_H_
#define RNNSERVE_CLIENT_RNNCTL_COMMANDS_H_

#include <functional>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "client/rnnctl/options.h"

namespace rnnserve::client {

// The output of a command and its clock. All must outlive the command.
struct Terminal {
  // The result of the command.
  std::ostream& out;
  // Remarks for people to read.
  std::ostream& remarks;
  // Progress bars; null if nobody watches.
  std::ostream* progress;
  // Returns the time since some fixed moment.
  std::function<absl::Duration()> clock;
};

// Runs the command of `options`. Returns the server's errors unchanged, and LocalError for files.
absl::Status RunCommand(Client& client, const Options& options, const Terminal& terminal);

// The individual commands. Their definitions are in the files named ..._command.cc and
// ..._commands.cc.
absl::Status RunModels(Client& client, const Options& options, const Terminal& terminal);
absl::Status RunDescribe(Client& client, const Options& options, const Terminal& terminal);
absl::Status RunReload(Client& client, const Options& options, const Terminal& terminal);
absl::Status RunInfer(Client& client, const Options& options, const Terminal& terminal);
absl::Status RunStream(Client& client, const Options& options, const Terminal& terminal);
absl::Status RunSessions(Client& client, const Options& options, const Terminal& terminal);
absl::Status RunReset(Client& client, const Options& options, const Terminal& terminal);
absl::Status RunFork(Client& client, const Options& options, const Terminal& terminal);
absl::Status RunEvict(Client& client, const Options& options, const Terminal& terminal);
absl::Status RunExport(Client& client, const Options& options, const Terminal& terminal);
absl::Status RunImport(Client& client, const Options& options, const Terminal& terminal);
absl::Status RunBench(Client& client, const Options& options, const Terminal& terminal);

// Returns the options of each call to the server.
CallOptions CallOptionsOf(const Options& options);

// Writes `bytes` to the file `path`, or to the terminal's output if it is "-". Fails with a
// LocalError at `place`.
absl::Status WriteResult(const std::string& path, absl::string_view bytes, const char* place,
                         const Terminal& terminal);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_RNNCTL_COMMANDS_H_
