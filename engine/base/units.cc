#include "engine/base/units.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

namespace causeway {
namespace {

constexpr std::string_view kSizeLetters = "KMGTP";

// 2^53: beyond it a double no longer holds every whole number.
constexpr double kExactMax = 9007199254740992.0;

struct NumberAndUnit {
  double number = 0;
  std::string_view unit;
};

// Splits "1.5G" into 1.5 and "G". False when there is no number.
bool split(std::string_view text, NumberAndUnit* out) {
  if (text.empty() || !std::isdigit(static_cast<unsigned char>(text[0]))) {
    return false;
  }
  const char* end = text.data() + text.size();
  const auto [rest, error] =
      std::from_chars(text.data(), end, out->number, std::chars_format::fixed);
  if (error != std::errc()) return false;
  out->unit = std::string_view(rest, static_cast<size_t>(end - rest));
  return true;
}

// "", "K", "KB", "KiB" -> 1, 1024, 1024, 1024; 0 for anything else.
double size_factor(std::string_view unit) {
  if (unit.empty() || unit == "B") return 1;
  const char letter =
      static_cast<char>(std::toupper(static_cast<unsigned char>(unit[0])));
  const size_t power = kSizeLetters.find(letter);
  if (power == std::string_view::npos) return 0;
  const std::string_view tail = unit.substr(1);
  if (!tail.empty() && tail != "B" && tail != "iB") return 0;
  return std::ldexp(1.0, static_cast<int>(10 * (power + 1)));
}

Result<uint64_t> parse_scaled(std::string_view text, std::string_view number,
                              const char* what, const char* examples) {
  NumberAndUnit parts;
  const double factor = split(number, &parts) ? size_factor(parts.unit) : 0;
  if (factor == 0) {
    return make_error(ErrorCode::kInvalidArgument,
                      "\"{}\" is no {}; write for example {}", text, what,
                      examples);
  }
  const double bytes = parts.number * factor;
  if (bytes > kExactMax) {
    return make_error(ErrorCode::kInvalidArgument,
                      "{} \"{}\" is too large; the most is 8P", what, text);
  }
  if (bytes != std::floor(bytes)) {
    return make_error(ErrorCode::kInvalidArgument,
                      "{} \"{}\" is not a whole number of bytes", what, text);
  }
  return static_cast<uint64_t>(bytes);
}

}  // namespace

Result<uint64_t> parse_bytes(std::string_view text) {
  return parse_scaled(text, text, "size", "512M, 2G or 4096");
}

Result<uint64_t> parse_rate(std::string_view text) {
  std::string_view number = text;
  if (number.ends_with("/s")) number.remove_suffix(2);
  CAUSEWAY_ASSIGN(const uint64_t rate,
                  parse_scaled(text, number, "rate", "50M (bytes a second)"));
  if (rate == 0) {
    return make_error(ErrorCode::kInvalidArgument,
                      "rate \"{}\" is zero; the least is 1", text);
  }
  return rate;
}

Result<Duration> parse_duration(std::string_view text) {
  struct Unit {
    std::string_view name;
    double ns;
  };
  static constexpr std::array<Unit, 7> kUnits = {{{"ns", 1},
                                                  {"us", 1e3},
                                                  {"ms", 1e6},
                                                  {"s", 1e9},
                                                  {"m", 60e9},
                                                  {"min", 60e9},
                                                  {"h", 3600e9}}};
  NumberAndUnit parts;
  if (split(text, &parts)) {
    for (const Unit& unit : kUnits) {
      if (parts.unit != unit.name) continue;
      const double ns = parts.number * unit.ns;
      if (ns > kExactMax) {
        return make_error(ErrorCode::kInvalidArgument,
                          "time \"{}\" is too long; the most is 2500h", text);
      }
      return Duration(std::llround(ns));
    }
  }
  return make_error(ErrorCode::kInvalidArgument,
                    "\"{}\" is no time; write for example 30ms, 1.5s or 200us",
                    text);
}

std::string format_bytes(uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{}", bytes);
  double number = static_cast<double>(bytes);
  size_t power = 0;
  // 1023.95 would be written "1024.0".
  while (number >= 1023.95 && power < kSizeLetters.size()) {
    number /= 1024;
    ++power;
  }
  const double tenths = std::round(number * 10) / 10;
  return fmt::format("{:.{}f}{}", tenths, tenths == std::floor(tenths) ? 0 : 1,
                     kSizeLetters[power - 1]);
}

std::string format_rate(double bytes_per_s) {
  const double most = std::ldexp(1.0, 62);
  const double clean =
      std::isfinite(bytes_per_s) ? std::clamp(bytes_per_s, 0.0, most) : 0;
  return format_bytes(static_cast<uint64_t>(clean)) + "/s";
}

std::string format_duration(Duration duration) {
  const double s = seconds(duration);
  if (s >= 100) {
    const auto whole = static_cast<uint64_t>(std::round(s));
    return fmt::format("{} min {} s", whole / 60, whole % 60);
  }
  if (s >= 1) return fmt::format("{:.1f} s", s);
  if (s >= 1e-3) return fmt::format("{:.1f} ms", s * 1e3);
  return fmt::format("{:.0f} us", s * 1e6);
}

}  // namespace causeway
