// null_mover: memfd to socket to memfd and nothing else, the yardstick of the
// tcp path. No tracking, no frames, no digests, no agents.
//
//   null_mover receive PORT BYTES STREAMS      prints "listening", then waits
//   null_mover send ADDRESS PORT BYTES STREAMS prints bytes per second
//
// The time runs from the first connect to the receiver's word that the last
// byte has landed. Each stream is a thread with its slice of the memory.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

// What one system call moves at most.
constexpr size_t kPieceBytes = size_t{1} << 20;
constexpr size_t kBufferBytes = size_t{256} << 10;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

uint64_t number(const char* text) {
  char* end = nullptr;
  const uint64_t value = std::strtoull(text, &end, 10);
  if (*text == '\0' || *end != '\0') {
    std::fprintf(stderr, "null_mover: '%s' is no number\n", text);
    std::exit(2);
  }
  return value;
}

int make_memfd(size_t bytes) {
  const int fd = memfd_create("null_mover", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, static_cast<off_t>(bytes)) != 0) fail("memfd");
  return fd;
}

uint8_t* map_memfd(size_t bytes) {
  const int fd = make_memfd(bytes);
  void* const at =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) fail("mmap");
  close(fd);
  return static_cast<uint8_t*>(at);
}

struct Slice {
  uint64_t index;
  uint64_t begin;
  uint64_t end;
};

Slice slice_of(uint64_t bytes, uint64_t streams, uint64_t index) {
  return {index, bytes / streams * index,
          index + 1 == streams ? bytes : bytes / streams * (index + 1)};
}

sockaddr_in address_of(const char* host, uint64_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
    std::fprintf(stderr, "null_mover: '%s' is no IPv4 address\n", host);
    std::exit(2);
  }
  return address;
}

void send_slice(const sockaddr_in& to, const uint8_t* memory, Slice slice) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  // As the tcp path does (engine/path/tcp/README.md); where it is refused, both
  // have the host's default.
  setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
    fail("connect");
  if (send(fd, &slice.index, sizeof slice.index, MSG_NOSIGNAL) !=
      sizeof slice.index)
    fail("send");
  for (uint64_t at = slice.begin; at < slice.end;) {
    const size_t piece = std::min<uint64_t>(kPieceBytes, slice.end - at);
    const ssize_t sent = send(fd, memory + at, piece, MSG_NOSIGNAL);
    if (sent < 0) fail("send");
    at += static_cast<uint64_t>(sent);
  }
  char landed = 0;
  if (recv(fd, &landed, 1, MSG_WAITALL) != 1) fail("the receiver's word");
  close(fd);
}

// By a buffer that stays in the cache, and pwrite: the fastest way into a fresh
// memfd on the machines measured (engine/path/tcp/README.md), a fault a page
// being dearer than the copy.
void receive_slice(int fd, int memory_fd, uint64_t bytes, uint64_t streams) {
  uint64_t index = 0;
  if (recv(fd, &index, sizeof index, MSG_WAITALL) != sizeof index) fail("recv");
  const Slice slice = slice_of(bytes, streams, index);
  std::vector<uint8_t> buffer(kBufferBytes);
  for (uint64_t at = slice.begin; at < slice.end;) {
    const size_t piece = std::min<uint64_t>(kBufferBytes, slice.end - at);
    const ssize_t got = recv(fd, buffer.data(), piece, MSG_WAITALL);
    if (got <= 0) fail("recv");
    const auto count = static_cast<size_t>(got);
    if (pwrite(memory_fd, buffer.data(), count, static_cast<off_t>(at)) != got)
      fail("pwrite");
    at += count;
  }
  const char landed = 1;
  if (send(fd, &landed, 1, MSG_NOSIGNAL) != 1) fail("send");
  close(fd);
}

void run_receiver(uint64_t port, uint64_t bytes, uint64_t streams) {
  const int memory_fd = make_memfd(bytes);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  const sockaddr_in address = address_of("0.0.0.0", port);
  if (fd < 0 ||
      bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) ||
      listen(fd, 64))
    fail("listen");
  std::printf("listening\n");
  std::fflush(stdout);
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < streams; ++i) {
    const int stream = accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);
    if (stream < 0) fail("accept");
    threads.emplace_back(receive_slice, stream, memory_fd, bytes, streams);
  }
  for (std::thread& thread : threads) thread.join();
}

void run_sender(const sockaddr_in& to, uint64_t bytes, uint64_t streams) {
  uint8_t* const memory = map_memfd(bytes);
  std::mt19937_64 random(1);
  for (uint64_t at = 0; at + 8 <= bytes; at += 8) {
    const uint64_t word = random();
    std::memcpy(memory + at, &word, sizeof word);
  }
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < streams; ++i)
    threads.emplace_back(send_slice, to, memory, slice_of(bytes, streams, i));
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> spent =
      std::chrono::steady_clock::now() - start;
  std::printf("%.0f\n", static_cast<double>(bytes) / spent.count());
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "receive" && argc == 5) {
    run_receiver(number(argv[2]), number(argv[3]), number(argv[4]));
  } else if (mode == "send" && argc == 6) {
    run_sender(address_of(argv[2], number(argv[3])), number(argv[4]),
               number(argv[5]));
  } else {
    std::fprintf(stderr,
                 "Usage: null_mover receive PORT BYTES STREAMS\n"
                 "       null_mover send ADDRESS PORT BYTES STREAMS\n");
    return 2;
  }
  return 0;
}
