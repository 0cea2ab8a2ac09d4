#include "tests/engine/runtime/sysfs_tree.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

namespace causeway {

namespace fs = std::filesystem;

SysfsTree::SysfsTree() {
  char folder[] = "/tmp/causeway-sysfs-XXXXXX";
  EXPECT_NE(::mkdtemp(folder), nullptr);
  root_ = folder;
}

SysfsTree::~SysfsTree() {
  std::error_code error;
  fs::remove_all(root_, error);
}

void SysfsTree::file(const std::string& path, const std::string& line) const {
  fs::create_directories((root_ / path).parent_path());
  std::ofstream stream(root_ / path);
  stream << line << "\n";
  EXPECT_TRUE(stream.flush()) << path;
}

void SysfsTree::link(const std::string& path, const std::string& target) const {
  fs::create_directories((root_ / path).parent_path());
  fs::create_directory_symlink(root_ / target, root_ / path);
}

void SysfsTree::interface(const std::string& name, const std::string& mac,
                          const std::string& device, int mtu_bytes,
                          int hardware) const {
  const std::string folder = "class/net/" + name + "/";
  file(folder + "address", mac);
  file(folder + "mtu", std::to_string(mtu_bytes));
  file(folder + "type", std::to_string(hardware));
  file(folder + "operstate", "up");
  file(folder + "dev_port", "0");
  if (!device.empty()) link(folder + "device", device);
}

}  // namespace causeway
