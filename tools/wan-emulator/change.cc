#include "tools/wan-emulator/change.h"

#include <cerrno>
#include <fstream>
#include <sstream>

#include "engine/base/units.h"
#include "tools/wan-emulator/limits.h"
#include "tools/wan-emulator/link_spec.h"

namespace causeway {
namespace {

constexpr std::string_view kBlank = " \t\r";

// The next word of `text`, which then begins behind it; empty: no more.
std::string_view take_word(std::string_view* text) {
  const size_t begin = text->find_first_not_of(kBlank);
  if (begin == std::string_view::npos) {
    *text = {};
    return {};
  }
  text->remove_prefix(begin);
  const std::string_view word = text->substr(0, text->find_first_of(kBlank));
  text->remove_prefix(word.size());
  return word;
}

Result<Change> parse_timed(std::string_view line) {
  CAUSEWAY_ASSIGN(const Duration at, parse_duration(take_word(&line)));
  CAUSEWAY_ASSIGN(Change change, parse_change(line));
  change.at = at;
  return change;
}

Status add_change(std::string_view line, LinkPair* links,
                  std::vector<Change>* changes) {
  CAUSEWAY_ASSIGN(Change change, parse_timed(line));
  if (!changes->empty() && change.at < changes->back().at) {
    return make_error(ErrorCode::kInvalidArgument,
                      "the changes are not in order of time");
  }
  if (changes->size() == kScriptChangesMax) {
    return make_error(ErrorCode::kInvalidArgument,
                      "there are more than {} changes", kScriptChangesMax);
  }
  CAUSEWAY_TRY(apply_change(change, links));
  changes->push_back(std::move(change));
  return {};
}

}  // namespace

const char* direction_name(int direction) {
  return direction == 0 ? "a-to-b" : "b-to-a";
}

Result<Change> parse_change(std::string_view text) {
  Change change;
  const std::string_view who = take_word(&text);
  change.directions = {who == "both" || who == direction_name(0),
                       who == "both" || who == direction_name(1)};
  if (!change.directions[0] && !change.directions[1]) {
    return make_error(ErrorCode::kInvalidArgument,
                      "\"{}\" is no direction; write a-to-b, b-to-a or both",
                      who);
  }
  change.settings = take_word(&text);
  if (const std::string_view more = take_word(&text); !more.empty()) {
    return make_error(ErrorCode::kInvalidArgument,
                      "\"{}\" is too much; settings have commas between them "
                      "and no spaces",
                      more);
  }
  return change;
}

Status apply_change(const Change& change, LinkPair* links) {
  LinkPair changed = *links;
  for (size_t i = 0; i < kDirections; ++i) {
    if (!change.directions[i]) continue;
    CAUSEWAY_ASSIGN(changed[i],
                    parse_link_settings(change.settings, changed[i]));
  }
  *links = changed;
  return {};
}

Result<std::vector<Change>> parse_script(std::string_view text,
                                         LinkPair links) {
  std::vector<Change> changes;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    const std::string_view whole = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::string_view line = whole.substr(0, whole.find('#'));
    if (line.find_first_not_of(kBlank) == std::string_view::npos) continue;
    const Status status = add_change(line, &links, &changes);
    if (!status) {
      return make_error(ErrorCode::kInvalidArgument, "line {}: {}", number,
                        status.error().message);
    }
  }
  return changes;
}

Result<std::vector<Change>> read_script(const std::string& path,
                                        const LinkPair& links) {
  std::ifstream file(path);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file) return errno_error(errno, "reading the script " + path);
  auto changes = parse_script(text.str(), links);
  if (changes) return changes;
  Error error = std::move(changes).error();
  error.message = fmt::format("the script {}, {}", path, error.message);
  return error;
}

}  // namespace causeway
