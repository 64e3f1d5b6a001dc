// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/cpp/sequences.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "client/cpp/error.h"

namespace rnnserve::client {
namespace {

absl::Status WithPlace(const absl::Status& status, size_t sequence_index, int64_t timestep) {
  return WithText(status, absl::StrCat("sequence ", sequence_index, ", timestep ", timestep, ": ",
                                       status.message()));
}

// Returns the number of timesteps of a sequence.
int64_t TimeOf(const Tensor& sequence) { return sequence.shape()[0]; }
int64_t TimeOf(const NamedSequence& sequence) {
  for (const SequenceInput& input : sequence) {
    if (input.has_time) return input.value.shape()[0];
  }
  return 0;
}

// Returns the timesteps [begin, end) of a sequence, as Session::StepAsync takes them.
Tensor Part(const Tensor& sequence, int64_t begin, int64_t end) {
  return sequence.Rows(begin, end);
}
std::vector<NamedTensor> Part(const NamedSequence& sequence, int64_t begin, int64_t end) {
  std::vector<NamedTensor> inputs;
  for (const SequenceInput& input : sequence) {
    inputs.push_back({input.name, input.has_time ? input.value.Rows(begin, end) : input.value});
  }
  return inputs;
}

// One call of StreamSequences. Its callbacks share ownership, because the last of them may still be
// returning when the call ends.
template <typename Sequence>
class Run : public std::enable_shared_from_this<Run<Sequence>> {
 public:
  Run(Stream& stream, const std::string& model, absl::Span<const Sequence> sequences,
      const StreamSequencesOptions& options, const std::function<void(SequenceStep)>& on_step)
      : stream_(stream),
        model_(model),
        sequences_(sequences),
        options_(options),
        on_step_(on_step) {}

  absl::Status Execute() {
    lanes_.resize(std::min(options_.num_sessions, sequences_.size()));
    {
      absl::MutexLock lock(&mu_);
      num_running_ = lanes_.size();
    }
    for (Lane& lane : lanes_) BeginSequence(&lane);
    absl::MutexLock lock(&mu_);
    const auto is_done = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return num_running_ == 0; };
    mu_.Await(absl::Condition(&is_done));
    return status_;
  }

 private:
  // Runs one sequence after another; used by one callback at a time.
  struct Lane {
    std::optional<Session> session;
    size_t sequence_index = 0;
    int64_t timestep = 0;
    absl::Duration sent_at;
  };

  // Returns the index of a sequence that has not begun, or nothing if all have begun or one has
  // failed.
  std::optional<size_t> TakeSequence() {
    absl::MutexLock lock(&mu_);
    if (!status_.ok() || next_sequence_ == sequences_.size()) return std::nullopt;
    return next_sequence_++;
  }

  void BeginSequence(Lane* lane) {
    const std::optional<size_t> index = TakeSequence();
    if (!index.has_value()) return EndLane(absl::OkStatus());
    lane->sequence_index = *index;
    lane->timestep = 0;
    stream_.OpenSessionAsync(
        model_, {}, [self = this->shared_from_this(), lane](absl::StatusOr<Session> session) {
          if (!session.ok()) return self->Fail(lane, session.status());
          lane->session.emplace(*std::move(session));
          self->SendStep(lane);
        });
  }

  void SendStep(Lane* lane) {
    const Sequence& sequence = sequences_[lane->sequence_index];
    const int64_t end = std::min(lane->timestep + options_.timesteps_per_step, TimeOf(sequence));
    if (end == lane->timestep) {
      lane->session.reset();
      return BeginSequence(lane);
    }
    if (options_.clock) lane->sent_at = options_.clock();
    lane->session->StepAsync(
        Part(sequence, lane->timestep, end), {},
        [self = this->shared_from_this(), lane, end](absl::StatusOr<StepResult> result) {
          if (!result.ok()) return self->Fail(lane, result.status());
          self->TakeResult(lane, end, *std::move(result));
        });
  }

  void TakeResult(Lane* lane, int64_t end, StepResult result) {
    SequenceStep step;
    step.sequence_index = lane->sequence_index;
    step.begin = std::exchange(lane->timestep, end);
    step.end = end;
    step.result = std::move(result);
    if (options_.clock) step.latency = options_.clock() - lane->sent_at;
    on_step_(std::move(step));
    SendStep(lane);
  }

  void Fail(Lane* lane, const absl::Status& status) {
    lane->session.reset();
    EndLane(WithPlace(status, lane->sequence_index, lane->timestep));
  }

  void EndLane(absl::Status status) {
    absl::MutexLock lock(&mu_);
    status_.Update(std::move(status));
    --num_running_;
  }

  // Constant after construction; valid until Execute returns.
  Stream& stream_;
  const std::string& model_;
  const absl::Span<const Sequence> sequences_;
  const StreamSequencesOptions& options_;
  const std::function<void(SequenceStep)>& on_step_;

  // Each element belongs to its own chain of callbacks.
  std::deque<Lane> lanes_;

  // Guarded by mu_.
  absl::Mutex mu_;
  size_t next_sequence_ ABSL_GUARDED_BY(mu_) = 0;
  size_t num_running_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
};

// Returns the elements of all `sequences`, each padded to `padded_size`. `elements` returns the
// elements of one sequence.
template <typename Elements>
auto Concatenate(absl::Span<const Tensor> sequences, size_t padded_size, float padding,
                 Elements elements) {
  using T = typename decltype(elements(sequences[0]))::value_type;
  std::vector<T> values;
  values.reserve(sequences.size() * padded_size);
  for (const Tensor& sequence : sequences) {
    const absl::Span<const T> own = elements(sequence);
    values.insert(values.end(), own.begin(), own.end());
    values.resize(values.size() + padded_size - own.size(), static_cast<T>(padding));
  }
  return values;
}

}  // namespace

absl::Status StreamSequences(Stream& stream, const std::string& model,
                             absl::Span<const Tensor> sequences,
                             const StreamSequencesOptions& options,
                             const std::function<void(SequenceStep)>& on_step) {
  return std::make_shared<Run<Tensor>>(stream, model, sequences, options, on_step)->Execute();
}

absl::Status StreamSequences(Stream& stream, const std::string& model,
                             absl::Span<const NamedSequence> sequences,
                             const StreamSequencesOptions& options,
                             const std::function<void(SequenceStep)>& on_step) {
  return std::make_shared<Run<NamedSequence>>(stream, model, sequences, options, on_step)
      ->Execute();
}

PaddedBatch Pad(absl::Span<const Tensor> sequences, float padding) {
  const int64_t batch = static_cast<int64_t>(sequences.size());
  std::vector<int64_t> shape = sequences.front().shape();
  for (const Tensor& sequence : sequences) shape[0] = std::max(shape[0], sequence.shape()[0]);
  size_t padded_size = 1;
  for (int64_t extent : shape) padded_size *= static_cast<size_t>(extent);

  std::vector<bool> mask;
  mask.reserve(static_cast<size_t>(batch * shape[0]));
  for (const Tensor& sequence : sequences) {
    for (int64_t t = 0; t < shape[0]; ++t) mask.push_back(t < sequence.shape()[0]);
  }
  Tensor mask_tensor({batch, shape[0]}, std::move(mask));

  shape.insert(shape.begin(), batch);
  const auto concatenate = [&](auto elements) {
    return Tensor(shape, Concatenate(sequences, padded_size, padding, elements));
  };
  const Tensor& first = sequences.front();
  Tensor input = first.is_float()   ? concatenate([](const Tensor& t) { return t.floats(); })
                 : first.is_int32() ? concatenate([](const Tensor& t) { return t.int32s(); })
                                    : concatenate([](const Tensor& t) { return t.int64s(); });
  return PaddedBatch{std::move(input), std::move(mask_tensor)};
}

}  // namespace rnnserve::client
