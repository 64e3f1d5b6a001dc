// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_KERAS_ARCHIVE_H_
#define RNNSERVE_CORE_IMPORT_KERAS_ARCHIVE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "core/model/limits.h"

namespace rnnserve {

// The three files of a `.keras` model.
struct KerasArchive {
  std::string metadata;  // metadata.json
  std::string config;    // config.json
  std::string weights;   // model.weights.h5
};

// The limits on what an archive may hold. Nothing is unpacked to disk.
struct KerasArchiveLimits {
  // metadata.json and config.json.
  int64_t json_bytes_max = kModelJsonBytesMax;
  // model.weights.h5: the weights and the state of the optimizer, which for Adam is twice as
  // large as the weights.
  int64_t weights_bytes_max = 3 * kWeightBytesMax;
  // Keras writes archives without compression, and weights hardly compress. Keras' own reader has
  // the same limit.
  int64_t compression_ratio_max = 100;
};

// Reads a `.keras` file, which is a zip, or the folder that it was unpacked to. A zip must hold
// each of the three files once, stored or deflated, with the sizes and checksums that it declares.
// It may also hold "assets/", which is ignored, and nothing else. Other files in a folder are
// ignored.
//
// Errors: NOT_FOUND and FAILED_PRECONDITION, reason MODEL_PATH; INVALID_ARGUMENT, reason
// MODEL_FORMAT or MODEL_TOO_LARGE, with the name of the file in the archive; UNIMPLEMENTED, reason
// MODEL_UNSUPPORTED, if the weights are pickled (`model.weights.npz`).
absl::StatusOr<KerasArchive> ReadKerasArchive(const std::string& path,
                                              const KerasArchiveLimits& limits);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_KERAS_ARCHIVE_H_
