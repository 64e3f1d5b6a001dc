// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/server_options.h"

#include <CLI/CLI.hpp>
#include <limits>

#include "core/kernels/isa.h"

namespace rnnserve::server {
namespace {

constexpr int64_t kNoUpperBound = std::numeric_limits<int64_t>::max();

// Whole numbers from 1; the type of the range decides how CLI11 parses them.
CLI::Range AtLeastOne() { return CLI::Range(int64_t{1}, kNoUpperBound, "at least 1"); }

// Durations are given in whole milliseconds and kept as absl::Duration.
void AddMilliseconds(CLI::App& app, const std::string& name, absl::Duration& value,
                     const std::string& text) {
  app.add_option_function<int64_t>(
         name, [&value](int64_t given) { value = absl::Milliseconds(given); }, text)
      ->check(AtLeastOne())
      ->default_str(std::to_string(absl::ToInt64Milliseconds(value)));
}

void AddMicroseconds(CLI::App& app, const std::string& name, absl::Duration& value,
                     const std::string& text) {
  app.add_option_function<int64_t>(
         name, [&value](int64_t given) { value = absl::Microseconds(given); }, text)
      ->check(CLI::Range(int64_t{0}, kNoUpperBound, "at least 0"))
      ->default_str(std::to_string(absl::ToInt64Microseconds(value)));
}

void AddNumber(CLI::App& app, const std::string& name, int64_t& value, const std::string& text) {
  app.add_option(name, value, text)->check(AtLeastOne())->capture_default_str();
}

void AddModelOptions(CLI::App& app, ServerOptions& options) {
  app.add_option(
         "--model", options.models,
         "NAME=PATH of a model: a bundle folder, a .keras file or a whole-model .h5 file; may "
         "be repeated")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--model-dir", options.model_dir,
                 "Folder of models; each bundle folder, .keras and whole-model .h5 file in it is "
                 "served under its name without .keras or .h5");
  app.add_option("--weight-type", options.weight_types,
                 "NAME=TYPE: how the matrices of a model are kept in memory, float32, bfloat16 or "
                 "int8; default: as its bundle says; may be repeated")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option(
      "--importer", options.importer,
      "The rnnserve-import program that reads .keras and .h5 files; default: the one beside "
      "this program");
  app.add_option("--cell-plugin", options.cell_plugins,
                 "Absolute path of a shared library with cells, whose code this program then runs; "
                 "may be repeated; no other is ever loaded")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void AddAddressOptions(CLI::App& app, ServerOptions& options) {
  app.add_option("--grpc-address", options.grpc_address, "HOST:PORT of gRPC; port 0: any free one")
      ->capture_default_str();
  app.add_option("--metrics-address", options.metrics_address,
                 "HOST:PORT of HTTP /metrics; port 0: any free one")
      ->capture_default_str();
  app.add_option("--address-file", options.address_file,
                 "File that gets the addresses as JSON once the server listens");
}

void AddLimitOptions(CLI::App& app, ServerOptions& options) {
  EngineOptions& engine = options.engine;
  app.add_option("--workers", engine.workers, "Cores for each model; 0: all of them")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  AddNumber(app, "--max-batch-rows", engine.max_batch_rows, "Rows computed in one cell step");
  AddNumber(app, "--slice-timesteps", engine.slice_timesteps,
            "Timesteps after which a row leaves its place in a batch to others that wait for one");
  AddMicroseconds(app, "--max-batch-delay-us", engine.max_batch_delay,
                  "Microseconds that a lone step waits for others to share its cell step; 0: none");
  AddNumber(app, "--max-queued-steps", engine.max_queued_steps,
            "Steps that wait for a worker, for each model; more are refused");
  AddNumber(app, "--max-total-queued-steps", engine.max_total_queued_steps,
            "Steps that wait for a worker, of all models together");
  AddNumber(app, "--max-queued-bytes", engine.max_queued_bytes,
            "Bytes of the inputs and outputs of waiting steps, for each model");
  AddNumber(app, "--max-total-queued-bytes", engine.max_total_queued_bytes,
            "Bytes of the inputs and outputs of waiting steps, of all models together");
  AddNumber(app, "--max-sessions", engine.sessions.max_sessions, "Open sessions");
  AddNumber(app, "--max-state-bytes", engine.sessions.max_state_bytes,
            "Bytes of the states of all sessions");
  AddMilliseconds(app, "--session-idle-timeout-ms", engine.max_idle_timeout,
                  "Milliseconds after which a detached session without calls expires, and the "
                  "longest timeout a client may ask for");
  AddMilliseconds(app, "--retire-after-ms", engine.retire_after,
                  "Milliseconds that open sessions may go on after their model was replaced by a "
                  "reload; those that are left then end");
  AddNumber(app, "--max-retiring-models", engine.max_retiring_models,
            "Models of one name that were replaced and still have sessions; with more, a reload is "
            "refused");
  AddNumber(app, "--max-timesteps", engine.max_timesteps, "Timesteps in one Step or row of Infer");
  AddNumber(app, "--max-infer-rows", engine.max_infer_rows, "Rows in one Infer");
  AddNumber(app, "--max-infer-bytes", engine.max_infer_bytes,
            "Bytes of workspace for one Infer of a model that cannot stream");
  app.add_option("--max-message-bytes", options.max_message_bytes, "Bytes of one gRPC message")
      ->check(CLI::Range(int64_t{1024}, int64_t{1} << 30))
      ->capture_default_str();
  app.add_option("--max-streams", options.max_streams, "Open Stream calls")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 20))
      ->capture_default_str();
  AddMilliseconds(app, "--keepalive-interval-ms", options.keepalive_interval,
                  "Milliseconds of silence on a connection after which the server asks whether "
                  "its client is still there");
  AddMilliseconds(app, "--keepalive-timeout-ms", options.keepalive_timeout,
                  "Milliseconds that the client has to answer; then its connection and its streams "
                  "end");
  std::vector<std::string> isas;
  for (const Isa isa : SupportedIsas()) isas.emplace_back(IsaName(isa));
  app.add_option("--isa", options.isa,
                 "Instruction set of the kernels, one of those that this processor has; default: "
                 "the last of them")
      ->check(CLI::IsMember(isas));
  AddMilliseconds(
      app, "--drain-timeout-ms", options.drain_timeout,
      "Milliseconds that running steps and the last checkpoints may take after SIGTERM");
}

void AddStoreOptions(CLI::App& app, StoreOptions& store) {
  app.add_option(
      "--store", store.url,
      "Redis or Valkey that keeps durable sessions: redis://[user:password@]host:port[/db] "
      "or unix:///path; default: none, sessions end with this server");
  app.add_option("--store-key-prefix", store.key_prefix,
                 "Before each session's id in the store; servers that share sessions have the same")
      ->capture_default_str();
  app.add_option(
      "--snapshot-key-file", store.key_file,
      "File of 64 hexadecimal digits, the secret that snapshots are signed with; servers "
      "that share sessions have the same; needed with --store, and to "
      "export and import sessions");
  app.add_option("--other-snapshot-key-file", store.other_key_file,
                 "One more key that snapshots may be signed with, while keys change");
  app.add_option("--durability", store.durability,
                 "Of detached sessions that ask for none, if there is a store")
      ->check(CLI::IsMember({"none", "async", "sync"}))
      ->capture_default_str();
  AddNumber(app, "--checkpoint-steps", store.checkpoints.steps,
            "Steps of an async session after which it is written to the store");
  AddMilliseconds(app, "--checkpoint-min-interval-ms", store.checkpoints.min_interval,
                  "Milliseconds between two writes of an async session, however fast it steps");
  AddMilliseconds(app, "--checkpoint-interval-ms", store.checkpoints.interval,
                  "Milliseconds after a step until an async session is written to the store");
  AddNumber(app, "--max-checkpoint-bytes", store.checkpoints.buffer.max_bytes,
            "Bytes of snapshots that wait for the store");
}

void AddLogOptions(CLI::App& app, ServerOptions& options) {
  app.add_option("--log-level", options.log.level, "Least severity that is logged")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  app.add_option("--log-format", options.log.format, "One JSON object a line, or text for people")
      ->check(CLI::IsMember({"json", "text"}))
      ->capture_default_str();
}

}  // namespace

std::variant<ServerOptions, int> ParseCommandLine(int argc, const char* const* argv) {
  ServerOptions options;
  CLI::App app("Serves recurrent models over gRPC.", "rnnserve");
  app.set_version_flag("--version", RNNSERVE_VERSION);
  app.set_config("--config", "", "TOML file with these options as keys (without the dashes)");
  app.allow_config_extras(CLI::config_extras_mode::error);
  // So that a wrapper's flags can be overridden behind them. Lists keep all their values.
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  AddModelOptions(app, options);
  AddAddressOptions(app, options);
  AddLimitOptions(app, options);
  AddStoreOptions(app, options.store);
  AddLogOptions(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  return options;
}

}  // namespace rnnserve::server
