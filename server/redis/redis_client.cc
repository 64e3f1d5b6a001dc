// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/redis/redis_client.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"

// One thread runs the client. It alone uses the connection, the breaker, the queue of commands to
// send and the list of commands in flight, so these need no lock. `mu_` guards what callers share
// with it: the inbox, the closing flag and the health. `mu_` is held only to push, swap or copy,
// never across a system call or a callback, and no other lock is taken under it, so it cannot take
// part in a deadlock. The thread waits only in poll, for the socket, the wake descriptor or the
// next event of the breaker. (Resolving a host name also blocks it; see RedisConnection::Connect.)
// A caller writes to the wake descriptor when it puts the first command into an empty inbox, and
// the thread takes the whole inbox after every poll, so no command is left behind. Callers never
// wait, except in AwaitGreeting and in the destructor, which joins the thread and so must not run
// on it. Callbacks run on the thread under no lock, so a callback may call Call again.

namespace rnnserve::server {
namespace {

// An upper bound on the memory that a command takes besides the bytes of its words.
constexpr int64_t kCommandBytes = 512;
constexpr absl::Duration kQueueRetryDelay = absl::Milliseconds(100);

int MakeWakeFd() {
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  // A server that is out of file descriptors cannot start anyway.
  if (fd < 0) std::abort();
  return fd;
}

int64_t BytesOf(const RedisClient::Command& command) {
  int64_t bytes = kCommandBytes;
  for (const std::string& word : command.words) bytes += static_cast<int64_t>(word.size());
  return bytes;
}

// Returns the timeout for poll, rounded up, so that poll does not time out before `time`.
int MillisecondsUntil(absl::Time time, absl::Time now) {
  if (time == absl::InfiniteFuture()) return -1;
  const absl::Duration left = std::max(time - now, absl::ZeroDuration());
  return static_cast<int>(absl::ToInt64Milliseconds(
      absl::Ceil(std::min(left, absl::Minutes(1)), absl::Milliseconds(1))));
}

absl::Status Closed() {
  return MakeError(absl::StatusCode::kCancelled, "STORE_CLOSED", "the store is being closed");
}

}  // namespace

RedisClient::RedisClient(const Clock& clock, Options options)
    : clock_(clock),
      options_(std::move(options)),
      wake_fd_(MakeWakeFd()),
      breaker_(options_.breaker),
      health_(StoreDown("the store has not been reached yet")) {
  thread_ = std::thread([this] { Run(); });
}

RedisClient::~RedisClient() {
  {
    absl::MutexLock lock(&mu_);
    is_closing_ = true;
  }
  Wake();
  thread_.join();
  close(wake_fd_);
}

void RedisClient::Call(Command command) {
  Pending pending;
  pending.bytes = BytesOf(command);
  pending.command = std::move(command);
  const int64_t waiting_bytes = waiting_bytes_.fetch_add(pending.bytes) + pending.bytes;
  if (waiting_bytes > options_.max_waiting_bytes) {
    // A refused command still goes to the thread, because all callbacks run there, but without its
    // words.
    waiting_bytes_.fetch_sub(pending.bytes);
    pending.bytes = 0;
    pending.command.words.clear();
    pending.is_refused = true;
  }
  bool was_empty = false;
  {
    absl::MutexLock lock(&mu_);
    was_empty = inbox_.empty();
    inbox_.push_back(std::move(pending));
  }
  if (was_empty) Wake();
}

absl::Status RedisClient::AwaitGreeting(absl::Duration timeout) const {
  absl::MutexLock lock(&mu_);
  mu_.AwaitWithTimeout(absl::Condition(&is_start_decided_), timeout);
  return health_;
}

absl::Status RedisClient::health() const {
  absl::MutexLock lock(&mu_);
  return health_;
}

void RedisClient::Wake() {
  const uint64_t one = 1;
  // The write fails only if the counter is full, and then the thread is awake anyway.
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof(one));
}

void RedisClient::Run() {
  while (TakeInbox()) {
    const absl::Time now = clock_.Now();
    Progress(now);
    WaitForEvents(now);
  }
  connection_.reset();
  FailAll(sent_, Closed());
  // A callback may add new commands.
  while (!queue_.empty() || !IsInboxEmpty()) {
    FailAll(queue_, Closed());
    TakeInbox();
  }
}

bool RedisClient::TakeInbox() {
  std::vector<Pending> inbox;
  bool is_closing = false;
  {
    absl::MutexLock lock(&mu_);
    inbox.swap(inbox_);
    is_closing = is_closing_;
  }
  for (Pending& pending : inbox) {
    if (pending.is_refused) {
      const std::string text =
          absl::StrCat("the commands that wait for the store would exceed the limit of ",
                       options_.max_waiting_bytes, " bytes");
      Finish(std::move(pending), ResourceExhausted("STORE_QUEUE_LIMIT", text, kQueueRetryDelay));
    } else {
      queue_.push_back(std::move(pending));
    }
  }
  return !is_closing;
}

bool RedisClient::IsInboxEmpty() const {
  absl::MutexLock lock(&mu_);
  return inbox_.empty();
}

void RedisClient::Progress(absl::Time now) {
  if (breaker_.CheckSilence(now)) {
    const std::string silence = absl::FormatDuration(options_.breaker.max_silence);
    Lose(StoreDown(absl::StrCat("the store did not answer within ", silence)), now);
  }
  // The loop ends because each failure brings the breaker closer to opening.
  while (connection_ == nullptr && breaker_.Allow(now)) Connect(now);
  if (breaker_.state() != CircuitBreaker::State::kClosed) {
    FailAll(queue_, health());
  } else if (connection_ != nullptr && !greeting_.has_value()) {
    FillPipeline(now);
  }
}

void RedisClient::Connect(absl::Time now) {
  absl::StatusOr<std::unique_ptr<RedisConnection>> made =
      RedisConnection::Connect(options_.address);
  if (!made.ok()) return Lose(made.status(), now);
  connection_ = *std::move(made);
  greeting_.emplace(options_.address, *connection_);
  breaker_.Sent(now);
}

void RedisClient::FillPipeline(absl::Time now) {
  while (!queue_.empty() && (sent_.empty() || sent_bytes_ < options_.max_pipeline_bytes)) {
    Pending pending = std::move(queue_.front());
    queue_.pop_front();
    Send(std::move(pending), now);
  }
  // The socket usually accepts everything at once, which saves a call of poll.
  if (connection_->wants_to_send()) HandleSocket(POLLOUT);
}

void RedisClient::Send(Pending pending, absl::Time now) {
  const Command& command = pending.command;
  std::vector<absl::string_view> words;
  if (command.script.has_value() && pending.needs_text) {
    words = {"EVAL", RedisScriptText(*command.script), "1"};
  } else if (command.script.has_value()) {
    words = {"EVALSHA", digests_[static_cast<size_t>(*command.script)], "1"};
  }
  words.insert(words.end(), command.words.begin(), command.words.end());
  connection_->Append(words);
  breaker_.Sent(now);
  sent_bytes_ += pending.bytes;
  sent_.push_back(std::move(pending));
}

void RedisClient::WaitForEvents(absl::Time now) {
  std::array<pollfd, 2> fds = {pollfd{wake_fd_, POLLIN, 0}, pollfd{-1, POLLIN, 0}};
  if (connection_ != nullptr) {
    fds[1].fd = connection_->fd();
    if (connection_->wants_to_send()) fds[1].events |= POLLOUT;
  }
  poll(fds.data(), fds.size(), MillisecondsUntil(breaker_.next_event(), now));
  if (fds[0].revents != 0) {
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t taken = read(wake_fd_, &count, sizeof(count));
  }
  if (fds[1].revents != 0) HandleSocket(fds[1].revents);
}

void RedisClient::HandleSocket(short events) {
  absl::Status status;
  // Send and Receive both report an error or the end of the connection.
  if ((events & (POLLOUT | POLLERR)) != 0) status = connection_->Send();
  if (status.ok() && (events & (POLLIN | POLLHUP)) != 0) {
    status = connection_->Receive([this](RedisReply reply) { HandleReply(std::move(reply)); });
    if (status.ok() && broken_.ok() && !greeting_.has_value()) {
      breaker_.Answered(clock_.Now(), !sent_.empty());
    }
  }
  if (status.ok()) status = broken_;
  if (!status.ok()) Lose(status, clock_.Now());
}

void RedisClient::HandleReply(RedisReply reply) {
  if (!broken_.ok()) return;
  if (greeting_.has_value()) return HandleGreeting(*reply);
  if (sent_.empty()) {
    broken_ = StoreDown("the store sent an answer without a question");
    return;
  }
  Pending pending = std::move(sent_.front());
  sent_.pop_front();
  sent_bytes_ -= pending.bytes;
  const std::string word = RedisErrorWord(*reply);
  if (word == "NOSCRIPT" && pending.command.script.has_value() && !pending.needs_text) {
    pending.needs_text = true;
    queue_.push_front(std::move(pending));
    return;
  }
  const absl::Status error = RedisReplyError(*reply);
  // Another server may be the master by now. The greeting of a new connection will find out.
  if (word == "READONLY") broken_ = error;
  if (error.ok()) {
    Finish(std::move(pending), std::move(reply));
  } else {
    Finish(std::move(pending), error);
  }
}

void RedisClient::HandleGreeting(const redisReply& reply) {
  broken_ = greeting_->Take(reply);
  if (!broken_.ok() || !greeting_->is_done()) return;
  digests_ = greeting_->digests();
  if (greeting_->run_id() != run_id_) {
    run_id_ = greeting_->run_id();
    num_servers_.fetch_add(1, std::memory_order_relaxed);
  }
  greeting_.reset();
  breaker_.Answered(clock_.Now(), /*is_more_awaited=*/false);
  SetHealth(absl::OkStatus());
}

void RedisClient::Lose(const absl::Status& cause, absl::Time now) {
  const bool is_open = breaker_.state() == CircuitBreaker::State::kOpen;
  connection_.reset();
  greeting_.reset();
  broken_ = absl::OkStatus();
  sent_bytes_ = 0;
  if (!is_open) breaker_.Failed(now);
  SetHealth(cause);
  const absl::Status down = StoreDown(cause.message());
  FailAll(sent_, down);
  if (breaker_.state() == CircuitBreaker::State::kOpen) FailAll(queue_, down);
}

void RedisClient::FailAll(std::deque<Pending>& pending, const absl::Status& status) {
  const absl::Status outcome =
      absl::IsFailedPrecondition(status) ? StoreDown(status.message()) : status;
  for (Pending& failed : std::exchange(pending, {})) Finish(std::move(failed), outcome);
}

void RedisClient::Finish(Pending pending, absl::StatusOr<RedisReply> outcome) {
  waiting_bytes_.fetch_sub(pending.bytes);
  std::move(pending.command.callback)(std::move(outcome));
}

void RedisClient::SetHealth(const absl::Status& health) {
  absl::MutexLock lock(&mu_);
  health_ = health;
  if (health.ok() || absl::IsFailedPrecondition(health)) is_start_decided_ = true;
}

}  // namespace rnnserve::server
