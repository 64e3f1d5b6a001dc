// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_LOAD_THREAD_TIMES_H_
#define RNNSERVE_CLIENT_LOAD_THREAD_TIMES_H_

#include <map>
#include <string>

#include "absl/time/time.h"

// How busy the threads of this process are, those of gRPC included, which no other call tells
// apart.
namespace rnnserve::client {

// The time that each thread has spent on a processor, by thread id.
using ThreadTimes = std::map<std::string, absl::Duration>;

// Reads them from `folder`/THREAD/schedstat of Linux. Threads that end meanwhile, and all of them
// if the kernel does not tell, are left out.
ThreadTimes ReadThreadTimes(const std::string& folder = "/proc/self/task");

struct ThreadUse {
  // Of one processor, by the thread that was busiest: 0 to 1.
  double busiest_thread = 0;
  // Of one processor, by all threads together: 0 to the number of processors.
  double all_threads = 0;
};

// What was used in `elapsed` between two readings; nothing if that is zero.
ThreadUse UseBetween(const ThreadTimes& before, const ThreadTimes& after, absl::Duration elapsed);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_THREAD_TIMES_H_
