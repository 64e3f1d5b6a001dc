// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_BASE_SHA256_H_
#define RNNSERVE_CORE_BASE_SHA256_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace rnnserve {

// Computes the SHA-256 digest of everything that was added. Used by one thread at a time: its
// owner.
class Sha256 {
 public:
  Sha256();

  void Add(absl::string_view bytes);
  // FinishBytes returns the digest as 32 bytes, Finish as 64 hexadecimal characters. REQUIRES: only
  // one of them is called, once, and nothing after it.
  std::array<uint8_t, 32> FinishBytes();
  std::string Finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_BASE_SHA256_H_
