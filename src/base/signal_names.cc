#include "base/signal_names.h"

#include <signal.h>

#include <charconv>
#include <string_view>

namespace cluster_leader {

namespace {

struct Name {
  int signo;
  std::string_view name;
};

/// sigabbrev_np(3) exists only in glibc.
constexpr Name kNames[] = {
    {SIGHUP, "HUP"},   {SIGINT, "INT"},       {SIGQUIT, "QUIT"}, {SIGILL, "ILL"},
    {SIGTRAP, "TRAP"}, {SIGABRT, "ABRT"},     {SIGBUS, "BUS"},   {SIGFPE, "FPE"},
    {SIGKILL, "KILL"}, {SIGUSR1, "USR1"},     {SIGSEGV, "SEGV"}, {SIGUSR2, "USR2"},
    {SIGPIPE, "PIPE"}, {SIGALRM, "ALRM"},     {SIGTERM, "TERM"}, {SIGSTKFLT, "STKFLT"},
    {SIGCHLD, "CHLD"}, {SIGCONT, "CONT"},     {SIGSTOP, "STOP"}, {SIGTSTP, "TSTP"},
    {SIGTTIN, "TTIN"}, {SIGTTOU, "TTOU"},     {SIGURG, "URG"},   {SIGXCPU, "XCPU"},
    {SIGXFSZ, "XFSZ"}, {SIGVTALRM, "VTALRM"}, {SIGPROF, "PROF"}, {SIGWINCH, "WINCH"},
    {SIGPOLL, "POLL"}, {SIGPWR, "PWR"},       {SIGSYS, "SYS"},
};

std::optional<int> number_in(std::string_view text, int least, int most) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || value < least || value > most) return std::nullopt;
  return value;
}

}  // namespace

std::optional<int> signal_number(const std::string& name) {
  std::string upper = name;
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  std::string_view word = upper;
  if (word.starts_with("SIG")) word.remove_prefix(3);
  // The C library reserves the first real-time signals, so SIGRTMIN is a value that it computes.
  const int range = SIGRTMAX - SIGRTMIN;
  if (word == "RTMIN") return SIGRTMIN;
  if (word == "RTMAX") return SIGRTMAX;
  if (word.starts_with("RTMIN+")) {
    const auto offset = number_in(word.substr(6), 0, range);
    return offset ? std::optional(SIGRTMIN + *offset) : std::nullopt;
  }
  if (word.starts_with("RTMAX-")) {
    const auto offset = number_in(word.substr(6), 0, range);
    return offset ? std::optional(SIGRTMAX - *offset) : std::nullopt;
  }
  for (const Name& row : kNames) {
    if (row.name == word) return row.signo;
  }
  return number_in(name, 1, SIGRTMAX);
}

std::string signal_name(int signo) {
  for (const Name& row : kNames) {
    if (row.signo == signo) return std::string(row.name);
  }
  if (signo < SIGRTMIN || signo > SIGRTMAX) return std::to_string(signo);
  return "RTMIN+" + std::to_string(signo - SIGRTMIN);
}

}  // namespace cluster_leader
