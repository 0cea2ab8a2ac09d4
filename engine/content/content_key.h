// The keys of content identities: one master key a host, or a site that shares
// an index, in a file; the key of each trust domain follows from it. Who has a
// domain's key can tell which content is known in that domain, and no other.
//
// The file: 64 hexadecimal digits and a line's end, mode 0600. Without it an
// index is of no use: its digests cannot be made again.
#pragma once

#include <string>
#include <string_view>

#include "engine/content/content_identity.h"

namespace causeway {

// kNotFound: no such file. kPermission: others than its owner may use it, or it
// cannot be read. kInvalidArgument: it is no key.
Result<ContentKey> read_master_key(const std::string& path);

// As read_master_key(), but makes a missing file, of random bytes. Two that
// make it at once get the same key. Its folder must be there.
Result<ContentKey> read_or_make_master_key(const std::string& path);

// HKDF-Expand (RFC 5869, section 2.3) of the master key, with "causeway content
// domain" and the domain's name as info. "" is the default domain.
// kInvalidArgument: a name above kNameBytesMax. kIncompatible: this host's
// OpenSSL has no HKDF.
Result<ContentKey> derive_domain_key(const ContentKey& master,
                                     std::string_view domain);

}  // namespace causeway
