// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/server_options.h"

#include <CLI/CLI.hpp>
#include <limits>

#include "core/kernels/isa.h"

namespace rnnserve::server {
namespace {

constexpr int64_t kNoUpperBound = std::numeric_limits<int64_t>::max();

// Accepts whole numbers from 1. The type of the range makes CLI11 parse them as integers.
CLI::Range AtLeastOne() { return CLI::Range(int64_t{1}, kNoUpperBound, "at least 1"); }

// Adds a duration that is given in whole milliseconds.
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
         "Serve the model at PATH as NAME: NAME=PATH. PATH is a bundle folder, a .keras "
         "file, a whole-model .h5 file or an .onnx file. May be repeated")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option(
      "--model-dir", options.model_dir,
      "Serve every model in this folder: each bundle folder, .keras file, whole-model .h5 "
      "file and .onnx file, under its file name without .keras, .h5 or .onnx");
  app.add_option("--weight-type", options.weight_types,
                 "Keep the matrices of model NAME in memory as TYPE: NAME=TYPE with float32, "
                 "bfloat16 or int8. Default: the type in its bundle. May be repeated")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option(
      "--importer", options.importer,
      "Path of the rnnserve-import program, which reads .keras, .h5 and .onnx files. Default: "
      "the one in the folder of this program");
  app.add_option("--cell-plugin", options.cell_plugins,
                 "Absolute path of a shared library with cells. The server runs its code and never "
                 "loads any other library. May be repeated")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void AddAddressOptions(CLI::App& app, ServerOptions& options) {
  app.add_option("--grpc-address", options.grpc_address, "HOST:PORT of gRPC. Port 0: any free port")
      ->capture_default_str();
  app.add_option("--metrics-address", options.metrics_address,
                 "HOST:PORT of HTTP /metrics. Port 0: any free port")
      ->capture_default_str();
  app.add_option("--address-file", options.address_file,
                 "Write the bound addresses to this file as JSON once the server listens");
}

void AddLimitOptions(CLI::App& app, ServerOptions& options) {
  EngineOptions& engine = options.engine;
  app.add_option("--workers", engine.workers, "Worker threads for each model. 0: one for each core")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  AddNumber(app, "--max-batch-rows", engine.batching.max_batch_rows,
            "Maximum number of rows in one cell step");
  AddNumber(app, "--slice-timesteps", engine.batching.slice_timesteps,
            "Timesteps after which a row gives up its place in a batch to waiting steps");
  AddMicroseconds(app, "--max-batch-delay-us", engine.batching.max_batch_delay,
                  "Microseconds that a lone step waits for others to share its cell step. 0: it "
                  "does not wait");
  AddNumber(
      app, "--max-queued-steps", engine.max_queued_steps,
      "Maximum number of steps that wait for a worker, for each model. Further steps are refused");
  AddNumber(app, "--max-total-queued-steps", engine.max_total_queued_steps,
            "Maximum number of steps that wait for a worker, for all models together");
  AddNumber(app, "--max-queued-bytes", engine.max_queued_bytes,
            "Maximum number of bytes in the inputs and outputs of waiting steps, for each model");
  AddNumber(app, "--max-total-queued-bytes", engine.max_total_queued_bytes,
            "Maximum number of bytes in the inputs and outputs of waiting steps, for all models "
            "together");
  AddNumber(app, "--max-sessions", engine.sessions.max_sessions,
            "Maximum number of open sessions in memory");
  AddNumber(app, "--max-state-bytes", engine.sessions.max_state_bytes,
            "Maximum number of bytes in the states of all sessions in memory");
  AddMilliseconds(app, "--session-idle-timeout-ms", engine.max_idle_timeout,
                  "Milliseconds without a call after which a detached session expires. Also the "
                  "longest timeout that a client may ask for");
  AddMilliseconds(app, "--retire-after-ms", engine.retire_after,
                  "Milliseconds that open sessions may continue after a reload has replaced their "
                  "model. Sessions that are still open after that are ended");
  AddNumber(app, "--max-retiring-models", engine.max_retiring_models,
            "Maximum number of replaced models of one name that still have sessions. A reload that "
            "would exceed "
            "this is refused");
  AddNumber(app, "--max-timesteps", engine.max_timesteps,
            "Maximum number of timesteps in one Step or row of Infer");
  AddNumber(app, "--max-infer-rows", engine.max_infer_rows, "Maximum number of rows in one Infer");
  AddNumber(
      app, "--max-infer-bytes", engine.max_infer_bytes,
      "Maximum number of bytes of workspace for one Infer of a model that cannot be streamed");
  app.add_option("--max-message-bytes", options.max_message_bytes,
                 "Maximum number of bytes in one gRPC message")
      ->check(CLI::Range(int64_t{1024}, int64_t{1} << 30))
      ->capture_default_str();
  app.add_option("--max-streams", options.max_streams, "Maximum number of open Stream calls")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 20))
      ->capture_default_str();
  AddMilliseconds(app, "--keepalive-interval-ms", options.keepalive_interval,
                  "Milliseconds of silence on a connection after which the server pings its "
                  "client");
  AddMilliseconds(app, "--keepalive-timeout-ms", options.keepalive_timeout,
                  "Milliseconds that the client has to answer a ping. Then its connection and its "
                  "streams end");
  std::vector<std::string> isas;
  for (const Isa isa : SupportedIsas()) isas.emplace_back(IsaName(isa));
  app.add_option("--isa", options.isa,
                 "Instruction set of the kernels, one of those that this processor has. Default: "
                 "the last one listed")
      ->check(CLI::IsMember(isas));
  AddMilliseconds(
      app, "--drain-timeout-ms", options.drain_timeout,
      "Milliseconds that the server may take to drain after SIGTERM: to finish running steps and "
      "write the last checkpoints");
}

void AddSnapshotStoreOptions(CLI::App& app, SnapshotStoreOptions& store) {
  app.add_option(
      "--store", store.url,
      "Snapshot store of durable sessions, a Redis or Valkey server: "
      "redis://[user:password@]host:port[/db] or unix:///path. Default: none; sessions then end "
      "with this server");
  app.add_option("--store-key-prefix", store.key_prefix,
                 "Prefix of each session's key in the snapshot store. Servers that share sessions "
                 "must have the same prefix")
      ->capture_default_str();
  app.add_option(
      "--snapshot-key-file", store.key_file,
      "File with the secret key that signs snapshots, as 64 hexadecimal digits. Servers that share "
      "sessions must have the same key. Needed with --store, and to export and import sessions");
  app.add_option("--other-snapshot-key-file", store.other_key_file,
                 "File with a second key that snapshots may be signed with, while you change keys");
  app.add_option("--durability", store.durability,
                 "Durability of detached sessions that do not ask for one, if there is a snapshot "
                 "store")
      ->check(CLI::IsMember({"none", "async", "sync"}))
      ->capture_default_str();
  AddNumber(app, "--checkpoint-steps", store.checkpoints.steps,
            "Steps after which an async session is written to the snapshot store");
  AddMilliseconds(
      app, "--checkpoint-min-interval-ms", store.checkpoints.min_interval,
      "Minimum number of milliseconds between two writes of an async session, however fast it "
      "steps");
  AddMilliseconds(app, "--checkpoint-interval-ms", store.checkpoints.interval,
                  "Maximum milliseconds between a step of an async session and its write to the "
                  "snapshot store");
  AddNumber(app, "--max-checkpoint-bytes", store.checkpoints.buffer.max_bytes,
            "Maximum number of bytes of snapshots that wait for the snapshot store");
}

void AddLogOptions(CLI::App& app, ServerOptions& options) {
  app.add_option("--log-level", options.log.level, "Lowest severity that is logged")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  app.add_option("--log-format", options.log.format,
                 "json: one JSON object per line; text: human-readable lines")
      ->check(CLI::IsMember({"json", "text"}))
      ->capture_default_str();
}

}  // namespace

std::variant<ServerOptions, int> ParseCommandLine(int argc, const char* const* argv) {
  ServerOptions options;
  CLI::App app("Serves recurrent models over gRPC.", "rnnserve");
  app.set_version_flag("--version", RNNSERVE_VERSION);
  app.set_config("--config", "", "TOML file with these options as keys, without the dashes");
  app.allow_config_extras(CLI::config_extras_mode::error);
  // The last value of a flag wins, so that a user of a wrapper can append flags that override the
  // wrapper's own. Lists keep all their values.
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  AddModelOptions(app, options);
  AddAddressOptions(app, options);
  AddLimitOptions(app, options);
  AddSnapshotStoreOptions(app, options.store);
  AddLogOptions(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  return options;
}

}  // namespace rnnserve::server
