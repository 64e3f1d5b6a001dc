// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/serve/padded_batcher.h"

#include <algorithm>
#include <utility>

#include "absl/types/span.h"

namespace rnnserve::testing {

PaddedBatcher::PaddedBatcher(std::shared_ptr<const Model> model, int64_t max_rows, int64_t max_time)
    : model_(std::move(model)),
      max_rows_(static_cast<size_t>(max_rows)),
      input_size_(model_->inputs().front().size),
      workspace_(*model_, max_rows, {max_time}),
      worker_([this] { Run(); }) {}

PaddedBatcher::~PaddedBatcher() {
  {
    absl::MutexLock lock(&mu_);
    is_ending_ = true;
  }
  worker_.join();
}

void PaddedBatcher::Submit(absl::Span<const float> sequence, Callback callback) {
  absl::MutexLock lock(&mu_);
  waiting_.push_back({sequence, std::move(callback)});
}

void PaddedBatcher::Run() {
  std::vector<Request> batch;
  while (true) {
    {
      const auto has_work = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
        return is_ending_ || !waiting_.empty();
      };
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(&has_work));
      if (waiting_.empty()) return;
      for (size_t i = 0; i < max_rows_ && !waiting_.empty(); ++i) {
        batch.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
      }
    }
    Compute(absl::MakeSpan(batch));
    for (Request& request : batch) request.callback();
    batch.clear();
  }
}

void PaddedBatcher::Compute(absl::Span<Request> batch) {
  int64_t time = 0;
  for (const Request& request : batch) {
    time = std::max(time, static_cast<int64_t>(request.sequence.size()) / input_size_);
  }
  const auto rows = static_cast<int64_t>(batch.size());
  workspace_.SetBatch(rows);
  workspace_.SetTimes({time});
  const Sequence input = workspace_.input();
  uint8_t* const mask = workspace_.mask();
  for (int64_t b = 0; b < rows; ++b) {
    const absl::Span<const float> sequence = batch[static_cast<size_t>(b)].sequence;
    const int64_t own_time = static_cast<int64_t>(sequence.size()) / input_size_;
    std::copy(model_->initial_state().begin(), model_->initial_state().end(),
              workspace_.states().column(b));
    for (int64_t t = 0; t < time; ++t) {
      float* const column = input.At(t).column(b);
      if (t < own_time) {
        std::copy_n(sequence.data() + t * input_size_, input_size_, column);
      } else {
        std::fill_n(column, input_size_, 0.0f);
      }
      mask[b * time + t] = t < own_time;
    }
  }
  workspace_.UseMask(0, true);
  model_->RunSequencePart(workspace_);
  model_->RunTail(workspace_);
}

}  // namespace rnnserve::testing
