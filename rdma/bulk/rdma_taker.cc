#include "rdma/bulk/rdma_taker.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace causeway {

RdmaTaker::RdmaTaker(std::unique_ptr<RdmaEndpoint> endpoint,
                     StagingRing staging, PutSink& sink,
                     const RdmaTakerOptions& options)
    : endpoint_(std::move(endpoint)),
      sink_(sink),
      stores_(options.stores.begin(), options.stores.end()),
      pinned_bytes_max_(options.pinned_bytes_max),
      staging_(std::move(staging)),
      arrived_(endpoint_->depths().messages),
      answer_out_(endpoint_->depths().messages, false) {}

Status RdmaTaker::check_extent(const BlockRange& extent) const {
  const bool known = extent.region < stores_.size() &&
                     stores_[extent.region] != nullptr &&
                     !stores_[extent.region]->mapped().empty() &&
                     extent.end() <= stores_[extent.region]->info().blocks();
  if (known) return {};
  return make_error(ErrorCode::kPeerBroken,
                    "the source asks for blocks {}+{} of region {}, which are "
                    "not there to be written",
                    extent.first, extent.count, extent.region);
}

// What cannot be registered is no trouble: it comes by the ring.
Result<RdmaKey> RdmaTaker::register_extent(const BlockRange& extent) {
  CAUSEWAY_TRY(check_extent(extent));
  const uint64_t bytes = extent.count * kBlockBytes;
  const Key place{extent.region, extent.first};
  RdmaKey key;
  key.extent = extent;
  if (registered_.count(place) != 0) {
    return make_error(ErrorCode::kPeerBroken,
                      "the source asks for blocks {}+{} of region {} twice",
                      extent.first, extent.count, extent.region);
  }
  if (pinned_bytes_ + bytes > pinned_bytes_max_) return key;
  const auto memory = stores_[extent.region]->mapped().subspan(
      extent.first * kBlockBytes, bytes);
  auto region = endpoint_->register_memory(
      memory, IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE);
  if (!region) {
    if (!refused_) {
      spdlog::warn("what cannot be registered comes by copy: {}",
                   region.error().message);
    }
    refused_ = true;
    return key;
  }
  key.registered = true;
  key.address = reinterpret_cast<uint64_t>(memory.data());
  key.key = (*region)->rkey;
  pinned_bytes_ += bytes;
  pinned_bytes_most_ = std::max(pinned_bytes_most_, pinned_bytes_);
  registered_.emplace(place,
                      Registered{extent.count, std::move(region).value()});
  return key;
}

Status RdmaTaker::drop_extent(const BlockRange& extent) {
  const auto found = registered_.find({extent.region, extent.first});
  if (found == registered_.end() || found->second.blocks != extent.count) {
    return make_error(ErrorCode::kPeerBroken,
                      "the source gives back blocks {}+{} of region {}, which "
                      "it does not have",
                      extent.first, extent.count, extent.region);
  }
  pinned_bytes_ -= extent.count * kBlockBytes;
  registered_.erase(found);
  return {};
}

}  // namespace causeway
