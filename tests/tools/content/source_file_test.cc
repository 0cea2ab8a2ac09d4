#include "tools/content/source_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/engine/content/test_folder.h"

namespace causeway {
namespace {

namespace fs = std::filesystem;

class SourceFileTest : public testing::Test {
 protected:
  std::string write(const std::string& name, size_t bytes) {
    const std::string path = folder_.at(name);
    std::ofstream(path) << std::string(bytes, 'x');
    return path;
  }
  ErrorCode refusal(const std::string& path) {
    const auto file = SourceFile::open(path);
    return file ? ErrorCode::kInternal : file.error().code;
  }
  TestFolder folder_;
};

TEST_F(SourceFileTest, SaysWhatItIs) {
  const std::string path = write("a", 10000);
  fs::create_symlink(path, folder_.at("link"));
  const auto file = SourceFile::open(folder_.at("link"));
  ASSERT_TRUE(file);
  EXPECT_EQ(file->path(), fs::canonical(path).string());
  EXPECT_EQ(file->size_bytes(), 10000u);
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(file->mtime_ns(),
            info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec);
}

TEST_F(SourceFileTest, KnowsItsHoles) {
  const std::string path = folder_.at("sparse");
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT, 0600));
  const std::string data(8192, 'x');
  ASSERT_EQ(::ftruncate(fd.get(), 4 << 20), 0);
  ASSERT_EQ(::pwrite(fd.get(), data.data(), data.size(), 1 << 20), 8192);
  const auto file = SourceFile::open(path);
  ASSERT_TRUE(file);
  const auto first = file->data_from(0);
  ASSERT_TRUE(first);
  if (first->begin == 0) GTEST_SKIP() << "this file system tells no holes";
  EXPECT_EQ(first->begin, 1u << 20);
  EXPECT_GE(first->end, (1u << 20) + 8192);
  EXPECT_EQ(file->data_from((1 << 20) + 4096)->begin, (1u << 20) + 4096);
  EXPECT_FALSE(file->data_from(2 << 20));
  EXPECT_FALSE(file->data_from(4 << 20));
}

TEST_F(SourceFileTest, RefusesWhatIsNoFile) {
  EXPECT_EQ(refusal(folder_.at("nothing")), ErrorCode::kNotFound);
  EXPECT_EQ(refusal(folder_.at("")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal("/dev/null"), ErrorCode::kInvalidArgument);
  ASSERT_EQ(::mkfifo(folder_.at("pipe").c_str(), 0600), 0);
  EXPECT_EQ(refusal(folder_.at("pipe")), ErrorCode::kInvalidArgument);
}

TEST_F(SourceFileTest, AFolderIsItsFiles) {
  fs::create_directories(folder_.at("d/e"));
  const std::string a = write("d/a", 5000);
  const std::string b = write("d/e/b", 5000);
  write("d/small", 4095);
  fs::create_symlink(a, folder_.at("d/link"));
  const auto files = list_sources({folder_.at("d"), a});
  ASSERT_TRUE(files);
  EXPECT_EQ(*files, (std::vector<std::string>{a, b}));
  EXPECT_EQ(list_sources({folder_.at("nothing")}).error().code,
            ErrorCode::kNotFound);
}

}  // namespace
}  // namespace causeway
