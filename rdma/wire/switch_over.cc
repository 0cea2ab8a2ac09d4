#include "rdma/wire/switch_over.h"

#include <algorithm>

#include "engine/base/bytes.h"

namespace causeway {
namespace {

constexpr uint32_t kSwitchOverMagic = 0x53'52'57'43;  // "CWRS"

}  // namespace

std::array<std::byte, SwitchOver::kBytes> encode_switch_over(
    const SwitchOver& message) {
  ByteWriter out;
  out.put(kSwitchOverMagic);
  out.put(static_cast<uint32_t>(message.kind));
  out.put(message.taken);
  out.put(uint64_t{0});
  const auto bytes = out.take();
  std::array<std::byte, SwitchOver::kBytes> fixed;
  std::copy(bytes.begin(), bytes.end(), fixed.begin());
  return fixed;
}

Result<SwitchOver> decode_switch_over(
    std::span<const std::byte, SwitchOver::kBytes> bytes) {
  ByteReader in(bytes);
  const auto magic = in.get<uint32_t>();
  const auto kind = in.get<uint32_t>();
  SwitchOver message{static_cast<SwitchOver::Kind>(kind), in.get<uint64_t>()};
  const auto zero = in.get<uint64_t>();
  const bool left = message.kind == SwitchOver::Kind::kLeft;
  if (magic != kSwitchOverMagic || zero != 0 || kind < 1 || kind > 2 ||
      (!left && message.taken != 0)) {
    return make_error(ErrorCode::kPeerBroken,
                      "24 bytes on a stream that waits are no word about "
                      "leaving RDMA");
  }
  return message;
}

}  // namespace causeway
