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

// A kind of request that is measured separately: a unary call or an action of a stream.
enum class Method {
  kInfer,
  kOpenSession,
  kAttachSession,
  kStep,
  kStepSessions,
  kForkSession,
  kExportSession,
  kImportSession,
  kEvictSession,
  kCloseSession,
  kResetState,
  kGetState,
  kSetState,
  kListSessions,
  kListModels,
  kDescribeModel,
  kReloadModel,
  kStreamOpen,
  kStreamStep,
  kStreamStepSessions,
  kStreamReset,
  kStreamGetState,
  kStreamSetState,
  kStreamClose,
  kStreamAttach,
  kStreamFork,
  kNumMethods,  // the number of methods; must stay last
};

// A method and the value of its label `method`.
struct MethodName {
  Method method;
  const char* name;
};

// The names of all methods, in the order of Method.
inline constexpr MethodName kMethodNames[] = {
    {Method::kInfer, "Infer"},
    {Method::kOpenSession, "OpenSession"},
    {Method::kAttachSession, "AttachSession"},
    {Method::kStep, "Step"},
    {Method::kStepSessions, "StepSessions"},
    {Method::kForkSession, "ForkSession"},
    {Method::kExportSession, "ExportSession"},
    {Method::kImportSession, "ImportSession"},
    {Method::kEvictSession, "EvictSession"},
    {Method::kCloseSession, "CloseSession"},
    {Method::kResetState, "ResetState"},
    {Method::kGetState, "GetState"},
    {Method::kSetState, "SetState"},
    {Method::kListSessions, "ListSessions"},
    {Method::kListModels, "ListModels"},
    {Method::kDescribeModel, "DescribeModel"},
    {Method::kReloadModel, "ReloadModel"},
    {Method::kStreamOpen, "Stream.Open"},
    {Method::kStreamStep, "Stream.Step"},
    {Method::kStreamStepSessions, "Stream.StepSessions"},
    {Method::kStreamReset, "Stream.Reset"},
    {Method::kStreamGetState, "Stream.GetState"},
    {Method::kStreamSetState, "Stream.SetState"},
    {Method::kStreamClose, "Stream.Close"},
    {Method::kStreamAttach, "Stream.Attach"},
    {Method::kStreamFork, "Stream.Fork"},
};

// The metrics of one method. Thread-safe.
class MethodMetrics {
 public:
  MethodMetrics(std::string method, prometheus::Family<prometheus::Histogram>& durations,
                prometheus::Family<prometheus::Counter>& errors);

  // Counts a request that was answered after `duration`.
  void OnRequest(const absl::Status& status, absl::Duration duration);

 private:
  const std::string method_;
  prometheus::Family<prometheus::Histogram>& durations_;
  prometheus::Family<prometheus::Counter>& errors_;
  // The series of successful requests is looked up once. Errors are rare, so each error looks up
  // its own series.
  prometheus::Histogram& ok_duration_;
};

// All metrics of the server except the gauges of LoadCollector. Labels come from closed sets: the
// names of loaded models, the methods of the services, gRPC codes and error reasons. They never
// come from what a client sends.
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

  // Counts a reload of a model. `result` is OK, UNCHANGED, or the reason of the error.
  void OnReload(const std::string& model_name, const std::string& result);

  // Returns the metrics of one method, which live as long as this object.
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
  std::vector<std::unique_ptr<MethodMetrics>> methods_;  // in the order of Method

  absl::Mutex mu_;
  std::map<std::string, std::unique_ptr<ModelMetrics>> models_ ABSL_GUARDED_BY(mu_);
};

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_METRICS_H_
