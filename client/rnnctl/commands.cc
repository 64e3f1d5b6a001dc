// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/rnnctl/commands.h"

#include "client/files/sequence_file.h"
#include "client/rnnctl/failure.h"

namespace rnnserve::client {

CallOptions CallOptionsOf(const Options& options) {
  return CallOptions{absl::Milliseconds(options.timeout_ms)};
}

absl::Status WriteResult(const std::string& path, absl::string_view bytes, const char* place,
                         const Terminal& terminal) {
  if (path == "-") {
    terminal.out << bytes;
    return absl::OkStatus();
  }
  const absl::Status status = WriteFile(path, bytes);
  return status.ok() ? status : LocalError(place, status);
}

absl::Status RunCommand(Client& client, const Options& options, const Terminal& terminal) {
  switch (options.command) {
    case Command::kModels:
      return RunModels(client, options, terminal);
    case Command::kDescribe:
      return RunDescribe(client, options, terminal);
    case Command::kReload:
      return RunReload(client, options, terminal);
    case Command::kInfer:
      return RunInfer(client, options, terminal);
    case Command::kStream:
      return RunStream(client, options, terminal);
    case Command::kSessions:
      return RunSessions(client, options, terminal);
    case Command::kReset:
      return RunReset(client, options, terminal);
    case Command::kFork:
      return RunFork(client, options, terminal);
    case Command::kEvict:
      return RunEvict(client, options, terminal);
    case Command::kExport:
      return RunExport(client, options, terminal);
    case Command::kImport:
      return RunImport(client, options, terminal);
    case Command::kBench:
      return RunBench(client, options, terminal);
  }
  return absl::InternalError("the command has no function");
}

}  // namespace rnnserve::client
