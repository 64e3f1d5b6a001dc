// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_LOAD_THREAD_TIMES_H_
#define RNNSERVE_CLIENT_LOAD_THREAD_TIMES_H_

#include <map>
#include <string>

#include "absl/time/time.h"

// Measures how busy each thread of this process is, including gRPC's threads, which no other
// interface tells apart.
namespace rnnserve::client {

// The time that each thread has spent on a processor, by thread id.
using ThreadTimes = std::map<std::string, absl::Duration>;

// Reads the times from Linux's `folder`/THREAD/schedstat. Leaves out threads that end meanwhile,
// and all of them if the kernel does not provide the file.
ThreadTimes ReadThreadTimes(const std::string& folder = "/proc/self/task");

struct ThreadUse {
  // The share of one processor that the busiest thread used: 0 to 1.
  double busiest_thread = 0;
  // How many processors all threads together used: 0 to the number of processors.
  double all_threads = 0;
};

// Returns the use during `elapsed` between two readings; nothing if `elapsed` is zero.
ThreadUse UseBetween(const ThreadTimes& before, const ThreadTimes& after, absl::Duration elapsed);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_THREAD_TIMES_H_
