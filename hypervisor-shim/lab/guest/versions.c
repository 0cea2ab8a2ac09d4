#include "hypervisor-shim/lab/guest/program.h"

_Static_assert(sizeof(GuestVersions) == GUEST_BLOCK_BYTES,
               "a table page is one block");

static uint64_t entry_mix(uint64_t index, uint32_t version) {
  return mix64((index << 32) + version + 1);
}

static uint64_t page_count(const Table* table) {
  return (table->blocks + GUEST_VERSIONS_PER_PAGE - 1) /
         GUEST_VERSIONS_PER_PAGE;
}

static uint64_t page_sum(const Table* table, uint64_t page) {
  uint64_t sum = 0;
  const uint64_t first = page * GUEST_VERSIONS_PER_PAGE;
  for (uint32_t i = 0; i < GUEST_VERSIONS_PER_PAGE; ++i) {
    if (first + i >= table->blocks) break;
    sum ^= entry_mix(first + i, table->pages[page].version[i]);
  }
  return sum;
}

void versions_init(const Table* table) {
  for (uint64_t page = 0; page < page_count(table); ++page) {
    GuestVersions* versions = &table->pages[page];
    versions->magic = GUEST_VERSIONS_MAGIC;
    versions->page = page;
    versions->region = table->region;
    versions->sum = page_sum(table, page);
  }
}

uint32_t versions_get(const Table* table, uint64_t index) {
  return table->pages[index / GUEST_VERSIONS_PER_PAGE]
      .version[index % GUEST_VERSIONS_PER_PAGE];
}

void versions_set(const Table* table, uint64_t index, uint32_t version) {
  GuestVersions* page = &table->pages[index / GUEST_VERSIONS_PER_PAGE];
  uint32_t* entry = &page->version[index % GUEST_VERSIONS_PER_PAGE];
  page->sum ^= entry_mix(index, *entry) ^ entry_mix(index, version);
  *entry = version;
}

int versions_page_sound(const Table* table, uint64_t page) {
  const GuestVersions* versions = &table->pages[page];
  return versions->magic == GUEST_VERSIONS_MAGIC && versions->page == page &&
         versions->region == table->region &&
         versions->sum == page_sum(table, page);
}
