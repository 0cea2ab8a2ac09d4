// SysfsTree: a folder under /tmp that looks like /sys, as far as a test wants;
// gone with this object.
#pragma once

#include <filesystem>
#include <string>

namespace causeway {

class SysfsTree {
 public:
  SysfsTree();
  ~SysfsTree();
  SysfsTree(const SysfsTree&) = delete;
  SysfsTree& operator=(const SysfsTree&) = delete;

  const std::filesystem::path& root() const { return root_; }

  // With the folders above it, and the line end that sysfs has.
  void file(const std::string& path, const std::string& line) const;
  // `target` from the root; it need not be there.
  void link(const std::string& path, const std::string& target) const;

  // A network interface, on the device of that folder unless it is empty.
  void interface(const std::string& name, const std::string& mac,
                 const std::string& device, int mtu_bytes = 1500,
                 int hardware = 1) const;

 private:
  std::filesystem::path root_;
};

}  // namespace causeway
