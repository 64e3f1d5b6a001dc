// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests WriteBuffer. The test plays the store: it takes the writes and answers them.

#include "core/checkpoint/write_buffer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const absl::Status kDown = MakeError(absl::StatusCode::kUnavailable, "STORE_DOWN", "down");

class WriteBufferTest : public ::testing::Test {
 protected:
  void Restart(const WriteBuffer::Options& options) {
    buffer_ = std::make_unique<WriteBuffer>(options);
  }

  // Adds a write whose callback records "id@version" and its status.
  absl::Status Add(const std::string& id, uint64_t version, size_t size = 10, uint64_t epoch = 1,
                   uint64_t nonce = 7) {
    const std::string name = absl::StrCat(id, "@", version);
    return buffer_->Add(
        {id, {epoch, nonce, version}, std::string(size, 'x'), absl::Hours(1)},
        [this, name](const absl::Status& status) {
          told_.push_back(absl::StrCat(name, " ", status.ok() ? "OK" : ErrorReason(status)));
        });
  }

  // Takes the next write and returns its "id@version"; "" if there is none.
  std::string Take() {
    const std::optional<SnapshotWrite> write = buffer_->Take(now_);
    if (!write.has_value()) return "";
    return absl::StrCat(write->session_id, "@", write->fence.version);
  }

  void Finish(const std::string& id, const absl::Status& status = absl::OkStatus()) {
    buffer_->Finish(id, status, now_).Run();
  }

  std::unique_ptr<WriteBuffer> buffer_ = std::make_unique<WriteBuffer>(WriteBuffer::Options());
  absl::Time now_ = absl::FromUnixSeconds(1000);
  std::vector<std::string> told_;
};

TEST_F(WriteBufferTest, TakesTheSessionThatWaitedLongestFirst) {
  EXPECT_THAT(Add("a", 1), IsOk());
  EXPECT_THAT(Add("b", 1), IsOk());

  EXPECT_EQ(Take(), "a@1");
  EXPECT_EQ(Take(), "b@1");
  EXPECT_EQ(Take(), "");
}

TEST_F(WriteBufferTest, PassesTheAnswerOfTheStoreOn) {
  Add("a", 1).IgnoreError();
  Add("b", 1).IgnoreError();
  Take();
  Take();

  Finish("b");
  Finish("a", FencedError(2, 1));

  EXPECT_THAT(told_, ElementsAre("b@1 OK", "a@1 FENCED"));
  EXPECT_EQ(buffer_->bytes(), 0);
  EXPECT_EQ(buffer_->num_in_flight(), 0);
}

TEST_F(WriteBufferTest, ANewerWriteReplacesTheQueuedOne) {
  Add("a", 1).IgnoreError();
  Add("b", 1).IgnoreError();
  Add("a", 2).IgnoreError();
  EXPECT_EQ(buffer_->num_waiting(), 2);

  EXPECT_EQ(Take(), "a@2");
  EXPECT_THAT(told_, IsEmpty());
  Finish("a");

  EXPECT_THAT(told_, ElementsAre("a@1 OK", "a@2 OK"));
}

TEST_F(WriteBufferTest, AnOlderWriteAddsOnlyItsCallback) {
  Add("a", 2).IgnoreError();
  Add("a", 1).IgnoreError();

  EXPECT_EQ(Take(), "a@2");
  Finish("a");

  EXPECT_THAT(told_, ElementsAre("a@2 OK", "a@1 OK"));
  EXPECT_EQ(Take(), "");
}

TEST_F(WriteBufferTest, OneWriteOfASessionIsInFlightAtATime) {
  Add("a", 1).IgnoreError();
  Take();
  Add("a", 2).IgnoreError();
  Add("b", 1).IgnoreError();

  EXPECT_EQ(Take(), "b@1");
  EXPECT_EQ(Take(), "");
  Finish("a");

  EXPECT_THAT(told_, ElementsAre("a@1 OK"));
  EXPECT_EQ(Take(), "a@2");
}

TEST_F(WriteBufferTest, BoundsTheWritesInFlight) {
  Restart({.max_in_flight = 1});
  Add("a", 1).IgnoreError();
  Add("b", 1).IgnoreError();
  Take();
  EXPECT_EQ(Take(), "");

  Finish("a");

  EXPECT_EQ(Take(), "b@1");
}

TEST_F(WriteBufferTest, RefusesOneByteTooMany) {
  const int64_t one = 1 + 10 + WriteBuffer::kCallbackBytes;
  Restart({.max_bytes = 2 * one});
  EXPECT_THAT(Add("a", 1), IsOk());
  EXPECT_THAT(Add("b", 1), IsOk());

  const absl::Status refused = Add("c", 1, 0);

  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kResourceExhausted,
                                HasSubstr(std::to_string(2 * one)), "CHECKPOINT_BUFFER_LIMIT"));
  EXPECT_GT(RetryDelay(refused), absl::ZeroDuration());
  EXPECT_EQ(buffer_->bytes(), 2 * one);
  Take();
  Finish("a");
  EXPECT_THAT(Add("c", 1), IsOk());
}

TEST_F(WriteBufferTest, ARefusedWriteIsUntouched) {
  Restart({.max_bytes = 5});
  SnapshotWrite write{"a", {1, 7, 1}, "bytes", absl::Hours(1)};

  EXPECT_FALSE(buffer_->Add(std::move(write), nullptr).ok());

  // NOLINTNEXTLINE(bugprone-use-after-move): the test checks that it was not moved.
  EXPECT_EQ(write.session_id, "a");
  EXPECT_EQ(write.bytes, "bytes");
}

TEST_F(WriteBufferTest, AFullBufferStillTakesANewerWriteWithoutACallback) {
  Restart({.max_bytes = 11});
  EXPECT_THAT(buffer_->Add({"a", {1, 7, 1}, "0123456789", absl::Hours(1)}, nullptr), IsOk());

  EXPECT_THAT(buffer_->Add({"a", {1, 7, 2}, "9876543210", absl::Hours(1)}, nullptr), IsOk());

  EXPECT_EQ(Take(), "a@2");
}

TEST_F(WriteBufferTest, RetriesAfterAPauseIfTheStoreIsDown) {
  Add("a", 1).IgnoreError();
  Take();
  Finish("a", kDown);
  EXPECT_THAT(told_, IsEmpty());
  EXPECT_EQ(Take(), "");
  EXPECT_EQ(buffer_->retry_time(), now_ + absl::Milliseconds(50));

  now_ += absl::Milliseconds(50);

  EXPECT_EQ(Take(), "a@1");
  Finish("a");
  EXPECT_THAT(told_, ElementsAre("a@1 OK"));
}

TEST_F(WriteBufferTest, RetriesIfTheStoreIsFull) {
  Add("a", 1).IgnoreError();
  Take();
  Finish("a", ResourceExhausted("STORE_FULL", "full", absl::Seconds(1)));

  now_ += absl::Seconds(1);

  EXPECT_EQ(Take(), "a@1");
}

TEST_F(WriteBufferTest, APauseDoublesOncePerPauseAndNotPerWrite) {
  Add("a", 1).IgnoreError();
  Add("b", 1).IgnoreError();
  Take();
  Take();
  Finish("a", kDown);
  Finish("b", kDown);
  EXPECT_EQ(buffer_->retry_time(), now_ + absl::Milliseconds(50));

  now_ += absl::Milliseconds(50);
  Take();
  Finish("b", kDown);

  EXPECT_EQ(buffer_->retry_time(), now_ + absl::Milliseconds(100));
}

TEST_F(WriteBufferTest, AfterAFailureTheNewerWriteReplacesBoth) {
  Add("a", 1).IgnoreError();
  Take();
  Add("a", 2).IgnoreError();
  Finish("a", kDown);
  now_ += absl::Seconds(1);

  EXPECT_EQ(Take(), "a@2");
  Finish("a");

  EXPECT_THAT(told_, ElementsAre("a@2 OK", "a@1 OK"));
  EXPECT_EQ(buffer_->bytes(), 0);
}

TEST_F(WriteBufferTest, ALaterEpochReplacesAndAnotherOwnerIsRefused) {
  Add("a", 5).IgnoreError();

  EXPECT_THAT(Add("a", 6, 10, 1, 8), StatusIs(absl::StatusCode::kAborted, _, "FENCED"));
  EXPECT_THAT(Add("a", 6, 10, 0, 7), StatusIs(absl::StatusCode::kAborted, _, "FENCED"));
  EXPECT_THAT(Add("a", 2, 10, 2, 8), IsOk());

  EXPECT_EQ(Take(), "a@2");
}

TEST_F(WriteBufferTest, DropsTheQueuedWriteOfASession) {
  Add("a", 1).IgnoreError();
  Take();
  Add("a", 2).IgnoreError();

  buffer_->Drop("a", absl::CancelledError()).Run();
  EXPECT_THAT(told_, ElementsAre("a@2 "));
  Finish("a", kDown);

  EXPECT_THAT(told_, ElementsAre("a@2 ", "a@1 STORE_DOWN"));
  EXPECT_EQ(buffer_->bytes(), 0);
  EXPECT_EQ(buffer_->num_waiting(), 0);
}

TEST_F(WriteBufferTest, ClearReturnsEveryCallback) {
  Add("a", 1).IgnoreError();
  Take();
  Add("a", 2).IgnoreError();

  buffer_->Clear(kDown).Run();

  EXPECT_THAT(told_, ElementsAre("a@1 STORE_DOWN", "a@2 STORE_DOWN"));
  EXPECT_EQ(buffer_->bytes(), 0);
  EXPECT_EQ(Take(), "");
}

// Whatever the store answers, every callback must run once, OK must mean that the write's version
// or a later one was stored, and the buffer must be empty in the end.
class WriteBufferPropertyTest : public ::testing::TestWithParam<unsigned> {};

TEST_P(WriteBufferPropertyTest, EveryCallbackRunsOnceAndOkMeansStored) {
  std::mt19937 random(GetParam());
  WriteBuffer buffer({.max_bytes = 4000, .max_in_flight = 3});
  absl::Time now = absl::FromUnixSeconds(1000);
  std::vector<std::string> under_way;
  std::map<std::string, uint64_t> taken, stored, newest;
  int num_added = 0, num_told = 0;
  const auto finish = [&](size_t index, const absl::Status& status) {
    const std::string id = under_way[index];
    under_way.erase(under_way.begin() + static_cast<ptrdiff_t>(index));
    if (status.ok()) stored[id] = taken[id];
    buffer.Finish(id, status, now).Run();
  };
  const auto take_all = [&] {
    while (auto write = buffer.Take(now)) {
      under_way.push_back(write->session_id);
      taken[write->session_id] = write->fence.version;
    }
  };

  for (int i = 0; i < 500; ++i) {
    const std::string id(1, static_cast<char>('a' + random() % 6));
    const uint64_t version = ++newest[id];
    const std::string bytes(random() % 300, 'x');
    const absl::Status added = buffer.Add({id, {1, 7, version}, bytes, absl::Hours(1)},
                                          [&, id, version](const absl::Status& s) {
                                            ++num_told;
                                            if (s.ok()) {
                                              EXPECT_GE(stored[id], version);
                                            }
                                          });
    num_added += added.ok() ? 1 : 0;
    ASSERT_LE(buffer.bytes(), 4000);
    if (random() % 2 == 0) take_all();
    ASSERT_LE(buffer.num_in_flight(), 3);
    if (!under_way.empty()) {
      finish(random() % under_way.size(), random() % 3 == 0 ? kDown : absl::OkStatus());
    }
    now += absl::Milliseconds(random() % 40);
  }
  while (buffer.num_waiting() + buffer.num_in_flight() > 0) {
    now += absl::Seconds(2);
    take_all();
    while (!under_way.empty()) finish(0, absl::OkStatus());
  }

  EXPECT_EQ(num_told, num_added);
  EXPECT_EQ(buffer.bytes(), 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, WriteBufferPropertyTest, ::testing::Range(0u, 50u));

}  // namespace
}  // namespace rnnserve::testing
