#include <poll.h>

#include <chrono>

#include "tests/contract/path_contract.h"
#include "tests/engine/path/stripe/stripe_rig.h"

namespace causeway {
namespace {

// The path contract over lanes of virtual links.
class StripeLab final : public PathLab {
 public:
  StripeLab(size_t lanes, const PathLabOptions& options)
      : lanes_(lanes), rig_(links(lanes, options)) {}

  OutboundPath& outbound() override { return rig_.outbound(); }
  InboundPath& inbound() override { return rig_.inbound(); }
  Instant now() override { return rig_.now(); }
  bool wait(const WaitSet&, Instant until) override { return rig_.jump(until); }
  bool is_ready(const WaitSet& set) override {
    for (const WaitSet::Entry& entry : set.entries()) {
      pollfd fd{entry.fd, entry.events, 0};
      if (::poll(&fd, 1, 0) > 0) return true;
    }
    return false;
  }
  void cut() override {
    for (uint32_t i = 0; i < lanes_; ++i) rig_.cut(i);
    rig_.close();
  }
  bool keeps_order() const override { return lanes_ == 1; }

 private:
  // The second lane is slower and farther than the first, the third more so.
  static std::vector<VirtualLinkOptions> links(size_t lanes,
                                               const PathLabOptions& options) {
    std::vector<VirtualLinkOptions> links;
    for (size_t i = 0; i < lanes; ++i) {
      links.push_back({1e9 / static_cast<double>(1 + 2 * i),
                       std::chrono::microseconds(50 + 200 * i),
                       options.tiny_buffers ? size_t{4096} : size_t{1u << 20}});
    }
    return links;
  }

  size_t lanes_;
  StripeRig rig_;
};

MakePathLab lab_of(size_t lanes) {
  return [lanes](const PathLabOptions& options) {
    return std::unique_ptr<PathLab>(
        std::make_unique<StripeLab>(lanes, options));
  };
}

INSTANTIATE_TEST_SUITE_P(StripeOfOne, PathContract, testing::Values(lab_of(1)));
INSTANTIATE_TEST_SUITE_P(StripeOfTwo, PathContract, testing::Values(lab_of(2)));
INSTANTIATE_TEST_SUITE_P(StripeOfThree, PathContract,
                         testing::Values(lab_of(3)));

}  // namespace
}  // namespace causeway
