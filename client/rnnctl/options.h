// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_RNNCTL_OPTIONS_H_
#define RNNSERVE_CLIENT_RNNCTL_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/rnnctl/bench_options.h"

namespace CLI {
class App;
}  // namespace CLI

namespace rnnserve::client {

enum class Command {
  kModels,
  kDescribe,
  kReload,
  kInfer,
  kStream,
  kSessions,
  kReset,
  kFork,
  kEvict,
  kExport,
  kImport,
  kBench
};

// The counts of several commands are bounded, so that a typing error is reported at once.
inline constexpr size_t kMaxSessions = 65536;
inline constexpr int64_t kMaxChunkTimesteps = 1 << 20;

// The command line of rnnctl.
struct Options {
  Command command = Command::kModels;

  // For every command.
  std::string server = "localhost:50051";
  bool is_json = false;
  int64_t timeout_ms = 30000;

  // For `describe`, `infer` and `stream`: the model. For `sessions`: a filter. For `reset`: the
  // model whose sessions are all reset.
  std::string model;

  // For `infer` and `stream`: paths, "-" for standard input and output. For `bench`: the output.
  std::string input = "-";
  std::string output = "-";
  // For `infer` and `stream`, instead of `input`: NAME=PATH for each input of a model that has several.
  std::vector<std::string> named_inputs;
  // For files whose extension names no format. Empty: reads JSON lines, prints a table.
  std::string format;

  // For `infer`: the number of sequences in one call, whether dropout is active, and the seed of
  // the first call, which increases by one with every call. For `bench`: the seed of everything
  // that is drawn.
  int64_t num_batch_rows = 64;
  bool is_training = false;
  std::optional<uint64_t> seed;

  // For `stream` and `bench`: the number of sessions that are open at once, and the timesteps of a
  // step.
  size_t num_sessions = 64;
  int64_t num_chunk_timesteps = 1;
  // For `stream`: whether to write only the output of a sequence's last step.
  bool is_last_only = false;

  // For `reset`, `evict`, `export`, `import` and `fork`.
  std::vector<std::string> session_ids;
  // For `sessions`: filters.
  std::string id_prefix;
  int64_t min_idle_ms = 0;
  // For `fork`.
  int num_forks = 1;

  BenchOptions bench;
};

// Declares the commands and flags of rnnctl on `app`; parsing the command line fills `options`.
// Both must live until then.
void DeclareCommandLine(CLI::App& app, Options* options);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_RNNCTL_OPTIONS_H_
