// What the lab's CA makes, as another program of OpenSSL's reads it.
#include "tools/pki/authority.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "engine/base/tls_files.h"
#include "engine/path/tcp/certificate.h"

namespace causeway {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

Certificate read(const std::string& path) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> file(
      BIO_new_file(path.c_str(), "r"), &BIO_free);
  return {file == nullptr
              ? nullptr
              : PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr),
          &X509_free};
}

std::string content(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

class AuthorityTest : public testing::Test {
 protected:
  AuthorityTest() {
    char folder[] = "/tmp/causeway-authority-XXXXXX";
    EXPECT_NE(::mkdtemp(folder), nullptr);
    root_ = folder;
    folder_ = root_ + "/ca";
    EXPECT_TRUE(make_authority(folder_));
  }
  ~AuthorityTest() override {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }
  // Whether `file` of host `name` holds for what `purpose` needs.
  int verify(const std::string& name, int purpose) const {
    const Certificate ca = read(folder_ + "/ca.crt");
    const Certificate host = read(folder_ + "/" + name + "/host.crt");
    const std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store(
        X509_STORE_new(), &X509_STORE_free);
    X509_STORE_add_cert(store.get(), ca.get());
    const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)>
        context(X509_STORE_CTX_new(), &X509_STORE_CTX_free);
    X509_STORE_CTX_init(context.get(), store.get(), host.get(), nullptr);
    X509_STORE_CTX_set_purpose(context.get(), purpose);
    X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_X509_STRICT);
    X509_verify_cert(context.get());
    return X509_STORE_CTX_get_error(context.get());
  }

  std::string root_;
  std::string folder_;
};

TEST_F(AuthorityTest, KeysAreTheirOwnersAlone) {
  ASSERT_TRUE(make_host(folder_, {"a"}));
  for (const char* key : {"/ca.key", "/a/host.key"}) {
    struct stat stat {};
    ASSERT_EQ(::stat((folder_ + key).c_str(), &stat), 0) << key;
    EXPECT_EQ(stat.st_mode & 0777, 0600u) << key;
  }
  EXPECT_TRUE(TlsFiles::in_folder(folder_ + "/a").check());
  EXPECT_EQ(content(folder_ + "/a/ca.crt"), content(folder_ + "/ca.crt"));
}

TEST_F(AuthorityTest, HostCertificatesServeAtBothEnds) {
  ASSERT_TRUE(make_host(folder_, {"a"}));
  EXPECT_EQ(verify("a", X509_PURPOSE_SSL_SERVER), X509_V_OK);
  EXPECT_EQ(verify("a", X509_PURPOSE_SSL_CLIENT), X509_V_OK);
  EXPECT_EQ(verify("a", X509_PURPOSE_CRL_SIGN), X509_V_ERR_INVALID_PURPOSE);
}

TEST_F(AuthorityTest, TheNameComesFirstThenEveryAddress) {
  ASSERT_TRUE(
      make_host(folder_, {"host-a.example", {"10.0.0.1", "fd00::1", "other"}}));
  const std::string path = folder_ + "/host-a.example/host.crt";
  EXPECT_EQ(read_certificate_name(path).value(), "host-a.example");
  const Certificate host = read(path);
  for (const char* name : {"host-a.example", "other", "localhost"}) {
    EXPECT_EQ(X509_check_host(host.get(), name, 0, 0, nullptr), 1) << name;
  }
  for (const char* ip : {"10.0.0.1", "fd00::1", "127.0.0.1", "::1"}) {
    EXPECT_EQ(X509_check_ip_asc(host.get(), ip, 0), 1) << ip;
  }
  EXPECT_NE(X509_check_ip_asc(host.get(), "10.0.0.2", 0), 1);
}

TEST_F(AuthorityTest, AnAuthorityIsNeverReplaced) {
  const std::string before = content(folder_ + "/ca.crt");
  const Status again = make_authority(folder_);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kAlreadyExists);
  EXPECT_THAT(again.error().message, HasSubstr(folder_ + "/ca.crt"));
  EXPECT_EQ(content(folder_ + "/ca.crt"), before);
}

TEST_F(AuthorityTest, AHostsCertificateIsRenewed) {
  ASSERT_TRUE(make_host(folder_, {"a"}));
  const std::string certificate = content(folder_ + "/a/host.crt");
  const std::string key = content(folder_ + "/a/host.key");
  ASSERT_TRUE(make_host(folder_, {"a"}));
  EXPECT_NE(content(folder_ + "/a/host.crt"), certificate);
  EXPECT_NE(content(folder_ + "/a/host.key"), key);
  EXPECT_EQ(verify("a", X509_PURPOSE_SSL_SERVER), X509_V_OK);
}

TEST_F(AuthorityTest, NamesThatAreNoneAreRefused) {
  for (const char* name : {"", "..", "a/b", "a,IP:1.2.3.4", "-a", "10.0.0.1",
                           "localhost", "a b", "a\nb"}) {
    const Status made = make_host(folder_, {name});
    ASSERT_FALSE(made) << name;
    EXPECT_EQ(made.error().code, ErrorCode::kInvalidArgument) << name;
  }
  const Status made = make_host(folder_, {"a", {"10.0.0.1:7433"}});
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, HasSubstr("10.0.0.1:7433"));
  EXPECT_FALSE(fs::exists(folder_ + "/a"));
}

TEST_F(AuthorityTest, AFolderWithoutAnAuthoritySaysHowToMakeOne) {
  const Status made = make_host(root_, {"a"});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(made.error().message, HasSubstr("causeway pki init " + root_));
}

TEST_F(AuthorityTest, AFolderThatCannotBeMadeIsNamed) {
  std::ofstream(root_ + "/file") << "x";
  const Status made = make_authority(root_ + "/file/ca");
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, HasSubstr(root_ + "/file/ca"));
}

}  // namespace
}  // namespace causeway
