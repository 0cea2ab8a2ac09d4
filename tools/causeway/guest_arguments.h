// The options that describe a guest, the same for `guest run` and `demo`.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/control/control.pb.h"

namespace causeway {

class GuestArguments {
 public:
  // Defaults; `disk` as the option takes it, empty for none.
  GuestArguments(uint64_t memory_bytes, std::string disk, std::string workload);

  void add_options(CLI::App* app);

  // What --disk says is looked up only now.
  Result<control::GuestConfig> config(const std::string& name) const;

 private:
  Status set_disk(control::GuestConfig* config) const;

  uint64_t memory_bytes_;
  uint64_t page_bytes_ = 4096;
  uint32_t vcpus_ = 1;
  std::string disk_;
  std::string workload_;
  std::string content_ = "random";
  double used_ = 1;
  uint64_t seed_ = 0;
  std::string domain_;
  std::string tracker_ = "bitmap";
  std::vector<std::string> cpu_mask_;
  std::string hypervisor_;
};

}  // namespace causeway
