// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/reply_window.h"

#include <algorithm>
#include <utility>

namespace rnnserve {

void ReplyWindow::Keep(KeptReply reply) {
  if (replies_.size() == size_) replies_.erase(replies_.begin());
  replies_.push_back(std::move(reply));
}

const KeptReply* ReplyWindow::Find(uint64_t index) const {
  const auto it = std::find_if(replies_.begin(), replies_.end(),
                               [index](const KeptReply& reply) { return reply.index == index; });
  return it == replies_.end() ? nullptr : &*it;
}

}  // namespace rnnserve
