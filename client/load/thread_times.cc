// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/load/thread_times.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace rnnserve::client {

ThreadTimes ReadThreadTimes(const std::string& folder) {
  ThreadTimes times;
  std::error_code error;
  for (const auto& thread : std::filesystem::directory_iterator(folder, error)) {
    // "RUNNING WAITING SLICES": the time on a processor and the time ready to run, both in
    // nanoseconds, and a count.
    std::ifstream file(thread.path() / "schedstat");
    int64_t running_ns = 0;
    if (file >> running_ns) times[thread.path().filename()] = absl::Nanoseconds(running_ns);
  }
  return times;
}

ThreadUse UseBetween(const ThreadTimes& before, const ThreadTimes& after, absl::Duration elapsed) {
  ThreadUse use;
  if (elapsed <= absl::ZeroDuration()) return use;
  for (const auto& [thread, time] : after) {
    const auto it = before.find(thread);
    const absl::Duration used = it == before.end() ? time : time - it->second;
    const double share = absl::FDivDuration(used, elapsed);
    use.busiest_thread = std::max(use.busiest_thread, share);
    use.all_threads += share;
  }
  return use;
}

}  // namespace rnnserve::client
