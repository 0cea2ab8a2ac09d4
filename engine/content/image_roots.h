// ImageRoots: what the content of a guest's image is proved against by who has
// no digest table of it: the key of its migration's digests and the root of
// each region's table.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace causeway {

struct ImageRoots {
  uint64_t digest_key = 0;
  std::vector<uint64_t> roots;  // by region; at least one

  bool operator==(const ImageRoots&) const = default;
};

// 16 hexadecimal digits each, the key first.
std::string encode_image_roots(const ImageRoots& image);
// Nothing when it is not that.
std::optional<ImageRoots> decode_image_roots(std::string_view text);

}  // namespace causeway
