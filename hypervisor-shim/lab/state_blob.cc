#include "hypervisor-shim/lab/state_blob.h"

#include <xxhash.h>

#include <cstring>

#include "engine/base/bytes.h"
#include "hypervisor-shim/lab/limits.h"

namespace causeway::lab {

namespace {

constexpr uint32_t kMagic = 0x54534743;  // "CGST"
constexpr size_t kPrefixBytes = 4 + 4 + 8;

uint64_t checksum(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

Error broken(std::string_view what) {
  return make_error(ErrorCode::kPeerBroken, "the guest state is not usable: {}",
                    what);
}

}  // namespace

void StateWriter::add(uint32_t kind, uint32_t index,
                      std::span<const std::byte> bytes) {
  CAUSEWAY_ASSERT(sections_.size() < kStateSectionsMax);
  CAUSEWAY_ASSERT(bytes.size() <= kStateSectionBytesMax);
  sections_.push_back({kind, index, {bytes.begin(), bytes.end()}});
}

std::vector<std::byte> StateWriter::finish() {
  ByteWriter body;
  body.put(static_cast<uint32_t>(sections_.size()));
  for (const auto& section : sections_) {
    body.put(section.kind);
    body.put(section.index);
    body.put_bytes(section.bytes);
  }
  const auto payload = body.take();
  ByteWriter prefix;
  prefix.put(kMagic);
  prefix.put(kStateFormat);
  prefix.put(checksum(payload));
  auto blob = prefix.take();
  blob.insert(blob.end(), payload.begin(), payload.end());
  return blob;
}

Result<StateReader> StateReader::parse(std::span<const std::byte> blob) {
  if (blob.size() < kPrefixBytes) return broken("it is cut short");
  ByteReader prefix(blob.first(kPrefixBytes));
  if (prefix.get<uint32_t>() != kMagic) return broken("it is something else");
  const auto format = prefix.get<uint32_t>();
  if (format != kStateFormat) {
    return make_error(ErrorCode::kIncompatible,
                      "the guest state has format {}, this VMM knows format "
                      "{}: use the same release at both hosts",
                      format, kStateFormat);
  }
  const auto payload = blob.subspan(kPrefixBytes);
  if (prefix.get<uint64_t>() != checksum(payload)) {
    return broken("its checksum is wrong");
  }
  ByteReader body(payload);
  const auto count = body.get<uint32_t>();
  if (count > kStateSectionsMax) return broken("it has too many sections");
  StateReader reader;
  for (uint32_t i = 0; i < count && body.ok(); ++i) {
    const auto kind = body.get<uint32_t>();
    const auto index = body.get<uint32_t>();
    reader.sections_.push_back(
        {kind, index, body.get_bytes(kStateSectionBytesMax)});
  }
  if (!body.finished()) return broken("its sections do not fill it");
  return reader;
}

Result<std::span<const std::byte>> StateReader::find(uint32_t kind,
                                                     uint32_t index) const {
  for (const auto& section : sections_) {
    if (section.kind == kind && section.index == index) return section.bytes;
  }
  return make_error(ErrorCode::kPeerBroken,
                    "the guest state lacks section {}.{}", kind, index);
}

Status StateReader::read_exactly(uint32_t kind, uint32_t index,
                                 std::span<std::byte> out) const {
  CAUSEWAY_ASSIGN(const auto bytes, find(kind, index));
  if (bytes.size() != out.size()) {
    return make_error(ErrorCode::kPeerBroken,
                      "section {}.{} of the guest state has {} bytes, not {}",
                      kind, index, bytes.size(), out.size());
  }
  std::memcpy(out.data(), bytes.data(), out.size());
  return {};
}

}  // namespace causeway::lab
