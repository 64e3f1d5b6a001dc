// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/metrics.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "core/base/error.h"
#include "server/status_mapping.h"

namespace rnnserve::server {
namespace {

// Each of these functions registers a family: metrics with one name and different labels.
prometheus::Family<prometheus::Counter>& Counters(prometheus::Registry& registry, const char* name,
                                                  const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}
prometheus::Family<prometheus::Gauge>& Gauges(prometheus::Registry& registry, const char* name,
                                              const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}
prometheus::Family<prometheus::Histogram>& Histograms(prometheus::Registry& registry,
                                                      const char* name, const char* help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}

// Returns `count` bounds from `first`, each twice the previous one.
prometheus::Histogram::BucketBoundaries Doubling(double first, int count) {
  prometheus::Histogram::BucketBoundaries bounds;
  for (int i = 0; i < count; ++i, first *= 2) bounds.push_back(first);
  return bounds;
}

// Returns bounds from 1 µs (one cell step of a small model) to 17 s (a call that hits a deadline).
const prometheus::Histogram::BucketBoundaries& DurationBounds() {
  static const auto* const kBounds = new auto(Doubling(1e-6, 25));
  return *kBounds;
}

// Returns bounds from 1 to 1024 rows.
const prometheus::Histogram::BucketBoundaries& RowBounds() {
  static const auto* const kBounds = new auto(Doubling(1, 11));
  return *kBounds;
}

// Collects observations for a histogram, so that it takes its lock once for all of them.
// Thread-compatible.
class HistogramTally {
 public:
  explicit HistogramTally(const prometheus::Histogram::BucketBoundaries& bounds)
      : bounds_(bounds), counts_(bounds.size() + 1) {}

  void Add(double value) {
    const auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
    ++counts_[static_cast<size_t>(bucket)];
    sum_ += value;
  }
  // Adds everything to the histogram and starts again at zero. REQUIRES: it has the same bounds.
  void MoveTo(prometheus::Histogram& histogram) {
    histogram.ObserveMultiple(counts_, sum_);
    std::fill(counts_.begin(), counts_.end(), 0.0);
    sum_ = 0.0;
  }

 private:
  const prometheus::Histogram::BucketBoundaries& bounds_;
  std::vector<double> counts_;
  double sum_ = 0.0;
};

constexpr std::array kEndReasons = {
    EndReason::kClosed, EndReason::kStreamEnded, EndReason::kExpired,     EndReason::kEvicted,
    EndReason::kMoved,  EndReason::kBroken,      EndReason::kModelRetired};

// Returns whether the names are in the order of Method, because ForMethod uses a Method as an
// index.
constexpr bool MethodNamesAreInOrder() {
  for (size_t i = 0; i < std::size(kMethodNames); ++i) {
    if (kMethodNames[i].method != static_cast<Method>(i)) return false;
  }
  return std::size(kMethodNames) == static_cast<size_t>(Method::kNumMethods);
}
static_assert(MethodNamesAreInOrder());

std::string ResultOf(const absl::Status& status) {
  return status.ok() ? "OK" : ErrorReason(status);
}

}  // namespace

// The metrics of one model, with their labels resolved once.
class Metrics::ModelMetrics final : public ModelObserver {
 public:
  ModelMetrics(Metrics& metrics, const std::string& model)
      : queue_duration_(metrics.queue_duration_.Add({{"model", model}}, DurationBounds())),
        compute_duration_(metrics.compute_duration_.Add({{"model", model}}, DurationBounds())),
        cell_step_duration_(metrics.cell_step_duration_.Add({{"model", model}}, DurationBounds())),
        batch_rows_(metrics.batch_rows_.Add({{"model", model}}, RowBounds())),
        steps_(metrics.steps_.Add({{"model", model}})),
        timesteps_(metrics.timesteps_.Add({{"model", model}})) {
    for (const EndReason reason : kEndReasons) {
      sessions_ended_.push_back(&metrics.sessions_ended_.Add(
          {{"model", model}, {"reason", std::string(EndReasonName(reason))}}));
    }
    for (const char* result : {"OK", "UNCHANGED"}) {
      metrics.reloads_.Add({{"model", model}, {"result", result}});
    }
  }

  void OnCellStep(int64_t rows, absl::Duration duration) override {
    cell_step_duration_.Observe(absl::ToDoubleSeconds(duration));
    batch_rows_.Observe(static_cast<double>(rows));
  }

  void OnSteps(absl::Span<const CommittedStep> steps) override {
    thread_local HistogramTally queued(DurationBounds());
    thread_local HistogramTally computed(DurationBounds());
    int64_t timesteps = 0;
    for (const CommittedStep& step : steps) {
      queued.Add(absl::ToDoubleSeconds(step.queued));
      computed.Add(absl::ToDoubleSeconds(step.computed));
      timesteps += step.timesteps;
    }
    queued.MoveTo(queue_duration_);
    computed.MoveTo(compute_duration_);
    steps_.Increment(static_cast<double>(steps.size()));
    timesteps_.Increment(static_cast<double>(timesteps));
  }

  void OnSessionEnded(EndReason reason) override {
    for (size_t i = 0; i < kEndReasons.size(); ++i) {
      if (kEndReasons[i] == reason) sessions_ended_[i]->Increment();
    }
  }

 private:
  prometheus::Histogram& queue_duration_;
  prometheus::Histogram& compute_duration_;
  prometheus::Histogram& cell_step_duration_;
  prometheus::Histogram& batch_rows_;
  prometheus::Counter& steps_;
  prometheus::Counter& timesteps_;
  std::vector<prometheus::Counter*> sessions_ended_;  // in the order of kEndReasons
};

Metrics::Metrics()
    : registry_(std::make_shared<prometheus::Registry>()),
      request_duration_(Histograms(*registry_, "rnnserve_request_duration_seconds",
                                   "Seconds from a request to its reply. Each action of a stream "
                                   "is a request of the method Stream.<action>")),
      errors_(Counters(*registry_, "rnnserve_errors_total", "Requests that failed")),
      queue_duration_(Histograms(*registry_, "rnnserve_queue_duration_seconds",
                                 "Seconds that a step waited until its first timestep began")),
      compute_duration_(Histograms(*registry_, "rnnserve_compute_duration_seconds",
                                   "Seconds from the start of a step's first timestep to its "
                                   "commit")),
      cell_step_duration_(Histograms(*registry_, "rnnserve_cell_step_duration_seconds",
                                     "Seconds of one timestep of one batch")),
      batch_rows_(Histograms(*registry_, "rnnserve_batch_rows", "Rows that shared one cell step")),
      steps_(Counters(*registry_, "rnnserve_steps_total",
                      "Committed steps of sessions and rows of Infer")),
      timesteps_(Counters(*registry_, "rnnserve_timesteps_total",
                          "Timesteps of the committed steps and rows")),
      sessions_ended_(
          Counters(*registry_, "rnnserve_sessions_ended_total", "Sessions that ended, by reason")),
      reloads_(Counters(*registry_, "rnnserve_model_reloads_total",
                        "Reloads of models. result: OK, UNCHANGED, or the reason why the old model "
                        "is still served")),
      checkpoint_duration_(Histograms(*registry_, "rnnserve_checkpoint_duration_seconds",
                                      "Seconds from taking a snapshot of a session to the answer "
                                      "of the snapshot store. result: OK or the reason of the "
                                      "error")),
      checkpoint_bytes_(Counters(*registry_, "rnnserve_checkpoint_bytes_total",
                                 "Bytes of snapshots that were written to the snapshot store")
                            .Add({})),
      restore_duration_(Histograms(*registry_, "rnnserve_restore_duration_seconds",
                                   "Seconds until a session was read from the snapshot store, or "
                                   "was not. result: OK or the reason of the error")),
      quarantined_(Counters(*registry_, "rnnserve_quarantined_snapshots_total",
                            "Quarantined snapshots, which no server can read")
                       .Add({})),
      spilled_(Counters(*registry_, "rnnserve_spilled_sessions_total",
                        "Idle sessions that were moved from memory to the snapshot store")
                   .Add({})),
      unspilled_(Counters(*registry_, "rnnserve_unspilled_sessions_total",
                          "Spilled sessions that a call brought back into memory")
                     .Add({})),
      open_streams_(&Gauges(*registry_, "rnnserve_open_streams", "Open Stream calls").Add({})) {
  // Both series exist before the first event of their kind.
  for (auto* family : {&checkpoint_duration_, &restore_duration_}) {
    family->Add({{"result", ResultOf(absl::OkStatus())}}, DurationBounds());
  }
  for (const MethodName& method : kMethodNames) {
    methods_.push_back(std::make_unique<MethodMetrics>(method.name, request_duration_, errors_));
  }
  Gauges(*registry_, "rnnserve_build_info", "Always 1, labelled with the version of the server")
      .Add({{"version", RNNSERVE_VERSION}})
      .Set(1);
}

Metrics::~Metrics() = default;

ModelObserver& Metrics::ForModel(const std::string& model_name) {
  absl::MutexLock lock(&mu_);
  auto& model = models_[model_name];
  if (model == nullptr) model = std::make_unique<ModelMetrics>(*this, model_name);
  return *model;
}

void Metrics::OnCheckpoint(const absl::Status& status, int64_t bytes, absl::Duration duration) {
  checkpoint_duration_.Add({{"result", ResultOf(status)}}, DurationBounds())
      .Observe(absl::ToDoubleSeconds(duration));
  if (status.ok()) checkpoint_bytes_.Increment(static_cast<double>(bytes));
}

void Metrics::OnRestored(const absl::Status& status, absl::Duration duration) {
  restore_duration_.Add({{"result", ResultOf(status)}}, DurationBounds())
      .Observe(absl::ToDoubleSeconds(duration));
}

void Metrics::OnQuarantined(const std::string& /*session_id*/, const absl::Status& /*why*/) {
  quarantined_.Increment();
}

void Metrics::OnReload(const std::string& model_name, const std::string& result) {
  reloads_.Add({{"model", model_name}, {"result", result}}).Increment();
}

MethodMetrics::MethodMetrics(std::string method,
                             prometheus::Family<prometheus::Histogram>& durations,
                             prometheus::Family<prometheus::Counter>& errors)
    : method_(std::move(method)),
      durations_(durations),
      errors_(errors),
      ok_duration_(durations.Add({{"method", method_}, {"code", CodeName(absl::StatusCode::kOk)}},
                                 DurationBounds())) {}

void MethodMetrics::OnRequest(const absl::Status& status, absl::Duration duration) {
  const double seconds = absl::ToDoubleSeconds(duration);
  if (status.ok()) {
    ok_duration_.Observe(seconds);
    return;
  }
  const std::string code = CodeName(status.code());
  durations_.Add({{"method", method_}, {"code", code}}, DurationBounds()).Observe(seconds);
  errors_.Add({{"method", method_}, {"code", code}, {"reason", ErrorReason(status)}}).Increment();
}

}  // namespace rnnserve::server
