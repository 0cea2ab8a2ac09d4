/* A block: GuestBlockHeader, then content made from the seed, the block's
 * place and its version. */
#include "hypervisor-shim/lab/guest/program.h"

#define HEADER_WORDS (sizeof(GuestBlockHeader) / 8)

_Static_assert(sizeof(GuestBlockHeader) % 32 == 16, "lanes start at word 6");

/* 64 words of 8 letters; one in four is a name of random letters instead, so
 * that deflate makes about a third of it. */
static const char kWords[64 * 8 + 1] =
    "migrate memory  bandwidtlatency cluster node    the     of      "
    "and     to      in      is      was     for     with    that    "
    "guest   host    page    block   round   dirty   clean   write   "
    "read    state   vcpu    device  network packet  stream  path    "
    "source  target  commit  prepare resume  pause   start   stop    "
    "first   second  third   last    next    before  after   during  "
    "while   until   when    where   which   what    how     why     "
    "large   small   fast    slow    always  never   often   seldom  ";

static void fill_random(uint64_t* words, uint64_t seed) {
  for (uint32_t i = HEADER_WORDS; i < GUEST_WORDS_PER_BLOCK; ++i) {
    seed += 0x9e3779b97f4a7c15ull;
    uint64_t x = seed ^ (seed >> 32);
    x *= 0xd6e8feb86659fd93ull;
    words[i] = x ^ (x >> 29);
  }
}

static void fill_text(uint64_t* words, uint64_t seed) {
  const uint64_t* dictionary = (const uint64_t*)(const void*)kWords;
  for (uint32_t i = HEADER_WORDS; i < GUEST_WORDS_PER_BLOCK; ++i) {
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    const uint64_t letters = mix64(seed) & 0x0f0f0f0f0f0f0f0full;
    words[i] = (seed >> 56) & 3 ? dictionary[seed >> 58]
                                : letters + 0x6161616161616161ull;
  }
}

/* Four lanes, each a chain of steps that are bijective in the word: a change
 * of any single word changes the result. */
static uint64_t block_checksum(const uint64_t* words) {
  const uint64_t prime = 0x9e3779b185ebca87ull;
  uint64_t a = 1, b = 2, c = 3, d = 4;
  for (uint32_t i = 0; i < GUEST_WORDS_PER_BLOCK; i += 4) {
    a = (a ^ words[i]) * prime;
    /* Word 1 is the checksum itself. */
    b = (b ^ (i == 0 ? 0 : words[i + 1])) * prime;
    c = (c ^ words[i + 2]) * prime;
    d = (d ^ words[i + 3]) * prime;
  }
  return mix64(a) + 3 * mix64(b) + 5 * mix64(c) + 7 * mix64(d);
}

_Static_assert(__builtin_offsetof(GuestBlockHeader, checksum) == 8, "word 1");

static int is_text(const GuestParams* params, uint64_t seed) {
  if (params->content == GUEST_CONTENT_TEXT) return 1;
  if (params->content == GUEST_CONTENT_SHARES) {
    return (uint32_t)mix64(seed) < params->text_q32;
  }
  return params->content == GUEST_CONTENT_MIXED && (seed & 1);
}

/* Words of a block that is there become new ones, of its own kind of content;
 * here and there, as a program's do. */
static void change_words(uint64_t* words, uint64_t seed, uint64_t count,
                         int text) {
  const uint64_t* dictionary = (const uint64_t*)(const void*)kWords;
  for (uint64_t i = 0; i < count; ++i) {
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    const uint64_t at =
        HEADER_WORDS + (seed >> 33) % (GUEST_WORDS_PER_BLOCK - HEADER_WORDS);
    words[at] = text ? dictionary[seed >> 58] : mix64(seed);
  }
}

void block_write(uint64_t* words, const GuestParams* params, uint32_t region,
                 uint64_t block, uint32_t version, uint64_t step) {
  GuestBlockHeader* header = (GuestBlockHeader*)words;
  const uint64_t place = mix64(params->seed ^ (block << 1) ^ region);
  const uint64_t seed = mix64(place + version);
  const int was_there = header->magic == GUEST_BLOCK_MAGIC && version > 1 &&
                        header->block == block && header->region == region;
  header->magic = GUEST_BLOCK_MAGIC;
  header->block = block;
  header->region = region;
  header->version = version;
  header->step = step;
  header->seed = seed;
  const int text = is_text(params, place);
  if (params->change_words && was_there) {
    change_words(words, seed, params->change_words, text);
  } else if (text) {
    fill_text(words, seed);
  } else {
    fill_random(words, seed);
  }
  header->checksum = block_checksum(words);
}

void block_zero(uint64_t* words) {
  for (uint32_t i = 0; i < GUEST_WORDS_PER_BLOCK; ++i) words[i] = 0;
}

static enum GuestFault fault(GuestCheck* check, enum GuestFault what,
                             uint64_t expected, uint64_t found) {
  if (check->fault == GUEST_FAULT_NONE) {
    check->expected = expected;
    check->found = found;
  }
  return what;
}

static enum GuestFault zero_fault(const uint64_t* words, GuestCheck* check) {
  for (uint32_t i = 0; i < GUEST_WORDS_PER_BLOCK; ++i) {
    if (words[i] != 0) return fault(check, GUEST_FAULT_ZERO, 0, words[i]);
  }
  return GUEST_FAULT_NONE;
}

enum GuestFault block_fault(const uint64_t* words, uint32_t region,
                            uint64_t block, uint32_t version,
                            GuestCheck* check) {
  const GuestBlockHeader* header = (const GuestBlockHeader*)words;
  if (version & GUEST_VERSION_ZERO) return zero_fault(words, check);
  const uint64_t sum = block_checksum(words);
  if (header->magic != GUEST_BLOCK_MAGIC || header->checksum != sum) {
    return fault(check, GUEST_FAULT_CHECKSUM, header->checksum, sum);
  }
  if (header->block != block || header->region != region) {
    return fault(check, GUEST_FAULT_ADDRESS, block, header->block);
  }
  if (header->version != version) {
    return fault(check, GUEST_FAULT_VERSION, version, header->version);
  }
  return GUEST_FAULT_NONE;
}
