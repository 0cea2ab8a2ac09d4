#include "engine/policy/codec_options.h"

namespace causeway {

Result<CodecOptions> parse_codec(std::string_view text) {
  using Mode = CodecOptions::Mode;
  if (text == "auto") return CodecOptions{Mode::kAuto, kCodecLevelNone};
  if (text == "none") return CodecOptions{Mode::kNone, kCodecLevelNone};
  for (int level = 0; level <= kCodecLevelMax; ++level) {
    const CodecOptions fixed{Mode::kFixed, level};
    if (text == codec_text(fixed)) return fixed;
  }
  return make_error(ErrorCode::kInvalidArgument,
                    "\"{}\" is no codec: use auto, none or deflate:LEVEL with "
                    "a level from 0 to {}",
                    text, kCodecLevelMax);
}

std::string codec_text(const CodecOptions& options) {
  switch (options.mode) {
    case CodecOptions::Mode::kAuto:
      return "auto";
    case CodecOptions::Mode::kNone:
      return "none";
    case CodecOptions::Mode::kFixed:
      return fmt::format("deflate:{}", options.level);
  }
  return "unknown";
}

}  // namespace causeway
