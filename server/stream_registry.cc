// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/stream_registry.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "server/stream_call.h"

namespace rnnserve::server {

absl::Status StreamRegistry::Add(const std::shared_ptr<StreamCall>& stream) {
  absl::MutexLock lock(&mu_);
  if (is_draining_) return StreamCall::DrainingError();
  if (static_cast<int64_t>(streams_.size()) >= max_streams_) {
    return ResourceExhausted("STREAM_LIMIT",
                             absl::StrCat(streams_.size(), " streams are open, the maximum"),
                             absl::Seconds(1));
  }
  streams_[stream.get()] = stream;
  return absl::OkStatus();
}

void StreamRegistry::Remove(const StreamCall* stream) {
  absl::MutexLock lock(&mu_);
  streams_.erase(stream);
}

void StreamRegistry::TellMoving() {
  for (const auto& stream : CloseToStreams()) stream->TellMoving();
}

void StreamRegistry::Drain() {
  for (const auto& stream : CloseToStreams()) stream->Drain();
}

std::vector<std::shared_ptr<StreamCall>> StreamRegistry::CloseToStreams() {
  std::vector<std::shared_ptr<StreamCall>> open;
  absl::MutexLock lock(&mu_);
  is_draining_ = true;
  for (const auto& [key, stream] : streams_) {
    if (auto alive = stream.lock(); alive != nullptr) open.push_back(std::move(alive));
  }
  return open;
}

}  // namespace rnnserve::server
