#include "engine/content/image_roots.h"

#include <fmt/format.h>

#include <charconv>

#include "engine/base/limits.h"

namespace causeway {
namespace {

constexpr size_t kDigits = 16;

}  // namespace

std::string encode_image_roots(const ImageRoots& image) {
  std::string text = fmt::format("{:016x}", image.digest_key);
  for (const uint64_t root : image.roots) {
    text += fmt::format("{:016x}", root);
  }
  return text;
}

std::optional<ImageRoots> decode_image_roots(std::string_view text) {
  const size_t numbers = text.size() / kDigits;
  if (text.size() % kDigits != 0 || numbers < 2 || numbers > 1 + kRegionsMax)
    return std::nullopt;
  ImageRoots image;
  for (size_t i = 0; i < numbers; ++i) {
    const char* begin = text.data() + i * kDigits;
    uint64_t number = 0;
    const auto read = std::from_chars(begin, begin + kDigits, number, 16);
    if (read.ec != std::errc() || read.ptr != begin + kDigits)
      return std::nullopt;
    if (i == 0) {
      image.digest_key = number;
    } else {
      image.roots.push_back(number);
    }
  }
  return image;
}

}  // namespace causeway
