// Streams inside TLS: whom each end lets in, what it says of those it does not,
// and how keys and certificates are renewed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <future>
#include <random>

#include "engine/path/socket_address.h"
#include "engine/path/tcp/certificate.h"
#include "engine/path/tcp/tcp_connector.h"
#include "engine/path/tcp/tcp_listener.h"
#include "engine/path/tcp/tcp_stream.h"
#include "tests/engine/path/tcp/test_certificates.h"

namespace causeway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr PathToken kTlsToken{std::byte{7}, std::byte{8}};
constexpr PathToken kOtherTlsToken{std::byte{7}, std::byte{9}};
constexpr Duration kPatience = seconds(20);  // nothing that passes waits for it
constexpr Duration kLittlePatience = milliseconds(300);

using Accepted = Result<std::unique_ptr<InboundPath>>;
using Connected = Result<std::unique_ptr<OutboundPath>>;

struct Opened {
  Connected outbound = Error{};
  Accepted inbound = Error{};
};

class TcpTlsTest : public testing::Test {
 protected:
  std::future<Accepted> accept(const std::optional<TlsOptions>& tls,
                               Duration timeout = kPatience) {
    return std::async(std::launch::async, [this, tls, timeout] {
      return listener_.accept(kTlsToken, 1, timeout, tls);
    });
  }
  Connected connect(std::optional<TlsOptions> tls,
                    const PathToken& token = kTlsToken) {
    TcpConnectOptions options{1, kPatience};
    options.tls = std::move(tls);
    return TcpConnector::connect(listener_.address(), token, options);
  }
  // Both ends; the acceptor gives up early, since one of them is wrong.
  Opened open(std::optional<TlsOptions> source,
              const std::optional<TlsOptions>& target) {
    auto accepting = accept(target, kLittlePatience);
    Opened opened;
    opened.outbound = connect(std::move(source));
    opened.inbound = accepting.get();
    return opened;
  }
  // That nobody who came before has done harm.
  void expect_opens() {
    auto accepting = accept(certificates_.options("b", "a"));
    auto outbound = connect(certificates_.options("a", "b"));
    EXPECT_TRUE(outbound) << outbound.error().message;
    EXPECT_TRUE(accepting.get());
  }
  UniqueFd stranger(std::span<const std::byte> bytes) {
    const auto address = resolve_address(listener_.address(), false).value()[0];
    UniqueFd fd(::socket(address.storage.ss_family, SOCK_STREAM, 0));
    EXPECT_EQ(::connect(fd.get(), address.get(), address.bytes), 0);
    if (!bytes.empty()) {
      EXPECT_EQ(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(bytes.size()));
    }
    return fd;
  }

  TestCertificates certificates_;
  TcpListener listener_ = TcpListener::listen("127.0.0.1:0").value();
};

TEST_F(TcpTlsTest, TwoThatKnowEachOtherOpen) { expect_opens(); }

TEST_F(TcpTlsTest, CertificateOfAnotherCaIsRefusedByTheTarget) {
  const TestCertificates others;
  TlsOptions source = others.options("a", "b");
  source.files.ca = certificates_.files("a").ca;
  const Opened opened = open(source, certificates_.options("b", "a"));
  ASSERT_FALSE(opened.outbound);
  EXPECT_EQ(opened.outbound.error().code, ErrorCode::kPermission);
  EXPECT_THAT(opened.outbound.error().message,
              HasSubstr("refused this host's certificate"));
  ASSERT_FALSE(opened.inbound);
  EXPECT_THAT(opened.inbound.error().message, HasSubstr("turned away"));
  EXPECT_THAT(opened.inbound.error().message, HasSubstr("is not accepted"));
}

TEST_F(TcpTlsTest, CertificateOfAnotherCaIsRefusedByTheSource) {
  const TestCertificates others;
  TlsOptions target = others.options("b", "a");
  target.files.ca = certificates_.files("b").ca;
  const Opened opened = open(certificates_.options("a", "b"), target);
  ASSERT_FALSE(opened.outbound);
  EXPECT_EQ(opened.outbound.error().code, ErrorCode::kPermission);
  EXPECT_THAT(opened.outbound.error().message, HasSubstr("is not accepted"));
  EXPECT_THAT(opened.outbound.error().message, HasSubstr(listener_.address()));
  EXPECT_THAT(opened.inbound.error().message, HasSubstr("unknown ca"));
}

TEST_F(TcpTlsTest, ExpiredCertificateIsRefused) {
  HostCertificate old{"a"};
  old.begins = -std::chrono::hours(48);
  old.ends = -std::chrono::hours(24);
  certificates_.add(old);
  const Opened opened =
      open(certificates_.options("a", "b"), certificates_.options("b", "a"));
  EXPECT_THAT(opened.outbound.error().message,
              HasSubstr("certificate expired"));
  EXPECT_THAT(opened.inbound.error().message,
              HasSubstr("certificate has expired"));
}

TEST_F(TcpTlsTest, CertificateOfAnotherHostIsRefusedByTheTarget) {
  certificates_.add({"c"});
  const Opened opened =
      open(certificates_.options("c", "b"), certificates_.options("b", "a"));
  EXPECT_FALSE(opened.outbound);
  ASSERT_FALSE(opened.inbound);
  EXPECT_THAT(
      opened.inbound.error().message,
      HasSubstr("shows the certificate of \"c\"; that of \"a\" is expected"));
}

TEST_F(TcpTlsTest, CertificateOfAnotherHostIsRefusedByTheSource) {
  certificates_.add({"c"});
  const Opened opened =
      open(certificates_.options("a", "b"), certificates_.options("c", "a"));
  ASSERT_FALSE(opened.outbound);
  EXPECT_EQ(opened.outbound.error().code, ErrorCode::kPermission);
  EXPECT_THAT(
      opened.outbound.error().message,
      HasSubstr("shows the certificate of \"c\"; that of \"b\" is expected"));
}

// The right host, another migration of it.
TEST_F(TcpTlsTest, TokenOfAnotherMigrationIsRefused) {
  auto accepting = accept(certificates_.options("b", "a"));
  const auto refused = connect(certificates_.options("a", "b"), kOtherTlsToken);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kPermission);
  EXPECT_THAT(refused.error().message,
              HasSubstr("does not know this migration"));
  EXPECT_TRUE(connect(certificates_.options("a", "b")));
  EXPECT_TRUE(accepting.get());
}

TEST_F(TcpTlsTest, ClearHelloToATlsListenerIsTurnedAway) {
  const Opened opened = open({}, certificates_.options("b", "a"));
  EXPECT_EQ(opened.outbound.error().code, ErrorCode::kPermission);
  EXPECT_THAT(opened.outbound.error().message, HasSubstr("or it speaks TLS"));
  EXPECT_THAT(opened.inbound.error().message, HasSubstr("does not speak TLS"));
}

TEST_F(TcpTlsTest, TlsToAListenerInTheClearIsTurnedAway) {
  const Opened opened = open(certificates_.options("a", "b"), {});
  EXPECT_EQ(opened.outbound.error().code, ErrorCode::kConnectionLost);
  EXPECT_THAT(opened.outbound.error().message,
              HasSubstr("it speaks in the clear"));
  EXPECT_THAT(opened.inbound.error().message,
              HasSubstr("speaks TLS, this end"));
}

// A client of OpenSSL's own, as an enemy may bring.
class TcpTlsStrangerTest : public TcpTlsTest {
 protected:
  using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
  using Session = std::unique_ptr<SSL, decltype(&SSL_free)>;

  // Whether it could say a hello and got an answer.
  bool is_welcome(SSL_CTX* context) {
    const UniqueFd fd = stranger({});
    const Session ssl(SSL_new(context), &SSL_free);
    SSL_set_fd(ssl.get(), fd.get());
    if (SSL_connect(ssl.get()) != 1) return false;
    Hello hello;
    hello.token = kTlsToken;
    hello.stream_count = 1;
    const auto bytes = encode_hello(hello);
    std::array<std::byte, Welcome::kBytes> answer;
    if (SSL_write(ssl.get(), bytes.data(), bytes.size()) <= 0) return false;
    return SSL_read(ssl.get(), answer.data(), answer.size()) > 0;
  }
  void use_certificate(SSL_CTX* context) {
    const TlsFiles files = certificates_.files("a");
    EXPECT_EQ(
        SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()),
        1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey_file(context, files.key.c_str(),
                                          SSL_FILETYPE_PEM),
              1);
  }

  Context context_{SSL_CTX_new(TLS_client_method()), &SSL_CTX_free};
};

TEST_F(TcpTlsStrangerTest, WithACertificateItIsWelcome) {
  auto accepting = accept(certificates_.options("b", "a"), kLittlePatience);
  use_certificate(context_.get());
  EXPECT_TRUE(is_welcome(context_.get()));
  EXPECT_FALSE(accepting.get()) << "only one of two streams";
}

TEST_F(TcpTlsStrangerTest, WithoutACertificateItIsTurnedAway) {
  auto accepting = accept(certificates_.options("b", "a"), kLittlePatience);
  EXPECT_FALSE(is_welcome(context_.get()));
  EXPECT_THAT(accepting.get().error().message,
              HasSubstr("peer did not return a certificate"));
  expect_opens();
}

TEST_F(TcpTlsStrangerTest, WithTls12ItIsTurnedAway) {
  auto accepting = accept(certificates_.options("b", "a"), kLittlePatience);
  use_certificate(context_.get());
  SSL_CTX_set_max_proto_version(context_.get(), TLS1_2_VERSION);
  EXPECT_FALSE(is_welcome(context_.get()));
  EXPECT_THAT(accepting.get().error().message,
              HasSubstr("unsupported protocol"));
}

TEST_F(TcpTlsStrangerTest, WhoStopsInMidHandshakeDoesNotDisturb) {
  auto accepting = accept(certificates_.options("b", "a"));
  // A ClientHello, cut at every eighth byte; some hang up, some stay.
  const Session ssl(SSL_new(context_.get()), &SSL_free);
  BIO* const out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), out);
  EXPECT_LT(SSL_connect(ssl.get()), 1);
  char* data = nullptr;
  const auto bytes = static_cast<size_t>(BIO_get_mem_data(out, &data));
  ASSERT_GT(bytes, 100u);
  std::vector<UniqueFd> staying;
  staying.reserve(bytes);
  for (size_t cut = 1; cut <= bytes; cut += 8) {
    UniqueFd fd = stranger(std::as_bytes(std::span(data, cut)));
    if (cut % 16 == 1) staying.push_back(std::move(fd));
  }
  std::vector<std::byte> noise(4096, std::byte{0x16});
  staying.push_back(stranger(noise));
  auto outbound = connect(certificates_.options("a", "b"));
  ASSERT_TRUE(outbound) << outbound.error().message;
  EXPECT_TRUE(accepting.get());
}

TEST_F(TcpTlsStrangerTest, MoreThanThereIsRoomForDoNotDisturb) {
  auto accepting = accept(certificates_.options("b", "a"));
  constexpr size_t kSilent = kTcpStrangersMax + 20;
  std::vector<UniqueFd> silent;
  silent.reserve(kSilent);
  for (size_t i = 0; i < kSilent; ++i) silent.push_back(stranger({}));
  auto outbound = connect(certificates_.options("a", "b"));
  ASSERT_TRUE(outbound) << outbound.error().message;
  EXPECT_TRUE(accepting.get());
}

// Renewal without a restart: a path that is open goes on, the next one reads
// the files anew.
TEST_F(TcpTlsTest, NextPathUsesTheNewFiles) {
  expect_opens();
  const TestCertificates others;
  for (const char* name : {"a", "b"}) {
    for (const char* file : {"ca.crt", "host.crt", "host.key"}) {
      std::filesystem::copy_file(
          others.folder() + "/" + name + "/" + file,
          certificates_.folder() + "/" + name + "/" + file,
          std::filesystem::copy_options::overwrite_existing);
    }
  }
  auto accepting = accept(certificates_.options("b", "a"));
  auto outbound = connect(others.options("a", "b"));
  EXPECT_TRUE(outbound) << outbound.error().message;
  EXPECT_TRUE(accepting.get());
}

TEST_F(TcpTlsTest, FilesThatAreWrongAreNamed) {
  const auto error_of = [this](const TlsFiles& files) {
    const auto refused = connect(TlsOptions{files, "b"});
    EXPECT_FALSE(refused);
    return refused.error();
  };
  TlsFiles files = certificates_.files("a");
  files.ca = "/nowhere/ca.crt";
  EXPECT_EQ(error_of(files).code, ErrorCode::kNotFound);
  EXPECT_THAT(error_of(files).message, HasSubstr("/nowhere/ca.crt"));

  files = certificates_.files("a");
  files.key = certificates_.files("b").key;
  EXPECT_THAT(error_of(files).message, HasSubstr(files.key));

  files = certificates_.files("a");
  std::ofstream(files.certificate) << "no certificate";
  EXPECT_EQ(error_of(files).code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(error_of(files).message, HasSubstr(files.certificate));

  files = certificates_.files("b");
  ASSERT_EQ(::chmod(files.key.c_str(), 0644), 0);
  EXPECT_EQ(error_of(files).code, ErrorCode::kPermission);
  EXPECT_THAT(error_of(files).message, HasSubstr("chmod 600"));
}

// Both ends of one stream, in this thread.
class TlsStreamTest : public testing::Test {
 protected:
  void open(uint64_t records_a_key = kTlsRecordsAKeyMax) {
    std::array<int, 2> fds;
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()),
              0);
    TlsOptions near = certificates_.options("a", "b");
    near.records_a_key = records_a_key;
    near_context_ = TlsContext::load(near).value();
    far_context_ = TlsContext::load(certificates_.options("b", "a")).value();
    near_ = TcpStream(UniqueFd(fds[0]), "far");
    far_ = TcpStream(UniqueFd(fds[1]), "near");
    near_.start_tls(*near_context_, TlsEnd::kConnecting);
    far_.start_tls(*far_context_, TlsEnd::kAccepting);
    bool both = false;
    while (!both) {
      const auto here = near_.shake();
      const auto there = far_.shake();
      ASSERT_TRUE(here) << here.error().message;
      ASSERT_TRUE(there) << there.error().message;
      both = *here == TlsSession::Handshake::kDone &&
             *there == TlsSession::Handshake::kDone;
    }
  }

  TestCertificates certificates_;
  std::optional<TlsContext> near_context_;
  std::optional<TlsContext> far_context_;
  TcpStream near_;
  TcpStream far_;
};

// Any cut into pieces, with keys renewed on the way and a socket that is full
// again and again: the bytes come out as they went in.
TEST_F(TlsStreamTest, BytesStayWhatTheyAreWhileKeysAreRenewed) {
  open(/*records_a_key=*/5);
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  std::vector<std::byte> in(3u << 20);
  for (std::byte& byte : in) byte = static_cast<std::byte>(random());
  std::vector<std::byte> out(in.size());
  size_t sent = 0;
  size_t offered = 0;  // what was offered once is offered again
  size_t got = 0;
  while (got < in.size()) {
    std::vector<iovec> pieces;
    size_t end = sent;
    while (end < in.size() && (pieces.size() < 8 || end < offered)) {
      const size_t longest = random() % 4 == 0 ? 70'000 : 90;
      const size_t bytes = std::min(in.size() - end, random() % longest);
      pieces.push_back({in.data() + end, bytes});
      end += bytes;
    }
    offered = end;
    const StreamIo gone = near_.send(pieces);
    ASSERT_NE(gone.state, StreamIo::State::kBroken) << gone.reason;
    sent += gone.bytes;
    const size_t room = std::min(out.size() - got, 1 + random() % 300'000);
    const StreamIo io = far_.receive(std::span(out).subspan(got, room));
    ASSERT_NE(io.state, StreamIo::State::kBroken) << io.reason;
    got += io.bytes;
  }
  EXPECT_TRUE(in == out);
  EXPECT_GT(near_.tls()->keys_renewed(), 10u);
  EXPECT_EQ(far_.tls()->keys_renewed(), 0u);
}

TEST_F(TlsStreamTest, FarewellIsAnEndAndAPlainCloseIsALoss) {
  std::array<std::byte, 8> bytes{};
  open();
  ASSERT_EQ(near_.send(bytes).bytes, bytes.size());
  near_.finish();
  EXPECT_EQ(far_.receive(bytes).bytes, bytes.size());
  EXPECT_EQ(far_.receive(bytes).state, StreamIo::State::kClosed);
  open();
  ASSERT_EQ(near_.send(bytes).bytes, bytes.size());
  ::shutdown(near_.fd(), SHUT_RDWR);
  EXPECT_EQ(far_.receive(bytes).bytes, bytes.size());
  EXPECT_EQ(far_.receive(bytes).state, StreamIo::State::kBroken);
}

TEST_F(TlsStreamTest, ChangedByteIsALoss) {
  open();
  // What near_ says, with one bit flipped on the way.
  std::array<std::byte, 100> bytes{};
  ASSERT_EQ(near_.send(bytes).bytes, bytes.size());
  std::array<std::byte, 200> record;
  const ssize_t taken = ::recv(far_.fd(), record.data(), record.size(), 0);
  ASSERT_GT(taken, 100);
  record[50] ^= std::byte{1};
  ASSERT_EQ(::send(near_.fd(), record.data(), taken, 0), taken);
  const StreamIo io = far_.receive(bytes);
  EXPECT_EQ(io.state, StreamIo::State::kBroken);
  EXPECT_EQ(stream_lost(io, "near").code, ErrorCode::kConnectionLost);
}

// More inside OpenSSL than was asked for: no fd would wake for it.
TEST_F(TlsStreamTest, WhatOpenSslHoldsIsNotSleptOn) {
  open();
  std::array<std::byte, 64> bytes{};
  ASSERT_EQ(near_.send(bytes).bytes, bytes.size());
  EXPECT_EQ(far_.receive(std::span(bytes).first(8)).bytes, 8u);
  WaitSet set;
  EXPECT_NE(far_.wait_on(set, false), kNever);
  EXPECT_EQ(far_.receive(bytes).bytes, 56u);
  EXPECT_EQ(far_.wait_on(set, false), kNever);
}

TEST_F(TcpTlsTest, KernelEncryptsWhereItCan) {
  const UniqueFd probe = stranger({});
  if (::setsockopt(probe.get(), IPPROTO_TCP, /*TCP_ULP*/ 31, "tls", 3) != 0) {
    GTEST_SKIP() << "this kernel has no TLS (no module `tls`): "
                 << std::strerror(errno);
  }
  const auto near_context =
      TlsContext::load(certificates_.options("a", "b")).value();
  auto accepting = accept(certificates_.options("b", "a"), kLittlePatience);
  TcpStream near(stranger({}), "far");
  near.start_tls(near_context, TlsEnd::kConnecting);
  while (near.shake().value() != TlsSession::Handshake::kDone) {
  }
  EXPECT_TRUE(near.tls()->kernel_sends());
  EXPECT_FALSE(accepting.get()) << "only one of two streams";
}

TEST(Certificate, NameIsTheFirstDnsNameOfTheSubjectAltName) {
  TestCertificates certificates;
  certificates.add({"host-a.example", {"10.0.0.1", "other.example"}});
  EXPECT_EQ(
      read_certificate_name(certificates.files("host-a.example").certificate)
          .value(),
      "host-a.example");
  EXPECT_EQ(read_certificate_name("/nowhere/host.crt").error().code,
            ErrorCode::kNotFound);
  EXPECT_THAT(
      read_certificate_name(certificates.folder() + "/ca.crt").error().message,
      HasSubstr("no DNS name"));
}

}  // namespace
}  // namespace causeway
