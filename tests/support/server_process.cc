// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/server_process.h"

#include <signal.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "nlohmann/json.hpp"

namespace rnnserve::testing {
namespace {

constexpr absl::Duration kPollInterval = absl::Milliseconds(5);

}  // namespace

std::string ServerProcess::DefaultProgram() { return RNNSERVE_BIN_DIR "/rnnserve"; }

absl::StatusOr<std::unique_ptr<ServerProcess>> ServerProcess::Start(
    const std::vector<std::string>& arguments) {
  return Start(arguments, Options());
}

absl::StatusOr<std::unique_ptr<ServerProcess>> ServerProcess::Start(
    const std::vector<std::string>& arguments, const Options& options) {
  std::unique_ptr<ServerProcess> server(new ServerProcess(options));
  absl::Status status = server->Spawn(arguments);
  if (status.ok()) status = server->AwaitAddresses();
  if (!status.ok()) return status;
  return server;
}

ServerProcess::ServerProcess(const Options& options) : options_(options) {}

ServerProcess::~ServerProcess() {
  if (process_ != nullptr) Stop();
}

absl::Status ServerProcess::Spawn(const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {options_.program,    "--grpc-address", "127.0.0.1:0",
                                      "--metrics-address", "127.0.0.1:0",    "--address-file",
                                      AddressFile()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  ChildProcess::Options options;
  options.output_file = LogFile();
  absl::StatusOr<std::unique_ptr<ChildProcess>> process =
      ChildProcess::Start(std::move(command), options);
  if (!process.ok()) return process.status();
  process_ = *std::move(process);
  return absl::OkStatus();
}

absl::Status ServerProcess::AwaitAddresses() {
  const absl::Time deadline = absl::Now() + options_.timeout;
  while (!ReadAddresses()) {
    if (const std::optional<int> exit_status = Wait(kPollInterval)) {
      return absl::FailedPreconditionError(
          absl::StrCat(options_.program, " ended with ", *exit_status, ":\n", Log()));
    }
    if (absl::Now() > deadline) {
      return absl::DeadlineExceededError(absl::StrCat(options_.program, " does not serve after ",
                                                      absl::FormatDuration(options_.timeout), ":\n",
                                                      Log()));
    }
  }
  return absl::OkStatus();
}

bool ServerProcess::ReadAddresses() {
  const std::string text = FileContents(AddressFile());
  const nlohmann::json addresses = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!addresses.is_object()) return false;
  grpc_address_ = addresses.value("grpc", "");
  metrics_address_ = addresses.value("metrics", "");
  return !grpc_address_.empty() && !metrics_address_.empty();
}

std::string ServerProcess::AddressFile() const { return folder_.path() / "addresses.json"; }

std::string ServerProcess::LogFile() const { return folder_.path() / "log"; }

std::string ServerProcess::Log() const { return FileContents(LogFile()); }

void ServerProcess::Terminate() { process_->Signal(SIGTERM); }

bool ServerProcess::Pause() { return process_->Pause(); }

void ServerProcess::Resume() { process_->Resume(); }

std::optional<int> ServerProcess::Wait(absl::Duration timeout) { return process_->Wait(timeout); }

int ServerProcess::Stop() {
  Terminate();
  if (const std::optional<int> exit_status = Wait(options_.timeout)) return *exit_status;
  return process_->Kill();
}

}  // namespace rnnserve::testing
