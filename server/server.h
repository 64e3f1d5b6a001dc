// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_SERVER_H_
#define RNNSERVE_SERVER_SERVER_H_

#include <grpcpp/grpcpp.h>
#include <prometheus/exposer.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/engine/engine.h"
#include "server/event_observer.h"
#include "server/load_collector.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/model_loader.h"
#include "server/model_reloads.h"
#include "server/server_options.h"
#include "server/stream_registry.h"

namespace rnnserve::server {

// The whole server: loads the models, listens, and stops cleanly.
//
//   starting  Start: models load, both ports open, then health reports SERVING.
//   serving   Until Stop.
//   draining  Takes at most `drain_timeout`, in this order: health reports NOT_SERVING and new
//             sessions are refused with UNAVAILABLE; changed sessions are written to the snapshot
//             store, if there is one, while they still step; the streams are told to move; new work
//             is refused; running work finishes; what it changed is written too; the streams end.
//   stopped   Both ports are closed.
//
// Thread-compatible: one thread starts, ticks and stops it. The clock and the log must outlive it.
class Server {
 public:
  // Loads the models and begins to serve. Errors: any error of OpenSnapshotStore, LoadCellPlugin
  // and ListModelSources; the errors of LoadModel, with the name of the model; UNAVAILABLE (LISTEN)
  // if a port is taken or an address is bad, naming it; UNAVAILABLE (ADDRESS_FILE) if that file
  // cannot be written.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Clock& clock, const Log& log,
                                                       ServerOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Return the bound HOST:PORT.
  const std::string& grpc_address() const { return grpc_address_; }
  const std::string& metrics_address() const { return metrics_address_; }

  // Expires idle sessions, retires models and writes checkpoints. Must be called several times a
  // second.
  void Tick();

  // Begins to reload every model from the path that it was read from at the start. See
  // ModelReloads.
  void ReloadModels() { reloads_.StartAll(); }

  // Drains and stops. Returns whether all running work was finished and all sessions were stored in
  // time.
  bool Stop();

 private:
  Server(const Clock& clock, const Log& log, ServerOptions options,
         std::optional<DurabilityConfig> store);

  // Sets what grpc.health.v1 reports for the server ("") and for each service by its name.
  void SetServing(bool is_serving);
  // Returns the built-in cells and those of the plug-ins.
  absl::StatusOr<CellRegistry> LoadCells();
  absl::Status LoadModels();
  absl::StatusOr<std::shared_ptr<const Model>> LoadAgain(const std::string& name) const;
  absl::Status Listen();
  absl::Status ListenForMetrics();
  absl::Status WriteAddressFile() const;

  const Clock& clock_;
  const Log& log_;
  const ServerOptions options_;
  std::string grpc_address_;
  std::string metrics_address_;
  // The layers and sources of the served models, kept for reloads.
  std::optional<LayerRegistry> layers_;
  std::vector<ModelSource> sources_;

  // In the order of their dependencies, because they are destroyed from the last to the first.
  Metrics metrics_;
  EventObserver observer_;
  Engine engine_;
  std::shared_ptr<LoadCollector> load_collector_;
  StreamRegistry streams_;
  ModelReloads reloads_;
  std::unique_ptr<grpc::Service> inference_service_;
  std::unique_ptr<grpc::Service> model_service_;
  std::unique_ptr<prometheus::Exposer> exposer_;
  std::unique_ptr<grpc::Server> grpc_server_;
};

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_SERVER_H_
