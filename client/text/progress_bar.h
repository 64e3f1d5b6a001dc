// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_TEXT_PROGRESS_BAR_H_
#define RNNSERVE_CLIENT_TEXT_PROGRESS_BAR_H_

#include <cstddef>
#include <ostream>
#include <string>

namespace rnnserve::client {

// A line on a terminal that shows the progress of some work: `label [####......]  40% (4/10)`.
//
// Redraws itself only when the percentage changes, so small steps cost nothing. Used by one thread
// at a time: the one that does the work. The destructor clears the line.
class ProgressBar {
 public:
  // Draws nothing if `out` is null, for output that nobody watches. Otherwise `out` must outlive
  // the bar.
  ProgressBar(std::ostream* out, std::string label, size_t total);
  ~ProgressBar();
  // Neither copied nor moved: two would draw over each other.
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void Advance(size_t amount);

 private:
  void Draw();

  std::ostream* const out_;
  const std::string label_;
  const size_t total_;
  size_t done_ = 0;
  int drawn_percent_ = -1;
  size_t drawn_width_ = 0;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_TEXT_PROGRESS_BAR_H_
