// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/simulation.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "core/snapshot/snapshot.h"

namespace rnnserve::testing {
namespace {

constexpr absl::Duration kIdleTimeout = absl::Minutes(5);
// Every writer must have finished after this number of rounds without faults.
constexpr int kMaxHealRounds = 400;
// While the store does not answer, only one drain in this number takes place, because the engine
// then waits for the store in real time.
constexpr uint64_t kHopelessDrains = 500;

const char* NameOf(StoreCall::Kind kind) {
  switch (kind) {
    case StoreCall::Kind::kWrite:
      return "write";
    case StoreCall::Kind::kClaim:
      return "claim";
    case StoreCall::Kind::kRead:
      return "read";
    case StoreCall::Kind::kRemove:
      return "remove";
    case StoreCall::Kind::kQuarantine:
      return "quarantine";
  }
  return "";
}

int CountOf(Dice& dice, int most) { return dice.Percent(50) ? 1 : dice.Between(1, most); }

}  // namespace

template <typename... Parts>
void Simulation::Log(const Parts&... parts) {
  ++result_.num_events;
  if (with_log_) absl::StrAppend(&result_.log, result_.num_events, " ", parts..., "\n");
}

Simulation::Result Simulation::Run(uint64_t seed, bool with_log) {
  Simulation simulation(seed, with_log);
  simulation.RunAll();
  return std::move(simulation.result_);
}

Simulation::Simulation(uint64_t seed, bool with_log) : dice_(seed), with_log_(with_log) {
  if (dice_.Percent(60)) faults_.drop_percent = dice_.Between(1, 20);
  if (dice_.Percent(60)) faults_.duplicate_percent = dice_.Between(1, 20);
  faults_.crashes = dice_.Percent(50);
  faults_.pauses = dice_.Percent(50);
  faults_.drains = dice_.Percent(40);
  faults_.store_fails = dice_.Percent(50);
  faults_.store_hangs = dice_.Percent(30);
  faults_.store_forgets = dice_.Percent(15);
  faults_.clock_jumps = dice_.Percent(30);
  replica_options_.checkpoint_steps = dice_.Between(1, 4);
  // With every second seed, steps have two inputs and two outputs.
  replica_options_.is_by_name = seed % 2 == 0;

  const int num_replicas = dice_.Between(2, 3);
  const int num_sessions = CountOf(dice_, 4);
  for (int session = 0; session < num_sessions; ++session) {
    const int mode = dice_.Between(0, 6);
    durability_.push_back(mode == 0   ? Durability::kNone
                          : mode <= 3 ? Durability::kAsync
                                      : Durability::kSync);
    windows_.push_back(CountOf(dice_, 3));
  }
  // With every third seed, memory is short and sessions are spilled. Sessions that are not durable
  // cannot be spilled, so there is room for all of them and one more.
  if (seed % 3 == 0) {
    replica_options_.max_sessions =
        1 + std::count(durability_.begin(), durability_.end(), Durability::kNone);
  }
  oracle_ = std::make_unique<Oracle>(durability_);
  for (int session = 0; session < num_sessions; ++session) {
    const auto i = static_cast<size_t>(session);
    // A session without durability may be opened again under its id, and then begins in epoch 1
    // again. Two writers could have the same epoch, so there is only one writer.
    const int num_writers = durability_[i] == Durability::kNone ? 1 : CountOf(dice_, 3);
    const int home = dice_.Between(0, num_replicas - 1);
    for (int writer = 0; writer < num_writers; ++writer) {
      writers_.emplace_back(
          Writer::Options{session, writer, num_replicas, home, dice_.Between(1, 6), windows_[i],
                          durability_[i], writer == 0},
          dice_, *oracle_);
    }
  }
  servers_.resize(static_cast<size_t>(num_replicas));
  for (size_t i = 0; i < servers_.size(); ++i) Start(i);
}

void Simulation::RunAll() {
  const int num_events = dice_.Between(30, 120);
  for (int i = 0; i < num_events && oracle_->breach().empty(); ++i) DoSomething();
  is_healing_ = true;
  is_store_down_ = false;
  is_store_hanging_ = false;
  Log("all faults end");
  int num_rounds = 0;
  while (!IsFinished() && oracle_->breach().empty()) {
    if (++num_rounds > kMaxHealRounds) oracle_->Report("a writer does not finish");
    Heal();
  }
  for (size_t i = 0; i < servers_.size(); ++i) Crash(i);
  result_.breach = oracle_->breach();
  Log("end: ", result_.breach);
}

void Simulation::DoSomething() {
  const int choice = dice_.Between(1, 100);
  if (choice <= 40) {
    if (!messages_.empty()) DeliverMessage(Pick(messages_.size()), dice_.Percent(15));
  } else if (choice <= 62) {
    ActWriter(writers_[Pick(writers_.size())]);
  } else if (choice <= 86) {
    MoveStoreCall();
  } else if (choice <= 92) {
    clock_.Advance(absl::Milliseconds(dice_.Between(1, 700)));
    Server& server = servers_[Pick(servers_.size())];
    if (server.replica != nullptr && !server.is_paused) Tick(server);
  } else {
    DoFault();
  }
}

void Simulation::DoFault() {
  const size_t i = Pick(servers_.size());
  Server& server = servers_[i];
  switch (dice_.Between(0, 6)) {
    case 0:
      if (server.replica == nullptr) {
        Start(i);
      } else if (faults_.crashes) {
        Log("crash r", i);
        Crash(i);
      }
      break;
    case 1:
      if (server.is_paused) Log("resume r", i);
      if (!server.is_paused && faults_.pauses) Log("pause r", i);
      server.is_paused = !server.is_paused && faults_.pauses;
      break;
    case 2:
      if (server.replica == nullptr) {
        Start(i);
      } else if (server.is_draining) {
        EndDrain(i);
      } else if (faults_.drains && !server.is_paused) {
        BeginDrain(i);
      }
      break;
    case 3:
      is_store_down_ = !is_store_down_ && faults_.store_fails;
      Log("the store ", is_store_down_ ? "fails" : "works");
      break;
    case 4:
      is_store_hanging_ = !is_store_hanging_ && faults_.store_hangs;
      Log("the store ", is_store_hanging_ ? "hangs" : "answers");
      break;
    case 5:
      if (faults_.store_forgets && dice_.Percent(50)) {
        const int num_changes = dice_.Between(1, 4);
        Log("the store loses ", num_changes);
        store_.LoseLastChanges(num_changes);
        oracle_->OnStoreLost();
      }
      break;
    case 6:
      if (faults_.clock_jumps) {
        const absl::Duration jumps[] = {absl::Seconds(1), absl::Seconds(30), absl::Minutes(2),
                                        absl::Minutes(6), absl::Minutes(20)};
        const absl::Duration jump = jumps[dice_.Percent(80) ? Pick(4) : 4];
        Log("the clock jumps by ", absl::FormatDuration(jump));
        clock_.Advance(jump);
      }
      break;
  }
}

void Simulation::Heal() {
  for (size_t i = 0; i < servers_.size(); ++i) {
    servers_[i].is_paused = false;
    if (servers_[i].is_draining) EndDrain(i);
    if (servers_[i].replica == nullptr) Start(i);
  }
  ReviveStopped();
  for (Writer& writer : writers_) ActWriter(writer);
  for (size_t count = messages_.size(); count > 0; --count) DeliverMessage(0, false);
  for (int i = 0; i < 100 && MoveStoreCall(); ++i) continue;
  clock_.Advance(absl::Milliseconds(300));
  for (Server& server : servers_) Tick(server);
}

bool Simulation::IsFinished() const {
  for (const Writer& writer : writers_) {
    if (!writer.is_finished() && !writer.is_stopped()) return false;
  }
  // A stopped writer must continue unless another writer of its session has finished.
  for (const Writer& writer : writers_) {
    bool has_finished = writer.is_finished();
    for (const Writer& other : writers_) {
      has_finished |= other.session() == writer.session() && other.is_finished();
    }
    if (!has_finished) return false;
  }
  return true;
}

void Simulation::ReviveStopped() {
  for (Writer& writer : writers_) {
    bool has_active = false;
    for (const Writer& other : writers_) {
      has_active |= other.session() == writer.session() && !other.is_stopped();
    }
    if (!has_active) writer.TakeOver();
  }
}

void Simulation::ActWriter(Writer& writer) {
  if (writer.is_stopped() && dice_.Percent(10)) writer.TakeOver();
  for (const Request& request : writer.Act()) Send(request);
}

void Simulation::Send(Message message) {
  const bool is_dropped = !is_healing_ && dice_.Percent(faults_.drop_percent);
  const bool is_repeated = !is_healing_ && dice_.Percent(faults_.duplicate_percent);
  std::visit(
      [&](const auto& content) {
        Log(is_dropped ? "lost: " : is_repeated ? "sent twice: " : "sent: ", Text(content));
      },
      message);
  if (is_dropped) return;
  if (is_repeated) messages_.push_back(message);
  messages_.push_back(std::move(message));
}

void Simulation::DeliverMessage(size_t i, bool may_batch) {
  const Message message = std::move(messages_[i]);
  messages_.erase(messages_.begin() + static_cast<std::ptrdiff_t>(i));
  if (const auto* reply = std::get_if<Reply>(&message)) return DeliverReply(*reply);
  DeliverRequest(std::get<Request>(message), may_batch);
}

void Simulation::DeliverRequest(Request request, bool may_batch) {
  Server& server = servers_[static_cast<size_t>(request.replica)];
  if (server.is_paused) {
    messages_.push_back(request);
    return;
  }
  if (server.replica == nullptr) return Log("refused: ", Text(request));
  std::vector<Request> requests = {request};
  // All other requests in flight to the same replica arrive at the same moment.
  for (size_t i = 0; may_batch && i < messages_.size();) {
    const auto* other = std::get_if<Request>(&messages_[i]);
    if (other == nullptr || other->replica != request.replica) {
      ++i;
      continue;
    }
    requests.push_back(*other);
    messages_.erase(messages_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  for (Request& each : requests) {
    each.arrival = ++num_arrivals_;
    each.was_created = oracle_->was_created(each.session);
    Log("arrived: ", Text(each));
    if (each.kind == Request::Kind::kStep) {
      oracle_->OnStepDelivered(server.replica->incarnation(), each);
    }
  }
  server.replica->Handle(requests, durability_, windows_);
  Collect(server);
}

void Simulation::Collect(Server& server) {
  for (const Reply& reply : server.replica->TakeReplies()) {
    oracle_->OnReply(reply);
    if (reply.status.ok()) {
      last_use_[{reply.incarnation, reply.request.session}] = clock_.Now();
      if (reply.request.kind == Request::Kind::kOpen) {
        opened_at_[reply.request.session] = reply.incarnation;
      }
    }
    Reply sent = reply;
    sent.may_be_gone = MayBeGone(reply);
    Send(std::move(sent));
  }
}

void Simulation::DeliverReply(const Reply& reply) {
  ++result_.num_replies;
  Log("heard: ", Text(reply));
  for (Writer& writer : writers_) {
    const bool is_his =
        writer.session() == reply.request.session && writer.writer() == reply.request.writer;
    if (is_his) writer.OnReply(reply);
  }
}

bool Simulation::MayBeGone(const Reply& reply) const {
  const int session = reply.request.session;
  if (durability_[static_cast<size_t>(session)] != Durability::kNone) {
    return oracle_->MayBeForgotten(session, clock_.Now());
  }
  const auto opened = opened_at_.find(session);
  if (opened == opened_at_.end() || opened->second != reply.incarnation) return true;
  const auto used = last_use_.find({reply.incarnation, session});
  return clock_.Now() - used->second >= kIdleTimeout;
}

StoreFate Simulation::ThrowFate() {
  if (is_healing_ || !is_store_down_) return StoreFate::kDone;
  return dice_.Percent(75) ? StoreFate::kFailed : StoreFate::kAnswerLost;
}

void Simulation::Carry(uint64_t incarnation, StoreCall& call, StoreFate fate) {
  const std::optional<StoredSnapshot> before = store_.Peek(call.session_id);
  const std::string outcome = TakeEffect(call, fate, store_);
  const std::optional<StoredSnapshot> after = store_.Peek(call.session_id);
  Log("store, for start ", incarnation, ": ", NameOf(call.kind), " ", call.session_id, " epoch ",
      call.fence.epoch, " revision ", call.fence.version, " -> ", outcome);
  oracle_->OnStored(incarnation, call, before, after, clock_.Now());
}

bool Simulation::MoveStoreCall() {
  if (is_store_hanging_) return false;
  if (!late_calls_.empty() && (is_healing_ || dice_.Percent(30))) {
    const size_t i = Pick(late_calls_.size());
    LateCall late = std::move(late_calls_[i]);
    late_calls_.erase(late_calls_.begin() + static_cast<std::ptrdiff_t>(i));
    // A call that was in flight when its replica crashed may or may not reach the store.
    if (dice_.Percent(60)) Carry(late.incarnation, late.call, ThrowFate());
    return true;
  }
  std::vector<Server*> busy;
  for (Server& server : servers_) {
    if (server.replica != nullptr && server.replica->link().size() > 0) busy.push_back(&server);
  }
  if (busy.empty()) return false;
  Server& server = *busy[Pick(busy.size())];
  StoreLink& link = server.replica->link();
  const size_t i = Pick(link.size());
  StoreCall& call = link.at(i);
  if (!call.outcome.has_value()) {
    Carry(server.replica->incarnation(), call, ThrowFate());
    if (!is_healing_ && dice_.Percent(25)) return true;
  }
  if (server.is_paused) return true;
  Log("r", &server - servers_.data(), " gets the answer of ", NameOf(call.kind), " ",
      call.session_id);
  link.Answer(i);
  server.replica->Settle();
  Collect(server);
  return true;
}

void Simulation::Start(size_t i) {
  Log("start r", i, " as ", num_starts_ + 1);
  servers_[i] = {std::make_unique<Replica>(clock_, ++num_starts_, replica_options_), false, false};
}

void Simulation::Crash(size_t i) {
  Server& server = servers_[i];
  if (server.replica == nullptr) return;
  const uint64_t incarnation = server.replica->incarnation();
  for (StoreCall& call : server.replica->Cut()) {
    late_calls_.push_back({incarnation, std::move(call)});
  }
  server = {};
}

void Simulation::Flush(Server& server) {
  Replica& replica = *server.replica;
  // Calls that the flush makes are carried out at once. The calls already in flight come first.
  while (replica.link().size() > 0) {
    StoreCall& call = replica.link().at(0);
    if (!call.outcome.has_value()) Carry(replica.incarnation(), call, StoreFate::kDone);
    replica.link().Answer(0);
    replica.Settle();
  }
  // Skip the pause that the engine makes after a failure of the store.
  clock_.Advance(absl::Seconds(1));
  replica.link().CarryAtOnce(
      [this, &replica](StoreCall& call) { Carry(replica.incarnation(), call, StoreFate::kDone); });
  const bool is_stored = replica.engine().FlushCheckpoints(absl::ZeroDuration());
  replica.link().CarryAtOnce(nullptr);
  replica.Settle();
  Collect(server);
  Log("flushed r", &server - servers_.data(), ": ", is_stored);
  if (is_stored) CheckDrained(server);
}

void Simulation::CheckDrained(Server& server) {
  const auto sessions = server.replica->engine().ListSessions({}, "", 100);
  for (const SessionSummary& summary : *sessions) {
    if (summary.durability == Durability::kNone) continue;
    oracle_->OnDrained(std::atoi(summary.id.c_str() + 1), summary.epoch, summary.version,
                       store_.Peek(summary.id));
  }
}

void Simulation::BeginDrain(size_t i) {
  Server& server = servers_[i];
  const bool is_hopeless = is_store_down_ || is_store_hanging_;
  if (is_hopeless && dice_.Below(kHopelessDrains) != 0) return;
  Log("drain r", i);
  server.is_draining = true;
  if (is_hopeless) {
    server.replica->engine().FlushCheckpoints(absl::ZeroDuration());
    server.replica->Settle();
    Collect(server);
  } else {
    Flush(server);
  }
}

void Simulation::EndDrain(size_t i) {
  Server& server = servers_[i];
  if (!is_store_down_ && !is_store_hanging_) {
    Flush(server);
    server.replica->engine().StartDraining();
    server.replica->engine().WaitUntilIdle(absl::ZeroDuration());
    Flush(server);
  }
  Log("stopped r", i);
  Crash(i);
}

void Simulation::Tick(Server& server) {
  Engine& engine = server.replica->engine();
  engine.TickCheckpoints();
  const absl::Duration oldest = engine.checkpoint_load().oldest_change;
  if (oldest >= absl::Seconds(1)) {
    oracle_->Report(absl::StrCat("a change waits for ", absl::FormatDuration(oldest),
                                 " after a tick that had to write it"));
  }
  engine.ExpireIdleSessions();
  server.replica->Settle();
  Collect(server);
}

}  // namespace rnnserve::testing
