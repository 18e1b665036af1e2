// A proxy between one client and a server that counts how often the client sends again after it has
// received something: the round trips of the connection, however many commands each one has.
//
// usage: turns FROM_SOCKET TO_SOCKET
// Both are paths of Unix sockets. Listens on the first, serves one connection, prints the number.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

namespace {

sockaddr_un address_of(const char* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  return address;
}

/// Forwards what has been received; false at the end of file.
bool pass(int from, int to) {
  char data[65536];
  const ssize_t got = ::read(from, data, sizeof data);
  return got > 0 && ::write(to, data, static_cast<std::size_t>(got)) == got;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 64;
  const sockaddr_un own = address_of(argv[1]);
  const sockaddr_un other = address_of(argv[2]);
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0 ||
      ::listen(listener, 1) != 0) {
    std::perror("turns: cannot listen");
    return 1;
  }
  const int client = ::accept(listener, nullptr, nullptr);
  const int server = ::socket(AF_UNIX, SOCK_STREAM, 0);
  if (client < 0 ||
      ::connect(server, reinterpret_cast<const sockaddr*>(&other), sizeof other) != 0) {
    std::perror("turns: cannot connect");
    return 1;
  }
  int turns = 0;
  bool server_sent_last = true;
  for (bool open = true; open;) {
    pollfd ready[] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
    ::poll(ready, 2, -1);
    if (ready[1].revents != 0) {
      open = pass(server, client);
      server_sent_last = true;
    }
    if (open && ready[0].revents != 0) {
      open = pass(client, server);
      if (open && server_sent_last) ++turns;
      server_sent_last = false;
    }
  }
  std::printf("%d\n", turns);
}
