// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_CLIENT_FAKE_SERVER_H_
#define RNNSERVE_TESTS_CLIENT_FAKE_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "client/cpp/client.h"
#include "rnnserve/v1/inference.pb.h"

namespace rnnserve::client {

// An rnnserve in this process whose models only add, for tests of the client library.
//
// Models, all of 2 features and with one state "adder/sum" of [2]:
//   "sums"    the running sum after every timestep, [time, 2]
//   "total"   the running sum after the last timestep, [2]
//   "silent"  never answers a step, and so never ends the stream that sent it
// It refuses a step that contains kBadFeature with FAILED_PRECONDITION, reason STATE_NONFINITE, and
// changes nothing. ListSessions returns pages of 2, and reports the session kSpilledId as spilled.
// It has no other checks of a real server, and sessions do not expire. Thread-safe.
class FakeServer {
 public:
  static constexpr float kBadFeature = 13;
  static constexpr char kSpilledId[] = "away";

  // Listens on a port that the kernel chose.
  FakeServer();
  // Ends every call.
  ~FakeServer();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  // Returns "127.0.0.1:port".
  const std::string& address() const { return address_; }

  // Returns a client of this server.
  std::unique_ptr<Client> Connect() const;

  // Returns the ids of the open sessions, sorted.
  std::vector<std::string> OpenSessions() const;

  // Waits until there are `count` open sessions. Returns false if that takes longer than 10 s.
  bool AwaitOpenSessions(size_t count) const;

  // Returns the metadata `x-session-id` of each unary call on a session so far; empty where it was
  // missing.
  std::vector<std::string> SessionIdKeys() const;

  // Makes the running streams send these notices, in a separate message, before they answer their
  // next message.
  void SendNoticesAtNextMessage(std::vector<v1::StreamNotice> notices);

  // Ends the running streams at their next message, as a draining server does.
  void EndStreamsAtNextMessage();

 private:
  class Sessions;
  class Inference;
  class Models;
  struct Running;

  const std::unique_ptr<Sessions> sessions_;
  const std::unique_ptr<Inference> inference_;
  const std::unique_ptr<Models> models_;
  std::unique_ptr<Running> running_;
  std::string address_;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_TESTS_CLIENT_FAKE_SERVER_H_
