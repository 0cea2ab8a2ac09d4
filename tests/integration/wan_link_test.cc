// The emulator as a program, between two hosts: what they see of the link. By
// counts, and by times that nothing can make shorter; a busy machine only
// makes them longer.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "engine/runtime/clock.h"
#include "tests/integration/command.h"
#include "tools/network/namespace_pair.h"
#include "tools/wan-emulator/emulator_process.h"

namespace causeway::integration {
namespace {

using std::chrono::milliseconds;

constexpr uint16_t kPort = 7;

std::string emulator_program() {
  return binary_folder() + "/causeway-wan-emulator";
}

sockaddr_in address_of(const std::string& ip) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(kPort);
  CAUSEWAY_ASSERT(inet_pton(AF_INET, ip.c_str(), &address.sin_addr) == 1);
  return address;
}

class WanLinkTest : public ::testing::Test {
 protected:
  // Skips what needs namespaces where they may not be made.
  bool wire(int mtu = NamespacePair::kMtuDefault) {
    auto made = NamespacePair::create(Wiring::kThroughMiddle, mtu);
    if (!made && geteuid() != 0) return false;
    EXPECT_TRUE(made) << made.error().message;
    if (made) pair_ = std::make_unique<NamespacePair>(std::move(*made));
    return pair_ != nullptr;
  }
  void start(const std::vector<std::string>& arguments) {
    auto made =
        EmulatorProcess::start(pair_.get(), emulator_program(), arguments);
    ASSERT_TRUE(made) << made.error().message;
    emulator_ = std::move(*made);
  }

  // A socket on that host, bound to its address.
  UniqueFd socket_on(int host, int type) {
    UniqueFd fd;
    EXPECT_TRUE(pair_->run_on(host, [&]() -> Status {
      fd.reset(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
      const sockaddr_in own = address_of(pair_->address(host));
      if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&own),
                 sizeof(own)) != 0) {
        return errno_error(errno, "binding the test's socket");
      }
      return {};
    }));
    return fd;
  }
  void connect_to(int fd, int host) {
    const sockaddr_in to = address_of(pair_->address(host));
    ASSERT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)),
              0);
  }
  // Two UDP sockets that know each other, and hosts that do.
  void open_datagrams() {
    a_ = socket_on(0, SOCK_DGRAM);
    b_ = socket_on(1, SOCK_DGRAM);
    connect_to(a_.get(), 1);
    connect_to(b_.get(), 0);
    ASSERT_TRUE(passes(a_.get(), b_.get()));
    ASSERT_TRUE(passes(b_.get(), a_.get()));
  }
  static bool passes(int from, int to,
                     milliseconds timeout = milliseconds(20000)) {
    char byte = 'x';
    EXPECT_EQ(::send(from, &byte, 1, 0), 1);
    pollfd readable = {to, POLLIN, 0};
    return ::poll(&readable, 1, static_cast<int>(timeout.count())) == 1 &&
           ::recv(to, &byte, 1, 0) == 1;
  }

  uint64_t count(const char* direction, const char* counter) {
    const auto counters = emulator_->counters();
    EXPECT_TRUE(counters);
    return counters ? (*counters)[direction].at(counter).get<uint64_t>() : 0;
  }
  // Reads all that comes to b; how many datagrams.
  size_t read_all(milliseconds quiet) {
    size_t got = 0;
    char bytes[65536];
    pollfd readable = {b_.get(), POLLIN, 0};
    while (::poll(&readable, 1, static_cast<int>(quiet.count())) == 1) {
      while (::recv(b_.get(), bytes, sizeof(bytes), MSG_DONTWAIT) > 0) ++got;
    }
    return got;
  }

  std::unique_ptr<NamespacePair> pair_;
  std::unique_ptr<EmulatorProcess> emulator_;
  UniqueFd a_;
  UniqueFd b_;
};

#define NEEDS_NAMESPACES(...)                                   \
  if (!wire(__VA_ARGS__)) {                                     \
    if (geteuid() != 0) GTEST_SKIP() << "namespaces need root"; \
    FAIL();                                                     \
  }

TEST_F(WanLinkTest, ARoundTripTakesBothDelays) {
  NEEDS_NAMESPACES();
  start({"--a-to-b", "delay=30ms", "--b-to-a", "delay=20ms"});
  open_datagrams();
  for (int i = 0; i < 5; ++i) {
    const Instant began = monotonic_now();
    ASSERT_TRUE(passes(a_.get(), b_.get()));
    EXPECT_GE(monotonic_now() - began, milliseconds(30));
    ASSERT_TRUE(passes(b_.get(), a_.get()));
    EXPECT_GE(monotonic_now() - began, milliseconds(50));
  }
  // It is the delay that took the time, not an emulator that slept.
  ASSERT_TRUE(emulator_->set("both delay=0ms"));
  Duration least = Duration::max();
  for (int i = 0; i < 50; ++i) {
    const Instant began = monotonic_now();
    ASSERT_TRUE(passes(a_.get(), b_.get()));
    ASSERT_TRUE(passes(b_.get(), a_.get()));
    least = std::min(least, monotonic_now() - began);
  }
  EXPECT_LT(least, milliseconds(20));
}

TEST_F(WanLinkTest, ATransferTakesTheTimeOfTheRateAndArrivesWhole) {
  NEEDS_NAMESPACES();
  start({"--link", "40M,10ms"});
  const UniqueFd listener = socket_on(1, SOCK_STREAM);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  const UniqueFd sender = socket_on(0, SOCK_STREAM);
  connect_to(sender.get(), 1);
  const UniqueFd receiver(::accept(listener.get(), nullptr, nullptr));
  ASSERT_TRUE(receiver);

  constexpr size_t kBytes = 4'000'000;
  std::string sent(kBytes, '\0');
  for (size_t i = 0; i < kBytes; ++i) sent[i] = static_cast<char>(i * i >> 7);
  const Instant began = monotonic_now();
  std::thread sending([&] {
    size_t done = 0;
    while (done < kBytes) {
      const ssize_t n =
          ::send(sender.get(), sent.data() + done, kBytes - done, MSG_NOSIGNAL);
      if (n <= 0) break;
      done += static_cast<size_t>(n);
    }
  });
  std::string got(kBytes, '\0');
  EXPECT_EQ(::recv(receiver.get(), got.data(), kBytes, MSG_WAITALL),
            static_cast<ssize_t>(kBytes));
  const Duration took = monotonic_now() - began;
  sending.join();
  EXPECT_EQ(sent, got);
  EXPECT_GE(took, milliseconds(800));  // 4 MB at 40 Mbit/s
  EXPECT_GE(count("a-to-b", "carried_bytes"), kBytes);
  // Frames of at most 1514 bytes: TCP cut them itself.
  EXPECT_GE(count("a-to-b", "carried_frames"), kBytes / 1448);
  EXPECT_EQ(count("a-to-b", "refused_frames"), 0u);
}

TEST_F(WanLinkTest, EachDatagramIsCountedWhereItWent) {
  NEEDS_NAMESPACES();
  start({"--seed", "7"});
  open_datagrams();
  ASSERT_TRUE(emulator_->set("a-to-b loss=10%"));
  const uint64_t lost_before = count("a-to-b", "lost_frames");
  const int buffer = 16 << 20;
  ASSERT_EQ(::setsockopt(b_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer,
                         sizeof(buffer)),
            0);
  constexpr size_t kSent = 5000;
  const std::string datagram(100, 'x');
  for (size_t i = 0; i < kSent; ++i) {
    ASSERT_EQ(::send(a_.get(), datagram.data(), datagram.size(), 0), 100);
  }
  const size_t got = read_all(milliseconds(1000));
  const uint64_t lost = count("a-to-b", "lost_frames") - lost_before;
  EXPECT_GE(got + lost, kSent);
  // A few of the lost may be what IPv6 says of itself.
  EXPECT_LE(got + lost, kSent + 5);
  // Five standard deviations of 10 % of 5000 are 106.
  EXPECT_NEAR(static_cast<double>(lost), 500, 120);
  EXPECT_EQ(count("b-to-a", "lost_frames"), 0u);
}

TEST_F(WanLinkTest, ALossOfAllIsACutThatHeals) {
  NEEDS_NAMESPACES();
  start({"--link", "100M,2ms"});
  open_datagrams();
  ASSERT_TRUE(emulator_->set("a-to-b loss=100%"));
  EXPECT_FALSE(passes(a_.get(), b_.get(), milliseconds(300)));
  EXPECT_TRUE(passes(b_.get(), a_.get()));
  EXPECT_GE(count("a-to-b", "lost_frames"), 1u);
  ASSERT_TRUE(emulator_->set("both loss=0%"));
  EXPECT_TRUE(passes(a_.get(), b_.get()));
}

TEST_F(WanLinkTest, SegmentsOfUdpAreCutBeforeTheyReachTheLink) {
  NEEDS_NAMESPACES();
  start({});
  open_datagrams();
  const uint64_t before = count("a-to-b", "delivered_frames");
  const int segment = 1400;
  ASSERT_EQ(
      ::setsockopt(a_.get(), SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)),
      0);
  const std::string twenty(20 * 1400, 'x');
  ASSERT_EQ(::send(a_.get(), twenty.data(), twenty.size(), 0),
            static_cast<ssize_t>(twenty.size()));
  EXPECT_EQ(read_all(milliseconds(500)), 20u);
  EXPECT_GE(count("a-to-b", "delivered_frames"), before + 20);
  EXPECT_EQ(count("a-to-b", "refused_frames"), 0u);
}

TEST_F(WanLinkTest, JumboFramesPassWhole) {
  NEEDS_NAMESPACES(9000);
  start({"--link", "1G,1ms"});
  open_datagrams();
  const std::string jumbo(9000 - 28, 'x');
  const uint64_t before = count("a-to-b", "delivered_frames");
  ASSERT_EQ(::send(a_.get(), jumbo.data(), jumbo.size(), 0),
            static_cast<ssize_t>(jumbo.size()));
  EXPECT_EQ(read_all(milliseconds(500)), 1u);
  // Cut for 1,500 it would be seven; what interfaces say of themselves, for
  // longer on a busy machine, comes in between.
  EXPECT_LT(count("a-to-b", "delivered_frames"), before + 7);
}

TEST_F(WanLinkTest, WhatIsWrongIsSaid) {
  NEEDS_NAMESPACES();
  const auto wrong = EmulatorProcess::start(pair_.get(), emulator_program(),
                                            {"--link", "100M,50"});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(wrong.error().message.find(
                "--link: the link's round trip: \"50\" is no time"),
            std::string::npos)
      << wrong.error().message;
  start({});
  const Status change = emulator_->set("both jitter=1ms");
  ASSERT_FALSE(change);
  EXPECT_NE(change.error().message.find("is more than the delay"),
            std::string::npos)
      << change.error().message;
  // It goes on after that.
  open_datagrams();
}

// The program as an operator runs it: files, signals, exit codes.
class WanProgramTest : public WanLinkTest {
 protected:
  struct Ended {
    int code = -1;
    std::string err;
  };
  std::unique_ptr<ChildProcess> spawn(std::vector<std::string> argv) {
    std::unique_ptr<ChildProcess> process;
    const std::string path = folder_.file("err");
    const UniqueFd err(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    SpawnOptions options;
    options.argv = std::move(argv);
    options.stderr_fd = err.get();
    EXPECT_TRUE(pair_->run_in_middle([&]() -> Status {
      CAUSEWAY_ASSIGN(ChildProcess made, ChildProcess::spawn(options));
      process = std::make_unique<ChildProcess>(std::move(made));
      return {};
    }));
    return process;
  }
  Ended end_of(ChildProcess* process) {
    const auto status = process->wait(kCommandTimeout);
    return {status ? status->code : -1, read_file(folder_.file("err"))};
  }
  Ended run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), emulator_program());
    return end_of(spawn(std::move(arguments)).get());
  }

  TestFolder folder_;
};

TEST_F(WanProgramTest, AScriptATimeAndItsCounters) {
  NEEDS_NAMESPACES();
  const std::string script = folder_.file("script");
  std::ofstream(script) << "0s both delay=5ms\n100ms a-to-b rate=1M\n";
  const std::string json = folder_.file("counters.json");
  const Ended ended = run({"wan-a", "wan-b", "--script", script, "--for",
                           "300ms", "--seed", "5", "--json", json});
  EXPECT_EQ(ended.code, 0) << ended.err;
  const auto counters = nlohmann::json::parse(read_file(json), nullptr, false);
  EXPECT_EQ(counters.value("seed", 0), 5);
  EXPECT_EQ(counters.value("script_changes_made", 0), 2);
  EXPECT_EQ(counters["a-to-b"]["settings"]["rate_bits_s"], 1'000'000);
  EXPECT_EQ(counters["b-to-a"]["settings"]["rate_bits_s"], 0);
  EXPECT_EQ(counters["b-to-a"]["settings"]["delay_ms"], 5.0);
}

TEST_F(WanProgramTest, WrongRequestsAreNamed) {
  NEEDS_NAMESPACES();
  const Ended missing = run({"wan-a", "wan-z"});
  EXPECT_EQ(missing.code, 3);
  EXPECT_NE(missing.err.find("no network interface wan-z"), std::string::npos)
      << missing.err;
  const Ended twice = run({"wan-a", "wan-a"});
  EXPECT_EQ(twice.code, 2);
  EXPECT_NE(twice.err.find("wan-a is named twice"), std::string::npos);
  const Ended loopback = run({"wan-a", "lo"});
  EXPECT_EQ(loopback.code, 2);
  EXPECT_NE(loopback.err.find("lo is not an Ethernet interface"),
            std::string::npos)
      << loopback.err;
  EXPECT_EQ(run({}).code, 2);
  EXPECT_EQ(run({"wan-a", "wan-b", "--script", "nowhere"}).code, 3);
  EXPECT_EQ(run({"wan-a", "wan-b", "--memory", "1K"}).code, 2);
}

TEST_F(WanProgramTest, AMissingCapabilityIsNamed) {
  NEEDS_NAMESPACES();
  const auto process =
      spawn({"setpriv", "--bounding-set", "-net_raw", emulator_program(),
             "wan-a", "wan-b", "--for", "1s"});
  const Ended ended = end_of(process.get());
  EXPECT_EQ(ended.code, 8) << ended.err;
  EXPECT_NE(ended.err.find("needs CAP_NET_RAW"), std::string::npos)
      << ended.err;
}

std::string ask(int fd, const std::string& line) {
  EXPECT_EQ(::send(fd, line.data(), line.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(line.size()));
  std::string answer;
  char byte = 0;
  while (::recv(fd, &byte, 1, 0) == 1 && byte != '\n') answer += byte;
  return answer;
}

UniqueFd connect_to_socket(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval timeout = {20, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address),
                sizeof(address)) != 0) {
    fd.reset();
  }
  return fd;
}

TEST_F(WanProgramTest, TakesCommandsAtItsSocketUntilCtrlC) {
  NEEDS_NAMESPACES();
  const std::string path = folder_.file("control");
  const auto process =
      spawn({emulator_program(), "wan-a", "wan-b", "--control", path});
  UniqueFd one;
  ASSERT_TRUE(eventually([&] {
    one = connect_to_socket(path);
    return static_cast<bool>(one);
  }));
  EXPECT_EQ(ask(one.get(), "set both delay=3ms\n"), "{\"ok\":true}");
  const UniqueFd two = connect_to_socket(path);
  const auto counters =
      nlohmann::json::parse(ask(two.get(), "counters\n"), nullptr, false);
  EXPECT_EQ(counters["counters"]["a-to-b"]["settings"]["delay_ms"], 3.0);
  // What is no text is answered too.
  EXPECT_NE(ask(two.get(), "\xff\xfe\n").find("is no command"),
            std::string::npos);
  // A line without an end is not waited for.
  EXPECT_EQ(ask(two.get(), std::string(5000, 'x')), "");
  EXPECT_EQ(ask(one.get(), "set up delay=3ms\n").find("{\"error\""), 0u);
  process->kill(SIGINT);
  EXPECT_EQ(end_of(process.get()).code, 0);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(WanProgramTest, EndsWithWhoeverStartedIt) {
  NEEDS_NAMESPACES();
  start({"--link", "100M,2ms"});
  const pid_t pid = emulator_->pid();
  EXPECT_EQ(::kill(pid, 0), 0);
  emulator_.reset();
  EXPECT_EQ(::kill(pid, 0), -1);
}

}  // namespace
}  // namespace causeway::integration
