// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/model/bundle.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/base/status_macros.h"
#include "core/model/input_file.h"
#include "core/model/json_reader.h"
#include "core/model/limits.h"
#include "core/model/safetensors.h"

namespace rnnserve {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr int64_t kFormatVersion = 1;

// Returns a number as bytes for a digest. Every length and extent is added with this fixed width,
// so that different bundles never give the digest the same bytes.
absl::string_view AsBytes(const int64_t& number) {
  return {reinterpret_cast<const char*>(&number), sizeof(number)};
}

void AddText(absl::string_view text, Sha256& digest) {
  const auto size = static_cast<int64_t>(text.size());
  digest.Add(AsBytes(size));
  digest.Add(text);
}

absl::Status Malformed(absl::string_view text) {
  return InvalidArgument("MODEL_FORMAT", absl::StrCat(kBundleModelFile, ": ", text));
}

// Reads the description into `bundle`.
absl::Status ReadDescription(const Json& document, Bundle& bundle) {
  if (!document.is_object()) return Malformed("not an object");
  const auto version = document.find("format_version");
  if (version == document.end() || !version->is_number_integer()) {
    return Malformed("'format_version' is missing; this is not a bundle");
  }
  if (*version != kFormatVersion) {
    return FailedPrecondition("MODEL_FORMAT_VERSION",
                              absl::StrCat(kBundleModelFile, ": format_version ", version->dump(),
                                           "; this program reads ", kFormatVersion));
  }
  for (const auto& [key, value] : document.items()) {
    if (key == "generator" && value.is_string()) {
      bundle.generator = value.get<std::string>();
    } else if (key == "weight_type" && value.is_string()) {
      const auto type = WeightTypeFromName(value.get<std::string>());
      if (!type.has_value()) {
        return Malformed(absl::StrCat("'weight_type' is ", value.dump(),
                                      "; there are float32, bfloat16 and int8"));
      }
      bundle.weight_type = *type;
    } else if (key == "mask_rules" && value.is_string()) {
      const auto rules = MaskRulesFromName(value.get<std::string>());
      if (!rules.has_value()) {
        return Malformed(absl::StrCat("'mask_rules' is ", value.dump(),
                                      "; there are \"keras 3.0\" and \"keras 3.16\""));
      }
      bundle.mask_rules = *rules;
    } else if (key == "model" && value.is_object()) {
      bundle.model = value;
    } else if (key != "format_version") {
      return Malformed(absl::StrCat("'", key, "' is unknown or has the wrong type"));
    }
  }
  return bundle.model.is_null() ? Malformed("'model' is missing") : absl::OkStatus();
}

// A folder with an unused name. The destructor removes it with its content.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const fs::path& beside) : path_(beside.string() + ".XXXXXX") {
    exists_ = mkdtemp(path_.data()) != nullptr;
  }
  ~TemporaryFolder() {
    std::error_code ignored;  // a destructor cannot report it
    if (exists_) fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  bool exists() const { return exists_; }
  fs::path path() const { return path_; }

 private:
  std::string path_;
  bool exists_ = false;
};

bool WriteFiles(const Bundle& bundle, const fs::path& folder) {
  Json document = {
      {"format_version", kFormatVersion}, {"generator", bundle.generator}, {"model", bundle.model}};
  if (bundle.weight_type != WeightType::kFloat32) {
    document["weight_type"] = std::string(WeightTypeName(bundle.weight_type));
  }
  if (bundle.mask_rules != MaskRules::kKeras30) {
    document["mask_rules"] = std::string(MaskRulesName(bundle.mask_rules));
  }
  std::ofstream description(folder / kBundleModelFile, std::ios::binary);
  description << document.dump(1) << '\n';
  description.close();
  std::ofstream weights(folder / kBundleWeightsFile, std::ios::binary);
  WriteSafetensors(bundle.weights, weights);
  weights.close();
  return description.good() && weights.good();
}

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// Renames the folder `from` to `to`. A folder that is already there is renamed to `aside`.
std::error_code MoveFolder(const fs::path& from, const fs::path& to, const fs::path& aside) {
  std::error_code error;
  const bool replaces = Exists(to);
  if (replaces) fs::rename(to, aside, error);
  if (error) return error;
  fs::rename(from, to, error);
  std::error_code ignored;  // the first error is reported
  if (error && replaces) fs::rename(aside, to, ignored);
  return error;
}

}  // namespace

std::string BundleDigest(const Bundle& bundle) {
  Sha256 digest;
  AddText(absl::StrCat("rnnserve bundle ", kFormatVersion), digest);
  AddText(bundle.model.dump(), digest);
  // Models whose matrices have different types reach different states, so their digests must
  // differ.
  if (bundle.weight_type != WeightType::kFloat32) {
    AddText(WeightTypeName(bundle.weight_type), digest);
  }
  if (bundle.mask_rules != MaskRules::kKeras30) {
    AddText(MaskRulesName(bundle.mask_rules), digest);
  }
  for (const auto& [name, weight] : bundle.weights) {
    AddText(name, digest);
    const int64_t rank = weight.shape.rank();
    digest.Add(AsBytes(rank));
    for (const int64_t extent : weight.shape.extents()) digest.Add(AsBytes(extent));
    digest.Add({reinterpret_cast<const char*>(weight.values.data()),
                static_cast<size_t>(weight.values.size()) * sizeof(float)});
  }
  return digest.Finish();
}

absl::StatusOr<Bundle> ReadBundle(const std::string& path) {
  const fs::path folder(path);
  RNNSERVE_ASSIGN_OR_RETURN(const std::string text,
                            ReadInputFile(folder / kBundleModelFile, kModelJsonBytesMax));
  RNNSERVE_ASSIGN_OR_RETURN(const Json document,
                            ParseJson(text, kModelJsonBytesMax, kBundleModelFile));
  Bundle bundle;
  RNNSERVE_RETURN_IF_ERROR(ReadDescription(document, bundle));
  RNNSERVE_ASSIGN_OR_RETURN(InputFile weights, OpenInputFile(folder / kBundleWeightsFile));
  auto tensors = ReadSafetensors(weights.stream, weights.size);
  if (!tensors.ok()) return Annotate(tensors.status(), kBundleWeightsFile);
  bundle.weights = *std::move(tensors);
  return bundle;
}

absl::StatusOr<std::shared_ptr<const Model>> BuildModel(const Bundle& bundle,
                                                        const LayerRegistry& registry) {
  WeightTableSource weights(bundle.weights, bundle.weight_type);
  RNNSERVE_ASSIGN_OR_RETURN(auto model,
                            Model::Create(KerasConfig(bundle.model, "model"), weights, registry,
                                          BundleDigest(bundle), bundle.mask_rules));
  RNNSERVE_RETURN_IF_ERROR(weights.CheckAllUsed());
  return model;
}

absl::StatusOr<std::shared_ptr<const Model>> LoadBundle(const std::string& path,
                                                        const LayerRegistry& registry,
                                                        std::optional<WeightType> weight_type) {
  RNNSERVE_ASSIGN_OR_RETURN(Bundle bundle, ReadBundle(path));
  bundle.weight_type = weight_type.value_or(bundle.weight_type);
  return BuildModel(bundle, registry);
}

absl::Status WriteBundle(const Bundle& bundle, const std::string& path, IfBundleExists if_exists) {
  // Removes a trailing slash, so that the temporary folder is next to the bundle and not in it.
  const fs::path target = (fs::path(path) / "").lexically_normal().parent_path();
  const auto cannot_write = [&path](absl::string_view why) {
    return FailedPrecondition("MODEL_PATH", absl::StrCat("'", path, "' cannot be written: ", why));
  };
  if (Exists(target) &&
      (if_exists == IfBundleExists::kFail || !Exists(target / kBundleModelFile))) {
    return MakeError(absl::StatusCode::kAlreadyExists, "MODEL_PATH",
                     absl::StrCat("'", path, "' exists already",
                                  if_exists == IfBundleExists::kFail ? "" : " and is no bundle"));
  }
  const TemporaryFolder temporary(target);
  if (!temporary.exists()) return cannot_write("no folder can be created next to it");
  const fs::path complete = temporary.path() / "complete";
  std::error_code error;
  if (!fs::create_directory(complete, error)) return cannot_write(error.message());
  if (!WriteFiles(bundle, complete)) return cannot_write("its files cannot be written");
  error = MoveFolder(complete, target, temporary.path() / "replaced");
  return error ? cannot_write(error.message()) : absl::OkStatus();
}

}  // namespace rnnserve
