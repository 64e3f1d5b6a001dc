// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests which models the options name, and the errors of options and paths without a model.

#include "server/model_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::server {
namespace {

namespace fs = std::filesystem;
using ::absl::StatusCode;
using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::StatusIs;
using ::testing::HasSubstr;

class ModelLoaderTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& bytes) {
    const fs::path path = folder_.path() / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  const rnnserve::testing::TemporaryFolder folder_;
};

TEST_F(ModelLoaderTest, ListsNamedModelsThenTheFolderInOrder) {
  Write("zebra.keras", "");
  Write("ant/model.json", "{}");
  Write("bee.h5", "");
  Write("cat.weights.h5", "");
  Write("notes.txt", "");

  const auto sources = ListModelSources({"first=some/path=with"}, folder_.path());

  ASSERT_THAT(sources, IsOk());
  ASSERT_EQ(sources->size(), 4u);
  EXPECT_EQ((*sources)[0].name, "first");
  EXPECT_EQ((*sources)[0].path, "some/path=with");
  EXPECT_EQ((*sources)[1].name, "ant");
  EXPECT_EQ((*sources)[2].name, "bee");
  EXPECT_EQ((*sources)[3].name, "zebra");
}

TEST_F(ModelLoaderTest, RefusesAnOptionThatIsNotNameAndPath) {
  EXPECT_THAT(ListModelSources({"nopath"}, ""),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("'nopath'"), "MODEL_OPTION"));
}

TEST_F(ModelLoaderTest, GivesModelsTheirWeightTypes) {
  const auto sources = ListModelSources({"a=one", "b=two"}, "", {"b=int8"});

  ASSERT_THAT(sources, IsOk());
  EXPECT_EQ((*sources)[0].weight_type, std::nullopt);
  EXPECT_EQ((*sources)[1].weight_type, WeightType::kInt8);
}

TEST_F(ModelLoaderTest, RefusesAnUnknownWeightType) {
  for (const char* option : {"a", "a=int4", "int8"}) {
    EXPECT_THAT(ListModelSources({"a=one"}, "", {option}),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr(option), "MODEL_OPTION"));
  }
}

TEST_F(ModelLoaderTest, RefusesAWeightTypeForAnUnknownModel) {
  EXPECT_THAT(ListModelSources({"a=one"}, "", {"b=int8"}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("no model 'b'"), "MODEL_OPTION"));
}

TEST_F(ModelLoaderTest, RefusesADuplicateName) {
  Write("twin.keras", "");

  EXPECT_THAT(ListModelSources({"twin=elsewhere"}, folder_.path()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("'twin'"), "MODEL_OPTION"));
}

TEST_F(ModelLoaderTest, AMissingFolderIsNotFound) {
  EXPECT_THAT(ListModelSources({}, "/nonexistent"),
              StatusIs(StatusCode::kNotFound, HasSubstr("/nonexistent"), "MODEL_PATH"));
}

TEST_F(ModelLoaderTest, AMissingPathIsNotFound) {
  EXPECT_THAT(LoadModel("/nonexistent/model", ""),
              StatusIs(StatusCode::kNotFound, HasSubstr("/nonexistent/model"), "MODEL_PATH"));
}

TEST_F(ModelLoaderTest, AGarbageBundleIsRefused) {
  Write("bad/model.json", "not json");

  EXPECT_THAT(LoadModel(folder_.path() / "bad", ""),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("model.json"), "MODEL_FORMAT"));
}

TEST_F(ModelLoaderTest, TheErrorOfTheImporterIsPassedOn) {
  const std::string importer =
      Write("importer",
            "#!/bin/sh\necho 'error: UNIMPLEMENTED: LAYER_UNSUPPORTED: layer x: no' >&2\nexit 1\n");
  fs::permissions(importer, fs::perms::owner_all);
  const std::string model = Write("m.keras", "bytes");

  EXPECT_THAT(LoadModel(model, importer),
              StatusIs(StatusCode::kUnimplemented, HasSubstr("layer x: no"), "LAYER_UNSUPPORTED"));
}

TEST_F(ModelLoaderTest, AMissingImporterIsNamed) {
  const std::string model = Write("m.keras", "bytes");

  EXPECT_THAT(LoadModel(model, "/nonexistent/importer"),
              StatusIs(StatusCode::kNotFound, HasSubstr("/nonexistent/importer"), "PROGRAM"));
}

}  // namespace
}  // namespace rnnserve::server
