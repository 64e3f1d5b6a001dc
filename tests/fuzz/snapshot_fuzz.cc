// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Snapshots and resume tokens: the input is a snapshot. It is read as it is, and again with the
// seal of somebody who has the key, so that its fields are read. What can be read must be written as
// the same bytes. It is then made a snapshot of the model that is served and imported, and the
// session makes a step.

#include <string>
#include <utility>

#include "core/engine/engine.h"
#include "core/snapshot/resume_token.h"
#include "tests/core/snapshot/snapshot_fixture.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/answer.h"
#include "tests/support/fake_clock.h"
#include "tests/support/owned_tensor.h"
#include "tests/support/silent_observer.h"
#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

// An engine with the doubling model. It lives as long as the process.
class Host {
 public:
  Host() : engine_(clock_, observer_, Options(), DurabilityConfig{nullptr, TestKeys()}) {
    Require(engine_.AddModel("doubling", DoublingModel()).ok(), "the model cannot be added");
    OpenSessionCall open;
    open.model = "doubling";
    open.session_id = "template";
    open.detached = true;
    Answer<OpenedSession> opened;
    engine_.OpenSession(open, opened.callback());
    Require(opened.Wait().ok(), "no session can be opened");
    Answer<ExportedSession> exported;
    engine_.ExportSession("template", exported.callback());
    template_ = *DecodeSnapshot(exported.Wait()->snapshot, TestKeys(), "template");
  }

  // Makes the snapshot one of the doubling model, so that only its own fields are wrong.
  void Adopt(Snapshot& snapshot) const {
    snapshot.model = template_.model;
    snapshot.model_digest = template_.model_digest;
    snapshot.layout_digest = template_.layout_digest;
    snapshot.kernel_fingerprint = template_.kernel_fingerprint;
    snapshot.state.resize(template_.state.size(), 1.0f);
  }

  void ImportAndStep(const std::string& bytes) {
    ImportSessionCall call;
    call.snapshot = bytes;
    Answer<OpenedSession> opened;
    engine_.ImportSession(call, opened.callback());
    const auto session = opened.Wait();
    RequireReason(session.status());
    if (!session.ok()) return;
    const OwnedTensor input = OwnedTensor::Floats({1, 1}, {1.0f});
    StepCall step;
    step.session_id = session->session_id;
    step.inputs = {{"", input, std::nullopt}};
    Answer<StepResult> stepped;
    engine_.Step(std::move(step), stepped.callback());
    RequireReason(stepped.Wait().status());
    Answer<uint64_t> closed;
    engine_.CloseSession({session->session_id, EndReason::kClosed, {}}, closed.callback());
    Require(closed.Wait().ok(), "the imported session cannot be closed");
  }

 private:
  static EngineOptions Options() {
    EngineOptions options;
    options.workers = 1;
    return options;
  }

  FakeClock clock_;
  SilentObserver observer_;
  Engine engine_;
  Snapshot template_;
};

// Gives the bytes the head and the tail of a snapshot.
std::string Sealed(std::string bytes) {
  const uint32_t id = KeyOf(1).id();
  bytes.replace(0, 8, "RNNSNAP\0", 8);
  bytes.replace(12, sizeof(id), reinterpret_cast<const char*>(&id), sizeof(id));
  return Reseal(std::move(bytes));
}

void Read(const std::string& bytes) {
  static Host& host = *new Host();
  auto snapshot = DecodeSnapshot(bytes, TestKeys(), std::nullopt);
  RequireReason(snapshot.status());
  MayBeReadElsewhere(bytes, TestKeys());
  if (!snapshot.ok()) return;
  Require(CheckSnapshot(*snapshot).ok(), "a snapshot that is not valid was read");
  Require(EncodeSnapshot(*snapshot, KeyOf(1)) == bytes, "is written as other bytes");
  host.ImportAndStep(bytes);
  host.Adopt(*snapshot);
  host.ImportAndStep(EncodeSnapshot(*snapshot, KeyOf(1)));
}

}  // namespace
}  // namespace rnnserve::testing

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace rnnserve;           // NOLINT(google-build-using-namespace)
  using namespace rnnserve::testing;  // NOLINT(google-build-using-namespace)
  const std::string bytes(TextOf(data, size));
  RequireReason(DecodeResumeToken(bytes, TestKeys()).status());
  Read(bytes);
  if (size >= kFrameHeadBytes + kFrameTailBytes) Read(Sealed(bytes));
  return 0;
}
