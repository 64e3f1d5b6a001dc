// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_SESSION_TABLE_H_
#define RNNSERVE_CORE_SESSION_SESSION_TABLE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/byte_budget.h"
#include "core/base/clock.h"
#include "core/session/idle_sampler.h"
#include "core/session/session_expiry.h"
#include "core/session/session_host.h"
#include "core/session/session_index.h"
#include "core/session/session_lease.h"
#include "core/session/session_state.h"
#include "core/session/session_summary.h"
#include "core/session/session_table_options.h"
#include "core/session/session_watchers.h"
#include "core/session/sessions_by_model.h"
#include "core/session/tombstones.h"

namespace rnnserve {

// All open sessions, by id. Bounded by the number of sessions and by the bytes of their states.
// States of the same size share an arena. Besides its state a session takes at most 256 bytes if
// its id has no more than 39 characters, plus the replies it keeps, some 100 bytes if it is
// durable, and some 60 for each of its watchers.
//
// A session is leased to one caller at a time. Further callers wait in line in the order in which
// they came, which keeps the steps of a session in order. A session that ends leaves a tombstone
// that tells later callers why it ended; the oldest tombstones are forgotten first.
//
// Owns the sessions. Thread-safe. No callback runs under its lock. The lock is held for
// microseconds (some 0.1 ms when memory or a hash table grows) whatever the number of sessions,
// except by LeaseEach. One lock is enough: two threads that stepped sessions at random were no
// faster with two tables. Must outlive its leases.
class SessionTable {
 public:
  using Options = SessionTableOptions;

  struct OpenRequest {
    std::string id;  // empty: a random one of 32 hexadecimal digits
    std::string model_name;
    std::shared_ptr<const Model> model;
    SessionState state;
    bool detached = true;
    absl::Duration idle_timeout = absl::InfiniteDuration();
    // How many replies the session keeps, in [1, ReplyWindow::kMaxSize].
    int reply_window = 1;
    // Where the session begins. If `goes_on`, it continues from elsewhere, in exactly this epoch.
    // Otherwise it begins in `epoch`, or one epoch after the session that last ended under this id,
    // whichever is later, so that a writer of the old session cannot pass for a writer of the new
    // one. This holds for as long as the table remembers the old session.
    uint64_t version = 0;
    uint64_t epoch = 1;
    bool goes_on = false;
    std::vector<KeptReply> replies{};
    Durability durability = Durability::kNone;
    // For a durable session: the nonce of the owner that writes it to the snapshot store, and the
    // revision of its state that the store has.
    uint64_t nonce = 0;
    uint64_t revision = 0;
    // The snapshot of that revision was written no earlier than this; its time to live counts from
    // the write.
    absl::Time snapshot_time = absl::InfinitePast();
    // See PinnedModel.
    std::shared_ptr<SessionHost> host = nullptr;
  };

  using IdleSession = ::rnnserve::IdleSession;
  using Usage = SessionsByModel::Usage;

  using LeaseCallback = absl::AnyInvocable<void(absl::StatusOr<SessionLease>)>;
  using LeaseAllCallback = absl::AnyInvocable<void(absl::StatusOr<std::vector<SessionLease>>)>;
  // Called for each session that ended, outside the lock.
  using EndCallback = std::function<void(const std::string& model_name, EndReason reason)>;

  SessionTable(const Clock& clock, EndCallback on_end, Options options);
  // REQUIRES: every lease has been returned.
  ~SessionTable();
  SessionTable(const SessionTable&) = delete;
  SessionTable& operator=(const SessionTable&) = delete;

  // Records that a session not in memory has ended, so that Lease and a later Open of the id see
  // it. Does nothing if a session of that id is open, or if an end in the same or a later epoch is
  // known already.
  void NoteEnd(absl::string_view id, EndReason reason, uint64_t epoch);

  // Opens a session and returns its id. Errors, after which nothing has changed: ALREADY_EXISTS
  // (SESSION_EXISTS); RESOURCE_EXHAUSTED (SESSION_LIMIT), with the bound; RESOURCE_EXHAUSTED
  // (STATE_BYTES_LIMIT), with the bound or saying that the machine has no more memory. REQUIRES:
  // the state belongs to the model, the idle timeout is above zero, and the replies answer steps
  // before `version`, in the order of the steps.
  absl::StatusOr<std::string> Open(OpenRequest request);

  // Opens a session, as Open does, and returns its first lease. Callers that come before the lease
  // is returned wait in line.
  absl::StatusOr<SessionLease> OpenLeased(OpenRequest request);

  // Records that the snapshot store has this version of the session, which is this revision. Does
  // nothing unless the session is open in this epoch.
  void OnDurable(absl::string_view id, uint64_t epoch, uint64_t version, uint64_t revision);

  // Calls `callback` with a lease when it is this caller's turn. If the session is free, calls it
  // at once on this thread; if this thread is running the callback of another lease, right after
  // that one returns. If the session is in use, the thread that returns its lease calls `callback`.
  // Errors, through the callback: NOT_FOUND (SESSION_UNKNOWN, or why it ended);
  // RESOURCE_EXHAUSTED (SESSION_QUEUE_LIMIT).
  void Lease(absl::string_view id, LeaseCallback callback);

  // Returns, for each id, a lease if the session is open and free now. Use Lease for the others.
  std::vector<std::optional<SessionLease>> LeaseFree(absl::Span<const std::string> ids);

  // Calls `callback` with the leases of several sessions together, in the order of `ids`. Gets in
  // line for all sessions at the same moment, so two such calls cannot deadlock. If that is not
  // possible for one of them, gets in line for none, and the callback gets the error that Lease
  // would give. If a session ends before its turn comes, the callback gets its NOT_FOUND and no
  // lease. REQUIRES: at least one id, and no id twice.
  void LeaseAll(absl::Span<const std::string> ids, LeaseAllCallback callback);

  // Gets in line for every session of a model. If one line is full, gets in line for none and fails
  // with RESOURCE_EXHAUSTED (SESSION_QUEUE_LIMIT). Calls `each` with each lease when its turn
  // comes, on any thread, and `done` after the last with the number of leases; sessions that ended
  // before their turn do not count. Visits every open session under the lock.
  void LeaseEach(absl::string_view model_name, std::function<void(SessionLease)> each,
                 absl::AnyInvocable<void(absl::StatusOr<int64_t>)> done);

  // Reserves `bytes` for a reply that a session keeps; the reply holds the share. Errors:
  // RESOURCE_EXHAUSTED (REPLY_BYTES_LIMIT).
  absl::StatusOr<ByteBudget::Share> ReserveReply(int64_t bytes);

  // Returns up to `limit` sessions whose id is above `after`, in the order of ids. Sessions that
  // are opened or ended during the call may or may not be listed.
  std::vector<SessionSummary> List(const SessionFilter& filter, absl::string_view after,
                                   int64_t limit) const;
  // Lists a few sessions, all as of the same moment: looks at the next few ids above `after` and
  // appends the sessions that pass the filter. Returns the last id that it looked at; nothing at
  // the end of the list.
  std::optional<std::string> ListSome(const SessionFilter& filter, absl::string_view after,
                                      std::vector<SessionSummary>& summaries) const;

  // Returns the session if it is open.
  std::optional<SessionSummary> Find(absl::string_view id) const;

  // Tells the watcher when the session ends. Also warns it, once in each idle period, when only a
  // tenth of the idle timeout is left (see Options::expiry_interval). If the session has ended
  // already and the reason is still known, tells the watcher at once, on this thread.
  void Watch(absl::string_view id, const std::shared_ptr<SessionWatcher>& watcher);
  // Undoes Watch. Does nothing if the session is gone or this watcher does not watch it.
  void Unwatch(absl::string_view id, const std::shared_ptr<SessionWatcher>& watcher);

  // Ends every session that is free and has been idle for its idle timeout. Returns how many.
  // Releases the lock after every few sessions.
  int64_t ExpireIdle();

  // Looks at the next `num_sessions` sessions and returns those that are durable, free, not used
  // for `min_idle` and not expired. Each call continues where the last one ended and starts over at
  // the end (see IdleSampler). Releases the lock after every few sessions.
  std::vector<IdleSession> LookForIdle(int64_t num_sessions, absl::Duration min_idle);

  // Returns a lease of the session if nobody uses it and it has not been used since LookForIdle.
  std::optional<SessionLease> LeaseIdle(const IdleSession& session);

  // Returns the number of sessions of a model name and the bytes of their states, whichever models
  // have had the name.
  Usage usage(absl::string_view model_name) const;
  // Returns the same for the sessions that were opened with this very model.
  Usage usage(absl::string_view model_name, const Model& model) const;
  // Returns the same for all sessions.
  Usage usage() const;

  const Options& options() const { return options_; }

 private:
  friend class LineServer;
  friend class SessionLease;

  // Takes a lease back and serves the session's line.
  void Return(Session& session, bool is_use);
  void End(Session& session, EndReason reason);
  // Removes the session unless somebody waits for it. Returns whether it is gone.
  bool Drop(Session& session);

  // Leases the session to its waiting callers one after another, until a callback returns and its
  // lease has not come back. REQUIRES: this thread serves the line.
  void ServeLine(Session& session);

  // Returns the session if it is open and one more caller may get in line for it.
  absl::StatusOr<Session*> FindWithRoomLocked(absl::string_view id) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status CheckRoomInLineLocked(const Session& session) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Puts a caller in line. Returns whether this thread must now serve it.
  bool EnqueueLocked(Session& session, LeaseCallback callback) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Puts a caller in each line. Returns the sessions that this thread must now serve.
  std::vector<Session*> EnqueueAllLocked(absl::Span<Session* const> sessions,
                                         absl::FunctionRef<LeaseCallback(size_t)> make_callback)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // REQUIRES: nobody has a lease of the session.
  SessionLease LeaseLocked(Session& session, uint64_t version_on_arrival)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  absl::Status CheckRoomForLocked(const OpenRequest& request) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Returns null, and nothing has changed, if the machine has no more memory.
  Session* AddLocked(const OpenRequest& request, int64_t now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Removes the session from the table; its record stays while a thread serves its line. Appends
  // the news for its watchers. Returns the session's model, for the caller to release after it has
  // released the lock.
  SessionsOfModelPtr RemoveLocked(Session& session, const SessionNews::What& what,
                                  std::vector<SessionNews>& news)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Removes the session, as RemoveLocked does, and leaves a tombstone.
  SessionsOfModelPtr EndLocked(Session& session, EndReason reason, std::vector<SessionNews>& news)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Looks at a few sessions that are due. Appends the models of those that have expired, and the
  // news for watchers. Returns whether more may be due.
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
  SessionExpiry expiry_ ABSL_GUARDED_BY(mu_);
  IdleSampler idle_sampler_ ABSL_GUARDED_BY(mu_);
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_SESSION_TABLE_H_
