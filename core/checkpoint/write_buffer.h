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

// Checkpoints on their way to a store that may be slow or down. Of each session it holds the newest
// one only: a newer one takes the place of the one that waits, and keeps its turn. One write of a
// session is under way at a time. What fails because the store is down or full is tried again,
// after pauses that double, for as long as the session lives; every other error is final.
//
//   RNNSERVE_RETURN_IF_ERROR(buffer.Add(std::move(write), std::move(callback)));
//   while (std::optional<SnapshotWrite> next = buffer.Take(clock.Now())) {
//     store.Write(*std::move(next), [...](absl::Status status) {
//       auto done = buffer.Finish(id, status, clock.Now());  // under the lock of the buffer
//       done.Run();                                          // under none
//     });
//   }
//
// A callback tells that its version, or a later one of the same session, is stored: one whose write
// was replaced waits for the write that took its place. Callbacks are never called by the buffer:
// its methods return those that are due, for the caller to run outside its lock.
//
// It owns the writes and their callbacks and reads no clock. Thread-compatible. REQUIRES, of its
// end: what Clear returned was run, or nothing is left.
class WriteBuffer {
 public:
  struct Options {
    // Bytes of all snapshots, ids and callbacks together; what goes beyond is refused. The writes
    // under way are in it, as the buffer keeps them to try again; the store's copies are not.
    int64_t max_bytes = int64_t{64} << 20;
    // Writes under way. Each is a copy in the store; fewer than the store pipelines cost
    // throughput.
    int64_t max_in_flight = 256;
    // Between an attempt that failed and the next.
    absl::Duration min_pause = absl::Milliseconds(50);
    absl::Duration max_pause = absl::Seconds(1);
  };

  // What one callback takes of max_bytes, beside what it holds.
  static constexpr int64_t kCallbackBytes = 128;

  // Callbacks that are due, all with one status. Move-only: they run once.
  class Completion {
   public:
    Completion() = default;
    Completion(absl::Status status, std::vector<SnapshotStore::WriteCallback> callbacks)
        : status_(std::move(status)), callbacks_(std::move(callbacks)) {}
    // Afterwards there are none.
    void Run();
    bool empty() const { return callbacks_.empty(); }

   private:
    absl::Status status_;
    std::vector<SnapshotStore::WriteCallback> callbacks_;
  };

  explicit WriteBuffer(const Options& options) : options_(options), pause_(options.min_pause) {}
  WriteBuffer(const WriteBuffer&) = delete;
  WriteBuffer& operator=(const WriteBuffer&) = delete;

  // Puts the write in line, or in the place of an older one of its session. If a newer one of the
  // same owner is here already, only the callback stays, with that one. A null callback costs
  // nothing. The arguments are untouched unless it returns OK. Errors, after which the buffer is
  // unchanged: RESOURCE_EXHAUSTED (CHECKPOINT_BUFFER_LIMIT), with the bound; ABORTED (FENCED): a
  // write of another owner of the session, not of an earlier epoch, is here.
  absl::Status Add(SnapshotWrite&& write, SnapshotStore::WriteCallback&& callback);

  // The next write for the store, of the session that has waited longest; nothing if none waits,
  // too many are under way, or a pause has not ended. The caller answers it by Finish.
  std::optional<SnapshotWrite> Take(absl::Time now);

  // The store's answer to the write of that session that was taken.
  // REQUIRES: it was taken and not finished.
  Completion Finish(absl::string_view session_id, const absl::Status& status, absl::Time now);

  // The session has ended or moved: what waits of it is dropped; its callbacks get `status`. A
  // write under way goes on, and is not tried again.
  Completion Drop(absl::string_view session_id, const absl::Status& status);

  // Drops everything that waits, and forgets what is under way: Finish must not be called for it.
  Completion Clear(const absl::Status& status);

  // When Take may have something again, if it has nothing now because of a pause.
  absl::Time retry_time() const { return retry_time_; }
  int64_t num_waiting() const { return static_cast<int64_t>(line_.size()); }
  int64_t num_in_flight() const { return num_in_flight_; }
  int64_t bytes() const { return bytes_; }

 private:
  using Callbacks = std::vector<SnapshotStore::WriteCallback>;

  // A snapshot and who wants to hear of it. Without a snapshot it is empty.
  struct Checkpoint {
    std::optional<SnapshotWrite> write;
    Callbacks callbacks;
  };
  struct Session {
    Checkpoint in_flight;
    Checkpoint waiting;
    std::list<std::string>::iterator turn;  // in line_, if something waits
    bool is_dropped = false;                // what is under way is not tried again
  };
  using Sessions = absl::flat_hash_map<std::string, Session>;

  static int64_t BytesOf(const SnapshotWrite& write);
  static int64_t BytesOf(const Checkpoint& checkpoint);
  void Retry(const std::string& session_id, Session& session);
  void Pause(absl::Time now);
  Completion Settle(Checkpoint checkpoint, const absl::Status& status);
  void EraseIfIdle(Sessions::iterator found);

  // Constant after construction.
  const Options options_;

  Sessions sessions_;
  std::list<std::string> line_;  // ids of those with something that waits, the longest first
  int64_t num_in_flight_ = 0;
  int64_t bytes_ = 0;
  absl::Duration pause_;
  absl::Time retry_time_ = absl::InfinitePast();
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CHECKPOINT_WRITE_BUFFER_H_
