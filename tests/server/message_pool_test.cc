// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/message_pool.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "rnnserve/v1/inference.pb.h"

namespace rnnserve::server {
namespace {

using Pool = MessagePool<v1::StreamRequest>;

TEST(MessagePoolTest, ReturnsAReusedMessageEmpty) {
  const auto pool = Pool::Create(1);
  auto message = pool->Take();
  message->add_actions()->set_tag(7);
  const v1::StreamRequest* const first = message.get();
  message.reset();

  message = pool->Take();

  EXPECT_EQ(message.get(), first);
  EXPECT_EQ(message->actions_size(), 0);
}

TEST(MessagePoolTest, MessagesInUseAreDifferent) {
  const auto pool = Pool::Create(1);
  const auto a = pool->Take();
  const auto b = pool->Take();

  EXPECT_NE(a.get(), b.get());
}

TEST(MessagePoolTest, KeepsNoLargeMessage) {
  const auto pool = Pool::Create(1);
  auto message = pool->Take();
  message->add_actions()->mutable_step()->mutable_input()->mutable_raw()->resize(
      Pool::kMaxKeptBytes);
  message.reset();

  // A reused message still has the memory of its former actions. A new message has none.
  EXPECT_LT(pool->Take()->SpaceUsedLong(), Pool::kMaxKeptBytes / 10);
}

TEST(MessagePoolTest, AMessageOutlivesItsPool) {
  auto pool = Pool::Create(1);
  auto message = pool->Take();
  pool.reset();

  message->add_actions();
  message.reset();
}

TEST(MessagePoolTest, IsSharedByThreads) {
  const auto pool = Pool::Create(2);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&pool] {
      for (int k = 0; k < 1000; ++k) {
        const auto message = pool->Take();
        ASSERT_EQ(message->actions_size(), 0);
        message->add_actions();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace rnnserve::server
