// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Compares two ways to batch requests of uneven length: cellular batching as in rnnserve, where
// rows join and leave at every cell step, and padded batches of whole requests (PaddedBatcher).
// Each has one worker. Measures the maximum throughput of each, and the latency at the same load.
// Lengths have a log-normal distribution, as the lengths of sentences do. Arrivals are Poisson, and
// a latency counts from the time at which the request was due. Sessions and the wire are not
// included.
//
//   batching_bench [--seconds=2] [--turns=5] [--units=256]
//
// Prints one JSON object for each turn.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "core/base/clock.h"
#include "core/engine/engine.h"
#include "nlohmann/json.hpp"
#include "tests/bench/serve/padded_batcher.h"
#include "tests/support/silent_observer.h"
#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

using Seconds = std::chrono::duration<double>;
using Time = std::chrono::steady_clock::time_point;

constexpr int64_t kMaxRows = 64;
constexpr int64_t kMaxTime = 400;
constexpr double kMedianTime = 20;  // timesteps
constexpr double kSigma = 0.8;
constexpr size_t kNumRequests = 4096;  // drawn once; a run repeats them in a cycle
constexpr int kOutstanding = 512;      // in flight, to saturate a server
// The loads at which latency is compared, as shares of the rate that padded batches can carry.
constexpr double kLoads[] = {0.5, 0.7, 0.9};
// The factor by which each rate that is tried exceeds the previous one.
constexpr double kRateStep = 1.1;

// Computes a request and calls back on any thread.
using Submit =
    std::function<void(absl::Span<const float> sequence, absl::AnyInvocable<void()> done)>;

struct Requests {
  int64_t units = 0;
  std::vector<float> values;  // [kMaxTime, units]: every sequence is a prefix of it
  std::vector<int64_t> times;

  absl::Span<const float> Sequence(size_t i) const {
    const int64_t time = times[i % times.size()];
    return {values.data(), static_cast<size_t>(time * units)};
  }
};

Requests MakeRequests(int64_t units) {
  Requests requests;
  requests.units = units;
  std::mt19937 random(7);
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  requests.values.resize(static_cast<size_t>(kMaxTime * units));
  for (float& value : requests.values) value = uniform(random);
  std::lognormal_distribution<double> length(std::log(kMedianTime), kSigma);
  for (size_t i = 0; i < kNumRequests; ++i) {
    requests.times.push_back(
        std::clamp(static_cast<int64_t>(std::lround(length(random))), int64_t{1}, kMaxTime));
  }
  return requests;
}

// Counts the requests in flight, so that a run can wait until there are none.
class Outstanding {
 public:
  int count() const {
    absl::MutexLock lock(&mu_);
    return count_;
  }
  void Add() {
    absl::MutexLock lock(&mu_);
    ++count_;
  }
  void Remove() {
    absl::MutexLock lock(&mu_);
    --count_;
  }
  void AwaitAtMost(int limit) {
    const auto is_below = [this, limit]()
                              ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return count_ <= limit; };
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&is_below));
  }

 private:
  mutable absl::Mutex mu_;
  int count_ ABSL_GUARDED_BY(mu_) = 0;
};

// Returns the requests per second with kOutstanding requests in flight all the time.
double Saturation(const Submit& submit, const Requests& requests, double seconds) {
  Outstanding outstanding;
  std::atomic<int64_t> num_done{0};
  const Time begin = std::chrono::steady_clock::now();
  size_t next = 0;
  while (Seconds(std::chrono::steady_clock::now() - begin).count() < seconds) {
    outstanding.AwaitAtMost(kOutstanding - 1);
    outstanding.Add();
    submit(requests.Sequence(next++), [&] {
      num_done.fetch_add(1, std::memory_order_relaxed);
      outstanding.Remove();
    });
  }
  const auto done = static_cast<double>(num_done.load());
  const double taken = Seconds(std::chrono::steady_clock::now() - begin).count();
  outstanding.AwaitAtMost(0);
  return done / taken;
}

struct OpenLoop {
  std::vector<double> latencies;  // in seconds, sorted
  int num_behind = 0;             // requests in flight when the last one arrived
};

// Runs Poisson arrivals and returns their latencies.
OpenLoop RunOpenLoop(const Submit& submit, const Requests& requests, double rate, double seconds) {
  std::mt19937 random(11);
  std::exponential_distribution<double> gap(rate);
  std::vector<double> due;
  for (double at = gap(random); at < seconds; at += gap(random)) due.push_back(at);
  OpenLoop result;
  result.latencies.resize(due.size());
  Outstanding outstanding;
  const Time begin = std::chrono::steady_clock::now();
  for (size_t i = 0; i < due.size(); ++i) {
    const Time time =
        begin + std::chrono::duration_cast<std::chrono::steady_clock::duration>(Seconds(due[i]));
    std::this_thread::sleep_until(time);
    outstanding.Add();
    submit(requests.Sequence(i), [&result, &outstanding, i, time] {
      result.latencies[i] = Seconds(std::chrono::steady_clock::now() - time).count();
      outstanding.Remove();
    });
  }
  result.num_behind = outstanding.count();
  outstanding.AwaitAtMost(0);
  std::sort(result.latencies.begin(), result.latencies.end());
  return result;
}

// Tries higher and higher rates of random arrivals from `rate` upwards. Returns the last one at
// which at most one batch of requests is left at the end.
double CarriedRate(const Submit& submit, const Requests& requests, double rate, double seconds) {
  while (RunOpenLoop(submit, requests, kRateStep * rate, seconds).num_behind <= kMaxRows) {
    rate *= kRateStep;
  }
  return rate;
}

double Quantile(const std::vector<double>& sorted, double q) {
  return sorted.empty() ? 0.0
                        : sorted[static_cast<size_t>(q * static_cast<double>(sorted.size() - 1))];
}

nlohmann::json ToJson(const std::vector<double>& latencies) {
  return {{"p50_us", Quantile(latencies, 0.5) * 1e6},
          {"p90_us", Quantile(latencies, 0.9) * 1e6},
          {"p99_us", Quantile(latencies, 0.99) * 1e6}};
}

int Run(int64_t units, double seconds, int num_turns) {
  const Requests requests = MakeRequests(units);
  const ModelPtr model = StackedGruModel(units);
  const MonotonicClock clock;
  SilentObserver observer;
  EngineOptions options;
  options.workers = 1;
  options.batching.max_batch_rows = kMaxRows;
  Engine engine(clock, observer, options);
  if (!engine.AddModel("model", model).ok()) return 1;
  PaddedBatcher padded(model, kMaxRows, kMaxTime);

  const Submit to_engine = [&](absl::Span<const float> sequence, absl::AnyInvocable<void()> done) {
    InferCall call;
    call.model = "model";
    const auto time = static_cast<int64_t>(sequence.size()) / units;
    call.inputs.push_back({"",
                           {DataType::kFloat32, Shape{1, time, units},
                            absl::string_view(reinterpret_cast<const char*>(sequence.data()),
                                              sequence.size() * sizeof(float))},
                           std::nullopt});
    engine.Infer(std::move(call),
                 [done = std::move(done)](const absl::StatusOr<InferResult>& result) mutable {
                   if (!result.ok()) {
                     std::cerr << result.status() << "\n";
                     std::exit(1);
                   }
                   done();
                 });
  };
  const Submit to_padded = [&](absl::Span<const float> sequence, absl::AnyInvocable<void()> done) {
    padded.Submit(sequence, std::move(done));
  };

  for (int turn = 0; turn < num_turns; ++turn) {
    const double padded_most = Saturation(to_padded, requests, seconds);
    const double ours_most = Saturation(to_engine, requests, seconds);
    const double padded_carried = CarriedRate(to_padded, requests, padded_most, seconds);
    nlohmann::json loads = nlohmann::json::array();
    for (const double load : kLoads) {
      const double rate = load * padded_carried;
      loads.push_back(
          {{"load", load},
           {"requests_per_second", rate},
           {"padded", ToJson(RunOpenLoop(to_padded, requests, rate, seconds).latencies)},
           {"cellular", ToJson(RunOpenLoop(to_engine, requests, rate, seconds).latencies)}});
    }
    const nlohmann::json line = {{"saturation", {{"padded", padded_most}, {"cellular", ours_most}}},
                                 {"carried", {{"padded", padded_carried}}},
                                 {"loads", loads}};
    std::cout << line.dump() << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace rnnserve::testing

int main(int argc, char** argv) try {
  // rnnserve does the same.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  int64_t units = 256;
  double seconds = 2;
  int turns = 5;
  CLI::App app("Rows that join and leave beside padded batches.", "batching_bench");
  app.add_option("--units", units, "Of each layer")->check(CLI::Range(1, 4096));
  app.add_option("--seconds", seconds, "Of each measurement")->check(CLI::Range(0.1, 60.0));
  app.add_option("--turns", turns, "How often")->check(CLI::Range(1, 100));
  CLI11_PARSE(app, argc, argv);
  return rnnserve::testing::Run(units, seconds, turns);
} catch (const std::exception& error) {
  std::fprintf(stderr, "batching_bench: %s\n", error.what());
  return EXIT_FAILURE;
}
