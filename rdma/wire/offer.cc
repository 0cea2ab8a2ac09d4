#include "rdma/wire/offer.h"

#include <algorithm>

#include "engine/base/bytes.h"
#include "rdma/limits.h"

namespace causeway {
namespace {

constexpr uint32_t kMagic = 0x4f'52'57'43;         // "CWRO"
constexpr uint32_t kVerdictMagic = 0x56'52'57'43;  // "CWRV"
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
  if (magic != kMagic || end == text.end()) {
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

std::array<std::byte, kRdmaVerdictBytes> encode_verdict(RdmaVerdict verdict) {
  ByteWriter out;
  out.put(kVerdictMagic);
  out.put(static_cast<uint32_t>(verdict));
  const auto bytes = out.take();
  std::array<std::byte, kRdmaVerdictBytes> fixed;
  std::copy(bytes.begin(), bytes.end(), fixed.begin());
  return fixed;
}

Result<RdmaVerdict> decode_verdict(
    std::span<const std::byte, kRdmaVerdictBytes> bytes) {
  ByteReader in(bytes);
  const auto magic = in.get<uint32_t>();
  const auto verdict = in.get<uint32_t>();
  if (magic != kVerdictMagic || verdict < 1 || verdict > 2) {
    return make_error(ErrorCode::kPeerBroken,
                      "the source does not say whether it comes by RDMA");
  }
  return static_cast<RdmaVerdict>(verdict);
}

std::array<std::byte, RdmaWelcome::kBytes> encode_rdma_welcome(
    const RdmaWelcome& welcome) {
  ByteWriter out;
  out.put(welcome.staging_address);
  out.put(welcome.staging_key);
  out.put(welcome.staging_bytes);
  out.put(welcome.messages);
  out.put(welcome.pinned_bytes);
  const auto bytes = out.take();
  std::array<std::byte, RdmaWelcome::kBytes> fixed;
  CAUSEWAY_ASSERT(bytes.size() == fixed.size());
  std::copy(bytes.begin(), bytes.end(), fixed.begin());
  return fixed;
}

Result<RdmaWelcome> decode_rdma_welcome(std::span<const std::byte> bytes) {
  ByteReader in(bytes.first(std::min(bytes.size(), RdmaWelcome::kBytes)));
  RdmaWelcome welcome;
  welcome.staging_address = in.get<uint64_t>();
  welcome.staging_key = in.get<uint32_t>();
  welcome.staging_bytes = in.get<uint32_t>();
  welcome.messages = in.get<uint32_t>();
  welcome.pinned_bytes = in.get<uint64_t>();
  if (!in.finished() || welcome.messages == 0 ||
      welcome.messages > kRdmaMessagesMax ||
      welcome.staging_bytes < kPutBytesMax ||
      welcome.staging_bytes > kRdmaStagingBytes) {
    return make_error(ErrorCode::kPeerBroken,
                      "the target's answer to an RDMA request has {} bytes and "
                      "speaks of {} messages and a ring of {} bytes",
                      bytes.size(), welcome.messages, welcome.staging_bytes);
  }
  return welcome;
}

}  // namespace causeway
