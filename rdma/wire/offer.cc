#include "rdma/wire/offer.h"

#include <algorithm>

#include "engine/base/bytes.h"

namespace causeway {
namespace {

constexpr uint32_t kMagic = 0x4f'52'57'43;  // "CWRO"
constexpr uint16_t kVersion = 1;
constexpr size_t kAddressAt = 8 + sizeof(RdmaSecret);
static_assert(kAddressAt + RdmaOffer::kAddressBytesMax + 1 ==
              RdmaOffer::kBytes);

}  // namespace

std::array<std::byte, RdmaOffer::kBytes> encode_offer(const RdmaOffer& offer) {
  CAUSEWAY_ASSERT(offer.address.size() <= RdmaOffer::kAddressBytesMax);
  ByteWriter out;
  out.put(kMagic);
  out.put(kVersion);
  out.put(offer.workers);
  const auto head = out.take();
  std::array<std::byte, RdmaOffer::kBytes> bytes{};
  std::copy(head.begin(), head.end(), bytes.begin());
  std::copy(offer.secret.begin(), offer.secret.end(), bytes.begin() + 8);
  const auto address = std::as_bytes(std::span(offer.address));
  std::copy(address.begin(), address.end(), bytes.begin() + kAddressAt);
  return bytes;
}

Result<RdmaOffer> decode_offer(
    std::span<const std::byte, RdmaOffer::kBytes> bytes) {
  ByteReader in(bytes);
  const auto magic = in.get<uint32_t>();
  const auto version = in.get<uint16_t>();
  RdmaOffer offer;
  offer.workers = in.get<uint16_t>();
  std::copy_n(bytes.begin() + 8, offer.secret.size(), offer.secret.begin());
  const auto text = bytes.subspan(kAddressAt);
  const auto end = std::find(text.begin(), text.end(), std::byte{0});
  if (magic != kMagic || end == text.end() || end == text.begin()) {
    return make_error(ErrorCode::kPeerBroken,
                      "the target offers no RDMA on its control stream");
  }
  if (version != kVersion) {
    return make_error(ErrorCode::kIncompatible,
                      "the target speaks version {} of the rdma path, this end "
                      "version {}",
                      version, kVersion);
  }
  offer.address.assign(reinterpret_cast<const char*>(text.data()),
                       static_cast<size_t>(end - text.begin()));
  return offer;
}

}  // namespace causeway
