// Runs commands in turn, many times, and prints how long each takes. The noise of a machine comes
// in waves, so every round runs each command once, in a new random order, and only times of the
// same round are compared.
//
// usage: compare ROUNDS [:::N STATUS COMMAND [ARG]...]...
// Each command must exit with its STATUS. N is the number, from 1, of the command that it is
// compared with. One line for each command, in their order: the median in nanoseconds, and the
// median over all rounds of its time divided by that of the command it is compared with.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <random>
#include <vector>

namespace {

struct Command {
  std::size_t base;  ///< index of the command that it is compared with
  int status;
  std::vector<char*> argv;
  std::vector<double> times;
};

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1'000'000'000) + now.tv_nsec;
}

[[noreturn]] void die(const char* what, const char* which) {
  std::fprintf(stderr, "compare: %s: %s\n", what, which);
  std::exit(1);
}

std::vector<Command> parse(char** word) {
  std::vector<Command> commands;
  while (*word != nullptr) {
    if (std::strncmp(*word, ":::", 3) != 0) die("a command starts with :::N STATUS", *word);
    const int base = std::atoi(*word++ + 3);
    if (*word == nullptr) die("no status", ":::");
    Command command{static_cast<std::size_t>(base - 1), std::atoi(*word++), {}, {}};
    while (*word != nullptr && std::strncmp(*word, ":::", 3) != 0) command.argv.push_back(*word++);
    command.argv.push_back(nullptr);
    if (command.argv.size() == 1) die("no command", ":::");
    commands.push_back(std::move(command));
  }
  for (const Command& c : commands) {
    if (c.base >= commands.size()) die("no command with the number to compare with", c.argv[0]);
  }
  return commands;
}

/// The time from before the start of the process until it has been waited for.
double run(const Command& command, const posix_spawn_file_actions_t& silence) {
  const std::int64_t begin = now_ns();
  pid_t pid = 0;
  if (::posix_spawnp(&pid, command.argv[0], &silence, nullptr, command.argv.data(), environ) != 0) {
    die("cannot start", command.argv[0]);
  }
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid) die("cannot wait for", command.argv[0]);
  const std::int64_t end = now_ns();
  if (!WIFEXITED(status) || WEXITSTATUS(status) != command.status) {
    std::fprintf(stderr,
                 "compare: wait status %#x, not exit status %d:", static_cast<unsigned>(status),
                 command.status);
    for (char* const word : command.argv) {
      if (word != nullptr) std::fprintf(stderr, " %s", word);
    }
    std::fputc('\n', stderr);
    std::exit(1);
  }
  return static_cast<double>(end - begin);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) die("usage: compare ROUNDS [:::N STATUS COMMAND [ARG]...]...", "too few arguments");
  const int rounds = std::atoi(argv[1]);
  std::vector<Command> commands = parse(argv + 2);

  posix_spawn_file_actions_t silence;
  ::posix_spawn_file_actions_init(&silence);
  ::posix_spawn_file_actions_addopen(&silence, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&silence, 1, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_adddup2(&silence, 1, 2);

  std::vector<std::size_t> order(commands.size());
  std::iota(order.begin(), order.end(), 0);
  std::mt19937 random(std::random_device{}());
  // The first rounds fill caches and are not counted.
  constexpr int kWarmUp = 5;
  for (int round = -kWarmUp; round < rounds; ++round) {
    std::shuffle(order.begin(), order.end(), random);
    for (const std::size_t i : order) {
      const double time = run(commands[i], silence);
      if (round >= 0) commands[i].times.push_back(time);
    }
  }

  for (const Command& command : commands) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < command.times.size(); ++i) {
      ratios.push_back(command.times[i] / commands[command.base].times[i]);
    }
    std::printf("%.0f %.3f\n", median(command.times), median(ratios));
  }
}
