// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/text/progress_bar.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace rnnserve::client {
namespace {

constexpr size_t kBarWidth = 30;

}  // namespace

ProgressBar::ProgressBar(std::ostream* out, std::string label, size_t total)
    : out_(out), label_(std::move(label)), total_(std::max<size_t>(total, 1)) {
  Draw();
}

ProgressBar::~ProgressBar() {
  if (out_ != nullptr) *out_ << '\r' << std::string(drawn_width_, ' ') << '\r' << std::flush;
}

void ProgressBar::Advance(size_t amount) {
  done_ = std::min(done_ + amount, total_);
  Draw();
}

void ProgressBar::Draw() {
  const int percent = static_cast<int>(done_ * 100 / total_);
  if (out_ == nullptr || percent == drawn_percent_) return;
  const size_t filled = kBarWidth * done_ / total_;
  const std::string line =
      absl::StrCat(label_, " [", std::string(filled, '#'), std::string(kBarWidth - filled, '.'),
                   "] ", absl::StrFormat("%3d%% (%d/%d)", percent, done_, total_));
  *out_ << '\r' << line << std::flush;
  drawn_percent_ = percent;
  drawn_width_ = line.size();
}

}  // namespace rnnserve::client
