#include "engine/path/stripe/fragment.h"

#include "engine/base/assert.h"
#include "engine/base/bytes.h"
#include "engine/path/stripe/limits.h"

namespace causeway {
namespace {

constexpr uint32_t kMagic = 0x53'46'57'43;  // "CWFS"

Error broken(const char* what) {
  return make_error(ErrorCode::kPeerBroken,
                    "A control message of a striped path {}.", what);
}

}  // namespace

std::vector<std::byte> encode_fragment(const Fragment& fragment) {
  CAUSEWAY_ASSERT(fragment.bytes.size() <= kFragmentBytesMax);
  ByteWriter writer;
  writer.put(kMagic);
  writer.put(static_cast<uint32_t>(fragment.kind));  // and the reserved bytes
  writer.put(fragment.number);
  std::vector<std::byte> out = writer.take();
  CAUSEWAY_ASSERT(out.size() == Fragment::kHeadBytes);
  out.insert(out.end(), fragment.bytes.begin(), fragment.bytes.end());
  return out;
}

Result<Fragment> decode_fragment(std::span<const std::byte> message) {
  if (message.size() < Fragment::kHeadBytes) return broken("is cut");
  ByteReader reader(message.first(Fragment::kHeadBytes));
  if (reader.get<uint32_t>() != kMagic) return broken("has no magic");
  const auto kind = reader.get<uint32_t>();
  if (kind < static_cast<uint32_t>(FragmentKind::kPiece) ||
      kind > static_cast<uint32_t>(FragmentKind::kReceived)) {
    return broken("has an unknown kind");
  }
  Fragment fragment;
  fragment.kind = static_cast<FragmentKind>(kind);
  fragment.number = reader.get<uint64_t>();
  CAUSEWAY_ASSERT(reader.finished());
  fragment.bytes = message.subspan(Fragment::kHeadBytes);
  if (fragment.number == 0) return broken("has number 0");
  if (fragment.bytes.size() > kFragmentBytesMax) return broken("is too long");
  const bool has_bytes = fragment.kind == FragmentKind::kPiece ||
                         fragment.kind == FragmentKind::kLastPiece;
  if (!has_bytes && !fragment.bytes.empty()) {
    return broken("has bytes where none belong");
  }
  return fragment;
}

}  // namespace causeway
