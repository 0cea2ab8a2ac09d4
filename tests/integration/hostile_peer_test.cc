// A peer that knows the migration's token and means harm, against a live mover
// that serves a live shell: what it sends is random, cut off, too long,
// repeated, out of region, or slow. The mover never crashes, stays within its
// memory, writes nothing but what the regions may hold, and says what it saw.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include "engine/base/bytes.h"
#include "engine/base/limits.h"
#include "engine/control/journal.h"
#include "engine/migration/messages.h"
#include "engine/path/stream/frame.h"
#include "engine/path/stream/hello.h"
#include "tests/contract/vmm_process.h"
#include "tests/integration/command.h"
#include "tools/process/line_reader.h"

namespace causeway::integration {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using Bytes = std::vector<std::byte>;

constexpr const char* kId = "0123456789abcdef";
constexpr const char* kTokenHex = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";
constexpr uint64_t kMemoryBytes = 16u << 20;
// The figure that a mover may reach whatever it is sent: two control messages
// of the largest size, scratch and programs.
constexpr uint64_t kMoverKibMax = 160u << 10;

PathToken token() {
  PathToken token{};
  token.fill(std::byte{0x5a});
  return token;
}

// One TCP stream of the enemy's.
class Stream {
 public:
  explicit Stream(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address),
                           sizeof(address)) == 0;
    const timeval patience{10, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience,
                 sizeof(patience));
  }

  bool connected() const { return connected_; }
  // False when the mover has closed, as it may at any time.
  bool send(std::span<const std::byte> bytes) {
    return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  bool hello(StreamRole role, uint16_t index, uint16_t count) {
    Hello hello;
    hello.role = role;
    hello.token = token();
    hello.stream_index = index;
    hello.stream_count = count;
    std::array<std::byte, Welcome::kBytes> answer{};
    return send(encode_hello(hello)) &&
           ::recv(fd_.get(), answer.data(), answer.size(), MSG_WAITALL) ==
               static_cast<ssize_t>(answer.size());
  }
  bool message(const Bytes& body) {
    ByteWriter length;
    length.put(static_cast<uint32_t>(body.size()));
    return send(length.take()) && send(body);
  }

 private:
  UniqueFd fd_;
  bool connected_ = false;
};

// A mover that waits for its source, and the shell it serves.
class Target {
 public:
  explicit Target(const TestFolder& folder)
      : shell_(VmmProcess::start(
                   "causeway-vmm-kvm",
                   {"--name", "g", "--memory", std::to_string(kMemoryBytes),
                    "--workload", "idle", "--incoming"},
                   0)
                   .value()) {
    const std::string journal = folder.file("journal.db");
    JournalEntry entry;
    entry.migration = kId;
    entry.role = MigrationRole::kTarget;
    entry.guest = "g";
    // One journal a test; the row may be there.
    (void)Journal::open(journal).value().begin(entry).has_value();
    Pipe in = make_pipe().value();
    Pipe out = make_pipe().value();
    SpawnOptions options;
    options.argv = {binary_folder() + "/causeway-mover"};
    options.stdin_fd = in.read.get();
    options.stdout_fd = out.write.get();
    mover_.emplace(ChildProcess::spawn(options).value());
    stdin_ = std::move(in.write);
    stdout_ = std::move(out.read);
    reader_.emplace(stdout_.get(), "the mover");
    const nlohmann::json spec = {
        {"role", "target"},   {"migration", kId},
        {"guest", "g"},       {"shim_socket", shell_.shim_socket()},
        {"journal", journal}, {"listen", "127.0.0.1:0"},
        {"token", kTokenHex}, {"streams", 1}};
    EXPECT_TRUE(write_all(stdin_.get(), spec.dump() + "\n", "the mover"));
    const std::string address = event("listening").value("address", ":0");
    port_ = static_cast<uint16_t>(
        std::stoul(address.substr(address.rfind(':') + 1)));
  }

  uint16_t port() const { return port_; }

  // The next event of that name; {} when the mover ends first.
  nlohmann::json event(const std::string& name) {
    for (;;) {
      std::string line;
      const auto read = reader_->next(&line, milliseconds(20000));
      if (!read || *read != LineReader::Event::kLine) return {};
      const auto json = nlohmann::json::parse(line, nullptr, false);
      if (json.value("event", "") == name) return json;
    }
  }

  uint64_t peak_kib() const {
    std::istringstream status(
        read_file("/proc/" + std::to_string(mover_->pid()) + "/status"));
    std::string line;
    while (std::getline(status, line)) {
      if (line.starts_with("RssAnon:")) return std::stoull(line.substr(8));
    }
    return 0;
  }

  // It fails with a sentence, and ends as a program does: no signal.
  std::string expect_failed() {
    const nlohmann::json failed = event("failed");
    EXPECT_FALSE(failed.is_null());
    const auto ended = mover_->wait(milliseconds(10000));
    EXPECT_TRUE(ended);
    EXPECT_EQ(ended ? ended->text() : "it still runs", "exit code 1");
    return failed.is_object() ? failed.value("message", "") : "";
  }

  // No guest has come of it.
  void expect_untouched_shell() {
    EXPECT_EQ(shell_.ask("status").value("state", ""), "incoming");
  }

 private:
  VmmProcess shell_;
  UniqueFd stdin_;
  UniqueFd stdout_;
  std::optional<ChildProcess> mover_;
  std::optional<LineReader> reader_;
  uint16_t port_ = 0;
};

class HostilePeer : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = why_no_kvm(); !why.empty()) GTEST_SKIP() << why;
  }

  Bytes noise(size_t bytes) {
    Bytes noise(bytes);
    for (std::byte& byte : noise) byte = static_cast<std::byte>(random_());
    return noise;
  }

  static Bytes hello_message() {
    HelloMessage hello;
    hello.migration = kId;
    hello.guest = "g";
    hello.regions = {{0, RegionKind::kRam, "ram0", kMemoryBytes, 4096}};
    return encode_message(hello);
  }

  static Bytes frame(const PutHead& head, size_t payload) {
    Bytes bytes(kFrameHeadBytes + payload, std::byte{0xcc});
    encode_put(head, FrameHeadSpan(bytes.data(), kFrameHeadBytes));
    return bytes;
  }

  TestFolder folder_;
  const unsigned seed_ = std::random_device{}();
  std::mt19937 random_{seed_};
  testing::ScopedTrace trace_{__FILE__, __LINE__,
                              "seed " + std::to_string(seed_)};
};

// Both streams are open and the session's hello is said.
struct Intrusion {
  explicit Intrusion(Target& target)
      : control(target.port()), bulk(target.port()) {
    open = control.hello(StreamRole::kControl, 0, 1) &&
           bulk.hello(StreamRole::kBulk, 0, 1);
  }
  Stream control;
  Stream bulk;
  bool open = false;
};

TEST_F(HostilePeer, WithoutTheTokenIsNotEvenHeard) {
  Target target(folder_);
  std::vector<std::unique_ptr<Stream>> strangers;
  for (int i = 0; i < 200; ++i) {
    strangers.push_back(std::make_unique<Stream>(target.port()));
    strangers.back()->send(noise(random_() % 64));
  }
  Intrusion honest(target);
  EXPECT_TRUE(honest.open);
  EXPECT_LT(target.peak_kib(), kMoverKibMax);
}

TEST_F(HostilePeer, SlowHellosDoNotKeepTheSourceOut) {
  Target target(folder_);
  std::vector<std::unique_ptr<Stream>> slow;
  for (int i = 0; i < 100; ++i) {
    slow.push_back(std::make_unique<Stream>(target.port()));
    slow.back()->send(noise(1));
  }
  Intrusion honest(target);
  EXPECT_TRUE(honest.open);
}

TEST_F(HostilePeer, RandomControlBytesEndTheMove) {
  for (int i = 0; i < 10; ++i) {
    Target target(folder_);
    Intrusion enemy(target);
    ASSERT_TRUE(enemy.open);
    enemy.control.message(noise(1 + random_() % 4096));
    EXPECT_NE(target.expect_failed(), "");
    target.expect_untouched_shell();
  }
}

TEST_F(HostilePeer, AnOversizedControlMessageIsRefusedByItsLength) {
  Target target(folder_);
  Intrusion enemy(target);
  ASSERT_TRUE(enemy.open);
  ByteWriter length;
  length.put(uint32_t{0xffffffff});
  enemy.control.send(length.take());
  EXPECT_THAT(target.expect_failed(), HasSubstr("announced a control message"));
}

// The length alone takes no memory: it comes with the bytes.
TEST_F(HostilePeer, APromisedMessageThatDoesNotComeTakesNoMemory) {
  Target target(folder_);
  Intrusion enemy(target);
  ASSERT_TRUE(enemy.open);
  ByteWriter length;
  length.put(static_cast<uint32_t>(kControlMessageBytesMax));
  enemy.control.send(length.take());
  enemy.control.send(noise(100));
  // Nothing is to happen, so that there is nothing to wait for: time enough to
  // take memory if it did.
  std::this_thread::sleep_for(milliseconds(200));
  EXPECT_LT(target.peak_kib(), 32u << 10);
}

TEST_F(HostilePeer, AMessageOutOfTurnEndsTheMove) {
  for (const Message& message :
       {Message(CommitMessage{}), Message(FinalMessage{}),
        Message(RoundEndMessage{1, 1}), Message(RunningMessage{})}) {
    Target target(folder_);
    Intrusion enemy(target);
    ASSERT_TRUE(enemy.open);
    enemy.control.message(encode_message(message));
    EXPECT_THAT(target.expect_failed(), HasSubstr("out of turn"));
    target.expect_untouched_shell();
  }
}

TEST_F(HostilePeer, AReplayedHelloEndsTheMove) {
  Target target(folder_);
  Intrusion enemy(target);
  ASSERT_TRUE(enemy.open);
  enemy.control.message(hello_message());
  enemy.control.message(hello_message());
  EXPECT_THAT(target.expect_failed(), HasSubstr("out of turn"));
  target.expect_untouched_shell();
}

TEST_F(HostilePeer, AStateThatIsNoneIsNotLoaded) {
  Target target(folder_);
  Intrusion enemy(target);
  ASSERT_TRUE(enemy.open);
  enemy.control.message(hello_message());
  enemy.control.message(encode_message(FinalMessage{0, noise(10000)}));
  EXPECT_NE(target.expect_failed(), "");
  target.expect_untouched_shell();
}

struct BadPut {
  const char* name;
  PutHead head;
  size_t payload;
};

class HostilePut : public HostilePeer,
                   public testing::WithParamInterface<BadPut> {};

TEST_P(HostilePut, EndsTheMoveAndTouchesNothing) {
  Target target(folder_);
  Intrusion enemy(target);
  ASSERT_TRUE(enemy.open);
  enemy.control.message(hello_message());
  enemy.bulk.send(frame(GetParam().head, GetParam().payload));
  EXPECT_NE(target.expect_failed(), "");
  target.expect_untouched_shell();
}

constexpr uint64_t kBlocks = kMemoryBytes / 4096;

INSTANTIATE_TEST_SUITE_P(
    Puts, HostilePut,
    testing::Values(
        BadPut{"beyond_the_end", {PutKind::kRaw, 0, 1, kBlocks, 1, 4096}, 4096},
        BadPut{"across_the_end",
               {PutKind::kRaw, 0, 1, kBlocks - 1, 2, 8192},
               8192},
        BadPut{"zeros_across_the_end",
               {PutKind::kZero, 0, 1, 1, static_cast<uint32_t>(kBlocks), 0},
               0},
        BadPut{"wraps_round", {PutKind::kZero, 0, 1, ~uint64_t{0}, 2, 0}, 0},
        BadPut{"no_such_region", {PutKind::kRaw, 7, 1, 0, 1, 4096}, 4096},
        BadPut{"no_blocks", {PutKind::kZero, 0, 1, 0, 0, 0}, 0},
        BadPut{"payload_too_short", {PutKind::kRaw, 0, 1, 0, 2, 4096}, 4096},
        BadPut{"payload_too_long",
               {PutKind::kRaw, 0, 1, 0, 1u << 20, 0xfffff000},
               65536},
        BadPut{"zeros_with_payload", {PutKind::kZero, 0, 1, 0, 1, 4096}, 4096}),
    [](const auto& put) { return std::string(put.param.name); });

// A stream as a source sends it, with some bytes changed.
TEST_F(HostilePeer, AlteredFramesNeverCrashTheMover) {
  for (int i = 0; i < 30; ++i) {
    Target target(folder_);
    Intrusion enemy(target);
    ASSERT_TRUE(enemy.open);
    enemy.control.message(hello_message());
    Bytes stream;
    for (uint64_t block = 0; block < 8; ++block) {
      const Bytes one = frame({PutKind::kRaw, 0, 1, block, 1, 4096}, 4096);
      stream.insert(stream.end(), one.begin(), one.end());
    }
    for (int change = 0; change < 4; ++change) {
      const size_t at = random_() % 9 * (kFrameHeadBytes + 4096) / 2;
      stream[std::min(at + random_() % kFrameHeadBytes, stream.size() - 1)] ^=
          static_cast<std::byte>(1 + random_() % 255);
    }
    stream.resize(stream.size() - random_() % 100);
    enemy.bulk.send(stream);
    enemy.control.message(noise(8));
    EXPECT_NE(target.expect_failed(), "");
    target.expect_untouched_shell();
  }
}

}  // namespace
}  // namespace causeway::integration
