// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests the notices of streams, from real servers that share a real Redis: a session that is about
// to expire and then does, a session that is evicted or taken over, and a server that is stopped
// and hands out resume tokens for its sessions.

#include <map>

#include "absl/strings/str_cat.h"
#include "client/cpp/client.h"
#include "tests/integration/served_models.h"
#include "tests/integration/shared_redis.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

std::unique_ptr<grpc::ClientContext> Context() {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  return context;
}

// One stream to a server. Sends an action and waits for its result. Keeps the notices that arrive
// in the meantime.
class NoticeStream {
 public:
  explicit NoticeStream(v1::InferenceService::Stub& stub)
      : context_(Context()), stream_(stub.Stream(context_.get())) {}

  v1::StreamResult Do(v1::StreamAction action) {
    const uint64_t tag = next_tag_++;
    action.set_tag(tag);
    v1::StreamRequest request;
    *request.add_actions() = std::move(action);
    EXPECT_TRUE(stream_->Write(request));
    while (!results_.contains(tag) && ReadOne()) continue;
    EXPECT_TRUE(results_.contains(tag));
    return results_[tag];
  }
  void Open(const std::string& id, bool detached = true) {
    v1::StreamAction action;
    action.mutable_open()->set_model(kSunspots);
    action.mutable_open()->set_session_id(id);
    action.mutable_open()->set_detached(detached);
    EXPECT_TRUE(Do(action).has_open());
  }
  v1::StreamResult Step(const std::string& id, uint64_t index, float value) {
    v1::StreamAction action;
    action.mutable_step()->set_session_id(id);
    action.mutable_step()->set_step_index(index);
    *action.mutable_step()->mutable_input() = Floats({1, 1}, {value});
    return Do(action);
  }
  void Close(const std::string& id) {
    v1::StreamAction action;
    action.mutable_close()->set_session_id(id);
    EXPECT_TRUE(Do(action).has_close());
  }

  // Returns the oldest notice that has not been taken yet. Waits if there is none.
  v1::StreamNotice Take() {
    while (notices_.empty() && ReadOne()) continue;
    if (notices_.empty()) return {};
    v1::StreamNotice notice = notices_.front();
    notices_.erase(notices_.begin());
    return notice;
  }
  // Returns the notices that arrive until the stream ends.
  std::vector<v1::StreamNotice> TakeAll() {
    while (ReadOne()) continue;
    return std::move(notices_);
  }
  grpc::Status Finish() { return stream_->Finish(); }
  void HalfClose() { stream_->WritesDone(); }

 private:
  bool ReadOne() {
    v1::StreamResponse response;
    if (!stream_->Read(&response)) return false;
    for (const v1::StreamResult& result : response.results()) results_[result.tag()] = result;
    notices_.insert(notices_.end(), response.notices().begin(), response.notices().end());
    return true;
  }

  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::StreamRequest, v1::StreamResponse>> stream_;
  uint64_t next_tag_ = 0;
  std::map<uint64_t, v1::StreamResult> results_;
  std::vector<v1::StreamNotice> notices_;
};

// A server and a connection to it.
struct Replica {
  explicit Replica(std::unique_ptr<ServerProcess> process)
      : server(std::move(process)),
        stub(v1::InferenceService::NewStub(
            grpc::CreateChannel(server->grpc_address(), grpc::InsecureChannelCredentials()))) {}

  grpc::Status Attach(const std::string& id, const std::string& token,
                      v1::AttachSessionResponse* response) {
    v1::AttachSessionRequest request;
    request.set_session_id(id);
    request.set_resume_token(token);
    return stub->AttachSession(Context().get(), request, response);
  }

  std::unique_ptr<ServerProcess> server;
  std::unique_ptr<v1::InferenceService::Stub> stub;
};

class NoticesTest : public SharedRedisTest {
 protected:
  Replica Start(const std::vector<std::string>& more = {}) { return Replica(StartServer(more)); }
};

TEST_F(NoticesTest, AnIdleSessionIsAnnouncedAsExpiringAndThenAsExpired) {
  Replica a = Start({"--session-idle-timeout-ms", "2000"});
  NoticeStream stream(*a.stub);
  stream.Open("s");

  const v1::StreamNotice first = stream.Take();
  const v1::StreamNotice second = stream.Take();

  EXPECT_EQ(first.session_id(), "s");
  ASSERT_TRUE(first.has_expiring()) << first.ShortDebugString();
  EXPECT_GE(first.expiring().remaining_ms(), 0);
  EXPECT_LE(first.expiring().remaining_ms(), 500);
  EXPECT_EQ(second.ended().reason(), "SESSION_EXPIRED");
  EXPECT_EQ(a.server->Stop(), 0);
}

TEST_F(NoticesTest, AnEvictionIsToldToEveryStreamThatUsesTheSession) {
  Replica a = Start();
  NoticeStream opener(*a.stub);
  NoticeStream stepper(*a.stub);
  NoticeStream stranger(*a.stub);
  opener.Open("s");
  ASSERT_TRUE(stepper.Step("s", 0, 0.5f).has_step());
  stranger.Open("other");

  v1::EvictSessionRequest evict;
  evict.set_session_id("s");
  v1::EvictSessionResponse evicted;
  ASSERT_TRUE(a.stub->EvictSession(Context().get(), evict, &evicted).ok());

  EXPECT_EQ(opener.Take().ended().reason(), "SESSION_EVICTED");
  EXPECT_EQ(stepper.Take().ended().reason(), "SESSION_EVICTED");
  stranger.HalfClose();
  EXPECT_THAT(stranger.TakeAll(), IsEmpty());
}

TEST_F(NoticesTest, AStreamIsNotToldOfItsOwnActions) {
  Replica a = Start();
  NoticeStream stream(*a.stub);
  stream.Open("closed");
  stream.Open("bound", false);
  ASSERT_TRUE(stream.Step("closed", 0, 0.5f).has_step());

  stream.Close("closed");
  stream.HalfClose();

  EXPECT_THAT(stream.TakeAll(), IsEmpty());
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(NoticesTest, ASessionThatAnotherServerTookOverIsToldAsMoved) {
  Replica a = Start();
  Replica b = Start();
  NoticeStream stream(*a.stub);
  stream.Open("s");
  ASSERT_TRUE(stream.Step("s", 0, 0.5f).has_step());
  NoticeStream taker(*b.stub);
  v1::StreamAction attach;
  attach.mutable_attach()->set_session_id("s");
  ASSERT_TRUE(taker.Do(attach).has_attach());

  // The old server finds out with its next checkpoint.
  const v1::StreamNotice notice = stream.Take();

  EXPECT_EQ(notice.session_id(), "s");
  EXPECT_EQ(notice.ended().reason(), "SESSION_MOVED");
}

TEST_F(NoticesTest, AStoppedServerHandsOutResumeTokens) {
  Replica a = Start();
  Replica b = Start();
  const std::vector<float> values = Series(1, 7);
  NoticeStream undisturbed(*b.stub);
  undisturbed.Open("undisturbed");
  NoticeStream stream(*a.stub);
  stream.Open("s");
  stream.Open("bound", false);
  std::vector<float> expected;
  for (uint64_t index = 0; index < 7; ++index) {
    expected = Values(undisturbed.Step("undisturbed", index, values[index]).step().output());
    if (index == 6) break;
    ASSERT_TRUE(stream.Step("s", index, values[index]).has_step());
  }

  a.server->Terminate();
  const std::vector<v1::StreamNotice> notices = stream.TakeAll();

  EXPECT_THAT(stream.Finish(), FailsWith(grpc::StatusCode::UNAVAILABLE, "DRAINING"));
  std::map<std::string, v1::StreamNotice> of;
  for (const v1::StreamNotice& notice : notices) of[notice.session_id()] = notice;
  ASSERT_THAT(notices, SizeIs(3));
  EXPECT_TRUE(of[""].has_moving());
  EXPECT_TRUE(of["bound"].has_moving());
  EXPECT_FALSE(of["bound"].moving().has_resume_token());
  const std::string token = of["s"].moving().resume_token();
  EXPECT_LE(token.size(), 256u);
  v1::AttachSessionResponse attached;
  ASSERT_TRUE(b.Attach("s", token, &attached).ok());
  EXPECT_EQ(attached.version(), 6u);
  NoticeStream next(*b.stub);
  EXPECT_EQ(Values(next.Step("s", 6, values[6]).step().output()), expected);
  EXPECT_EQ(a.server->Wait(absl::Seconds(30)), 0) << a.server->Log();
}

TEST_F(NoticesTest, TheClientLibraryContinuesWithTheTokenOfTheNotice) {
  Replica a = Start();
  Replica b = Start();
  const client::Tensor value({1, 1}, std::vector<float>{0.5f});
  const auto at_a = client::Client::Connect(a.server->grpc_address());
  const auto at_b = client::Client::Connect(b.server->grpc_address());
  ASSERT_THAT(at_a, IsOk());
  ASSERT_THAT(at_b, IsOk());
  std::string token;
  client::StreamOptions options;
  options.on_notice = [&token](const client::Notice& notice) {
    if (notice.session_id == "s") token = notice.resume_token;
  };
  auto stream = (*at_a)->OpenStream(options);
  client::SessionOptions detached;
  detached.session_id = "s";
  detached.is_detached = true;
  auto session = stream->OpenSession(kSunspots, detached);
  ASSERT_THAT(session, IsOk());
  for (int i = 0; i < 3; ++i) ASSERT_THAT(session->Step(value), IsOk());

  a.server->Terminate();
  EXPECT_THAT(a.server->Wait(absl::Seconds(30)), ::testing::Optional(0));
  session->Release();
  stream.reset();
  auto attached = (*at_b)->AttachSession("s", {}, token);

  ASSERT_THAT(attached, IsOk());
  EXPECT_EQ(attached->Step(value)->version, 4u);
  EXPECT_THAT((*at_b)->AttachSession("s", {}, token + "x"),
              StatusIs(absl::StatusCode::kInvalidArgument, ::testing::HasSubstr("MAC")));
}

TEST_F(NoticesTest, AResumeTokenMustBeGenuineAndOfTheSession) {
  Replica a = Start();
  Replica b = Start();
  NoticeStream stream(*a.stub);
  stream.Open("s");
  a.server->Terminate();
  std::string token;
  for (const v1::StreamNotice& notice : stream.TakeAll()) {
    if (notice.session_id() == "s") token = notice.moving().resume_token();
  }
  NoticeStream(*b.stub).Open("t");
  v1::AttachSessionResponse attached;

  EXPECT_THAT(b.Attach("t", token, &attached),
              FailsWith(grpc::StatusCode::INVALID_ARGUMENT, "RESUME_TOKEN", "another session"));
  EXPECT_THAT(b.Attach("s", token + "x", &attached),
              FailsWith(grpc::StatusCode::INVALID_ARGUMENT, "RESUME_TOKEN"));
  EXPECT_THAT(b.Attach("s", "", &attached),
              FailsWith(grpc::StatusCode::INVALID_ARGUMENT, "RESUME_TOKEN"));
  EXPECT_TRUE(b.Attach("s", token, &attached).ok());
}

}  // namespace
}  // namespace rnnserve::testing
