#include "rdma/wire/offer.h"

#include <algorithm>

#include "engine/base/bytes.h"
#include "rdma/limits.h"

namespace causeway {
namespace {

constexpr uint32_t kOfferMagic = 0x4f'52'57'43;    // "CWRO"
constexpr uint32_t kVerdictMagic = 0x56'52'57'43;  // "CWRV"
constexpr uint16_t kVersion = 2;
constexpr size_t kWorkersAt = 6;
constexpr size_t kSecretAt = RdmaOffer::kHeadBytes;
constexpr size_t kPortsAt = kSecretAt + sizeof(RdmaSecret);
constexpr size_t kAddressesAt = kPortsAt + 4;
constexpr size_t kAddressBytes = RdmaOffer::kAddressBytesMax + 1;
static_assert(kAddressesAt + kRdmaPortsMax * kAddressBytes ==
              RdmaOffer::kBytes);

Error no_offer() {
  return make_error(ErrorCode::kPeerBroken,
                    "the target offers no RDMA on its control stream");
}

Result<std::string> decode_address(std::span<const std::byte> text) {
  const auto end = std::find(text.begin(), text.end(), std::byte{0});
  if (end == text.end()) return no_offer();
  return std::string(reinterpret_cast<const char*>(text.data()),
                     static_cast<size_t>(end - text.begin()));
}

}  // namespace

std::array<std::byte, RdmaOffer::kBytes> encode_offer(const RdmaOffer& offer) {
  CAUSEWAY_ASSERT(offer.addresses.size() <= kRdmaPortsMax);
  ByteWriter out;
  out.put(kOfferMagic);
  out.put(kVersion);
  out.put(offer.workers);
  for (const std::byte one : offer.secret) out.put(static_cast<uint8_t>(one));
  out.put(static_cast<uint32_t>(offer.addresses.size()));
  const auto head = out.take();
  CAUSEWAY_ASSERT(head.size() == kAddressesAt);
  std::array<std::byte, RdmaOffer::kBytes> bytes{};
  std::copy(head.begin(), head.end(), bytes.begin());
  auto at = bytes.begin() + kAddressesAt;
  for (const std::string& address : offer.addresses) {
    CAUSEWAY_ASSERT(address.size() <= RdmaOffer::kAddressBytesMax);
    const auto text = std::as_bytes(std::span(address));
    std::copy(text.begin(), text.end(), at);
    at += kAddressBytes;
  }
  return bytes;
}

Status check_offer_head(
    std::span<const std::byte, RdmaOffer::kHeadBytes> bytes) {
  ByteReader in(bytes);
  const auto magic = in.get<uint32_t>();
  const auto version = in.get<uint16_t>();
  if (magic != kOfferMagic) return no_offer();
  if (version != kVersion) {
    return make_error(ErrorCode::kIncompatible,
                      "the target speaks version {} of the rdma path, this end "
                      "version {}",
                      version, kVersion);
  }
  return {};
}

Result<RdmaOffer> decode_offer(
    std::span<const std::byte, RdmaOffer::kBytes> bytes) {
  CAUSEWAY_TRY(check_offer_head(bytes.first<RdmaOffer::kHeadBytes>()));
  ByteReader in(bytes.subspan(kWorkersAt));
  RdmaOffer offer;
  offer.workers = in.get<uint16_t>();
  std::copy_n(bytes.begin() + kSecretAt, offer.secret.size(),
              offer.secret.begin());
  ByteReader ports_in(bytes.subspan(kPortsAt));
  const auto ports = ports_in.get<uint32_t>();
  if (ports > kRdmaPortsMax) return no_offer();
  for (uint32_t i = 0; i < ports; ++i) {
    CAUSEWAY_ASSIGN(std::string address,
                    decode_address(bytes.subspan(
                        kAddressesAt + i * kAddressBytes, kAddressBytes)));
    offer.addresses.push_back(std::move(address));
  }
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
