// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Measures the cost of a million open sessions of a GRU of 64 units in the Engine: opening,
// stepping, closing and expiring them, the memory that each takes beyond its state, and the latency
// of another caller while all of them expire together.
//
//   sessions_bench [--sessions=N] [--check]
//
// With --check it exits with 1 if a session takes more than 256 bytes beyond its state.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <iostream>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "core/engine/engine.h"
#include "tests/bench/process_memory.h"
#include "tests/support/silent_observer.h"
#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

constexpr int64_t kUnits = 64;
constexpr int64_t kFewSessions = 1000;
constexpr int64_t kMaxOverheadBytes = 256;
constexpr absl::Duration kIdleTimeout = absl::Hours(1);
constexpr char kModel[] = "gru";

double Seconds(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Returns the processor time of all threads of this process, which excludes other load on the
// machine.
double ProcessorSeconds() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

void Print(const std::string& what, double value, const char* unit) {
  std::cout << absl::StrFormat("%-52s %12.2f %s", what, value, unit) << std::endl;
}

// A clock that runs in real time and can be moved forward.
class LeapingClock final : public Clock {
 public:
  absl::Time Now() const override {
    return clock_.Now() + absl::Seconds(leapt_seconds_.load(std::memory_order_relaxed));
  }
  void Leap(absl::Duration duration) { leapt_seconds_ += absl::ToInt64Seconds(duration); }

 private:
  MonotonicClock clock_;
  std::atomic<int64_t> leapt_seconds_{0};
};

// Ends the program on an error, because its numbers would mean nothing.
void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << status << "\n";
  std::exit(1);
}

// The sessions of an engine. Allocates its own memory in the constructor, before memory is
// measured.
class Sessions {
 public:
  // Only detached sessions expire.
  Sessions(Engine& engine, size_t count, bool detached)
      : engine_(engine), is_detached_(detached), ids_(count), order_(count) {
    std::iota(order_.begin(), order_.end(), size_t{0});
    std::shuffle(order_.begin(), order_.end(), random_);
  }

  void OpenAll() {
    OpenSessionCall call;
    call.model = kModel;
    call.detached = is_detached_;
    for (Id& id : ids_) {
      engine_.OpenSession(call, [&id](const absl::StatusOr<OpenedSession>& opened) {
        Check(opened.status());
        std::copy_n(opened->session_id.begin(), id.size(), id.begin());
      });
    }
  }
  void CloseAll() {
    for (const size_t i : order_) {
      engine_.CloseSession(
          {std::string(IdAt(i)), EndReason::kClosed, std::nullopt},
          [](const absl::StatusOr<uint64_t>& version) { Check(version.status()); });
    }
  }

  // Returns the mean processor time of a step in seconds, over many random sessions with 500 steps
  // in flight.
  double StepSeconds() {
    constexpr int kRounds = 40;
    constexpr int kStepsPerRound = 500;
    const double begin = ProcessorSeconds();
    for (int round = 0; round < kRounds; ++round) {
      absl::BlockingCounter remaining(kStepsPerRound);
      for (int i = 0; i < kStepsPerRound; ++i) {
        StepCall call;
        call.session_id = NextId();
        call.inputs = {{"", input_, std::nullopt}};
        engine_.Step(std::move(call), [&remaining](const absl::StatusOr<StepResult>& result) {
          Check(result.status());
          remaining.DecrementCount();
        });
      }
      remaining.Wait();
    }
    return (ProcessorSeconds() - begin) / (kRounds * kStepsPerRound);
  }

  // Returns the processor time per step in seconds when a call has 64 steps and 8 calls are in
  // flight.
  double StepTogetherSeconds() {
    constexpr int kRounds = 40;
    constexpr int kCallsPerRound = 8;
    const double begin = ProcessorSeconds();
    for (int round = 0; round < kRounds; ++round) {
      absl::BlockingCounter remaining(kCallsPerRound);
      for (int i = 0; i < kCallsPerRound; ++i) {
        StepSessionsCall call;
        call.model = kModel;
        for (int row = 0; row < kRowsPerCall; ++row) {
          // Copy the id: GCC 12 warns without cause that moving it here reads beyond it.
          const std::string id = NextId();
          call.session_ids.push_back(id);
        }
        call.inputs = {{"", inputs_, std::nullopt}};
        engine_.StepSessions(std::move(call),
                             [&remaining](const absl::StatusOr<StepSessionsResult>& result) {
                               Check(result.status());
                               remaining.DecrementCount();
                             });
      }
      remaining.Wait();
    }
    return (ProcessorSeconds() - begin) / (kRounds * kCallsPerRound * kRowsPerCall);
  }

  // Returns the seconds of a call that only leases a session and reads its state.
  double ReadSeconds() {
    const std::string id = NextId();
    const auto begin = std::chrono::steady_clock::now();
    engine_.GetState(
        id, [](const absl::StatusOr<SessionStateResult>& result) { Check(result.status()); });
    return Seconds(begin);
  }

 private:
  using Id = std::array<char, 32>;

  std::string IdAt(size_t i) const { return {ids_[i].data(), ids_[i].size()}; }
  // Returns the next session in a random order. No session comes twice before all others have.
  std::string NextId() { return IdAt(order_[next_++ % order_.size()]); }

  Engine& engine_;
  const bool is_detached_;
  std::vector<Id> ids_;
  std::vector<size_t> order_;
  size_t next_ = 0;
  std::mt19937_64 random_;
  static constexpr int kRowsPerCall = 64;
  const std::vector<float> timesteps_ = std::vector<float>(kRowsPerCall * kUnits, 0.5f);
  const TensorView inputs_{
      DataType::kFloat32,
      {kRowsPerCall, 1, kUnits},
      {reinterpret_cast<const char*>(timesteps_.data()), timesteps_.size() * sizeof(float)}};
  const std::vector<float> timestep_ = std::vector<float>(kUnits, 0.5f);
  const TensorView input_{
      DataType::kFloat32,
      {1, kUnits},
      {reinterpret_cast<const char*>(timestep_.data()), timestep_.size() * sizeof(float)}};
};

// Measures the latency of calls from another thread while `body` runs.
void PrintWaits(const char* while_what, Sessions& others, const std::function<void()>& body) {
  std::atomic<bool> is_done{false};
  std::vector<double> seconds;
  seconds.reserve(size_t{1} << 24);
  std::thread caller([&] {
    while (!is_done && seconds.size() < seconds.capacity()) {
      seconds.push_back(others.ReadSeconds());
    }
  });
  body();
  is_done = true;
  caller.join();
  std::sort(seconds.begin(), seconds.end());
  const auto at = [&](double part) {
    return 1e6 * seconds[static_cast<size_t>(part * static_cast<double>(seconds.size() - 1))];
  };
  Print(absl::StrCat("another caller, ", while_what, ", calls"),
        static_cast<double>(seconds.size()), "");
  Print("  median", at(0.5), "us");
  Print("  99.9 %", at(0.999), "us");
  Print("  99.99 %", at(0.9999), "us");
  Print("  longest", at(1), "us");
}

class SessionsBench {
 public:
  explicit SessionsBench(int64_t num_sessions)
      : num_sessions_(num_sessions),
        few_(few_engine_, kFewSessions, true),
        many_(many_engine_, static_cast<size_t>(num_sessions), true),
        bound_(many_engine_, kFewSessions, false) {
    for (Engine* engine : {&few_engine_, &many_engine_}) {
      Check(engine->AddModel(kModel, model_));
    }
    few_.OpenAll();
    bound_.OpenAll();
  }

  // Returns the bytes that a session takes beyond its state.
  double Run() {
    Print("sessions", static_cast<double>(num_sessions_), "");
    before_ = ProcessMemory::Now();
    const int64_t state_bytes_before = many_engine_.load(kModel).state_bytes;
    PrintRate("open", [&] { many_.OpenAll(); });
    const int64_t state_bytes = many_engine_.load(kModel).state_bytes - state_bytes_before;
    const double overhead = PrintOverhead(state_bytes);
    PrintSteps();
    PrintRate("close", [&] { many_.CloseAll(); });
    PrintRemains("after all closed");

    many_.OpenAll();
    const auto begin = std::chrono::steady_clock::now();
    PrintWaits("nothing expires", bound_, [&] {
      while (Seconds(begin) < 1) std::this_thread::yield();
    });
    clock_.Leap(2 * kIdleTimeout);
    PrintWaits("all expire", bound_, [&] { many_engine_.ExpireIdleSessions(); });
    PrintRemains("after all expired");

    many_.OpenAll();
    clock_.Leap(2 * kIdleTimeout);
    PrintRate("expire", [&] { many_engine_.ExpireIdleSessions(); });
    return overhead;
  }

 private:
  static EngineOptions Options() {
    EngineOptions options;
    options.workers = 1;
    options.max_idle_timeout = kIdleTimeout;
    options.sessions.max_sessions = std::numeric_limits<int64_t>::max();
    options.sessions.max_state_bytes = std::numeric_limits<int64_t>::max();
    return options;
  }

  double PerSession(int64_t bytes) const {
    return static_cast<double>(bytes) / static_cast<double>(num_sessions_);
  }

  void PrintRate(const char* what, const std::function<void()>& body) const {
    const auto begin = std::chrono::steady_clock::now();
    const double processor_begin = ProcessorSeconds();
    body();
    const auto sessions = static_cast<double>(num_sessions_);
    Print(absl::StrCat(what, ", sessions"), sessions / Seconds(begin), "/s");
    Print(absl::StrCat(what, ", one session, processor time"),
          (ProcessorSeconds() - processor_begin) / sessions * 1e6, "us");
  }

  double PrintOverhead(int64_t state_bytes) const {
    const ProcessMemory taken = ProcessMemory::Now() - before_;
    const double resident = PerSession(taken.resident - state_bytes);
    const double reserved = PerSession(taken.reserved - state_bytes);
    Print("the state of a session", PerSession(state_bytes), "bytes");
    Print("beyond it, by resident pages", resident, "bytes");
    Print("beyond it, by memory asked of the kernel", reserved, "bytes");
    Print("of that in blocks of malloc", PerSession(taken.heap), "bytes");
    return std::max(resident, reserved);
  }

  // Measures steps in turns, so that a disturbance on the machine affects all of them.
  void PrintSteps() {
    constexpr int kSlices = 21;
    std::array<std::vector<double>, 4> times;
    for (int i = 0; i < kSlices; ++i) {
      times[0].push_back(few_.StepSeconds());
      times[1].push_back(many_.StepSeconds());
      times[2].push_back(few_.StepTogetherSeconds());
      times[3].push_back(many_.StepTogetherSeconds());
    }
    std::vector<double> medians;
    for (std::vector<double>& slices : times) {
      std::sort(slices.begin(), slices.end());
      medians.push_back(slices[kSlices / 2] * 1e6);
    }
    Print("step, of 1000 sessions, processor time", medians[0], "us");
    Print("step, of all, processor time", medians[1], "us");
    Print("step with 63 others in a call, of 1000", medians[2], "us");
    Print("step with 63 others in a call, of all", medians[3], "us");
  }

  void PrintRemains(const char* when) const {
    const ProcessMemory remains = ProcessMemory::Now() - before_;
    Print(absl::StrCat(when, ", resident"), static_cast<double>(remains.resident) / 1e6, "MB");
    Print("of that in blocks of malloc", static_cast<double>(remains.heap) / 1e6, "MB");
  }

  const int64_t num_sessions_;
  const ModelPtr model_ = GruModel(kUnits);
  LeapingClock clock_;
  SilentObserver observer_;
  Engine few_engine_{clock_, observer_, Options()};
  Engine many_engine_{clock_, observer_, Options()};
  Sessions few_;
  Sessions many_;
  Sessions bound_;
  ProcessMemory before_;
};

}  // namespace
}  // namespace rnnserve::testing

int main(int argc, char** argv) {
  // rnnserve does the same.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  int64_t num_sessions = 1'000'000;
  bool must_check = false;
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    if (argument == "--check") {
      must_check = true;
    } else if (!absl::ConsumePrefix(&argument, "--sessions=") ||
               !absl::SimpleAtoi(argument, &num_sessions) || num_sessions < 1) {
      std::cerr << "usage: sessions_bench [--sessions=N] [--check]\n";
      return 2;
    }
  }
  const double overhead = rnnserve::testing::SessionsBench(num_sessions).Run();
  if (!must_check || overhead <= rnnserve::testing::kMaxOverheadBytes) return 0;
  std::cerr << "a session takes more than " << rnnserve::testing::kMaxOverheadBytes
            << " bytes beyond its state\n";
  return 1;
}
