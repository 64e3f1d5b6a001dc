// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SUPPORT_SILENT_OBSERVER_H_
#define RNNSERVE_TESTS_SUPPORT_SILENT_OBSERVER_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/engine/observer.h"

namespace rnnserve::testing {

// Observes the engine and every model and does nothing: it costs no time and allocates nothing.
// Immutable; safe to share.
class SilentObserver final : public EngineObserver, public ModelObserver {
 public:
  ModelObserver& ForModel(const std::string& /*model_name*/) override { return *this; }
  void OnCellStep(int64_t /*rows*/, absl::Duration /*duration*/) override {}
  void OnSteps(absl::Span<const CommittedStep> /*steps*/) override {}
  void OnSessionEnded(EndReason /*reason*/) override {}
  void OnCheckpoint(const absl::Status& /*status*/, int64_t /*bytes*/,
                    absl::Duration /*duration*/) override {}
  void OnRestored(const absl::Status& /*status*/, absl::Duration /*duration*/) override {}
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SUPPORT_SILENT_OBSERVER_H_
