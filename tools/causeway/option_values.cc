#include "tools/causeway/option_values.h"

#include "engine/base/units.h"

namespace causeway {
namespace {

template <typename T>
CLI::Option* add(CLI::App* app, const std::string& name, T* value,
                 const std::string& help, const char* type,
                 Result<T> (*parse)(std::string_view)) {
  return app
      ->add_option_function<std::string>(
          name,
          [name, value, parse](const std::string& text) {
            auto parsed = parse(text);
            if (!parsed) {
              throw CLI::ValidationError(name, parsed.error().message);
            }
            *value = *parsed;
          },
          help)
      ->type_name(type);
}

}  // namespace

CLI::Option* add_bytes_option(CLI::App* app, const std::string& name,
                              uint64_t* value, const std::string& help) {
  return add(app, name, value, help, "SIZE", &parse_bytes)
      ->default_str(format_bytes(*value));
}

CLI::Option* add_rate_option(CLI::App* app, const std::string& name,
                             uint64_t* value, const std::string& help) {
  return add(app, name, value, help, "RATE", &parse_rate);
}

CLI::Option* add_duration_option(CLI::App* app, const std::string& name,
                                 Duration* value, const std::string& help) {
  return add(app, name, value, help, "TIME", &parse_duration);
}

}  // namespace causeway
