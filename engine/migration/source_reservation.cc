// Stage 1: the target checks that its shell fits the guest. (Memory, disk
// space and CPU features were checked by its agent when it made the shell.)
#include "engine/base/stop_point.h"
#include "engine/migration/expect.h"
#include "engine/migration/source_session.h"

namespace causeway {

Result<SourceSession::Outcome> SourceSession::step_hello() {
  stop_point("source.hello");
  HelloMessage hello;
  hello.migration = options_.migration;
  hello.guest = guest_.spec().name;
  hello.proof = options_.proof;
  hello.digest_key = image_.digest_key();
  hello.streams = static_cast<uint32_t>(senders_.size());
  if (!codec_.may_encode()) {
    hello.put_kinds &= ~put_kind_bit(PutKind::kEncoded);
  }
  hello.regions = guest_.spec().regions;
  CAUSEWAY_TRY(control_.send(encode_message(std::move(hello))));
  state_ = State::kAwaitReady;
  return Outcome::kAgain;
}

Result<SourceSession::Outcome> SourceSession::step_await_ready(Instant now) {
  if (deadline_ == kNever) await_from(now);
  CAUSEWAY_ASSIGN(const auto ready, expect<ReadyMessage>(now));
  if (!ready) return Outcome::kWait;
  codec_.peer_understands(
      (ready->put_kinds & put_kind_bit(PutKind::kEncoded)) != 0);
  asking_.offered(ready->content, codec_.encodes());
  // Its workers make one each, and have no way to fail.
  if (ready->content) {
    CAUSEWAY_TRY(ContentIdentity::create(ready->content->key));
  }
  deadline_ = kNever;
  const bool runs_on =
      options_.mode == MigrationMode::kPreCopy || options_.dry_run;
  state_ = runs_on ? State::kStartLog : State::kPause;
  return Outcome::kAgain;
}

}  // namespace causeway
