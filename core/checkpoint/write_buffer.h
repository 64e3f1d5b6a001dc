// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CHECKPOINT_WRITE_BUFFER_H_
#define RNNSERVE_CORE_CHECKPOINT_WRITE_BUFFER_H_

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/snapshot/snapshot_store.h"

namespace rnnserve {

// A queue of checkpoints for a store that may be slow or down. It queues only the newest checkpoint
// of each session: a newer one replaces the queued one and takes its place in line. At most one
// write of a session is in flight at a time. A write that fails because the store is down or full
// is retried for as long as the session lives, after pauses that double each time; every other
// error is final.
//
//   RNNSERVE_RETURN_IF_ERROR(buffer.Add(std::move(write), std::move(callback)));
//   while (std::optional<SnapshotWrite> next = buffer.Take(clock.Now())) {
//     store.Write(*std::move(next), [...](absl::Status status) {
//       auto done = buffer.Finish(id, status, clock.Now());  // under the lock of the buffer
//       done.Run();                                          // under none
//     });
//   }
//
// An OK status tells a callback that its version, or a later one of the same session, is stored:
// the callback of a write that was replaced waits for the write that took its place. The buffer
// never calls callbacks. Its methods return those that are due, for the caller to run outside its
// lock.
//
// Owns the writes and their callbacks. Reads no clock. Thread-compatible. REQUIRES: when it is
// destroyed, it is empty, or the Completion that Clear returned has been run.
class WriteBuffer {
 public:
  struct Options {
    // Bytes of all snapshots, ids and callbacks together; a write that would exceed them is
    // refused. Includes the writes in flight, which the buffer keeps for a retry, but not the
    // store's copies of them.
    int64_t max_bytes = int64_t{64} << 20;
    // The most writes in flight. The store holds a copy of each. If this is less than the store can
    // pipeline, throughput suffers.
    int64_t max_in_flight = 256;
    // The shortest and longest pause between an attempt that failed and the next.
    absl::Duration min_pause = absl::Milliseconds(50);
    absl::Duration max_pause = absl::Seconds(1);
  };

  // The bytes that one callback counts towards max_bytes. Its captures are not counted.
  static constexpr int64_t kCallbackBytes = 128;

  // Callbacks that are due, all with the same status. Move-only, because they run once.
  class Completion {
   public:
    Completion() = default;
    Completion(absl::Status status, std::vector<SnapshotStore::WriteCallback> callbacks)
        : status_(std::move(status)), callbacks_(std::move(callbacks)) {}
    // Runs the callbacks; afterwards there are none.
    void Run();
    bool empty() const { return callbacks_.empty(); }

   private:
    absl::Status status_;
    std::vector<SnapshotStore::WriteCallback> callbacks_;
  };

  explicit WriteBuffer(const Options& options) : options_(options), pause_(options.min_pause) {}
  WriteBuffer(const WriteBuffer&) = delete;
  WriteBuffer& operator=(const WriteBuffer&) = delete;

  // Queues the write, or replaces an older queued write of its session. If the buffer already has a
  // write of the same owner that is as new or newer, only adds the callback to that write. A null
  // callback costs nothing. The arguments are untouched unless it returns OK. Errors, after which
  // the buffer is unchanged: RESOURCE_EXHAUSTED (CHECKPOINT_BUFFER_LIMIT), with the bound; ABORTED
  // (FENCED): the buffer has a write of another owner of the session in the same or a later epoch.
  absl::Status Add(SnapshotWrite&& write, SnapshotStore::WriteCallback&& callback);

  // Returns the write of the session that has been queued for the longest and has none in flight.
  // Returns nothing if there is no such session, too many writes are in flight, or a pause has not
  // ended. The caller must pass the store's answer to Finish.
  std::optional<SnapshotWrite> Take(absl::Time now);

  // Takes the store's answer to the session's write in flight. Returns the callbacks that are due.
  // REQUIRES: a write of the session was taken and not finished.
  Completion Finish(absl::string_view session_id, const absl::Status& status, absl::Time now);

  // Drops the queued write of a session that has ended or moved; its callbacks get `status`. A
  // write in flight continues but is not retried.
  Completion Drop(absl::string_view session_id, const absl::Status& status);

  // Drops all queued writes and forgets those in flight, for which Finish must not be called any
  // more. Returns the callbacks of both.
  Completion Clear(const absl::Status& status);

  // Returns when the current pause ends and Take may return a write again.
  absl::Time retry_time() const { return retry_time_; }
  int64_t num_waiting() const { return static_cast<int64_t>(line_.size()); }
  int64_t num_in_flight() const { return num_in_flight_; }
  int64_t bytes() const { return bytes_; }

 private:
  using Callbacks = std::vector<SnapshotStore::WriteCallback>;

  // A snapshot and the callbacks for its answer. Both are empty if there is no snapshot.
  struct Checkpoint {
    std::optional<SnapshotWrite> write;
    Callbacks callbacks;
  };
  struct Session {
    Checkpoint in_flight;
    Checkpoint waiting;
    std::list<std::string>::iterator turn;  // in line_; valid if a write is queued
    bool is_dropped = false;                // the write in flight is not to be retried
  };
  using Sessions = absl::flat_hash_map<std::string, Session>;

  static int64_t BytesOf(const SnapshotWrite& write);
  static int64_t BytesOf(const Checkpoint& checkpoint);
  // Queues the write in flight again, at the head of the line. If a newer write is queued, that one
  // takes over its callbacks instead.
  void Retry(const std::string& session_id, Session& session);
  // Starts a pause unless one is under way.
  void Pause(absl::Time now);
  // Subtracts a checkpoint from the byte count and returns its callbacks.
  Completion Settle(Checkpoint checkpoint, const absl::Status& status);
  void EraseIfIdle(Sessions::iterator found);

  // Constant after construction.
  const Options options_;

  Sessions sessions_;
  std::list<std::string> line_;  // ids of the sessions with a queued write, longest wait first
  int64_t num_in_flight_ = 0;
  int64_t bytes_ = 0;
  absl::Duration pause_;
  absl::Time retry_time_ = absl::InfinitePast();
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CHECKPOINT_WRITE_BUFFER_H_
