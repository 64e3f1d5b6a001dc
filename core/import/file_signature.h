// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_FILE_SIGNATURE_H_
#define RNNSERVE_CORE_IMPORT_FILE_SIGNATURE_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "core/import/file_format.h"

namespace rnnserve {

// The number of bytes at the beginning of a file that FormatOfBytes looks at. The fields of an ONNX
// model that precede its graph fit, and so do the first operations of a TensorFlow graph.
inline constexpr int64_t kSignatureBytes = 64 << 10;

// Returns the format of a file of `file_bytes` bytes whose first bytes are `head`, or nullopt for a
// zip, whose format is told by the names of its entries. `head` holds the whole file or at least
// kSignatureBytes bytes. Any bytes are valid input.
std::optional<FileFormat> FormatOfBytes(absl::string_view head, int64_t file_bytes);

// Tells the format of a zip by the names of its entries. Used by one thread at a time.
class ZipSignature {
 public:
  // Adds the name of the next entry. Any name is valid.
  void Add(absl::string_view name);

  // Returns the format of a zip with the entries that were added.
  FileFormat Format() const;

 private:
  bool has_keras_file_ = false;
  bool has_pickle_ = false;  // data.pkl, in which PyTorch keeps the objects
  bool has_code_ = false;    // TorchScript, or constants.pkl, which belongs to it
  bool has_exported_program_ = false;
  bool has_core_ml_ = false;
  bool has_arrays_ = false;  // an entry that ends with .npy
  bool has_others_ = false;  // an entry that does not
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_FILE_SIGNATURE_H_
