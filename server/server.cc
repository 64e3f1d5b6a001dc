// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/cells/load_cell_plugin.h"
#include "core/kernels/isa.h"
#include "rnnserve/v1/inference.grpc.pb.h"
#include "rnnserve/v1/model.grpc.pb.h"
#include "server/inference_service.h"
#include "server/model_service.h"

namespace rnnserve::server {
namespace {

// gRPC closes the connection of a client that pings more often than this.
constexpr absl::Duration kMinClientPingInterval = absl::Seconds(20);

// How long replies that were already written may take to be sent after the last work is done. Then
// calls that never end by themselves (health Watch) are cancelled.
constexpr int64_t kFlushMilliseconds = 1000;

absl::Status ListenError(absl::string_view what, const std::string& address,
                         absl::string_view text) {
  return MakeError(absl::StatusCode::kUnavailable, "LISTEN",
                   absl::StrCat("cannot listen for ", what, " on ", address, ": ", text));
}

// Returns HOST of "HOST:PORT".
std::string HostOf(const std::string& address) { return address.substr(0, address.rfind(':')); }

// Ends connections whose clients have vanished silently (a cut cable, a dead machine, a frozen
// process), which would otherwise keep their streams and sessions for hours. Also permits the pings
// of clients, which keep a silent connection open through proxies.
void KeepAlive(const ServerOptions& options, grpc::ServerBuilder& builder) {
  const auto milliseconds = [](absl::Duration duration) {
    return static_cast<int>(absl::ToInt64Milliseconds(duration));
  };
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, milliseconds(options.keepalive_interval));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             milliseconds(options.keepalive_timeout));
  // Ping also while no call is open, and without a limit on pings without data.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // gRPC's default, 5 minutes, is longer than many proxies keep a silent connection.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             milliseconds(kMinClientPingInterval));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Clock& clock, const Log& log,
                                                      ServerOptions options) {
  RNNSERVE_ASSIGN_OR_RETURN(std::optional<DurabilityConfig> store,
                            OpenSnapshotStore(clock, options.store));
  std::unique_ptr<Server> server(new Server(clock, log, std::move(options), std::move(store)));
  if (const auto isa = IsaFromName(server->options_.isa)) SetActiveIsa(*isa);
  RNNSERVE_RETURN_IF_ERROR(server->LoadModels());
  RNNSERVE_RETURN_IF_ERROR(server->Listen());
  RNNSERVE_RETURN_IF_ERROR(server->ListenForMetrics());
  RNNSERVE_RETURN_IF_ERROR(server->WriteAddressFile());
  server->SetServing(true);
  log.Info("serving", {{"grpc", server->grpc_address_},
                       {"metrics", server->metrics_address_},
                       {"isa", std::string(IsaName(ActiveIsa()))}});
  return server;
}

Server::Server(const Clock& clock, const Log& log, ServerOptions options,
               std::optional<DurabilityConfig> store)
    : clock_(clock),
      log_(log),
      options_(std::move(options)),
      observer_(log_, metrics_),
      engine_(clock_, observer_, options_.engine, std::move(store)),
      load_collector_(std::make_shared<LoadCollector>(engine_)),
      streams_(options_.max_streams),
      reloads_(clock_, log_, engine_, metrics_,
               [this](const std::string& name) { return LoadAgain(name); }),
      inference_service_(MakeInferenceService(clock_, engine_, metrics_, streams_)),
      model_service_(MakeModelService(clock_, engine_, reloads_, metrics_)) {}

Server::~Server() {
  if (grpc_server_ != nullptr) Stop();
}

void Server::SetServing(bool is_serving) {
  grpc::HealthCheckServiceInterface* const health = grpc_server_->GetHealthCheckService();
  for (const char* service :
       {"", v1::InferenceService::service_full_name(), v1::ModelService::service_full_name()}) {
    health->SetServingStatus(service, is_serving);
  }
}

absl::StatusOr<CellRegistry> Server::LoadCells() {
  CellRegistry cells = CellRegistry::BuiltIn();
  for (const std::string& path : options_.cell_plugins) {
    RNNSERVE_ASSIGN_OR_RETURN(const auto names, LoadCellPlugin(path, cells));
    log_.Info("cell plug-in loaded", {{"path", path}, {"cells", absl::StrJoin(names, ", ")}});
  }
  return cells;
}

absl::Status Server::LoadModels() {
  RNNSERVE_ASSIGN_OR_RETURN(CellRegistry cells, LoadCells());
  layers_ = LayerRegistry::BuiltIn(std::move(cells));
  RNNSERVE_ASSIGN_OR_RETURN(
      sources_, ListModelSources(options_.models, options_.model_dir, options_.weight_types));
  for (const ModelSource& source : sources_) {
    const absl::Time begin = clock_.Now();
    auto model = LoadModel(source, options_.importer, *layers_, options_.cell_plugins);
    if (!model.ok()) return Annotate(model.status(), absl::StrCat("model '", source.name, "'"));
    RNNSERVE_RETURN_IF_ERROR(engine_.AddModel(source.name, *model));
    log_.Info("model loaded",
              {{"model", source.name},
               {"parameters", (*model)->num_parameters()},
               {"weight_type", std::string(WeightTypeName((*model)->weight_type()))},
               {"parameter_bytes", (*model)->parameter_bytes()},
               {"state_bytes", (*model)->state_layout().bytes()},
               {"streamable", (*model)->is_streamable()},
               {"milliseconds", absl::ToInt64Milliseconds(clock_.Now() - begin)}});
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const Model>> Server::LoadAgain(const std::string& name) const {
  const auto source = std::find_if(sources_.begin(), sources_.end(),
                                   [&](const ModelSource& s) { return s.name == name; });
  auto model = LoadModel(*source, options_.importer, *layers_, options_.cell_plugins);
  if (model.ok()) return model;
  // Replace the path of the model with its name: the client that asked for the reload has no need
  // to know the path.
  return MakeError(model.status().code(), ErrorReason(model.status()),
                   absl::StrReplaceAll(model.status().message(), {{source->path, name}}));
}

absl::Status Server::Listen() {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(options_.grpc_address, grpc::InsecureServerCredentials(), &port);
  // Otherwise two servers on one port would silently share the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             static_cast<int>(options_.max_streams));
  KeepAlive(options_, builder);
  builder.SetMaxReceiveMessageSize(static_cast<int>(options_.max_message_bytes));
  builder.RegisterService(inference_service_.get());
  builder.RegisterService(model_service_.get());
  grpc_server_ = builder.BuildAndStart();
  if (grpc_server_ == nullptr || port == 0) {
    grpc_server_ = nullptr;
    return ListenError("gRPC", options_.grpc_address, "the port is taken or the address is bad");
  }
  // The server is not ready yet: the metrics port is still missing.
  SetServing(false);
  grpc_address_ = absl::StrCat(HostOf(options_.grpc_address), ":", port);
  return absl::OkStatus();
}

absl::Status Server::ListenForMetrics() {
  try {
    exposer_ = std::make_unique<prometheus::Exposer>(options_.metrics_address);
  } catch (const std::exception& error) {
    return ListenError("metrics", options_.metrics_address, error.what());
  }
  const std::vector<int> ports = exposer_->GetListeningPorts();
  if (ports.empty()) return ListenError("metrics", options_.metrics_address, "no port");
  exposer_->RegisterCollectable(metrics_.registry());
  exposer_->RegisterCollectable(load_collector_);
  metrics_address_ = absl::StrCat(HostOf(options_.metrics_address), ":", ports.front());
  return absl::OkStatus();
}

absl::Status Server::WriteAddressFile() const {
  if (options_.address_file.empty()) return absl::OkStatus();
  // Write another file and rename it, so that a reader that waits for the file never sees half of
  // it.
  const std::string temporary = options_.address_file + ".tmp";
  std::ofstream file(temporary);
  file << nlohmann::json{{"grpc", grpc_address_}, {"metrics", metrics_address_}} << "\n";
  file.close();
  if (!file || std::rename(temporary.c_str(), options_.address_file.c_str()) != 0) {
    return MakeError(absl::StatusCode::kUnavailable, "ADDRESS_FILE",
                     absl::StrCat("cannot write ", options_.address_file));
  }
  return absl::OkStatus();
}

void Server::Tick() {
  engine_.ExpireIdleSessions();
  engine_.RetireModels();
  engine_.TickCheckpoints();
}

bool Server::Stop() {
  log_.Info("draining");
  SetServing(false);
  reloads_.Stop();
  const absl::Time deadline = clock_.Now() + options_.drain_timeout;
  engine_.RefuseSessions();
  // First flush while sessions still step, so that little is left to write once they may not.
  engine_.FlushCheckpoints(options_.drain_timeout / 4);
  // Tell the streams before steps are refused, so that clients get the notice before any refusal.
  streams_.TellMoving();
  engine_.StartDraining();
  engine_.WaitUntilIdle(options_.drain_timeout / 4);
  // Flush before the streams end: a client that continues on another server must find everything
  // in the snapshot store.
  const bool stored = engine_.FlushForGood(options_.drain_timeout / 4);
  streams_.Drain();
  const bool finished = engine_.WaitUntilIdle(deadline - clock_.Now());
  grpc_server_->Shutdown(gpr_time_from_millis(kFlushMilliseconds, GPR_TIMESPAN));
  grpc_server_->Wait();
  exposer_.reset();
  grpc_server_.reset();
  log_.Info("stopped", {{"all_work_finished", finished}, {"all_sessions_stored", stored}});
  return finished && stored;
}

}  // namespace rnnserve::server
