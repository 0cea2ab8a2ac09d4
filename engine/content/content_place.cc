#include "engine/content/content_place.h"

#include "engine/base/bytes.h"
#include "engine/content/limits.h"

namespace causeway {
namespace {

constexpr uint8_t kPlaceFormat = 1;

}  // namespace

Status check_source(const ContentSource& source) {
  const bool file = source.kind == ContentKind::kFile;
  const size_t bytes_max = file ? kContentPathBytesMax : kNameBytesMax;
  if (source.name.empty() || source.name.size() > bytes_max) {
    return make_error(ErrorCode::kInvalidArgument,
                      "The name of a source of content has {} bytes; 1 to {} "
                      "are allowed.",
                      source.name.size(), bytes_max);
  }
  if (file && source.name.front() != '/') {
    return make_error(ErrorCode::kInvalidArgument,
                      "{}: the content index needs an absolute path.",
                      source.name);
  }
  if (source.name.find('\0') != std::string::npos ||
      (file && source.region != 0)) {
    return make_error(ErrorCode::kInvalidArgument,
                      "A source of content has a name that is none, or is a "
                      "file and a region at once.");
  }
  return {};
}

Status check_offset(uint64_t offset_bytes) {
  if (offset_bytes % kContentAlignBytes == 0 &&
      offset_bytes <= kRegionBytesMax - kBlockBytes) {
    return {};
  }
  return make_error(ErrorCode::kInvalidArgument,
                    "Content at byte {} of a source cannot be indexed: not a "
                    "multiple of {}, or too far.",
                    offset_bytes, kContentAlignBytes);
}

std::vector<std::byte> encode_source(const ContentSource& source) {
  ByteWriter writer;
  writer.put(kPlaceFormat);
  writer.put(static_cast<uint8_t>(source.kind));
  writer.put(source.region);
  writer.put_string(source.name);
  return writer.take();
}

Result<ContentSource> decode_source(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  const auto format = reader.get<uint8_t>();
  const auto kind = reader.get<uint8_t>();
  ContentSource source;
  source.region = reader.get<RegionId>();
  source.name = reader.get_string(kContentPathBytesMax);
  if (!reader.finished() || format != kPlaceFormat ||
      (kind != static_cast<uint8_t>(ContentKind::kFile) &&
       kind != static_cast<uint8_t>(ContentKind::kRegion))) {
    return make_error(ErrorCode::kIo,
                      "A source of content in {} bytes of format {}, kind {} "
                      "cannot be read.",
                      bytes.size(), format, kind);
  }
  source.kind = static_cast<ContentKind>(kind);
  if (const Status fit = check_source(source); !fit) {
    return make_error(ErrorCode::kIo, "{}", fit.error().message);
  }
  return source;
}

}  // namespace causeway
