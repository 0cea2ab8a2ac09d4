// SourceSession::expect, for the stages' files.
#pragma once

#include "engine/migration/source_session.h"

namespace causeway {

template <typename T>
Result<std::optional<T>> SourceSession::expect(Instant now) {
  CAUSEWAY_ASSIGN(auto message, receive(now));
  if (!message) return std::optional<T>();
  if (!std::holds_alternative<T>(*message)) return out_of_turn(*message);
  return std::optional<T>(std::get<T>(std::move(*message)));
}

}  // namespace causeway
