// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_SESSION_EXPIRY_H_
#define RNNSERVE_CORE_SESSION_SESSION_EXPIRY_H_

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/container/btree_set.h"
#include "absl/time/time.h"

namespace rnnserve {

struct Session;

// Decides when open sessions expire and when their watchers are warned. Keeps the times at which to
// look at each session, in order. Private to this folder.
//
// Using a session does not change its time, so a step costs nothing here. The price is that a
// session may be looked at before it expires, though never later than that; it then gets a new
// time.
//
// Times count nanoseconds from the clock's origin. Thread-compatible. Nothing fails.
class SessionExpiry {
 public:
  enum class Verdict {
    kNotYet,   // the session has been used since its time was set
    kWarn,     // it is about to expire, and its watchers should be told
    kExpired,  // it was idle for its idle timeout and should be ended
  };

  // Sessions that are due are looked at about once per `interval`; see
  // SessionTable::Options::expiry_interval.
  explicit SessionExpiry(absl::Duration interval) : interval_(absl::ToInt64Nanoseconds(interval)) {}
  SessionExpiry(const SessionExpiry&) = delete;
  SessionExpiry& operator=(const SessionExpiry&) = delete;

  // Adds a session whose last_use is set.
  void Add(Session& session);
  // Removes a session; does nothing if it has no time.
  void Remove(Session& session);
  // Records that the session now has watchers: gives it an earlier time if they could not be warned
  // otherwise.
  void OnWatched(Session& session);

  // Returns the index of the session with the earliest time, if that time has come.
  std::optional<uint32_t> NextDue(int64_t now) const;
  // Decides what happens to that session. Unless it has expired, gives it a new time. After kWarn,
  // that is the time when it expires, so that its watchers are warned only once while it is idle.
  Verdict Look(Session& session, int64_t now);

 private:
  // Sets the session's time; Session::kNever removes it.
  void SetTime(Session& session, int64_t time);
  // Returns when to warn of this expiry; the expiry itself if nobody watches the session.
  int64_t WarningBefore(int64_t expiry, const Session& session) const;

  const int64_t interval_;
  // Pairs of Session::expiry_check and the index of the session.
  absl::btree_set<std::pair<int64_t, uint32_t>> order_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_SESSION_EXPIRY_H_
