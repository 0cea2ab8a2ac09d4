#include "engine/content/content_key.h"

#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>

#include "engine/base/limits.h"
#include "engine/base/unique_fd.h"

namespace causeway {
namespace {

constexpr size_t kDigits = 2 * kContentKeyBytes;
constexpr std::string_view kLabel = "causeway content domain";

std::optional<unsigned> digit_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return std::nullopt;
}

std::optional<ContentKey> parse_key(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.size() != kDigits) return std::nullopt;
  ContentKey key;
  for (size_t i = 0; i < key.size(); ++i) {
    const auto high = digit_value(text[2 * i]);
    const auto low = digit_value(text[2 * i + 1]);
    if (!high || !low) return std::nullopt;
    key[i] = static_cast<std::byte>(*high << 4 | *low);
  }
  return key;
}

std::string format_key(const ContentKey& key) {
  std::string text;
  for (const std::byte byte : key) {
    text += fmt::format("{:02x}", static_cast<unsigned>(byte));
  }
  return text + '\n';
}

Status check_file(int fd, const std::string& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return errno_error(errno, "Looking at " + path);
  if (!S_ISREG(info.st_mode)) {
    return make_error(ErrorCode::kInvalidArgument,
                      "{} is no file, so it has no content key.", path);
  }
  if ((info.st_mode & 077) == 0) return {};
  return make_error(ErrorCode::kPermission,
                    "Others than its owner may use the content key {}: chmod "
                    "600 it.",
                    path);
}

// Under a name of its own first: nobody sees half a key.
Status write_new_key(const std::string& path) {
  ContentKey key;
  if (::getrandom(key.data(), key.size(), 0) !=
      static_cast<ssize_t>(key.size())) {
    return errno_error(errno, "Making a content key");
  }
  std::string draft = path + ".XXXXXX";
  const UniqueFd fd(::mkostemp(draft.data(), O_CLOEXEC));
  if (!fd) return errno_error(errno, "Making the content key " + path);
  const std::string text = format_key(key);
  Status status;
  if (::write(fd.get(), text.data(), text.size()) !=
          static_cast<ssize_t>(text.size()) ||
      ::fsync(fd.get()) != 0) {
    status = errno_error(errno, "Writing the content key " + path);
  } else if (::link(draft.c_str(), path.c_str()) != 0 && errno != EEXIST) {
    status = errno_error(errno, "Making the content key " + path);
  }
  ::unlink(draft.c_str());
  return status;
}

struct FreeKdf {
  void operator()(EVP_KDF* it) const { EVP_KDF_free(it); }
  void operator()(EVP_KDF_CTX* it) const { EVP_KDF_CTX_free(it); }
};

}  // namespace

Result<ContentKey> read_master_key(const std::string& path) {
  // It may be anything: a pipe without a writer is not waited for.
  const UniqueFd fd(
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return errno_error(errno, "Opening the content key " + path);
  CAUSEWAY_TRY(check_file(fd.get(), path));
  char text[kDigits + 2];
  const ssize_t got = ::read(fd.get(), text, sizeof(text));
  if (got < 0) return errno_error(errno, "Reading the content key " + path);
  const auto key = parse_key({text, static_cast<size_t>(got)});
  if (key) return *key;
  return make_error(ErrorCode::kInvalidArgument,
                    "{} is no content key: {} hexadecimal digits are. With "
                    "another key an index must be made again.",
                    path, kDigits);
}

Result<ContentKey> read_or_make_master_key(const std::string& path) {
  auto key = read_master_key(path);
  if (key || key.error().code != ErrorCode::kNotFound) return key;
  CAUSEWAY_TRY(write_new_key(path));
  return read_master_key(path);
}

Result<ContentKey> derive_domain_key(const ContentKey& master,
                                     std::string_view domain) {
  if (domain.size() > kNameBytesMax) {
    return make_error(
        ErrorCode::kInvalidArgument,
        "The name of a trust domain has {} bytes; {} are allowed.",
        domain.size(), kNameBytesMax);
  }
  const std::unique_ptr<EVP_KDF, FreeKdf> kdf(
      EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  const std::unique_ptr<EVP_KDF_CTX, FreeKdf> context(
      kdf ? EVP_KDF_CTX_new(kdf.get()) : nullptr);
  char hash[] = "SHA256";
  int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
  ContentKey secret = master;
  std::string info = std::string(kLabel) + std::string(domain);
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, hash, 0),
      OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret.data(),
                                        secret.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data(),
                                        info.size()),
      OSSL_PARAM_construct_end()};
  ContentKey key;
  if (!context || EVP_KDF_derive(context.get(),
                                 reinterpret_cast<unsigned char*>(key.data()),
                                 key.size(), parameters) != 1) {
    return make_error(ErrorCode::kIncompatible,
                      "OpenSSL on this host has no HKDF with SHA-256, which "
                      "the content index needs; see openssl.cnf.");
  }
  return key;
}

}  // namespace causeway
