// CodecOptions: what `--codec` says: auto | none | deflate:LEVEL.
#pragma once

#include <string>
#include <string_view>

#include "engine/base/result.h"
#include "engine/policy/codec_choice.h"

namespace causeway {

struct CodecOptions {
  enum class Mode { kAuto, kNone, kFixed };
  Mode mode = Mode::kAuto;
  int level = kCodecLevelNone;  // of kFixed
};

// kInvalidArgument says what would have been right.
Result<CodecOptions> parse_codec(std::string_view text);
std::string codec_text(const CodecOptions& options);

}  // namespace causeway
