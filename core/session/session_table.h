// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_SESSION_TABLE_H_
#define RNNSERVE_CORE_SESSION_SESSION_TABLE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_set.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/byte_budget.h"
#include "core/base/clock.h"
#include "core/session/session_host.h"
#include "core/session/session_index.h"
#include "core/session/session_lease.h"
#include "core/session/session_state.h"
#include "core/session/session_summary.h"
#include "core/session/session_watchers.h"
#include "core/session/sessions_by_model.h"
#include "core/session/tombstones.h"

namespace rnnserve {

// Every open session, by id. Bounded: by a number of sessions and by the bytes of their states. The
// states of one size lie in an arena, the sessions in a table; beside its state a session takes at
// most 256 bytes if its id is no longer than 39 characters; one that keeps replies takes those too,
// a durable one some 100 bytes more, and one that is watched some 60 for each watcher.
//
// A session is leased to one caller at a time; further callers wait in line, in the order in which
// they came, which is what keeps the steps of a session in order. Ended sessions leave a tombstone
// that tells later callers why; the oldest tombstones are forgotten first.
//
// Owns the sessions. Thread-safe. No callback runs under its lock, which is held for microseconds
// (where memory or a table grows, some 0.1 ms) whatever the number of sessions, but by LeaseEach.
// It is one lock: two threads that step sessions at random got no further with two stores. Must
// outlive its leases.
class SessionTable {
 public:
  struct Options {
    // Open sessions; one more is refused. Costs the state and about 200 bytes each.
    int64_t max_sessions = 100'000;
    // Bytes of all states together; a session beyond it is refused.
    int64_t max_state_bytes = int64_t{1} << 30;
    // Callers in line for one session; one more is refused. Bounds how far a client can run ahead.
    int64_t max_waiting = 1024;
    // Ended sessions that are remembered with their reason and epoch. Costs about 70 bytes each.
    // More: ids are used again later before an old writer may pass for a new one.
    int64_t max_tombstones = 65'536;
    // Bytes of the replies that all sessions keep for retries; a step beyond it is refused.
    int64_t max_reply_bytes = int64_t{256} << 20;
    // What a refused caller is told to wait.
    absl::Duration retry_delay = absl::Milliseconds(100);
    // How often ExpireIdle is called. A watcher is told of an expiry about so long before it at
    // least, unless that is more than half of the idle timeout.
    absl::Duration expiry_interval = absl::Milliseconds(250);
  };

  struct OpenRequest {
    std::string id;  // empty: a random one of 32 hexadecimal digits
    std::string model_name;
    std::shared_ptr<const Model> model;
    SessionState state;
    bool detached = true;
    absl::Duration idle_timeout = absl::InfiniteDuration();
    // The replies that are kept, in [1, ReplyWindow::kMaxSize].
    int reply_window = 1;
    // What a session that goes on from elsewhere begins with. Any other begins in this epoch or, if
    // that is more, in the one after the last of the session that ended under this id, as far as
    // that is remembered: whoever wrote to that one must not pass for a writer of this one.
    uint64_t version = 0;
    uint64_t epoch = 1;
    bool goes_on = false;
    std::vector<KeptReply> replies{};
    Durability durability = Durability::kNone;
    // Of a durable one: as whom it is written to the store of snapshots, and the changes of its
    // state that the store has seen.
    uint64_t nonce = 0;
    uint64_t revision = 0;
    // When its snapshot was written, at least: its time to live counts from then.
    absl::Time snapshot_time = absl::InfinitePast();
    // See PinnedModel.
    std::shared_ptr<SessionHost> host = nullptr;
  };

  // A session that nobody uses.
  struct IdleSession {
    std::string id;
    absl::Time last_use;
    int64_t state_bytes = 0;
  };

  using Usage = SessionsByModel::Usage;

  using LeaseCallback = absl::AnyInvocable<void(absl::StatusOr<SessionLease>)>;
  using LeaseAllCallback = absl::AnyInvocable<void(absl::StatusOr<std::vector<SessionLease>>)>;
  // Called for each session that ended, outside the lock.
  using EndCallback = std::function<void(const std::string& model_name, EndReason reason)>;

  SessionTable(const Clock& clock, EndCallback on_end, Options options);
  // REQUIRES: every lease is returned.
  ~SessionTable();
  SessionTable(const SessionTable&) = delete;
  SessionTable& operator=(const SessionTable&) = delete;

  // A session that is not in memory has ended: for Lease, and for who opens its id again. Does
  // nothing if a session of that id is open, or a later one is known to have ended.
  void NoteEnd(absl::string_view id, EndReason reason, uint64_t epoch);

  // Opens a session and returns its id. Errors, after which nothing has changed: ALREADY_EXISTS
  // (SESSION_EXISTS); RESOURCE_EXHAUSTED (SESSION_LIMIT, STATE_BYTES_LIMIT), with the bound, or
  // that the machine has no more memory. REQUIRES: the state is of the model, the idle timeout
  // above zero, and the replies of steps before the version, in their order.
  absl::StatusOr<std::string> Open(OpenRequest request);

  // The same, and the caller has the first lease: who calls the session already waits for it.
  absl::StatusOr<SessionLease> OpenLeased(OpenRequest request);

  // The store of snapshots has this version of the session, which is this revision, if it is open
  // in this epoch.
  void OnDurable(absl::string_view id, uint64_t epoch, uint64_t version, uint64_t revision);

  // Calls `callback` with a lease when it is this caller's turn: at once and on this thread if the
  // session is free (but after the callback of a lease that runs on this thread, if there is one),
  // else on the thread that returns it. Errors, through the callback: NOT_FOUND
  // (SESSION_UNKNOWN, or the reason of its end); RESOURCE_EXHAUSTED (SESSION_QUEUE_LIMIT).
  void Lease(absl::string_view id, LeaseCallback callback);

  // The lease of each of these sessions that is free now. None of those that somebody uses, or that
  // are not open: Lease is the way to these.
  std::vector<std::optional<SessionLease>> LeaseFree(absl::Span<const std::string> ids);

  // The leases of several sessions together, in the order of `ids`. It gets in line for all of them
  // at this moment, or, with the errors of Lease, for none; so two such calls cannot wait for each
  // other. If one of them ends meanwhile the callback gets its NOT_FOUND and no lease.
  // REQUIRES: at least one id, and none twice.
  void LeaseAll(absl::Span<const std::string> ids, LeaseAllCallback callback);

  // Gets in line for every session of a model, or for none if one line is full: RESOURCE_EXHAUSTED
  // (SESSION_QUEUE_LIMIT). `each` gets the leases one by one, on any thread, as they come; `done`
  // runs when it has got the last, and gets their number, without the sessions that ended.
  // It looks at every open session under the lock.
  void LeaseEach(absl::string_view model_name, std::function<void(SessionLease)> each,
                 absl::AnyInvocable<void(absl::StatusOr<int64_t>)> done);

  // Room for a reply of so many bytes, to be kept with it. RESOURCE_EXHAUSTED (REPLY_BYTES_LIMIT).
  absl::StatusOr<ByteBudget::Share> ReserveReply(int64_t bytes);

  // Up to `limit` sessions whose id is above `after`, in the order of ids. What is opened or ended
  // meanwhile may be missing or there.
  std::vector<SessionSummary> List(const SessionFilter& filter, absl::string_view after,
                                   int64_t limit) const;
  // A piece of that list, as of one moment: looks at the next few ids above `after` and appends
  // those that are listed. Returns the id that it has come to; nothing if there is none above.
  std::optional<std::string> ListSome(const SessionFilter& filter, absl::string_view after,
                                      std::vector<SessionSummary>& summaries) const;

  // The session, if it is open.
  std::optional<SessionSummary> Find(absl::string_view id) const;

  // Has the watcher told when the session ends, and when a tenth of its idle timeout is left (see
  // Options::expiry_interval): once each time that it idles so long. If it has ended already, the
  // watcher is told so at once, on this thread, as far as it is known why.
  void Watch(absl::string_view id, const std::shared_ptr<SessionWatcher>& watcher);
  // Takes that back. A session that is gone, or not watched by it, is all right.
  void Unwatch(absl::string_view id, const std::shared_ptr<SessionWatcher>& watcher);

  // Ends every session that is free and was not called for its idle timeout; says how many. Other
  // callers have their turn after every few.
  int64_t ExpireIdle();

  // Of the next `num_sessions` in the table those that are durable, free, not used for `min_idle`
  // and not expired. Each call goes on where the one before ended, and round and round, so that no
  // use of a session keeps an order: the idlest of many is near enough to the idlest of all, as
  // in caches that sample. Other callers have their turn after every few.
  std::vector<IdleSession> LookForIdle(int64_t num_sessions, absl::Duration min_idle);

  // A lease of the session, if it was not used since then and nobody uses it.
  std::optional<SessionLease> LeaseIdle(const IdleSession& session);

  // What the sessions of one model take; of one name those of each model that had it.
  Usage usage(absl::string_view model_name) const;
  // Of those that were opened with this very model alone.
  Usage usage(absl::string_view model_name, const Model& model) const;
  // What all sessions take.
  Usage usage() const;

  const Options& options() const { return options_; }

 private:
  friend class SessionLease;

  // Takes the session back and serves its line.
  void Return(Session& session, bool is_use);
  void End(Session& session, EndReason reason);
  // Whether nobody waited: then it is gone.
  bool Drop(Session& session);

  // Gives the session to the callers in line, one after another, until it does not come back before
  // its callback returns. If this thread is in a callback already, that comes first: whatever the
  // callbacks do, they are never nested. REQUIRES: this thread has set is_served of the session.
  void ServeLine(Session& session);
  void ServeOneLine(Session& session);
  // What ServeLine does if this thread is not in a callback.
  static void ServeLines();

  // The session, if it is open and one more caller may get in line for it.
  absl::StatusOr<Session*> FindWithRoomLocked(absl::string_view id) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status CheckRoomInLineLocked(const Session& session) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Puts a caller in line. Returns whether this thread must now serve it.
  bool EnqueueLocked(Session& session, LeaseCallback callback) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Puts a caller in each line; returns the sessions that this thread must now serve.
  std::vector<Session*> EnqueueAllLocked(absl::Span<Session* const> sessions,
                                         absl::FunctionRef<LeaseCallback(size_t)> make_callback)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // REQUIRES: nobody has a lease of the session.
  SessionLease LeaseLocked(Session& session, uint64_t version_on_arrival)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  absl::Status CheckRoomForLocked(const OpenRequest& request) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Null, and nothing has changed, if the machine has no more memory.
  Session* AddLocked(const OpenRequest& request, int64_t now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Looks at the next few sessions of the table; returns how many.
  int64_t LookForIdleLocked(int64_t num_sessions, int64_t used_before,
                            std::vector<IdleSession>& idle) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Returns the model of the session, which is gone unless it is served. Appends what its watchers
  // are to be told.
  SessionsOfModelPtr RemoveLocked(Session& session, const SessionNews::What& what,
                                  std::vector<SessionNews>& news)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The same, and why is remembered.
  SessionsOfModelPtr EndLocked(Session& session, EndReason reason, std::vector<SessionNews>& news)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Session::kNever: never.
  void ScheduleExpiryLocked(Session& session, int64_t check) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // When watchers are told of this expiry; the expiry itself if there are none.
  int64_t WarningBefore(int64_t expiry, const Session& session) const;
  // Looks at a few sessions that may have expired by now, or nearly; appends the models of those
  // that have. Returns whether there may be more.
  bool ExpireSomeLocked(int64_t now, std::vector<SessionsOfModelPtr>& expired,
                        std::vector<SessionNews>& news) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Nanoseconds from the clock's origin.
  int64_t Now() const { return absl::ToUnixNanos(clock_.Now()); }

  // Constant after construction.
  const Clock& clock_;
  const EndCallback on_end_;
  const Options options_;

  // Synchronises itself.
  ByteBudget reply_bytes_;

  // Guarded by mu_.
  mutable absl::Mutex mu_;
  SessionIndex sessions_ ABSL_GUARDED_BY(mu_);
  SessionsByModel models_ ABSL_GUARDED_BY(mu_);
  Tombstones tombstones_ ABSL_GUARDED_BY(mu_);
  SessionWatchers watchers_ ABSL_GUARDED_BY(mu_);
  // When to look at a session again, by its index in the table: not after it expires, but perhaps
  // before, because a use of the session does not move it, and because of who watches it.
  absl::btree_set<std::pair<int64_t, uint32_t>> expiry_order_ ABSL_GUARDED_BY(mu_);
  // Where LookForIdle goes on in the table.
  uint32_t next_look_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_SESSION_TABLE_H_
