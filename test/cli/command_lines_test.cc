// What users type, and the whole answer. A line that begins with $ is a command line of a shell.
// Below it are its standard output, its standard error after "! ", and a status other than 0 after
// "? ". What differs from run to run is in braces.
//
// On web-1, where all of this is typed, REDIS_URL names a server. On web-2 a job holds the key
// "taken".
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "support/cli_world.h"
#include "support/grown_server.h"
#include "support/regex.h"

namespace cluster_leader {
namespace {

constexpr const char* kRight = R"~(
# run

$ cluster-leader run --key backup -- echo done
done

$ cluster-leader run --key=backup -- sh -c 'exit 3'
? 3

$ cluster-leader run --key backup -- echo --key -n -- --help
--key -n -- --help

$ cluster-leader run -v --key backup -- sh -c 'echo "$CLUSTER_LEADER_KEY on $CLUSTER_LEADER_NODE"'
backup on web-1
! cluster-leader: key backup at redis://{server}: leader, token {token}

$ cluster-leader run --key taken -- echo never
? 75

$ cluster-leader run --key taken -v -- echo never
! cluster-leader: key taken at redis://{server}: follower; it is held by web-2
? 75

$ cluster-leader run --key taken --follower-code 0 -- echo never

# A run that has waited in vain says for whom.

$ cluster-leader run --key taken --wait 100ms -- echo never
! cluster-leader: warning: key taken at redis://{server}: follower after waiting 0.1s; it is held by web-2
? 75

$ cluster-leader run --key report --once 20h -- echo made
made

$ cluster-leader run --key report --once 20h -- echo made
? 75

# Where the lease lives

$ REDIS_URL=redis://elsewhere:1/3 cluster-leader run --host 127.0.0.1 --port "$PORT" --key backup -- echo done
done

$ REDIS_URL="$REDIS_URL?timeout=5" cluster-leader run --key backup -- echo done
done
! cluster-leader: warning: REDIS_URL: ignoring timeout: db is the only parameter that is used

$ cluster-leader run --server file://$PWD/leases --key backup -- echo done
done
! cluster-leader: warning: created the directory {folder}/leases for leases

$ cluster-leader run --server file://$PWD/leases --key backup -- echo done
done

# elect

$ cluster-leader elect --key led --on-exit exit --output none -- sh -c 'echo leading; exit 4'
leading
? 4

# check, status and release

$ cluster-leader check --key taken
? 75

$ cluster-leader check --key taken --output text
follower: taken is held by web-2 ({host}:{pid})
? 75

$ cluster-leader check --key taken --json
{"key":"taken","state":"follower","node":"web-1","slot":0,"leader":"web-2","host":"{host}","pid":{pid},"token":{token},"since":"{time}","ttl_remaining_ms":{ms}}
? 75

$ cluster-leader status --key free --json
[{"key":"free","slot":0,"state":"free","node":"web-1","leader":null,"host":null,"pid":null,"label":null,"since":null,"ttl_ms":null,"ttl_remaining_ms":null,"token":null,"waiters":0,"waiting_since":null,"last_node":null,"last_status":null,"last_token":null,"last_started":null,"last_finished":null,"holder":null,"fault":null}]

$ cluster-leader status --key taken --key free | tr -s ' '
KEY STATE LEADER HOST:PID LABEL SINCE REMAINING TOKEN WAITERS LAST RUN
taken held web-2 {host}:{pid} nightly {time} {rest} {token} 0 -
free free - - - - - - 0 -

$ cluster-leader release --key free
nothing to release: free is free

$ cluster-leader release --key taken
! cluster-leader: key taken at redis://{server}: it is held by web-2 ({host}:{pid}), which is not this node; --ask asks for it, --force releases it anyway
? 75

$ cluster-leader release --key taken --json 2>/dev/null
{"key":"taken","slot":0,"action":"refused","node":"web-1","leader":"web-2","host":"{host}","pid":{pid},"label":"nightly","since":"{time}","token":{token}}
? 75

$ cluster-leader run --key tick --min-hold 1h -- true

$ cluster-leader release --key tick
released tick: it was kept after the run of web-1 ({host}:{pid}), label true

$ cluster-leader release --key report --result
forgot the run of report: 0 on web-1 at {time}; it may run again

$ cluster-leader release --key report --result
nothing to forget: --once does not keep report from running

# doctor

$ cluster-leader doctor --server file://$PWD/leases | sed -n 1,5p
ok  directory   writable
ok  filesystem  local
ok  lock        flock(2) works
ok  inotify     a release wakes a waiting candidate
ok  lease       granted, renewed and released

$ cluster-leader --version
cluster-leader {version}
{libraries}

$ cluster-leader help check | head -2
Checks whether this node holds the key.
Usage: cluster-leader check [OPTION]... --key KEY
)~";

constexpr const char* kWrong = R"~(
# A verb

$ cluster-leader
! cluster-leader: a verb is missing, as in cluster-leader run --key job-a -- echo hello
? 64

$ cluster-leader rnu --key backup -- true
! cluster-leader: there is no verb 'rnu'; did you mean 'run'?
? 64

$ cluster-leader lock backup
! cluster-leader: there is no verb 'lock'; the verbs are run, elect, check, status, release and doctor
? 64

$ cluster-leader --key backup run -- true
! cluster-leader: '--key' must come after a verb, as in cluster-leader run --key job-a -- echo hello
? 64

# A command

$ cluster-leader run --key backup
! cluster-leader: a command is missing: put it after '--', as in cluster-leader run --key job-a -- echo hello
? 64

$ cluster-leader run --key backup echo done
! cluster-leader: unexpected argument 'echo'; put the command after '--', as in cluster-leader run --key job-a -- echo hello
? 64

$ cluster-leader run --key backup -- 'echo done'
! cluster-leader: key backup at redis://{server}: cannot execute 'echo done', which is one word with blanks in it: leave out the quotes, or put sh -c before it
? 127

$ cluster-leader run --key backup -- ./backpu
! cluster-leader: key backup at redis://{server}: cannot execute ./backpu: No such file or directory
? 127

$ cluster-leader run --key backup -- /etc
! cluster-leader: key backup at redis://{server}: cannot execute /etc: Permission denied
? 126

$ cluster-leader check --key backup -- true
! cluster-leader: check runs no command: remove '--' and what follows it
? 64

# An option

$ cluster-leader run -- true
! cluster-leader: --key is required: name what the replicas compete for, as in --key job-a
? 64

$ cluster-leader run --key "$NOT_SET" -- true
! cluster-leader: --key: the key must not be empty
? 64

$ cluster-leader run --kye backup -- true
! cluster-leader: run has no option '--kye'; did you mean '--key'?
? 64

$ cluster-leader status --wacth
! cluster-leader: status has no option '--wacth'; did you mean '--watch'?
? 64

$ cluster-leader check --key backup --ttl 5s
! cluster-leader: check has no option '--ttl'; it belongs to run, elect and doctor
? 64

$ cluster-leader run --key backup --password hush -- true
! cluster-leader: run has no option '--password'; no option takes a password: set REDIS_PASSWORD, or use --password-file
? 64

$ cluster-leader run --key backup --once -- true
! cluster-leader: --once requires a value
? 64

$ cluster-leader run --once --key backup -- true
! cluster-leader: --once: '--key' is not a valid duration (10s, 1500ms, 2m, 1h30m, up to 1000d)
? 64

$ cluster-leader run --key --once 20h -- true
! cluster-leader: --key requires a value, and '--once' was taken as its value
? 64

$ cluster-leader run --key backup --ttl 10mins -- true
! cluster-leader: --ttl: '10mins' is not a valid duration (10s, 1500ms, 2m, 1h30m, up to 1000d)
? 64

$ cluster-leader run --key backup --wait forever -- true
! cluster-leader: --wait: 'forever' is not a valid duration (10s, 1500ms, 2m, 1h30m, up to 1000d, or inf)
? 64

$ cluster-leader run --key backup --heartbeat 9s -- true
! cluster-leader: the heartbeat must be more than 0 and at most a third of the ttl (3.334 s), not 9 s
? 64

$ cluster-leader run --key backup --nonblock --wait 5s -- true
! cluster-leader: --nonblock and --wait cannot be combined
? 64

$ cluster-leader elect --key a --key a
! cluster-leader: --key: 'a' is given twice
? 64

$ cluster-leader release --key taken --ask --force
! cluster-leader: --force and --ask cannot be combined
? 64

# A server

$ cluster-leader run --server redis://:hush@127.0.0.1:1 --key backup -- true
! cluster-leader: warning: the password in --server is hidden from ps(1) now, but was shown for a moment: use REDIS_PASSWORD or --password-file
! cluster-leader: key backup at redis://***@127.0.0.1:1 (from --server): connection refused: is the server running, and on this port?
? 69

$ REDIS_URL=localhost:6379 cluster-leader status
! cluster-leader: REDIS_URL: 'localhost:6379' is not a URL; write redis://localhost:6379
? 78

$ REDIS_URL= cluster-leader status --host redis://:hush@127.0.0.1
! cluster-leader: --host is neither a name of letters, digits and . - _ nor an IPv6 address; for a URL, use --server or REDIS_URL
? 78

$ cluster-leader status --server redis://127.0.0.1 --tls-ca ca.pem
! cluster-leader: --tls-ca requires TLS: use --server rediss://...
? 64

$ cluster-leader run --server file://$PWD/no/such --key backup -- true
! cluster-leader: key backup at file://{folder}/no/such (from --server): cannot create the directory, whose parent does not exist: No such file or directory
? 78

$ cluster-leader doctor --server redis://127.0.0.1:1
ok      name     127.0.0.1 is an address: nothing to look up
failed  connect  connection refused: is the server running, and on this port?
                 -> check --server, or --host and --port, and the network
                 -> or use a longer --connect-timeout (at most a third of --ttl)
? 69
)~";

class CommandLinesTest : public CliTest {
 protected:
  CommandLinesTest() {
    EXPECT_TRUE(holder_.says("runs")) << holder_.err();
    EXPECT_EQ(::symlink(CLUSTER_LEADER_BINARY, path("cluster-leader").c_str()), 0);
  }

  /// `transcript` with what its command lines do now.
  std::string repeated(const std::string& transcript) {
    std::istringstream lines(transcript);
    std::string text;
    for (std::string line; std::getline(lines, line);) {
      if (line.empty() || line.starts_with('#')) text += line + '\n';
      if (!line.starts_with("$ ")) continue;
      text += line + '\n' + answer(line.substr(2));
    }
    return text;
  }

 private:
  std::string answer(const std::string& line) {
    const Ended ended = Command({"/bin/sh", "-c", line})
                            .in(folder_.path())
                            .with("PATH", folder_.path() + ":/usr/bin:/bin")
                            .with("REDIS_URL", url_of(server_))
                            .with("PORT", std::to_string(server_.port()))
                            .with("HOSTNAME", "web-1")
                            .run();
    std::string text = ended.out;
    std::istringstream errors(ended.err);
    for (std::string error; std::getline(errors, error);) text += "! " + error + '\n';
    if (ended.status() != 0) text += "? " + std::to_string(ended.status()) + '\n';
    return with_places(text);
  }

  /// `text` with the placeholders of the transcripts.
  std::string with_places(std::string text) const {
    const std::pair<std::string, std::string> places[] = {
        {folder_.path(), "{folder}"},
        {"127\\.0\\.0\\.1:" + std::to_string(server_.port()), "{server}"},
        {"20\\d\\d-\\d\\d-\\d\\dT[0-9:.]+Z", "{time}"},
        {"\\([^ ()]+:\\d+\\)", "({host}:{pid})"},
        {"\"host\":\"[^\"]*\",\"pid\":\\d+", "\"host\":\"{host}\",\"pid\":{pid}"},
        {" [^ ]+:\\d+ nightly ", " {host}:{pid} nightly "},
        {"/[0-9a-f]{32}", "/{id}"},
        {"\"ttl_remaining_ms\":\\d+", "\"ttl_remaining_ms\":{ms}"},
        {"\\b1\\d{12}\\b", "{token}"},
        {"\\b\\d+\\.\\ds(?= \\{token)", "{rest}"},
        {"hiredis \\d[^\n]*", "{libraries}"},
        {CLUSTER_LEADER_VERSION, "{version}"}};
    for (const auto& [pattern, place] : places) {
      text = std::regex_replace(text, std::regex(pattern), place);
    }
    return text;
  }

  GrownServer server_;
  Process holder_ =
      run_under_lease(
          on(server_, {"--key", "taken", "--node", "web-2", "--label", "nightly", "--ttl", "60"}),
          {"sh", "-c", "echo runs; exec sleep 1000"})
          .with("PATH", "/usr/bin:/bin")
          .start();
};

TEST_F(CommandLinesTest, ThatAreRightDoWhatIsWanted) { EXPECT_EQ(repeated(kRight), kRight); }

TEST_F(CommandLinesTest, ThatAreWrongSayWhatToChange) { EXPECT_EQ(repeated(kWrong), kWrong); }

}  // namespace
}  // namespace cluster_leader
