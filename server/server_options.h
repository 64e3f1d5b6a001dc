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

// Everything a server process can be told, by flags or by a configuration file with the same names.
// The texts of the flags (see ParseCommandLine) are their documentation.
struct ServerOptions {
  std::vector<std::string> models;        // "NAME=PATH"
  std::string model_dir;                  // empty: none
  std::vector<std::string> weight_types;  // "NAME=TYPE"; the others are as their bundles say
  std::string importer;                   // empty: beside this program
  // Shared libraries with cells: absolute paths, and the only ones that are ever loaded.
  std::vector<std::string> cell_plugins;
  std::string grpc_address = "0.0.0.0:50051";
  std::string metrics_address = "0.0.0.0:9464";
  std::string address_file;  // empty: none
  int64_t max_message_bytes = 4 << 20;
  int64_t max_streams = 1024;
  absl::Duration keepalive_interval = absl::Seconds(30);
  absl::Duration keepalive_timeout = absl::Seconds(10);
  absl::Duration drain_timeout = absl::Seconds(20);
  std::string isa;  // a name of core/kernels/isa.h; empty: the fastest one of this processor
  Log::Options log;
  EngineOptions engine;
  StoreOptions store;
};

// The options of a command line; or, if the process should end at once (--help, --version, an
// error), its exit code. What there is to say has then been printed.
std::variant<ServerOptions, int> ParseCommandLine(int argc, const char* const* argv);

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_SERVER_OPTIONS_H_
