// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/model/json_reader.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "core/base/error.h"
#include "core/model/limits.h"

namespace rnnserve {
namespace {

using Json = nlohmann::json;

// Checks a document and keeps only the first error. The document is then parsed a second time into
// values, because a parser that builds values has no hooks for these checks.
class FaultFinder final : public nlohmann::json_sax<Json> {
 public:
  const std::string& fault() const { return fault_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }

  bool start_object(size_t) override {
    keys_.emplace_back();
    return CheckDepth();
  }
  bool key(string_t& key) override {
    if (keys_.back().insert(key).second) return true;
    fault_ = absl::StrCat("the key '", key, "' occurs twice in one object");
    return false;
  }
  bool end_object() override {
    keys_.pop_back();
    return true;
  }
  bool start_array(size_t) override {
    keys_.emplace_back();
    return CheckDepth();
  }
  bool end_array() override {
    keys_.pop_back();
    return true;
  }
  bool parse_error(size_t position, const std::string&, const Json::exception& error) override {
    // Removes "[json.exception.parse_error.101] " from the beginning of the text.
    absl::string_view text = error.what();
    text.remove_prefix(text.find(']') + 1);
    fault_ = absl::StrCat("not JSON at byte ", position, ":", text);
    return false;
  }

 private:
  bool CheckDepth() {
    if (keys_.size() <= kJsonDepthMax) return true;
    fault_ = absl::StrCat("more than ", kJsonDepthMax, " levels deep");
    return false;
  }

  std::vector<std::set<std::string>> keys_;  // one for each open object or array
  std::string fault_;
};

}  // namespace

absl::StatusOr<Json> ParseJson(absl::string_view text, int64_t bytes_max, absl::string_view what) {
  if (static_cast<int64_t>(text.size()) > bytes_max) {
    return InvalidArgument("MODEL_TOO_LARGE",
                           absl::StrCat(what, ": ", text.size(), " bytes; at most ", bytes_max));
  }
  FaultFinder finder;
  if (!Json::sax_parse(text.begin(), text.end(), &finder)) {
    return InvalidArgument("MODEL_FORMAT", absl::StrCat(what, ": ", finder.fault()));
  }
  return Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
}

}  // namespace rnnserve
