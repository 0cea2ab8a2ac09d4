// The contract of a VMM that embeds the shim, the same for kvm and process:
// real binaries, a lab guest at work, and a mover that is a few lines of test.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "hypervisor-shim/client/shim_guest.h"
#include "tests/contract/vmm_process.h"

namespace causeway {

struct VmmUnderTest {
  std::string binary;
  std::string tracker;                 // as the shim names it
  std::vector<std::string> arguments;  // that choose the tracker
};

class VmmContract : public testing::TestWithParam<VmmUnderTest> {
 protected:
  // Skips, with the reason, where the host lacks what the VMM needs.
  void start_source(const std::string& workload);
  void start_target();
  void wait_until_filled();

  void start(std::optional<VmmProcess>& into, const std::string& workload,
             bool incoming);

  std::optional<VmmProcess> source_;
  std::optional<VmmProcess> target_;
};

}  // namespace causeway
