// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_SERVER_OPTIONS_H_
#define RNNSERVE_SERVER_SERVER_OPTIONS_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "core/engine/engine_options.h"
#include "server/log.h"
#include "server/open_snapshot_store.h"

namespace rnnserve::server {

// All options of a server process. They come from flags, or from a configuration file with the same
// names. The help texts of the flags (see ParseCommandLine) document them.
struct ServerOptions {
  std::vector<std::string> models;        // "NAME=PATH"
  std::string model_dir;                  // empty: none
  std::vector<std::string> weight_types;  // "NAME=TYPE"; the other models keep their bundle's type
  std::string importer;                   // empty: the one in the folder of this program
  // Absolute paths of shared libraries with cells. No other libraries are ever loaded.
  std::vector<std::string> cell_plugins;
  std::string grpc_address = "0.0.0.0:50051";
  std::string metrics_address = "0.0.0.0:9464";
  std::string address_file;  // empty: none
  int64_t max_message_bytes = 4 << 20;
  int64_t max_streams = 1024;
  absl::Duration keepalive_interval = absl::Seconds(30);
  absl::Duration keepalive_timeout = absl::Seconds(10);
  absl::Duration drain_timeout = absl::Seconds(20);
  std::string isa;  // a name of core/kernels/isa.h; empty: the fastest that this processor has
  Log::Options log;
  EngineOptions engine;
  SnapshotStoreOptions store;
};

// Returns the options of a command line, or the exit code if the process should end at once
// (--help, --version, an error). The help, the version or the error has then been printed.
std::variant<ServerOptions, int> ParseCommandLine(int argc, const char* const* argv);

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_SERVER_OPTIONS_H_
