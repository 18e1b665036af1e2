// The recipes that need nothing but a shell, each run with programs in place of those that it
// names.
#include <signal.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <deque>

#include "support/example_world.h"

namespace cluster_leader {
namespace {

using testing::HasSubstr;

class RecipesTest : public ExampleTest {
 protected:
  RecipesTest() {
    // Each notes its name and arguments.
    for (const char* name :
         {"backup", "migrate", "build", "compact", "transfer", "report", "curl"}) {
      program(name, "echo \"${0##*/}${1:+ $*}\" >>log\n");
    }
  }

  void program(const std::string& name, const std::string& text) const {
    // Recipes start it as ./NAME, or find it on PATH.
    folder_.write(name, "#!/bin/sh\n" + text, 0755);
    const std::string link = bin() + '/' + name;
    ::unlink(link.c_str());
    EXPECT_EQ(::symlink(path(name).c_str(), link.c_str()), 0);
  }

  /// A script on the machine `node`.
  Command script(const std::string& node, const std::string& text) const {
    return on_machine(node, {"/bin/sh", "-c", text}).with("REDIS_URL", url_of(server_));
  }
  Ended run(const std::string& text, const std::string& node = "web-1") const {
    return script(node, text).run();
  }

  /// A command of a container in the pod `node`.
  Command in_pod(const std::string& node, const YAML::Node& command) const {
    auto words = command.as<Words>();
    EXPECT_EQ(words.front(), "cluster-leader");
    words.front() = CLUSTER_LEADER_BINARY;
    return on_machine(node, words).with("REDIS_URL", url_of(server_));
  }

  Words log() const { return lines_of(content_of(path("log"))); }
  bool logs(const Words& lines) const {
    return eventually([&] { return log() == lines; });
  }
};

TEST_F(RecipesTest, AShellTellsAFollowerFromAFailure) {
  const std::string recipe = manual_block("case $? in\n0)  echo");
  program("nightly", "exit 3\n");
  const Ended failed = run(recipe);
  EXPECT_EQ(failed.status(), 1);
  EXPECT_EQ(failed.err, "nightly failed\n");
  program("nightly", "exit 0\n");
  EXPECT_EQ(run(recipe).out, "done\n");
  server_.command({"SET", "nightly", "another"});
  EXPECT_EQ(run(recipe).out, "another machine does it\n");
}

TEST_F(RecipesTest, AMonitorHearsOfSuccessFailureAndFollowers) {
  const std::string recipe = manual_block("ping()");
  const auto pinged = [&] {
    const Words lines = log();
    return lines.empty() ? "" : lines.back().substr(lines.back().rfind(' ') + 1);
  };
  EXPECT_EQ(run(recipe, "web-1").status(), 0);
  EXPECT_EQ(pinged(), "https://hc.example/backup");
  EXPECT_EQ(run(recipe, "web-2").status(), 75);
  EXPECT_EQ(pinged(), "https://hc.example/backup/log");
  program("backup", "exit 3\n");
  EXPECT_EQ(run(replaced(recipe, "--key backup", "--key other")).status(), 3);
  EXPECT_EQ(pinged(), "https://hc.example/backup/fail");
}

TEST_F(RecipesTest, TimeoutEndsTheJobAndNotTheWait) {
  program("report", "exec sleep 60\n");
  const Ended ended = run(replaced(manual_block("timeout --kill-after"), " 30m ", " 0.1 "));
  EXPECT_EQ(ended.status(), 124) << ended;
}

TEST_F(RecipesTest, AKeyIsLockedForMaintenanceUntilItIsReleased) {
  const std::string job = "cluster-leader run --key report -- ./report";
  EXPECT_EQ(run(manual_block("--min-hold 2h"), "web-1").status(), 0);
  EXPECT_EQ(run(job, "web-1").status(), 75);
  EXPECT_EQ(run(job, "web-2").status(), 75);
  EXPECT_EQ(run("cluster-leader release --key report", "web-1").status(), 0);
  EXPECT_EQ(run(job, "web-2").status(), 0);
}

TEST_F(RecipesTest, NestedRunsHoldBothKeys) {
  program("transfer",
          "cluster-leader status --json | jq -r '.[].key' | sort | paste -sd ' ' >>log\n");
  const std::string recipe = manual_block("--key accounts");
  const Ended ended = run(recipe);
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_EQ(log(), Words{"accounts billing"});
}

TEST_F(RecipesTest, ThreeBuildsRunAtOnceAndTheFourthWaits) {
  program("build",
          "echo \"begun $CLUSTER_LEADER_SLOT\" >>log\n"
          "until test -e \"end-$CLUSTER_LEADER_SLOT\"; do sleep 0.02; done\n");
  const std::string recipe = manual_block("--slots 3");
  std::deque<Process> builds;
  for (const char* node : {"web-1", "web-2", "web-3"}) {
    builds.push_back(script(node, recipe).start());
  }
  ASSERT_TRUE(eventually([&] { return log().size() == 3; })) << builds.front().err();
  EXPECT_THAT(log(), testing::UnorderedElementsAre("begun 0", "begun 1", "begun 2"));
  Process fourth = script("web-1", recipe).start();
  EXPECT_EQ(run(replaced(recipe, "--wait 1h", "-n"), "web-2").status(), 75);
  const auto waits = [&] {
    return run("cluster-leader status --key build --json | jq '.[0].waiters'").out == "1\n";
  };
  ASSERT_TRUE(eventually(waits)) << fourth.err();
  folder_.write("end-1", "");
  EXPECT_EQ(fourth.wait().status(), 0);
  ASSERT_EQ(log().size(), 4U);
  EXPECT_EQ(log().back(), "begun 1");
  for (const char* end : {"end-0", "end-2"}) folder_.write(end, "");
  for (Process& build : builds) EXPECT_EQ(build.wait().status(), 0);
}

TEST_F(RecipesTest, EachJobHasAGpuOfItsOwn) {
  program("train", "echo \"$CUDA_VISIBLE_DEVICES\" >>log\nexec sleep 60\n");
  const std::string recipe = manual_block("CUDA_VISIBLE_DEVICES");
  std::deque<Process> jobs;
  for (int i = 0; i < 4; ++i) jobs.push_back(script("web-1", "exec " + recipe).start());
  ASSERT_TRUE(eventually([&] { return log().size() == 4; })) << jobs.front().err();
  EXPECT_THAT(log(), testing::UnorderedElementsAre("0", "1", "2", "3"));
  for (Process& job : jobs) job.signal(SIGTERM);
}

TEST_F(RecipesTest, AMigrationRunsOnceAndABuildOnceForEachCommit) {
  const std::string recipe = manual_block("migrate-$VERSION");
  for (const char* node : {"web-1", "web-2"}) {
    script(node, recipe).with("VERSION", "7").with("COMMIT", "c0ffee").run();
  }
  EXPECT_EQ(log(), (Words{"migrate", "build"}));
}

TEST_F(RecipesTest, OnlyTheNewestDeploymentEndsByItself) {
  const std::string recipe = manual_block("--supersede");
  program("deploy.sh",
          "trap 'echo stopped $COMMIT >>log; exit 1' TERM\necho started $COMMIT >>log\n"
          "test $COMMIT = 3 || { sleep 60 & wait; }\n");
  Process first = script("web-1", recipe).with("COMMIT", "1").start();
  ASSERT_TRUE(logs({"started 1"})) << first.err();
  EXPECT_EQ(script("web-3", recipe).with("COMMIT", "3").run().status(), 0);
  EXPECT_EQ(first.wait().status(), 79);
  EXPECT_EQ(log(), (Words{"started 1", "stopped 1", "started 3"}));
}

TEST_F(RecipesTest, ABackupReportsItsOutcome) {
  std::string recipe = replaced(manual_block("backup.json"), "/run/", folder_.path() + '/');
  recipe = replaced(recipe, "/var/lib/node_exporter/", folder_.path() + '/');
  EXPECT_EQ(run(recipe).out, "ran\n");
  EXPECT_THAT(content_of(path("backup.prom")), HasSubstr("cluster_leader_runs_total"));
}

TEST_F(RecipesTest, AnOldTokenChangesNothing) {
  const std::string recipe = manual_block("sqlite3");
  EXPECT_EQ(run("sqlite3 report.db 'CREATE TABLE report (total, token);"
                "INSERT INTO report VALUES (1, 0)'")
                .status(),
            0);
  EXPECT_EQ(run(recipe).out, "1\n");
  // As if a later lease had been there in the meantime.
  EXPECT_EQ(run("sqlite3 report.db 'UPDATE report SET token = token + 1000000'").status(), 0);
  EXPECT_EQ(run(recipe).out, "0\n");
}

TEST_F(RecipesTest, OneMachineNeedsNoServer) {
  const std::string recipe = replaced(manual_block("file:///run/leases"), "/run", folder_.path());
  EXPECT_EQ(run(recipe).status(), 0);
  EXPECT_EQ(log(), Words{"backup"});
}

TEST_F(RecipesTest, AFileExistsWhileThisMachineLeads) {
  std::string recipe = replaced(manual_block("/run/primary"), "/run", folder_.path());
  recipe = replaced(recipe, "--key primary", "--key primary --ttl 1");
  Process machine = script("web-1", recipe).start();
  const auto exists = [&] { return ::access(path("primary").c_str(), F_OK) == 0; };
  ASSERT_TRUE(eventually(exists)) << machine.err();
  server_.kill();
  EXPECT_TRUE(eventually([&] { return !exists(); }));
  // The whole pipeline.
  EXPECT_EQ(::kill(-machine.pid(), SIGTERM), 0);
}

TEST_F(RecipesTest, AProgramIsToldWhoLeads) {
  program("address", "echo \"$1\" >>log\n");
  const std::string recipe =
      replaced(manual_block("--on-leader"), "/usr/local/sbin", folder_.path());
  Process one = script("web-1", "exec " + recipe).start();
  ASSERT_TRUE(logs({"up"})) << one.err();
  Process other = script("web-2", "exec " + recipe).start();
  ASSERT_TRUE(logs({"up", "down"})) << other.err();
  one.signal(SIGTERM);
  // The first one reports that it has stopped leading, sooner or later than the other that it
  // leads.
  EXPECT_TRUE(eventually([&] {
    const Words lines = log();
    return std::count(lines.begin(), lines.end(), "up") == 2;
  }));
}

TEST_F(RecipesTest, ACompactionRunsWhereTheDaemonDoes) {
  program("db-writer", "echo writes >>log\nexec sleep 60\n");
  Process writer =
      script("web-1",
             "exec " + manual_block("cluster-leader elect --key db-writer --output none -- ./"))
          .start();
  ASSERT_TRUE(logs({"writes"})) << writer.err();
  const std::string recipe = manual_block("./compact");
  EXPECT_EQ(run(recipe, "web-2").status(), 75);
  EXPECT_EQ(run(recipe, "web-1").status(), 0);
  EXPECT_EQ(log(), (Words{"writes", "compact"}));
}

TEST_F(RecipesTest, ACronJobOfKubernetesSucceedsWhereAnotherClusterRunsIt) {
  const YAML::Node job = YAML::Load(manual_block("kind: CronJob"));
  EXPECT_EQ(job["spec"]["schedule"].as<std::string>(), "*/5 * * * *");
  const YAML::Node pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"];
  EXPECT_EQ(pod["restartPolicy"].as<std::string>(), "Never");
  for (const char* cluster : {"a", "b"}) {
    EXPECT_EQ(in_pod(cluster, pod["containers"][0]["command"]).run().status(), 0);
  }
  EXPECT_EQ(log(), Words{"report"});
}

TEST_F(RecipesTest, OnlyThePodThatLeadsIsReady) {
  program("worker", "echo works >>log\nexec sleep 60\n");
  const YAML::Node deployment = YAML::Load(manual_block("kind: Deployment"));
  const YAML::Node spec = deployment["spec"];
  EXPECT_EQ(spec["strategy"]["type"].as<std::string>(), "Recreate");
  EXPECT_EQ(spec["selector"]["matchLabels"]["app"].as<std::string>(),
            spec["template"]["metadata"]["labels"]["app"].as<std::string>());
  const YAML::Node container = spec["template"]["spec"]["containers"][0];
  EXPECT_EQ(container["env"][0]["name"].as<std::string>(), "REDIS_URL");
  Process leader = in_pod("a", container["command"]).start();
  ASSERT_TRUE(logs({"works"})) << leader.err();
  const YAML::Node probe = container["readinessProbe"]["exec"]["command"];
  EXPECT_EQ(in_pod("a", probe).run().status(), 0);
  EXPECT_EQ(in_pod("b", probe).run().status(), 75);
}

TEST_F(RecipesTest, AContainerIsHealthyWhileItCanAskTheServer) {
  std::string check;
  for (const std::string& line : lines_of(manual_block("HEALTHCHECK"))) {
    const std::string begin = "HEALTHCHECK CMD ";
    if (line.starts_with(begin)) check = line.substr(begin.size());
  }
  EXPECT_EQ(run(check).status(), 0);
  server_.kill();
  // Docker reserves every status but 0 and 1.
  EXPECT_EQ(run(check).status(), 1);
}

TEST_F(RecipesTest, AJobInTmuxIsUnderTheLease) {
  program("report", "echo begun >>log\nexec sleep 60\n");
  const std::string tmux = "tmux -S " + path("tmux") + ' ';
  // A server that is running already, and does not know which server to ask.
  ASSERT_EQ(
      run("unset REDIS_URL; " + tmux + "-f /dev/null new-session -d 'exec sleep 60'").status(), 0);
  const Ended ended = run(replaced(manual_block("tmux new-session"), "tmux ", tmux));
  EXPECT_EQ(ended.status(), 0) << ended;
  EXPECT_TRUE(logs({"begun"}));
  EXPECT_EQ(run("cluster-leader run --key report -- true", "web-2").status(), 75);
  EXPECT_EQ(run("cluster-leader release --key report --force", "web-2").status(), 0);
  // The session of the job ends with it.
  EXPECT_TRUE(eventually([&] { return run(tmux + "list-sessions | wc -l").out == "1\n"; }));
  run(tmux + "kill-server");
}

TEST_F(RecipesTest, AContainerIsKilledWhenItsClientGetsTheStopSignal) {
  // A daemon's container is no descendant of its client.
  program("docker",
          "case $1 in\n"
          "run) setsid sleep 60 >/dev/null 2>&1 & echo $! >container; echo \"$*\" >>log; wait ;;\n"
          "kill) echo \"$*\" >>log; kill -KILL \"$(cat container)\" ;;\n"
          "esac\n");
  folder_.write("script", manual_block("docker kill"), 0755);
  EXPECT_EQ(::symlink(path("script").c_str(), (bin() + "/in-docker").c_str()), 0);
  Process job = script("web-1", "exec " + manual_block("-- in-docker")).start();
  ASSERT_TRUE(eventually([&] { return log().size() == 1; })) << job.err();
  job.signal(SIGTERM);
  job.wait();
  ASSERT_EQ(log().size(), 2U);
  EXPECT_THAT(log()[0], testing::MatchesRegex("run --rm --init --name job-[0-9]+ registry.*"));
  EXPECT_THAT(log()[1], testing::MatchesRegex("kill job-[0-9]+"));
}

}  // namespace
}  // namespace cluster_leader
