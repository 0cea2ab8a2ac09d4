#include "rdma/pull/rdma_puller.h"

#include <utility>

namespace causeway {

Result<std::unique_ptr<RdmaPuller>> RdmaPuller::open(
    std::unique_ptr<RdmaEndpoint> endpoint, std::span<std::byte> landing) {
  if (endpoint->reads_max() == 0) {
    return make_error(ErrorCode::kIncompatible,
                      "no RDMA READ between this device and that of {}",
                      endpoint->peer());
  }
  std::unique_ptr<RdmaPuller> puller(
      new RdmaPuller(std::move(endpoint), landing));
  CAUSEWAY_ASSIGN(puller->landing_key_, puller->endpoint_->register_memory(
                                            landing, IBV_ACCESS_LOCAL_WRITE));
  return puller;
}

// A work request stays for the messages.
RdmaPuller::RdmaPuller(std::unique_ptr<RdmaEndpoint> endpoint,
                       std::span<std::byte> landing)
    : endpoint_(std::move(endpoint)),
      landing_(landing),
      reads_(endpoint_->depths().requests - 1) {}

// The queue pair goes first: nothing lands in what is reported as lost.
void RdmaPuller::fail(Error error) {
  endpoint_->disconnect();
  broken_ = std::move(error);
  reads_tail_ = reads_head_;
  asking_ = false;
  for (Slot& slot : slots_) {
    if (slot.state != Slot::State::kOut) continue;
    slot.outcome = PullDone::Outcome::kLost;
    slot.next = slot.pull.blocks.end();
    slot.reads_out = 0;
    settle(slot);
  }
}

}  // namespace causeway
