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

// The counts of several commands are bounded so that a slip of the finger is told at once.
inline constexpr size_t kMaxSessions = 65536;
inline constexpr int64_t kMaxChunkTimesteps = 1 << 20;

// What the command line of rnnctl says.
struct Options {
  Command command = Command::kModels;

  // Every command.
  std::string server = "localhost:50051";
  bool is_json = false;
  int64_t timeout_ms = 30000;

  // `describe`, `infer`, `stream`; a filter for `sessions`; all sessions of it for `reset`.
  std::string model;

  // `infer` and `stream`: paths, "-" for standard input and output. `bench`: the output.
  std::string input = "-";
  std::string output = "-";
  // For files whose extension tells no format; empty: JSON lines in, a table out.
  std::string format;

  // `infer`: how many sequences go into one call, whether dropout is active in it, and the seed of
  // the first call; every further one has the next number. `bench`: the seed of all it draws.
  int64_t num_batch_rows = 64;
  bool is_training = false;
  std::optional<uint64_t> seed;

  // `stream` and `bench`: how many sessions are open at once, and the timesteps of one step.
  size_t num_sessions = 64;
  int64_t num_chunk_timesteps = 1;
  // `stream`: whether only the output of a sequence's last step is written.
  bool is_last_only = false;

  // `reset`, `evict`; the one that is forked.
  std::vector<std::string> session_ids;
  // `sessions`: filters.
  std::string id_prefix;
  int64_t min_idle_ms = 0;
  // `fork`.
  int num_forks = 1;

  BenchOptions bench;
};

// Declares the commands and flags of rnnctl on `app`; parsing it fills `options`. Both must live
// until then.
void DeclareCommandLine(CLI::App& app, Options* options);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_RNNCTL_OPTIONS_H_
