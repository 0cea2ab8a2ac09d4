#include <array>

#include "engine/path/stripe/striped_control_channel.h"

namespace causeway {
namespace {

auto open(OutboundPath& path) { return path.open_control(); }
auto open(InboundPath& path) { return path.accept_control(); }

template <typename LanePath>
class BoardControlLanes final : public ControlLanes {
 public:
  explicit BoardControlLanes(LaneBoard<LanePath>& board) : view_(board) {}

  std::vector<Opened> take_new() override {
    std::vector<Opened> opened;
    view_.look([&](uint32_t lane, typename LaneBoard<LanePath>::Lease lease) {
      auto channel = open(*lease.path());
      if (!channel) return;
      leases_[lane] = std::move(lease);
      opened.push_back({lane, std::move(channel).value()});
    });
    return opened;
  }
  void give_back(uint32_t lane) override { leases_[lane].release(); }
  bool any_new() const override { return view_.stale(); }
  bool closed() const override { return view_.closed(); }
  int fd() const override { return view_.fd(); }

 private:
  typename LaneBoard<LanePath>::View view_;
  std::array<typename LaneBoard<LanePath>::Lease, kStripeLanesMax> leases_;
};

}  // namespace

std::unique_ptr<ControlLanes> control_lanes(LaneBoard<OutboundPath>& board) {
  return std::make_unique<BoardControlLanes<OutboundPath>>(board);
}

std::unique_ptr<ControlLanes> control_lanes(LaneBoard<InboundPath>& board) {
  return std::make_unique<BoardControlLanes<InboundPath>>(board);
}

}  // namespace causeway
