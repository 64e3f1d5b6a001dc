// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests how a child process is started, signalled, paused and waited for, with programs that every
// system has.

#include "tests/support/child_process.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "tests/support/temporary_folder.h"

namespace rnnserve::testing {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);

class ChildProcessTest : public ::testing::Test {
 protected:
  std::unique_ptr<ChildProcess> Start(const std::string& command) {
    auto process = ChildProcess::Start({"/bin/sh", "-c", command}, options_);
    EXPECT_TRUE(process.ok()) << process.status();
    return *std::move(process);
  }

  std::string Path(const std::string& name) const { return folder_.path() / name; }

  const TemporaryFolder folder_;
  ChildProcess::Options options_;
};

TEST_F(ChildProcessTest, ReturnsTheExitCode) { EXPECT_EQ(Start("exit 3")->Wait(kPatience), 3); }

TEST_F(ChildProcessTest, ReturnsTheSignalThatEndedIt) {
  const auto process = Start("exec sleep 60");
  EXPECT_EQ(process->Wait(absl::ZeroDuration()), std::nullopt);

  process->Signal(SIGTERM);

  EXPECT_EQ(process->Wait(kPatience), 128 + SIGTERM);
  EXPECT_EQ(process->Kill(), 128 + SIGTERM);
}

TEST_F(ChildProcessTest, CanBeKilledWhilePaused) {
  const auto process = Start("exec sleep 60");

  EXPECT_TRUE(process->Pause());
  EXPECT_EQ(process->Kill(), 128 + SIGKILL);
  EXPECT_FALSE(process->Pause());
}

TEST_F(ChildProcessTest, RunsAgainAfterAPause) {
  const auto process = Start("read line; exec sleep 0.05");
  EXPECT_TRUE(process->Pause());

  process->Resume();

  EXPECT_EQ(process->Wait(kPatience), 0);
}

TEST_F(ChildProcessTest, AppendsItsOutputToFiles) {
  options_.output_file = Path("out");
  Start("echo a; echo b >&2")->Wait(kPatience);
  options_.error_file = Path("err");
  Start("echo c; echo d >&2")->Wait(kPatience);

  EXPECT_EQ(FileContents(Path("out")), "a\nb\nc\n");
  EXPECT_EQ(FileContents(Path("err")), "d\n");
}

TEST_F(ChildProcessTest, AProgramThatCannotBeExecutedEndsWith127) {
  options_.program = Path("absent");

  EXPECT_EQ(Start("exit 0")->Wait(kPatience), 127);
}

TEST(RunShellTest, ReturnsExitCodeAndOutputs) {
  const ProcessOutcome outcome = RunShell("echo out; echo err >&2; exit 5");

  EXPECT_EQ(outcome.exit_code, 5);
  EXPECT_EQ(outcome.out, "out\n");
  EXPECT_EQ(outcome.err, "err\n");
}

}  // namespace
}  // namespace rnnserve::testing
