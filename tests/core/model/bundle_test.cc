// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Writes, reads and damages the example of FORMAT.md.

#include "core/model/bundle.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "tests/core/model/keras_json.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Values;
namespace fs = std::filesystem;

void Add(Bundle& bundle, const std::string& name, Shape shape) {
  const auto size = static_cast<size_t>(*shape.NumElements());
  std::vector<float> values(size);
  for (size_t i = 0; i < size; ++i) values[i] = 0.01f * static_cast<float>(i);
  bundle.weights.insert_or_assign(name, Weight{std::move(shape), AlignedBuffer::CopyFrom(values)});
}

// Returns the example of FORMAT.md.
Bundle Example() {
  Bundle bundle;
  bundle.generator = "by hand";
  bundle.model =
      SequentialJson({InputJson(3), LayerJson("Masking", "masking", {{"mask_value", -1.0}}),
                      LayerJson("GRU", "gru", {{"units", 4}}),
                      LayerJson("Dense", "dense", {{"units", 1}, {"use_bias", false}})},
                     "example");
  Add(bundle, "dense/kernel", {4, 1});
  Add(bundle, "gru/bias", {2, 12});
  Add(bundle, "gru/kernel", {3, 12});
  Add(bundle, "gru/recurrent_kernel", {4, 12});
  return bundle;
}

class BundleTest : public ::testing::Test {
 protected:
  BundleTest() : path_(folder_.path() / "example") {}

  absl::StatusOr<std::shared_ptr<const Model>> Load() { return LoadBundle(path_, registry_); }

  void Overwrite(const std::string& file, const std::string& content) {
    std::ofstream(fs::path(path_) / file, std::ios::binary | std::ios::trunc) << content;
  }

  int NumEntries() {
    return static_cast<int>(std::distance(fs::directory_iterator(folder_.path()), {}));
  }

  const LayerRegistry registry_ = LayerRegistry::BuiltIn();
  TemporaryFolder folder_;
  std::string path_;
};

TEST_F(BundleTest, LoadsTheBundleThatWasWritten) {
  ASSERT_THAT(WriteBundle(Example(), path_, IfBundleExists::kFail), IsOk());

  const auto model = Load();

  ASSERT_THAT(model, IsOk());
  EXPECT_EQ((*model)->layers().size(), 3);
  EXPECT_EQ((*model)->num_parameters(), 4 + 24 + 36 + 48);
  EXPECT_EQ((*model)->digest(), BundleDigest(Example()));
  EXPECT_EQ(ReadBundle(path_)->generator, "by hand");
}

TEST_F(BundleTest, KeepsTheWeightType) {
  Bundle bundle = Example();
  bundle.weight_type = WeightType::kInt8;
  ASSERT_THAT(WriteBundle(bundle, path_, IfBundleExists::kFail), IsOk());

  const auto model = Load();

  ASSERT_THAT(model, IsOk());
  EXPECT_EQ((*model)->weight_type(), WeightType::kInt8);
  EXPECT_EQ((*model)->digest(), BundleDigest(bundle));
  EXPECT_NE((*model)->digest(), BundleDigest(Example()));
}

TEST_F(BundleTest, KeepsTheMaskRules) {
  Bundle bundle = Example();
  bundle.mask_rules = MaskRules::kKeras316;
  ASSERT_THAT(WriteBundle(bundle, path_, IfBundleExists::kFail), IsOk());

  EXPECT_EQ(ReadBundle(path_)->mask_rules, MaskRules::kKeras316);
  EXPECT_NE(BundleDigest(bundle), BundleDigest(Example()));
}

TEST_F(BundleTest, CanBeLoadedWithAnotherWeightType) {
  ASSERT_THAT(WriteBundle(Example(), path_, IfBundleExists::kFail), IsOk());

  const auto narrow = LoadBundle(path_, registry_, WeightType::kBfloat16);

  ASSERT_THAT(narrow, IsOk());
  EXPECT_EQ((*narrow)->weight_type(), WeightType::kBfloat16);
  EXPECT_LT((*narrow)->parameter_bytes(), (*Load())->parameter_bytes());
}

TEST_F(BundleTest, HasTheLengthThatTheFormatPageStates) {
  ASSERT_THAT(WriteBundle(Example(), path_, IfBundleExists::kFail), IsOk());

  EXPECT_EQ(fs::file_size(fs::path(path_) / kBundleWeightsFile), 768);
}

TEST_F(BundleTest, LeavesNoOtherFiles) {
  ASSERT_THAT(WriteBundle(Example(), path_, IfBundleExists::kFail), IsOk());
  ASSERT_THAT(WriteBundle(Example(), path_, IfBundleExists::kReplace), IsOk());

  EXPECT_EQ(NumEntries(), 1);
}

TEST_F(BundleTest, IsNotOverwrittenUnlessRequested) {
  Bundle other = Example();
  other.generator = "somebody else";
  ASSERT_THAT(WriteBundle(Example(), path_, IfBundleExists::kFail), IsOk());

  EXPECT_THAT(WriteBundle(other, path_, IfBundleExists::kFail),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("example' exists already"),
                       "MODEL_PATH"));
  EXPECT_EQ(ReadBundle(path_)->generator, "by hand");

  ASSERT_THAT(WriteBundle(other, path_ + "/", IfBundleExists::kReplace), IsOk());
  EXPECT_EQ(ReadBundle(path_)->generator, "somebody else");
}

TEST_F(BundleTest, ReplacesOnlyABundle) {
  fs::create_directory(path_);
  Overwrite("thesis.txt", "the only copy");

  EXPECT_THAT(WriteBundle(Example(), path_, IfBundleExists::kReplace),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("is no bundle"), "MODEL_PATH"));
  EXPECT_TRUE(fs::exists(fs::path(path_) / "thesis.txt"));
}

TEST_F(BundleTest, ReportsThatItCannotBeWritten) {
  EXPECT_THAT(WriteBundle(Example(), path_ + "/no/such/folder", IfBundleExists::kFail),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("cannot be written"),
                       "MODEL_PATH"));
}

TEST_F(BundleTest, NamesTheMissingFile) {
  EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("model.json"), "MODEL_PATH"));

  ASSERT_THAT(WriteBundle(Example(), path_, IfBundleExists::kFail), IsOk());
  fs::remove(fs::path(path_) / kBundleWeightsFile);
  EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("weights.safetensors"),
                               "MODEL_PATH"));
}

TEST_F(BundleTest, RefusesATruncatedDescription) {
  ASSERT_THAT(WriteBundle(Example(), path_, IfBundleExists::kFail), IsOk());
  const std::string whole =
      nlohmann::json{{"format_version", 1}, {"model", Example().model}}.dump();

  for (size_t size = 0; size < whole.size(); ++size) {
    Overwrite(kBundleModelFile, whole.substr(0, size));
    EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("model.json"),
                                 "MODEL_FORMAT"))
        << "cut off after " << size;
  }
}

TEST_F(BundleTest, NamesTheWeightsFileIfItIsDamaged) {
  ASSERT_THAT(WriteBundle(Example(), path_, IfBundleExists::kFail), IsOk());
  Overwrite(kBundleWeightsFile, "garbage, and more of it");

  EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("weights.safetensors"),
                               "MODEL_WEIGHTS"));
}

TEST_F(BundleTest, RefusesAWeightThatBelongsToNoLayer) {
  Bundle bundle = Example();
  Add(bundle, "dense/bias", {1});

  EXPECT_THAT(BuildModel(bundle, registry_), StatusIs(absl::StatusCode::kInvalidArgument,
                                                      HasSubstr("'dense/bias'"), "MODEL_WEIGHTS"));
}

TEST_F(BundleTest, RefusesAMissingWeight) {
  Bundle bundle = Example();
  bundle.weights.erase("gru/bias");

  EXPECT_THAT(BuildModel(bundle, registry_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'gru/bias' of shape [2, 12]"),
                       "MODEL_WEIGHTS"));
}

struct BadDocument {
  const char* name;
  const char* text;
  absl::StatusCode code;
  const char* reason;
  const char* message;
};

class BundleBadDocumentTest : public BundleTest,
                              public ::testing::WithParamInterface<BadDocument> {};

TEST_P(BundleBadDocumentTest, IsRefused) {
  ASSERT_THAT(WriteBundle(Example(), path_, IfBundleExists::kFail), IsOk());
  Overwrite(kBundleModelFile, GetParam().text);

  EXPECT_THAT(Load(), StatusIs(GetParam().code, HasSubstr(GetParam().message),
                               std::string(GetParam().reason)));
}

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

INSTANTIATE_TEST_SUITE_P(
    , BundleBadDocumentTest,
    Values(
        BadDocument{"Array", "[]", kInvalid, "MODEL_FORMAT", "not an object"},
        BadDocument{"NoVersion", R"({"model": {}})", kInvalid, "MODEL_FORMAT", "'format_version'"},
        BadDocument{"VersionIsAString", R"({"format_version": "1", "model": {}})", kInvalid,
                    "MODEL_FORMAT", "'format_version'"},
        BadDocument{"LaterVersion", R"({"format_version": 2, "model": {}})",
                    absl::StatusCode::kFailedPrecondition, "MODEL_FORMAT_VERSION",
                    "format_version 2; this program reads 1"},
        BadDocument{"UnknownWeightType",
                    R"({"format_version": 1, "weight_type": "int4", "model": {}})", kInvalid,
                    "MODEL_FORMAT", "'weight_type' is \"int4\""},
        BadDocument{"UnknownMaskRules",
                    R"({"format_version": 1, "mask_rules": "keras 2.0", "model": {}})", kInvalid,
                    "MODEL_FORMAT", "'mask_rules' is \"keras 2.0\""},
        BadDocument{"NoModel", R"({"format_version": 1})", kInvalid, "MODEL_FORMAT",
                    "'model' is missing"},
        BadDocument{"ModelIsAString", R"({"format_version": 1, "model": "x"})", kInvalid,
                    "MODEL_FORMAT", "'model' is unknown or has the wrong type"},
        BadDocument{"UnknownKey", R"({"format_version": 1, "model": {}, "modle": {}})", kInvalid,
                    "MODEL_FORMAT", "'modle' is unknown"},
        BadDocument{"GeneratorIsANumber", R"({"format_version": 1, "model": {}, "generator": 1})",
                    kInvalid, "MODEL_FORMAT", "'generator'"},
        BadDocument{"EmptyModel", R"({"format_version": 1, "model": {}})",
                    absl::StatusCode::kUnimplemented, "MODEL_UNSUPPORTED", "Sequential"}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(BundleDigestTest, DoesNotDependOnTheGenerator) {
  Bundle bundle = Example();
  bundle.generator = "somebody else";

  EXPECT_EQ(BundleDigest(bundle), BundleDigest(Example()));
}

struct Change {
  const char* name;
  std::function<void(Bundle&)> apply;
};

class BundleDigestChangeTest : public ::testing::TestWithParam<Change> {};

TEST_P(BundleDigestChangeTest, GivesAnotherDigest) {
  Bundle bundle = Example();

  GetParam().apply(bundle);

  EXPECT_NE(BundleDigest(bundle), BundleDigest(Example()));
}

INSTANTIATE_TEST_SUITE_P(
    , BundleDigestChangeTest,
    Values(Change{"OfTheDescription", [](Bundle& b) { b.model["config"]["name"] = "other"; }},
           Change{"OfAValue", [](Bundle& b) { b.weights["gru/bias"].values.data()[3] = 9; }},
           Change{"OfTheSignOfZero",
                  [](Bundle& b) { b.weights["gru/bias"].values.data()[0] = -0.0f; }},
           Change{"OfAShape",
                  [](Bundle& b) {
                    b.weights["gru/bias"].shape = {12, 2};
                  }},
           Change{"OfAName",
                  [](Bundle& b) {
                    auto node = b.weights.extract("gru/bias");
                    node.key() = "gru/vias";
                    b.weights.insert(std::move(node));
                  }},
           Change{"OfOneWeightMore", [](Bundle& b) { Add(b, "empty", {0}); }}),
    [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace rnnserve::testing
