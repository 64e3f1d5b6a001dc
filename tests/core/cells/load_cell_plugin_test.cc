// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/cells/load_cell_plugin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/cells/cell_plugin.h"
#include "tests/core/cells/cell_run.h"
#include "tests/support/status_matchers.h"

// Loads real plug-ins that are built together with this test: the example cell, whose results are
// compared with those of the same class in Keras, and one plug-in for each reason to refuse one.

namespace rnnserve {
namespace {

namespace fs = std::filesystem;

using ::rnnserve::testing::CellRun;
using ::rnnserve::testing::IsOk;
using ::rnnserve::testing::Serialized;
using ::rnnserve::testing::StatusIs;
using ::rnnserve::testing::WeightMap;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Pointwise;

constexpr char kExample[] = "rnnserve>AdaptiveLeakyCell";

std::string Plugin(const std::string& name) {
  return absl::StrCat(RNNSERVE_PLUGIN_DIR, "/", name, ".so");
}

// Expects that loading `path` fails for this reason, names the path and adds no cell.
void ExpectRefused(const std::string& path, absl::StatusCode code, const std::string& reason,
                   const std::string& text) {
  CellRegistry registry = CellRegistry::BuiltIn();

  EXPECT_THAT(LoadCellPlugin(path, registry),
              StatusIs(code, AllOf(HasSubstr(path), HasSubstr(text)), reason));
  EXPECT_EQ(registry.Names(), CellRegistry::BuiltIn().Names());
}

void ExpectNotLoaded(const std::string& path, const std::string& text) {
  ExpectRefused(path, absl::StatusCode::kInvalidArgument, "PLUGIN_LOAD", text);
}

void ExpectBadPath(const std::string& path, const std::string& text) {
  ExpectRefused(path, absl::StatusCode::kInvalidArgument, "PLUGIN_PATH", text);
}

TEST(LoadCellPluginTest, AddsTheCellsOfThePlugin) {
  CellRegistry registry = CellRegistry::BuiltIn();

  const auto names = LoadCellPlugin(Plugin("adaptive_leaky_cell"), registry);

  ASSERT_THAT(names, IsOk());
  EXPECT_THAT(*names, ElementsAre(kExample));
  EXPECT_TRUE(registry.Contains(kExample));
  EXPECT_TRUE(registry.Contains("LSTMCell"));
}

TEST(LoadCellPluginTest, CellsWithPluginsHasTheCellsOfAllPlugins) {
  const std::vector<std::string> paths = {Plugin("adaptive_leaky_cell")};

  const auto cells = CellsWithPlugins(paths);

  ASSERT_THAT(cells, IsOk());
  EXPECT_THAT(cells->Names(), IsSupersetOf({kExample, "GRUCell", "rnnserve>MinimalRNNCell"}));
}

TEST(LoadCellPluginTest, RefusesAPluginThatIsListedTwice) {
  const std::vector<std::string> paths(2, Plugin("adaptive_leaky_cell"));

  EXPECT_THAT(
      CellsWithPlugins(paths),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("there is a cell 'rnnserve>AdaptiveLeakyCell' already"), "PLUGIN_LOAD"));
}

TEST(LoadCellPluginTest, RefusesAnotherVersionOfTheInterface) {
  ExpectNotLoaded(Plugin("plugin_wrong_abi"),
                  absl::StrCat("version ", kCellPluginAbi + 1, " of the interface of cells; this ",
                               "is version ", kCellPluginAbi));
}

TEST(LoadCellPluginTest, RefusesAnotherBuild) {
  ExpectNotLoaded(Plugin("plugin_wrong_build"), "built with 'compiler of tomorrow'; this is ");
}

TEST(LoadCellPluginTest, RefusesALibraryThatIsNotAPlugin) {
  ExpectNotLoaded(Plugin("plugin_no_symbol"), "no symbol rnnserve_cell_plugin");
}

TEST(LoadCellPluginTest, RefusesAPluginWithoutCells) {
  ExpectNotLoaded(Plugin("plugin_no_cells"), "registers no cell");
}

TEST(LoadCellPluginTest, RefusesToReplaceABuiltInCell) {
  ExpectNotLoaded(Plugin("plugin_taken_name"), "there is a cell 'LSTMCell' already");
}

// Files in a temporary folder.
class CellPluginPathTest : public ::testing::Test {
 protected:
  CellPluginPathTest() {
    std::string folder = ::testing::TempDir() + "/plugins-XXXXXX";
    EXPECT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = fs::canonical(folder);
  }
  ~CellPluginPathTest() override { fs::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& bytes) {
    const fs::path path = folder_ / name;
    std::ofstream(path) << bytes;
    fs::permissions(path, fs::perms::owner_all);
    return path;
  }
  std::string CopyOfExample() {
    const fs::path path = folder_ / "cell.so";
    fs::copy_file(Plugin("adaptive_leaky_cell"), path);
    return path;
  }

  fs::path folder_;
};

TEST_F(CellPluginPathTest, AcceptsAFileThatOnlyItsOwnerMayWrite) {
  EXPECT_THAT(CheckPluginPath(CopyOfExample()), IsOk());
}

TEST_F(CellPluginPathTest, RefusesAMissingFile) {
  ExpectRefused(folder_ / "cell.so", absl::StatusCode::kNotFound, "PLUGIN_PATH", "no such file");
}

TEST_F(CellPluginPathTest, RefusesARelativePath) { ExpectBadPath("cell.so", "not absolute"); }

TEST_F(CellPluginPathTest, RefusesAPathWithDetours) {
  CopyOfExample();

  ExpectBadPath(absl::StrCat(folder_.native(), "/../", folder_.filename().native(), "/cell.so"),
                "not the shortest");
}

TEST_F(CellPluginPathTest, RefusesASymbolicLink) {
  fs::create_symlink(CopyOfExample(), folder_ / "link.so");

  ExpectBadPath(folder_ / "link.so", "it leads to " + (folder_ / "cell.so").native());
}

TEST_F(CellPluginPathTest, RefusesAFolder) { ExpectBadPath(folder_, "not a regular file"); }

TEST_F(CellPluginPathTest, RefusesAFileThatEveryoneMayWrite) {
  const std::string path = CopyOfExample();
  fs::permissions(path, fs::perms::others_write, fs::perm_options::add);

  ExpectBadPath(path, "everyone may write it");
}

TEST_F(CellPluginPathTest, RefusesAFolderThatEveryoneMayWriteTo) {
  const std::string path = CopyOfExample();
  fs::permissions(folder_, fs::perms::others_write | fs::perms::sticky_bit, fs::perm_options::add);

  ExpectBadPath(path, "everyone may write to the folder " + folder_.native());
}

TEST_F(CellPluginPathTest, RefusesAWritableFolderFurtherUpWithoutItsStickyBit) {
  fs::create_directory(folder_ / "inner");
  fs::rename(CopyOfExample(), folder_ / "inner" / "cell.so");
  fs::permissions(folder_, fs::perms::others_write, fs::perm_options::add);
  ExpectBadPath(folder_ / "inner" / "cell.so",
                "everyone may write to the folder " + folder_.native());

  fs::permissions(folder_, fs::perms::sticky_bit, fs::perm_options::add);
  EXPECT_THAT(CheckPluginPath(folder_ / "inner" / "cell.so"), IsOk());
}

TEST_F(CellPluginPathTest, RefusesAFileOfAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  const std::string path = CopyOfExample();
  ASSERT_EQ(chown(path.c_str(), 12345, 12345), 0);

  ExpectBadPath(path, "it belongs to user 12345");
}

TEST_F(CellPluginPathTest, RefusesAFileThatIsNotALibrary) {
  ExpectNotLoaded(Write("cell.so", "not a shared library"), "cell.so");
}

class AdaptiveLeakyCellTest : public ::testing::Test {
 protected:
  AdaptiveLeakyCellTest() {
    AddPattern("kernel", {2, 3}, 0);
    AddPattern("recurrent_kernel", {3, 3}, 1);
    AddPattern("bias", {3}, 2);
  }

  // Adds weight k, whose element i is ((i (7 + 4 k) + 3 k) mod 23 - 11) / 11.
  void AddPattern(const std::string& name, const Shape& shape, int k) {
    std::vector<float> values;
    for (int i = 0; i < *shape.NumElements(); ++i) {
      values.push_back(static_cast<float>(((i * (7 + 4 * k) + 3 * k) % 23 - 11) / 11.0));
    }
    weights_.Add(name, shape, values);
  }

  absl::StatusOr<std::unique_ptr<Cell>> Create(
      const nlohmann::json& change = nlohmann::json::object()) {
    nlohmann::json config = {
        {"units", 3}, {"leak", 0.75}, {"decay", 0.5}, {"strength", 1.5}, {"threshold", 0.25}};
    config.update(change);
    nlohmann::json object = Serialized("AdaptiveLeakyCell", config);
    object["registered_name"] = kExample;
    static const CellRegistry& registry = [&]() -> CellRegistry& {
      auto* loaded = new CellRegistry(CellRegistry::BuiltIn());
      EXPECT_THAT(LoadCellPlugin(Plugin("adaptive_leaky_cell"), *loaded), IsOk());
      return *loaded;
    }();
    return registry.Create(KerasConfig(object, "layer 'rnn'"), {2}, weights_);
  }

  WeightMap weights_;
};

auto Near(const std::vector<float>& expected) { return Pointwise(FloatNear(2e-6f), expected); }

// The numbers were recorded from the class in tests/golden/adaptive_leaky_cell.py with Keras 3.15
// (TensorFlow). Element i of the input [2, 4, 2] is (5 i mod 19 - 9) / 9.
TEST_F(AdaptiveLeakyCellTest, HasTheOutputsOfKeras) {
  const auto cell = Create();
  ASSERT_THAT(cell, IsOk());
  CellRun run(**cell, 2);
  run.add_constant({{1, 2, -1}, {0.5f, 0, 3}});
  const std::vector<std::vector<float>> first = {{0.329118818f, 0.47060436f, 0.395373851f},
                                                 {0.29140538f, 0.382036507f, 0.370382577f},
                                                 {0.280878246f, 0.458200812f, 0.385153353f},
                                                 {0.270679414f, 0.376177222f, 0.37443158f}};
  const std::vector<std::vector<float>> second = {{0.31234190f, 0.39633756f, 0.33686331f},
                                                  {0.27213001f, 0.39299726f, 0.36877969f},
                                                  {0.25509739f, 0.39856994f, 0.33381295f},
                                                  {0.24527505f, 0.40503004f, 0.38580652f}};

  for (int t = 0; t < 4; ++t) {
    const auto x = [t](int row, int i) {
      return static_cast<float>((((row * 4 + t) * 2 + i) * 5 % 19 - 9) / 9.0);
    };
    run.Step({{x(0, 0), x(0, 1)}, {x(1, 0), x(1, 1)}});
    EXPECT_THAT(run.y(0), Near(first[static_cast<size_t>(t)])) << t;
    EXPECT_THAT(run.y(1), Near(second[static_cast<size_t>(t)])) << t;
  }
  EXPECT_EQ(run.allocations(), 0);
}

TEST_F(AdaptiveLeakyCellTest, StartsWithTheThresholdAndTakesOneConstant) {
  const auto cell = Create();
  ASSERT_THAT(cell, IsOk());
  const CellRun run(**cell, 1);

  EXPECT_THAT(run.state(0, 0), ElementsAre(0, 0, 0));
  EXPECT_THAT(run.state(0, 1), ElementsAre(0.25f, 0.25f, 0.25f));
  EXPECT_EQ((*cell)->states()[1].name, "a");
  EXPECT_THAT((*cell)->constants(), ElementsAre(Shape({3})));
  EXPECT_EQ((*cell)->num_parameters(), 6 + 9 + 3);
}

TEST_F(AdaptiveLeakyCellTest, ErrorsOfThePluginLookLikeThoseOfABuiltInCell) {
  EXPECT_THAT(Create({{"leak", 1.5}}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("layer 'rnn'"), HasSubstr("leak"), HasSubstr("1.5")),
                       "MODEL_CONFIG"));
  EXPECT_THAT(Create({{"units", 4}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("[2, 4]"), "MODEL_WEIGHTS"));
}

}  // namespace
}  // namespace rnnserve
