// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_RNNCTL_COMMANDS_H_
#define RNNSERVE_CLIENT_RNNCTL_COMMANDS_H_

#include <functional>
#include <ostream>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "client/rnnctl/options.h"

namespace rnnserve::client {

// Where a command prints, and its clock. All must outlive the command.
struct Terminal {
  // What was asked for.
  std::ostream& out;
  // Remarks for people.
  std::ostream& remarks;
  // Progress bars; null if nobody watches.
  std::ostream* progress;
  // The time since any fixed moment.
  std::function<absl::Duration()> clock;
};

// Does what `options` say. Codes of the server as they come; LocalError for files.
absl::Status RunCommand(Client& client, const Options& options, const Terminal& terminal);

// The single commands, in the files of the same names.
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

// The options of each call to the server.
CallOptions CallOptionsOf(const Options& options);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_RNNCTL_COMMANDS_H_
