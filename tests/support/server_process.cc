// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/server_process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "nlohmann/json.hpp"

namespace rnnserve::testing {
namespace {

constexpr absl::Duration kPollInterval = absl::Milliseconds(5);

std::string MakeTemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "rnnserve-XXXXXX").string();
  const char* folder = mkdtemp(pattern.data());
  return folder == nullptr ? "" : folder;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream contents;
  contents << file.rdbuf();
  return contents.str();
}

// Runs in the child between fork and exec, so it calls nothing but async-signal-safe functions.
[[noreturn]] void RunProgram(char* const* argv, const char* log_path, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  const int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
  const int null = open("/dev/null", O_RDONLY);
  if (log < 0 || null < 0) _exit(127);
  dup2(null, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  execv(argv[0], argv);
  _exit(127);
}

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

ServerProcess::ServerProcess(const Options& options)
    : options_(options), folder_(MakeTemporaryFolder()) {}

ServerProcess::~ServerProcess() {
  if (pid_ > 0) Stop();
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

absl::Status ServerProcess::Spawn(const std::vector<std::string>& arguments) {
  if (folder_.empty()) return absl::InternalError("cannot make a temporary folder");
  std::vector<std::string> command = {
      options_.program,           "--grpc-address", "127.0.0.1:0",
      "--metrics-address",        "127.0.0.1:0",    "--address-file",
      folder_ + "/addresses.json"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  const std::string log_path = folder_ + "/log";

  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) return absl::InternalError(absl::StrCat("fork: ", strerror(errno)));
  if (child == 0) RunProgram(argv.data(), log_path.c_str(), parent);
  pid_ = child;
  return absl::OkStatus();
}

absl::Status ServerProcess::AwaitAddresses() {
  const absl::Time deadline = absl::Now() + options_.timeout;
  while (!ReadAddresses()) {
    if (std::optional<int> exit_status = Wait(absl::ZeroDuration())) {
      return absl::FailedPreconditionError(
          absl::StrCat(options_.program, " ended with ", *exit_status, ":\n", Log()));
    }
    if (absl::Now() > deadline) {
      return absl::DeadlineExceededError(absl::StrCat(options_.program, " does not serve after ",
                                                      absl::FormatDuration(options_.timeout), ":\n",
                                                      Log()));
    }
    absl::SleepFor(kPollInterval);
  }
  return absl::OkStatus();
}

bool ServerProcess::ReadAddresses() {
  const std::string text = ReadFile(folder_ + "/addresses.json");
  const nlohmann::json addresses = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!addresses.is_object()) return false;
  grpc_address_ = addresses.value("grpc", "");
  metrics_address_ = addresses.value("metrics", "");
  return !grpc_address_.empty() && !metrics_address_.empty();
}

std::string ServerProcess::Log() const { return ReadFile(folder_ + "/log"); }

void ServerProcess::Terminate() {
  if (pid_ > 0 && !exit_status_.has_value()) kill(pid_, SIGTERM);
}

bool ServerProcess::Pause() {
  if (pid_ <= 0 || exit_status_.has_value() || kill(pid_, SIGSTOP) != 0) return false;
  // The signal stops one thread first; the parent hears of it when the last has stopped.
  siginfo_t stopped;
  return waitid(P_PID, static_cast<id_t>(pid_), &stopped, WSTOPPED) == 0;
}

void ServerProcess::Resume() {
  if (pid_ > 0 && !exit_status_.has_value()) kill(pid_, SIGCONT);
}

std::optional<int> ServerProcess::Wait(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (!exit_status_.has_value()) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      exit_status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    } else if (absl::Now() >= deadline) {
      break;
    } else {
      absl::SleepFor(kPollInterval);
    }
  }
  return exit_status_;
}

int ServerProcess::Stop() {
  Terminate();
  if (std::optional<int> exit_status = Wait(options_.timeout)) return *exit_status;
  kill(pid_, SIGKILL);
  return Wait(options_.timeout).value_or(-1);
}

}  // namespace rnnserve::testing
