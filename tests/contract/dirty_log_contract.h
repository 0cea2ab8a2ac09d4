// The contract of the dirty log (engine/guest/dirty_log.h), the same for all
// trackers: instantiate DirtyLogContract with a DirtyLogTracker each.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/contract/contract_vmm.h"

namespace causeway {

struct DirtyLogTracker {
  std::string name;
  MachineFactory make_machine;
};

class DirtyLogContract : public testing::TestWithParam<DirtyLogTracker> {
 protected:
  // Skips, with the reason, where the host lacks what the tracker needs.
  void SetUp() override;

  // Tracking on, nothing owed, and whatever program and machine still had to
  // write has been collected.
  void start_and_settle();
  void ack_all(Version version);
  Version collect();
  // Owed data blocks of the RAM.
  uint64_t owed_data_blocks();
  bool owed(uint64_t block) { return vmm_->log().owed(0).test(block); }

  std::unique_ptr<ContractVmm> vmm_;
};

}  // namespace causeway
