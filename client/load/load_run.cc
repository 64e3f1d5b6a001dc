// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/load/load_run.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "client/load/load_stream.h"

namespace rnnserve::client {
namespace {

// How often progress is reported and interrupts are checked.
constexpr absl::Duration kTick = absl::Milliseconds(50);
// How often to check whether all sessions are open and, at the end, whether the last answers have
// arrived.
constexpr absl::Duration kShortTick = absl::Milliseconds(2);
// The time between the start of the sending thread and the beginning of the load.
constexpr absl::Duration kLead = absl::Milliseconds(2);
// How long an interrupted load waits for answers.
constexpr absl::Duration kInterruptedTimeout = absl::Seconds(1);

// The location of a group: its stream, and its index there.
struct GroupPlace {
  size_t stream = 0;
  size_t group = 0;
};

// The groups that are in their think time, in the order in which their next messages are due. Every
// think time has the same length, so this is also the order of Push. One thread takes the groups
// out and sends the messages.
class ThinkingGroups {
 public:
  struct Entry {
    GroupPlace place;
    absl::Duration due;
  };

  void Push(const Entry& entry) {
    absl::MutexLock lock(&mu_);
    entries_.push_back(entry);
  }

  // Waits for the next entry. Returns nothing after Close.
  std::optional<Entry> Pop() {
    absl::MutexLock lock(&mu_);
    const auto is_due = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
      return is_closed_ || !entries_.empty();
    };
    mu_.Await(absl::Condition(&is_due));
    if (is_closed_) return std::nullopt;
    const Entry entry = entries_.front();
    entries_.pop_front();
    return entry;
  }

  void Close() {
    absl::MutexLock lock(&mu_);
    is_closed_ = true;
  }

 private:
  absl::Mutex mu_;
  std::deque<Entry> entries_ ABSL_GUARDED_BY(mu_);
  bool is_closed_ ABSL_GUARDED_BY(mu_) = false;
};

// Returns a prefix for the ids of this load that no other session on the server has.
std::string UniqueName() {
  std::random_device device;
  return absl::StrCat("bench-", absl::Hex(device(), absl::kZeroPad8),
                      absl::Hex(device(), absl::kZeroPad8));
}

// One call of RunLoad.
class Run {
 public:
  Run(const LoadOptions& options, const std::vector<LoadSession::Model>& models,
      const Arrivals* arrivals, const LoadSurroundings& surroundings)
      : options_(options),
        models_(models),
        arrivals_(arrivals),
        surroundings_(surroundings),
        clock_(surroundings.clock) {}

  absl::StatusOr<LoadResult> Execute() {
    MakeStreams();
    if (absl::Status status = OpenSessions(); !status.ok()) return status;
    LoadResult result(models_.size());
    Begin();
    AwaitEndOfWindow(&result);
    AwaitAnswers(&result);
    // The status is read before the streams end: cancelling one that stalls is not an error of the
    // load.
    result.status = FirstError();
    const std::vector<absl::Status> causes = CausesOfNoAnswer(result.is_interrupted);
    EndStreams();
    Collect(causes, &result);
    return result;
  }

 private:
  size_t num_groups() const { return options_.num_sessions / options_.sessions_per_message; }
  bool is_thinking() const { return options_.think_time > absl::ZeroDuration(); }

  // Assigns the groups to the streams round robin.
  GroupPlace PlaceOf(size_t group) const {
    return {group % options_.num_streams, group / options_.num_streams};
  }

  void MakeStreams() {
    const std::vector<size_t> model_indices = SpreadModels(options_.models, options_.num_sessions);
    const std::string name = UniqueName();
    Random seeds(options_.seed);
    std::vector<std::vector<LoadSession>> sessions(options_.num_streams);
    for (size_t i = 0; i < options_.num_sessions; ++i) {
      sessions[PlaceOf(i / options_.sessions_per_message).stream].emplace_back(
          models_[model_indices[i]], model_indices[i], options_.lengths, options_.chunk_timesteps,
          options_.deadline, absl::StrCat(name, "-", i), Random(seeds.Next()));
    }
    for (size_t i = 0; i < sessions.size(); ++i) {
      LoadStream::Options stream;
      stream.sessions_per_message = options_.sessions_per_message;
      stream.uses_step_sessions = options_.uses_step_sessions;
      stream.num_models = models_.size();
      stream.timeout = std::min(options_.timeout, options_.deadline);
      stream.clock = [this] { return clock_.Now(); };
      if (arrivals_ == nullptr) {
        stream.on_answered = [this, i](size_t group, absl::Duration now) {
          SendNext({i, group}, now);
        };
      }
      loads_.push_back(std::make_unique<LoadStream>(std::move(sessions[i]), std::move(stream)));
    }
  }

  absl::Status OpenSessions() {
    for (size_t i = 0; i < loads_.size(); ++i) {
      Client& channel = *surroundings_.channels[i % surroundings_.channels.size()];
      streams_.push_back(channel.OpenMessageStream(*loads_[i]));
      loads_[i]->Open([stream = streams_[i].get()](const v1::StreamRequest& message) {
        stream->Write(message);
      });
    }
    if (!AwaitIdle(options_.timeout, /*heeds_interrupt=*/true) && FirstError().ok()) {
      if (surroundings_.is_interrupted()) return absl::CancelledError("interrupted");
      return absl::DeadlineExceededError(absl::StrCat("the sessions were not open within ",
                                                      absl::FormatDuration(options_.timeout)));
    }
    return FirstError();
  }

  void Begin() {
    begin_ = clock_.Now();
    if (arrivals_ != nullptr || is_thinking()) begin_ += kLead;
    window_.emplace(begin_ + options_.warm_up, options_.measured, options_.max_steps);
    for (const auto& load : loads_) load->Start(&*window_);
    if (arrivals_ != nullptr) {
      is_all_sent_ = false;
      sender_ = std::thread([this] { SendArrivals(); });
    } else if (is_thinking()) {
      // The first messages are spread over one think time, so that the groups do not all send at
      // the same moment.
      for (size_t i = 0; i < num_groups(); ++i) {
        const double share = static_cast<double>(i) / static_cast<double>(num_groups());
        thinking_.Push({PlaceOf(i), begin_ + share * options_.think_time});
      }
      sender_ = std::thread([this] { SendThoughts(); });
    } else {
      for (size_t i = 0; i < num_groups(); ++i) SendNext(PlaceOf(i), clock_.Now());
    }
  }

  // Sends the next message of a group in a closed loop.
  void SendNext(const GroupPlace& place, absl::Duration now) {
    if (is_thinking()) return thinking_.Push({place, now + options_.think_time});
    loads_[place.stream]->Send(place.group, now);
  }

  void SendArrivals() {
    for (size_t i = 0; i < arrivals_->size(); ++i) {
      if (!SendAt(begin_ + (*arrivals_)[i], PlaceOf(i % num_groups()))) break;
    }
    is_all_sent_ = true;
  }

  void SendThoughts() {
    while (const std::optional<ThinkingGroups::Entry> entry = thinking_.Pop()) {
      if (!SendAt(entry->due, entry->place)) return;
    }
  }

  // Waits for `time` and sends. Returns false, without sending, if the window ends first.
  bool SendAt(absl::Duration time, const GroupPlace& place) {
    absl::Duration now = clock_.Now();
    while (now < time && time < window_->end()) {
      clock_.WaitUntil(std::min(time, now + kTick));
      now = clock_.Now();
    }
    if (time >= window_->end()) return false;
    if (time >= window_->begin()) send_delays_.Add(now - time);
    loads_[place.stream]->Send(place.group, time);
    return true;
  }

  absl::Status FirstError() const {
    absl::Status first;
    for (const auto& load : loads_) first.Update(load->status());
    return first;
  }

  // Waits until no message is due or unanswered. Returns false after `timeout`, or at once if a
  // stream fails or, with `heeds_interrupt`, the load is interrupted.
  bool AwaitIdle(absl::Duration timeout, bool heeds_interrupt) {
    const auto is_idle = [](const auto& load) { return load->is_idle(); };
    const absl::Duration deadline = clock_.Now() + timeout;
    while (!is_all_sent_ || !std::all_of(loads_.begin(), loads_.end(), is_idle)) {
      const absl::Duration now = clock_.Now();
      if (now >= deadline || !FirstError().ok()) return false;
      if (heeds_interrupt && surroundings_.is_interrupted()) return false;
      clock_.WaitUntil(now + kShortTick);
    }
    return true;
  }

  void AwaitEndOfWindow(LoadResult* result) {
    std::optional<ThreadTimes> before;
    absl::Duration began;
    absl::Duration now = clock_.Now();
    for (; now < window_->end(); now = clock_.Now()) {
      if (!before.has_value() && now >= window_->begin()) {
        before = ReadThreadTimes();
        began = now;
      }
      result->is_interrupted = surroundings_.is_interrupted();
      if (result->is_interrupted || !FirstError().ok()) {
        window_->End(now);
        break;
      }
      surroundings_.on_progress(absl::FDivDuration(now - begin_, window_->end() - begin_));
      clock_.WaitUntil(NextLook(now));
    }
    surroundings_.on_progress(1);
    if (before.has_value()) {
      result->thread_use = UseBetween(*before, ReadThreadTimes(), now - began);
    }
  }

  absl::Duration NextLook(absl::Duration now) const {
    const absl::Duration next = std::min(now + kTick, window_->end());
    return now < window_->begin() ? std::min(next, window_->begin()) : next;
  }

  void AwaitAnswers(LoadResult* result) {
    if (result->is_interrupted) {
      AwaitIdle(std::min(options_.timeout, kInterruptedTimeout), /*heeds_interrupt=*/false);
    } else if (!AwaitIdle(options_.timeout, /*heeds_interrupt=*/true)) {
      result->is_interrupted = surroundings_.is_interrupted();
    }
    thinking_.Close();
    if (sender_.joinable()) sender_.join();
  }

  // Ends the streams. With each stream, the server also closes its sessions.
  void EndStreams() {
    for (size_t i = 0; i < streams_.size(); ++i) {
      if (loads_[i]->is_idle()) {
        streams_[i]->HalfClose();
      } else {
        streams_[i]->Cancel();
      }
    }
    for (const auto& stream : streams_) stream->AwaitEnd(options_.timeout).IgnoreError();
  }

  // Returns, for each stream, the reason to report for the steps that got no answer.
  std::vector<absl::Status> CausesOfNoAnswer(bool is_interrupted) const {
    const absl::Status common =
        is_interrupted
            ? absl::CancelledError("interrupted")
            : absl::DeadlineExceededError(absl::StrCat(
                  "no answer within ", absl::FormatDuration(options_.timeout), " after the load"));
    std::vector<absl::Status> causes;
    for (const auto& load : loads_) {
      const absl::Status own = load->status();
      causes.push_back(own.ok() ? common : own);
    }
    return causes;
  }

  void Collect(const std::vector<absl::Status>& causes, LoadResult* result) {
    streams_.clear();
    result->send_delays = std::move(send_delays_);
    for (size_t half = 0; half < result->half_lengths.size(); ++half) {
      result->half_lengths[half] = window_->LengthOf(static_cast<MeasurementWindow::Part>(half));
    }
    const absl::Duration now = clock_.Now();
    for (size_t i = 0; i < loads_.size(); ++i) {
      result->tally.Merge(loads_[i]->Collect(now, causes[i]));
    }
  }

  // Constant after construction.
  const LoadOptions& options_;
  const std::vector<LoadSession::Model>& models_;
  const Arrivals* const arrivals_;
  const LoadSurroundings& surroundings_;
  WaitableClock& clock_;

  // Set before the sending thread starts and before the first message of the load.
  std::vector<std::unique_ptr<LoadStream>> loads_;
  absl::Duration begin_;
  std::optional<MeasurementWindow> window_;

  // Used by the sending thread until it is joined.
  LatencyHistogram send_delays_;

  ThinkingGroups thinking_;
  std::atomic<bool> is_all_sent_ = true;
  std::thread sender_;
  // They call `loads_`, so they are declared after it and end first.
  std::vector<std::unique_ptr<MessageStream>> streams_;
};

}  // namespace

absl::StatusOr<LoadResult> RunLoad(const LoadOptions& options,
                                   const std::vector<LoadSession::Model>& models,
                                   const Arrivals* arrivals, const LoadSurroundings& surroundings) {
  return Run(options, models, arrivals, surroundings).Execute();
}

}  // namespace rnnserve::client
