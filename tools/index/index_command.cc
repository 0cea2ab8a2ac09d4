// causeway index: what this host's, or a site's, content index knows.
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <random>
#include <thread>

#include "engine/base/units.h"
#include "engine/content/content_key.h"
#include "engine/content/index_location.h"
#include "engine/content/state_paths.h"
#include "tools/causeway/json_output.h"
#include "tools/content/index_verifier.h"
#include "tools/content/indexer.h"
#include "tools/index/index_command.h"
#include "tools/index/index_view.h"
#include "tools/process/signal_watch.h"

namespace causeway {
namespace {

// How often what is done is written down (a file of the index each time: not
// too often) and how often it is shown.
constexpr std::chrono::seconds kCheckpointEvery{30};
constexpr std::chrono::milliseconds kShowEvery{200};

constexpr unsigned kWorkersMax = 64;

struct IndexCommand {
  std::string state = "/var/lib/causeway";
  std::string index;
  std::string key;
  std::string domain;
  std::vector<std::string> paths;
  IndexerOptions indexer{.workers =
                             std::max(1u, std::thread::hardware_concurrency())};
  double share_percent = 100;
  double drop_percent = 50;
  bool keep = false;
  bool compact = false;
  bool sources = false;
  JsonOutput json;

  std::string location() const {
    return index.empty() ? content_index_in(state) : index;
  }
  Result<ContentKey> domain_key(ContentAccess access) const;
  Result<std::unique_ptr<ContentStore>> open(ContentAccess access) const;
};

// A key that nothing was ever indexed under is of no use to who reads.
Result<ContentKey> IndexCommand::domain_key(ContentAccess access) const {
  const std::string path = key.empty() ? content_key_in(state) : key;
  CAUSEWAY_ASSIGN(const ContentKey master, access == ContentAccess::kReadWrite
                                               ? read_or_make_master_key(path)
                                               : read_master_key(path));
  return derive_domain_key(master, domain);
}

Result<std::unique_ptr<ContentStore>> IndexCommand::open(
    ContentAccess access) const {
  return open_content_store(location(), access);
}

// The state folder, where index and key lie if nobody says otherwise; an agent
// may not have made it yet.
Status make_state_folder(const IndexCommand& command) {
  if (!command.index.empty() && !command.key.empty()) return {};
  std::error_code error;
  std::filesystem::create_directories(command.state, error);
  if (!error) return {};
  return errno_error(error.value(), "Making the state folder " + command.state);
}

double percent(uint64_t part, uint64_t whole) {
  return whole == 0
             ? 0.0
             : 100 * static_cast<double>(part) / static_cast<double>(whole);
}

nlohmann::json to_json(const IndexerProgress& progress) {
  return {{"files", progress.files},
          {"unchanged", progress.unchanged},
          {"total_bytes", progress.total_bytes},
          {"indexed_bytes", progress.put_bytes},
          {"zero_bytes", progress.zero_bytes}};
}

void show(const IndexerProgress& progress, IndexView* view) {
  view->show(percent(progress.passed_bytes, progress.total_bytes) / 100,
             progress.put_bytes, fmt::format("{} files", progress.files));
}

// Until all is done, or a signal has come.
Status follow(Indexer* indexer, IndexView* view) {
  auto checked = std::chrono::steady_clock::now();
  while (!indexer->wait(kShowEvery)) {
    show(indexer->progress(), view);
    if (std::chrono::steady_clock::now() - checked < kCheckpointEvery) continue;
    CAUSEWAY_TRY(indexer->checkpoint());
    checked = std::chrono::steady_clock::now();
  }
  return {};
}

Status add(const IndexCommand& command, int signal_fd) {
  CAUSEWAY_ASSIGN(auto files, list_sources(command.paths));
  CAUSEWAY_TRY(make_state_folder(command));
  CAUSEWAY_ASSIGN(const ContentKey key,
                  command.domain_key(ContentAccess::kReadWrite));
  CAUSEWAY_ASSIGN(const auto store, command.open(ContentAccess::kReadWrite));
  CAUSEWAY_ASSIGN(const auto indexer,
                  Indexer::create(*store, key, command.indexer));
  IndexView view(command.json.takes_stdout());
  const auto begin = std::chrono::steady_clock::now();
  CAUSEWAY_TRY(indexer->start(std::move(files)));
  std::atomic<bool> stopped{false};
  Status status;
  {
    const SignalWatch watch(signal_fd, [&] {
      stopped = true;
      indexer->request_stop();
    });
    status = follow(indexer.get(), &view);
  }
  indexer->stop();
  // What is there stays, whatever has stopped it.
  CAUSEWAY_TRY(indexer->checkpoint());
  const auto took = std::chrono::steady_clock::now() - begin;
  CAUSEWAY_TRY(status);
  CAUSEWAY_TRY(indexer->status());
  const IndexerProgress done = indexer->progress();
  if (stopped && done.passed_bytes < done.total_bytes) {
    return make_error(ErrorCode::kCancelled,
                      "Stopped after {} of {}: what is indexed stays, and the "
                      "same command goes on from there.",
                      format_bytes(done.passed_bytes),
                      format_bytes(done.total_bytes));
  }
  const double took_s = std::chrono::duration<double>(took).count();
  view.say(fmt::format(
      "indexed {} of {} in {} files ({} unchanged, {} zeros) in {}, {}",
      format_bytes(done.put_bytes), format_bytes(done.total_bytes), done.files,
      done.unchanged, format_bytes(done.zero_bytes),
      format_duration(std::chrono::duration_cast<Duration>(took)),
      format_rate(static_cast<double>(done.put_bytes) / took_s)));
  nlohmann::json json = to_json(done);
  json["seconds"] = took_s;
  json["index"] = command.location();
  return command.json.write(json);
}

// How far one is, over all domains: the least.
double percent_done(const KeptSource& kept) {
  const auto records = decode_index_records(kept.note);
  if (!records || records->empty()) return 0;
  double least = 100;
  for (const IndexRecord& record : *records) {
    const double done = record.size_bytes == 0
                            ? 100
                            : percent(record.done_bytes, record.size_bytes);
    least = std::min(least, done);
  }
  return least;
}

Status list(const IndexCommand& command, ContentStore& store,
            nlohmann::json* json) {
  CAUSEWAY_ASSIGN(const auto sources, store.sources());
  (*json)["list"] = nlohmann::json::array();
  for (const KeptSource& kept : sources) {
    const bool file = kept.source.kind == ContentKind::kFile;
    const double done = percent_done(kept);
    (*json)["list"].push_back({{"number", kept.id},
                               {"kind", file ? "file" : "region"},
                               {"name", kept.source.name},
                               {"region", kept.source.region},
                               {"percent_done", done}});
    if (command.json.takes_stdout()) continue;
    fmt::print("{:>5.0f} %  {}{}\n", done, kept.source.name,
               file ? "" : fmt::format(" region {}", kept.source.region));
  }
  return {};
}

Status stat(const IndexCommand& command) {
  CAUSEWAY_ASSIGN(const auto store, command.open(ContentAccess::kReadOnly));
  CAUSEWAY_ASSIGN(const auto stats, store->stats());
  nlohmann::json json = {{"index", command.location()},
                         {"blocks", stats.blocks},
                         {"content_bytes", stats.blocks * kBlockBytes},
                         {"sources", stats.sources},
                         {"memory_bytes", stats.memory_bytes},
                         {"disk_bytes", stats.disk_bytes}};
  if (!command.json.takes_stdout()) {
    fmt::print("{}: {} blocks ({}) of {} sources; {} of memory, {} of disk\n",
               command.location(), stats.blocks,
               format_bytes(stats.blocks * kBlockBytes), stats.sources,
               format_bytes(stats.memory_bytes),
               format_bytes(stats.disk_bytes));
  }
  if (command.sources) CAUSEWAY_TRY(list(command, *store, &json));
  return command.json.write(json);
}

// Drops what is gone, or has become something else.
Status drop_stale(const IndexCommand& command, ContentStore& store,
                  const Verification& verification, IndexView* view,
                  nlohmann::json* json) {
  (*json)["dropped"] = nlohmann::json::array();
  for (const VerifiedSource& source : verification.sources) {
    const bool stale = source.read > 0 && percent(source.stale, source.read) >=
                                              command.drop_percent;
    if (!source.gone && !stale) continue;
    const std::string why = source.gone
                                ? "cannot be opened"
                                : fmt::format("{} of {} blocks are stale",
                                              source.stale, source.read);
    view->say(fmt::format("{} {}: {}", command.keep ? "would drop" : "dropped",
                          source.path, why));
    (*json)["dropped"].push_back(source.path);
    if (!command.keep) CAUSEWAY_TRY(store.erase(source.id));
  }
  return {};
}

Status verify(const IndexCommand& command, int signal_fd) {
  const auto access =
      command.keep ? ContentAccess::kReadOnly : ContentAccess::kReadWrite;
  CAUSEWAY_ASSIGN(const ContentKey key,
                  command.domain_key(ContentAccess::kReadOnly));
  CAUSEWAY_ASSIGN(const auto store, command.open(access));
  CAUSEWAY_ASSIGN(
      IndexVerifier verifier,
      IndexVerifier::create(*store, key, command.share_percent / 100,
                            std::random_device{}() % kContentParts));
  IndexView view(command.json.takes_stdout());
  const Verification& found = verifier.verification();
  for (bool more = true; more;) {
    CAUSEWAY_ASSIGN(more, verifier.step());
    view.show(verifier.done(), verifier.read_bytes(),
              fmt::format("{} stale", found.stale));
    if (take_signal(signal_fd) != 0) {
      return make_error(ErrorCode::kCancelled,
                        "Stopped; {} of {} blocks read were stale, and nothing "
                        "was dropped.",
                        found.stale, found.read);
    }
  }
  view.say(fmt::format("{} of {} blocks read are stale ({:.1f} %)", found.stale,
                       found.read, percent(found.stale, found.read)));
  if (found.passed_over > 0) {
    view.say(fmt::format(
        "{} blocks were passed over: of guests, or indexed in other domains",
        found.passed_over));
  }
  nlohmann::json json = {{"index", command.location()},
                         {"read_blocks", found.read},
                         {"stale_blocks", found.stale},
                         {"passed_over_blocks", found.passed_over}};
  CAUSEWAY_TRY(drop_stale(command, *store, found, &view, &json));
  return command.json.write(json);
}

// As it is called in the index: a file that is gone has a name still.
std::string name_of(const std::string& path) {
  std::error_code error;
  const auto real = std::filesystem::weakly_canonical(path, error);
  return error ? std::filesystem::absolute(path).lexically_normal().string()
               : real.string();
}

Status drop(const IndexCommand& command) {
  CAUSEWAY_ASSIGN(const auto store, command.open(ContentAccess::kReadWrite));
  CAUSEWAY_ASSIGN(const auto sources, store->sources());
  size_t dropped = 0;
  for (const std::string& path : command.paths) {
    const std::string name = name_of(path);
    const size_t before = dropped;
    for (const KeptSource& kept : sources) {
      const bool is_it = kept.source.name == name;
      const bool is_in_it = kept.source.name.starts_with(name + "/");
      if (kept.source.kind != ContentKind::kFile || !(is_it || is_in_it)) {
        continue;
      }
      const Status erased = store->erase(kept.id);
      // Two paths may name it.
      if (!erased && erased.error().code != ErrorCode::kNotFound) return erased;
      ++dropped;
    }
    if (dropped == before) {
      return make_error(ErrorCode::kNotFound,
                        "{} is not in the content index {}.", name,
                        command.location());
    }
  }
  if (command.compact) CAUSEWAY_TRY(store->compact());
  if (!command.json.takes_stdout()) {
    fmt::print("dropped {} source{}\n", dropped, dropped == 1 ? "" : "s");
  }
  return command.json.write(
      {{"index", command.location()}, {"dropped", dropped}});
}

CLI::App* add_family_member(CLI::App* family, const char* name,
                            const char* help,
                            const std::shared_ptr<IndexCommand>& command,
                            CommandContext* context,
                            Status (*run)(const IndexCommand&, int)) {
  CLI::App* app = family->add_subcommand(name, help);
  app->add_option("--index", command->index,
                  "The index: a folder, or redis://HOST:PORT[,HOST:PORT...]"
                  "[/PREFIX] (default: content-index in the state folder)")
      ->type_name("LOCATION");
  app->add_option("--state", command->state, "The agent's state folder")
      ->type_name("DIR")
      ->capture_default_str();
  command->json.add_option(app);
  app->callback([command, context, run] {
    context->run = [command, context, run]() -> Status {
      ::umask(077);
      Status status = run(*command, context->signal_fd);
      if (!status && command->json.takes_stdout()) {
        CAUSEWAY_TRY(command->json.write(error_to_json(status.error())));
      }
      return status;
    };
  });
  return app;
}

void add_key_options(CLI::App* app, IndexCommand* command) {
  app->add_option("--key", command->key,
                  "The master key of all domains (default: content.key in the "
                  "state folder; made when there is none)")
      ->type_name("FILE");
  app->add_option("--domain", command->domain,
                  "The trust domain: what is indexed in one is found in no "
                  "other (default: the one without a name)")
      ->type_name("NAME");
}

void add_paths(CLI::App* app, IndexCommand* command, const char* help) {
  app->add_option("PATH", command->paths, help)->required();
}

}  // namespace

void add_index_commands(CLI::App* app, CommandContext* context) {
  CLI::App* family = app->add_subcommand(
      "index", "The content that this host has, so that it need not travel");
  family->require_subcommand(1);
  auto command = std::make_shared<IndexCommand>();
  CLI::App* add_app = add_family_member(
      family, "add", "Index files, folders of files and block devices", command,
      context, &add);
  add_paths(add_app, command.get(), "A file, a folder or a block device");
  add_key_options(add_app, command.get());
  add_app
      ->add_option("--workers", command->indexer.workers,
                   "Threads that read and hash")
      ->check(CLI::Range(1u, kWorkersMax))
      ->capture_default_str();
  add_app
      ->add_option_function<std::string>(
          "--pieces",
          [command](const std::string& name) {
            command->indexer.pieces =
                content_cut_from_name(name).value_or(ContentCut::kBlocks);
          },
          "Besides whole blocks: sectors (512 bytes; eight times as many "
          "entries), or pieces cut by content, which are found at any byte")
      ->type_name("sectors|content")
      ->check(CLI::IsMember({"sectors", "content"}));
  add_app->add_flag("--again", command->indexer.again,
                    "Also what has not changed since it was indexed");
  add_app->footer(
      "Ctrl-C keeps what is indexed; the same command goes on from there.");

  CLI::App* stat_app = add_family_member(
      family, "stat", "What the index has, and what it takes", command, context,
      [](const IndexCommand& it, int) { return stat(it); });
  stat_app->add_flag("--sources", command->sources, "Also each source");

  CLI::App* verify_app = add_family_member(
      family, "verify",
      "Read what the index speaks of, and drop sources that are gone or have "
      "changed",
      command, context, &verify);
  add_key_options(verify_app, command.get());
  verify_app
      ->add_option("--share", command->share_percent,
                   "Percent of the entries to read, a fair sample")
      ->check(CLI::Range(0.001, 100.0))
      ->capture_default_str();
  verify_app
      ->add_option("--drop-at", command->drop_percent,
                   "Percent of a source's entries that must be stale for it "
                   "to be dropped")
      ->check(CLI::Range(0.001, 100.0))
      ->capture_default_str();
  verify_app->add_flag("--keep", command->keep, "Drop nothing, say what");

  CLI::App* drop_app = add_family_member(
      family, "drop", "Forget files, or all that is in a folder", command,
      context, [](const IndexCommand& it, int) { return drop(it); });
  add_paths(drop_app, command.get(), "As it was added; it may be gone");
  drop_app->add_flag("--compact", command->compact,
                     "Give the room back at once; it may take long");
}

}  // namespace causeway
