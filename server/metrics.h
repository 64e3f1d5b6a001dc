// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_METRICS_H_
#define RNNSERVE_SERVER_METRICS_H_

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/engine/observer.h"

namespace rnnserve::server {

// What is measured as a request of its own: the unary calls and the actions of a stream.
enum class Method {
  kInfer,
  kOpenSession,
  kStep,
  kCloseSession,
  kResetState,
  kGetState,
  kSetState,
  kListSessions,
  kListModels,
  kDescribeModel,
  kStreamOpen,
  kStreamStep,
  kStreamReset,
  kStreamGetState,
  kStreamSetState,
  kStreamClose,
  kStepSessions,
  kStreamStepSessions,
  kAttachSession,
  kStreamAttach,
  kForkSession,
  kStreamFork,
  kEvictSession,
  kExportSession,
  kImportSession,
  kReloadModel,
};

// The metrics of one method. Thread-safe.
class MethodMetrics {
 public:
  MethodMetrics(std::string method, prometheus::Family<prometheus::Histogram>& durations,
                prometheus::Family<prometheus::Counter>& errors);

  // A request was answered after `duration`.
  void OnRequest(const absl::Status& status, absl::Duration duration);

 private:
  const std::string method_;
  prometheus::Family<prometheus::Histogram>& durations_;
  prometheus::Family<prometheus::Counter>& errors_;
  prometheus::Histogram& ok_duration_;  // resolved once; errors are rare enough to look theirs up
};

// Every metric of the server. Labels come from closed sets: the names of loaded models, the methods
// of the services, gRPC codes and error reasons; never from what a client sends.
//
// Owns the registry. Thread-safe. Outlives the engine and the services.
class Metrics final : public EngineObserver {
 public:
  Metrics();
  ~Metrics() override;

  const std::shared_ptr<prometheus::Registry>& registry() { return registry_; }

  ModelObserver& ForModel(const std::string& model_name) override;
  void OnCheckpoint(const absl::Status& status, int64_t bytes, absl::Duration duration) override;
  void OnRestored(const absl::Status& status, absl::Duration duration) override;
  void OnQuarantined(const std::string& session_id, const absl::Status& why) override;
  void OnSpilled() override { spilled_.Increment(); }
  void OnUnspilled() override { unspilled_.Increment(); }

  // A model was read again: OK, UNCHANGED, or the reason of the error.
  void OnReload(const std::string& model_name, const std::string& result);

  // The result lives as long as this.
  MethodMetrics& ForMethod(Method method) { return *methods_[static_cast<size_t>(method)]; }

  void OnStreamOpened() { open_streams_->Increment(); }
  void OnStreamClosed() { open_streams_->Decrement(); }

 private:
  class ModelMetrics;

  const std::shared_ptr<prometheus::Registry> registry_;
  prometheus::Family<prometheus::Histogram>& request_duration_;
  prometheus::Family<prometheus::Counter>& errors_;
  prometheus::Family<prometheus::Histogram>& queue_duration_;
  prometheus::Family<prometheus::Histogram>& compute_duration_;
  prometheus::Family<prometheus::Histogram>& cell_step_duration_;
  prometheus::Family<prometheus::Histogram>& batch_rows_;
  prometheus::Family<prometheus::Counter>& steps_;
  prometheus::Family<prometheus::Counter>& timesteps_;
  prometheus::Family<prometheus::Counter>& sessions_ended_;
  prometheus::Family<prometheus::Counter>& reloads_;
  prometheus::Family<prometheus::Histogram>& checkpoint_duration_;
  prometheus::Counter& checkpoint_bytes_;
  prometheus::Family<prometheus::Histogram>& restore_duration_;
  prometheus::Counter& quarantined_;
  prometheus::Counter& spilled_;
  prometheus::Counter& unspilled_;
  prometheus::Gauge* const open_streams_;
  std::vector<std::unique_ptr<MethodMetrics>> methods_;  // by Method

  absl::Mutex mu_;
  std::map<std::string, std::unique_ptr<ModelMetrics>> models_ ABSL_GUARDED_BY(mu_);
};

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_METRICS_H_
