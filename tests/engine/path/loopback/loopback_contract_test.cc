#include <chrono>

#include "engine/path/loopback/virtual_link.h"
#include "tests/contract/path_contract.h"

namespace causeway {
namespace {

class LoopbackLab final : public PathLab {
 public:
  explicit LoopbackLab(const PathLabOptions& options)
      : link_({1e9, std::chrono::microseconds(50),
               options.tiny_buffers ? size_t{4096} : size_t{1u << 20}}),
        outbound_(link_.outbound()),
        inbound_(link_.inbound()) {}

  OutboundPath& outbound() override { return *outbound_; }
  InboundPath& inbound() override { return *inbound_; }
  Instant now() override { return now_; }

  bool wait(const WaitSet& set, Instant until) override {
    EXPECT_TRUE(set.entries().empty()) << "virtual time knows no fds";
    if (until == kNever) return false;
    now_ = std::max(now_, until);
    return true;
  }

  bool is_ready(const WaitSet& set) override { return !set.entries().empty(); }
  void cut() override { link_.cut(); }

 private:
  VirtualLink link_;
  std::unique_ptr<OutboundPath> outbound_;
  std::unique_ptr<InboundPath> inbound_;
  Instant now_{};
};

INSTANTIATE_TEST_SUITE_P(Loopback, PathContract,
                         testing::Values([](const PathLabOptions& options) {
                           return std::unique_ptr<PathLab>(
                               std::make_unique<LoopbackLab>(options));
                         }));

}  // namespace
}  // namespace causeway
