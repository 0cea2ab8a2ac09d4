#include "tools/wan-emulator/link_spec.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <vector>

#include "engine/base/units.h"
#include "tools/wan-emulator/limits.h"

namespace causeway {
namespace {

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, std::move(message)};
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// The number at the front of `text`, which then begins after it.
std::optional<double> take_number(std::string_view* text) {
  if (text->empty() || (*text)[0] < '0' || (*text)[0] > '9') return {};
  double number = 0;
  const char* end = text->data() + text->size();
  const auto [rest, error] =
      std::from_chars(text->data(), end, number, std::chars_format::fixed);
  if (error != std::errc()) return {};
  text->remove_prefix(static_cast<size_t>(rest - text->data()));
  return number;
}

// "0.1%" -> 0.001. A bare number would be guessed wrong by someone.
Result<double> parse_share(std::string_view text) {
  std::string_view rest = text;
  const auto percent = take_number(&rest);
  if (!percent || rest != "%") {
    return invalid(
        fmt::format("\"{}\" is no share; write for example 0.1%", text));
  }
  if (*percent > 100) {
    return invalid(fmt::format("the share {} is more than 100%", text));
  }
  return *percent / 100;
}

Result<Duration> parse_delay(std::string_view text, Duration most) {
  CAUSEWAY_ASSIGN(const Duration delay, parse_duration(text));
  if (delay > most) {
    return invalid(fmt::format("{} is too long; the most is {}", text,
                               format_duration(most)));
  }
  return delay;
}

Result<uint64_t> parse_queue(std::string_view text) {
  if (text == "auto") return uint64_t{0};
  CAUSEWAY_ASSIGN(const uint64_t bytes, parse_bytes(text));
  if (bytes == 0 || bytes > kLinkQueueBytesMax) {
    return invalid(fmt::format("a queue of {} is not between 1 byte and {}",
                               text, format_bytes(kLinkQueueBytesMax)));
  }
  return bytes;
}

// "0.1%/25%/100%/0%"
Result<LossSettings> parse_gilbert(std::string_view text) {
  const auto parts = split(text, '/');
  if (parts.size() < 2 || parts.size() > 4) {
    return invalid(fmt::format(
        "\"{}\" is no model of bursts; write TO_BAD/TO_GOOD, for example "
        "0.1%/25%, or TO_BAD/TO_GOOD/LOSS_BAD/LOSS_GOOD",
        text));
  }
  LossSettings loss;
  const std::array<double*, 4> values = {&loss.to_bad, &loss.to_good,
                                         &loss.loss_bad, &loss.loss_good};
  for (size_t i = 0; i < parts.size(); ++i) {
    CAUSEWAY_ASSIGN(*values[i], parse_share(parts[i]));
  }
  return loss;
}

// What stands in the text of the three keys that make one loss model.
struct LossText {
  std::optional<double> loss;
  std::optional<double> burst_frames;
  std::optional<LossSettings> gilbert;
};

// Mean loss and mean burst say how often a burst must begin.
Result<LossSettings> bursts(double loss, double burst_frames) {
  LossSettings settings;
  settings.to_good = 1 / burst_frames;
  settings.to_bad = loss == 0 ? 0 : loss * settings.to_good / (1 - loss);
  if (!(settings.to_bad <= 1)) {
    return invalid(fmt::format(
        "a loss of {:g}% cannot come in bursts as short as {:g} frames",
        loss * 100, burst_frames));
  }
  return settings;
}

Result<LossSettings> combine(const LossText& text, const LossSettings& base) {
  if (text.gilbert) {
    if (!text.loss && !text.burst_frames) return *text.gilbert;
    return invalid("gilbert= says all of the loss: no loss= or burst= then");
  }
  if (text.burst_frames) {
    return bursts(text.loss.value_or(mean_loss(base)), *text.burst_frames);
  }
  if (!text.loss) return base;
  return LossSettings{.loss_good = *text.loss};
}

Result<double> parse_burst(std::string_view text) {
  std::string_view rest = text;
  const auto frames = take_number(&rest);
  if (!frames || !rest.empty() || *frames < 1 ||
      *frames > kLossBurstFramesMax) {
    return invalid(fmt::format(
        "\"{}\" is no mean length of a burst; write 1 to {:.0f} frames", text,
        kLossBurstFramesMax));
  }
  return *frames;
}

Status set_value(std::string_view key, std::string_view value,
                 LinkSettings* settings, LossText* loss) {
  if (key == "rate") {
    if (value == "unlimited") {
      settings->rate_bits_s = 0;
    } else {
      CAUSEWAY_ASSIGN(settings->rate_bits_s, parse_bit_rate(value));
    }
  } else if (key == "delay") {
    CAUSEWAY_ASSIGN(settings->delay, parse_delay(value, kLinkDelayMax));
  } else if (key == "jitter") {
    CAUSEWAY_ASSIGN(settings->jitter, parse_delay(value, kLinkDelayMax));
  } else if (key == "loss") {
    CAUSEWAY_ASSIGN(loss->loss, parse_share(value));
  } else if (key == "burst") {
    CAUSEWAY_ASSIGN(loss->burst_frames, parse_burst(value));
  } else if (key == "gilbert") {
    CAUSEWAY_ASSIGN(loss->gilbert, parse_gilbert(value));
  } else if (key == "reorder") {
    CAUSEWAY_ASSIGN(settings->reorder, parse_share(value));
  } else if (key == "reorder-by") {
    CAUSEWAY_ASSIGN(settings->reorder_by, parse_delay(value, kLinkDelayMax));
  } else if (key == "queue") {
    CAUSEWAY_ASSIGN(settings->queue_bytes, parse_queue(value));
  } else {
    return invalid(
        fmt::format("a link has no \"{}\"; it has rate, delay, jitter, loss, "
                    "burst, gilbert, reorder, reorder-by and queue",
                    key));
  }
  return {};
}

// "loss: "1" is no share ...": with the place in front.
Error at(std::string_view place, Error error) {
  error.message = fmt::format("{}: {}", place, error.message);
  return error;
}

}  // namespace

uint64_t queue_limit(const LinkSettings& settings) {
  if (settings.queue_bytes > 0) return settings.queue_bytes;
  const double product = static_cast<double>(settings.rate_bits_s) / 8 *
                         seconds(2 * settings.delay);
  const double most = static_cast<double>(kLinkQueueBytesMax);
  return std::max(kQueueBytesAutoMin,
                  static_cast<uint64_t>(std::min(product, most)));
}

double mean_loss(const LossSettings& loss) {
  const double changes = loss.to_bad + loss.to_good;
  const double bad = changes > 0 ? loss.to_bad / changes : 0;
  return bad * loss.loss_bad + (1 - bad) * loss.loss_good;
}

LinkSettings LinkSpec::settings() const {
  LinkSettings settings;
  settings.rate_bits_s = rate_bits_s;
  settings.delay = round_trip / 2;
  settings.loss.loss_good = loss;
  return settings;
}

Result<LinkSpec> parse_link_spec(std::string_view text) {
  const auto parts = split(text, ',');
  if (parts.size() < 2 || parts.size() > 3) {
    return invalid(
        fmt::format("\"{}\" is no link; write rate, round trip and loss, for "
                    "example 100M,50ms,0.1%",
                    text));
  }
  LinkSpec spec;
  auto rate = parse_bit_rate(parts[0]);
  if (!rate) return at("the link's rate", std::move(rate).error());
  auto round_trip = parse_delay(parts[1], 2 * kLinkDelayMax);
  if (!round_trip) {
    return at("the link's round trip", std::move(round_trip).error());
  }
  if (parts.size() == 3) {
    auto loss = parse_share(parts[2]);
    if (!loss) return at("the link's loss", std::move(loss).error());
    spec.loss = *loss;
  }
  spec.rate_bits_s = *rate;
  spec.round_trip = *round_trip;
  return spec;
}

Result<LinkSettings> parse_link_settings(std::string_view text,
                                         const LinkSettings& base) {
  LinkSettings settings = base;
  LossText loss;
  std::vector<std::string_view> seen;
  for (const std::string_view part : split(text, ',')) {
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos) {
      return invalid(
          fmt::format("\"{}\" is no setting of a link; write for example "
                      "rate=100M,delay=25ms,loss=0.1%",
                      part));
    }
    const std::string_view key = part.substr(0, equals);
    if (std::find(seen.begin(), seen.end(), key) != seen.end()) {
      return invalid(fmt::format("{} is given twice", key));
    }
    seen.push_back(key);
    auto set = set_value(key, part.substr(equals + 1), &settings, &loss);
    if (!set) return at(key, std::move(set).error());
  }
  CAUSEWAY_ASSIGN(settings.loss, combine(loss, base.loss));
  if (settings.jitter > settings.delay) {
    return invalid(fmt::format(
        "the jitter of {} is more than the delay of {}: a frame would arrive "
        "before it was sent",
        format_duration(settings.jitter), format_duration(settings.delay)));
  }
  return settings;
}

Result<uint64_t> parse_bit_rate(std::string_view text) {
  std::string_view unit = text;
  const auto number = take_number(&unit);
  double factor = number ? 1 : 0;
  constexpr std::string_view kLetters = "KMGT";
  const char letter = unit.empty() ? '\0' : unit[0];
  const size_t power = kLetters.find(letter == 'k' ? 'K' : letter);
  if (letter != '\0' && power != std::string_view::npos) {
    factor *= std::pow(1000.0, static_cast<double>(power + 1));
    unit.remove_prefix(1);
  }
  if (!unit.empty() && unit != "bit" && unit != "bit/s") factor = 0;
  if (factor == 0) {
    return invalid(
        fmt::format("\"{}\" is no rate of a link; write for example 100M or "
                    "1.5G (bits a second)",
                    text));
  }
  const double bits_s = *number * factor;
  if (bits_s < static_cast<double>(kLinkRateBitsMin) ||
      bits_s > static_cast<double>(kLinkRateBitsMax)) {
    return invalid(fmt::format("the rate {} is not between {} and {}", text,
                               format_bit_rate(kLinkRateBitsMin),
                               format_bit_rate(kLinkRateBitsMax)));
  }
  return static_cast<uint64_t>(std::llround(bits_s));
}

std::string format_bit_rate(uint64_t bits_s) {
  if (bits_s == 0) return "unlimited";
  constexpr std::array<const char*, 5> kUnits = {"", "k", "M", "G", "T"};
  double number = static_cast<double>(bits_s);
  size_t power = 0;
  while (number >= 999.95 && power + 1 < kUnits.size()) {
    number /= 1000;
    ++power;
  }
  return fmt::format("{:.4g} {}bit/s", number, kUnits[power]);
}

}  // namespace causeway
