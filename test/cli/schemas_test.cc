// What other programs read: the JSON of each verb fits its schema, and the metrics are what
// Prometheus expects.
#include "support/cli_world.h"
#include "support/elector.h"
#include "support/grown_server.h"

namespace cluster_leader {
namespace {

class SchemasTest : public CliTest {
 protected:
  /// What the schema `name` refuses of `lines`, each of which is one document.
  std::string faults(const std::string& name, const std::string& lines) {
    // The module comes with the Python of the distribution, and PATH may have another one first.
    const Ended ended = Command({"/usr/bin/python3", PROJECT_SOURCE_DIR "/test/support/validate.py",
                                 PROJECT_SOURCE_DIR "/man/schemas/" + name + ".schema.json",
                                 folder_.write("lines", lines)})
                            .run();
    EXPECT_NE(lines, "");
    EXPECT_EQ(ended.status(), ended.out.empty() ? 0 : 1) << ended;
    return ended.out;
  }

  /// What `cluster-leader WORDS` writes about leases on the server, or in a directory.
  std::string said(const Words& words, const Words& where) const {
    const Words program = {CLUSTER_LEADER_BINARY};
    return Command(joined(joined(program, words), where)).run().out;
  }
  std::string said(const Words& words) const { return said(words, on(server_)); }

  void run_with_result(const Words& options, const Words& job, std::string& results) const {
    run_under_lease(joined(on(server_, {"--result-file", path("result")}), options), job).run();
    results += content_of(path("result"));
  }

  /// What promtool has to say about the file of a textfile collector.
  static std::string complaints(const std::string& path) {
    const Ended ended = Command({PROMTOOL, "check", "metrics"}).input(content_of(path)).run();
    EXPECT_EQ(ended.status() == 0, ended.out.empty() && ended.err.empty()) << ended;
    return ended.out + ended.err;
  }

  GrownServer server_;
};

TEST_F(SchemasTest, ADocumentThatDiffersIsRefused) {
  const std::string line =
      R"({"key":"a","slot":0,"action":"none","node":"n","leader":null,"host":null,"pid":null,)"
      R"("label":null,"since":null,"token":null})";
  EXPECT_EQ(faults("release", line), "");
  for (const auto& [part, other] : std::map<std::string, std::string>{{R"("slot":0,)", ""},
                                                                      {"none", "nothing"},
                                                                      {R"("n")", "1"},
                                                                      {R"("a")", R"("a","b":1)"}}) {
    std::string wrong = line;
    wrong.replace(wrong.find(part), part.size(), other);
    EXPECT_NE(faults("release", wrong), "") << wrong;
  }
}

TEST_F(SchemasTest, TheJsonOfEachVerbFits) {
  const Words key = {"--key", "job-a"};
  std::string checks = said({"check", "--json", "--key", "job-a"});
  std::string listings = said({"status", "--json", "--key", "job-a"});
  std::string released = said({"release", "--json", "--key", "job-a"});
  std::string results;
  run_with_result({"--key", "job-c", "--once", "1m"}, {"sh", "-c", "exit 0"}, results);
  run_with_result({"--key", "job-c", "--once", "1m"}, {"true"}, results);
  run_with_result({"--key", "job-b", "--slots", "3"}, {"sh", "-c", "kill -9 $$"}, results);
  run_with_result({"--key", "job-b"}, {"/nowhere/to/be/found"}, results);
  Elector one(on(server_, joined(key, {"--node", "web-1", "--slots", "2"})));
  ASSERT_TRUE(one.is("leader"));
  Elector other(on(server_, joined(key, {"--node", "web-2", "--slots", "2"})));
  ASSERT_TRUE(other.is("leader"));
  Elector third(on(server_, joined(key, {"--node", "web-3", "--slots", "2"})));
  ASSERT_TRUE(third.is("follower"));
  for (const char* node : {"web-1", "web-4"}) {
    checks += said({"check", "--json", "--key", "job-a", "--node", node});
    released += said({"release", "--json", "--key", "job-a", "--node", node});
  }
  run_with_result({"-n", "--slots", "2", "--node", "web-5"}, {"true"}, results);
  listings += said({"status", "--json"});
  released += said({"release", "--json", "--key", "job-a", "--ask"});
  released += said({"release", "--json", "--key", "job-a", "--result"});
  const std::string examined = said({"doctor", "--json"}) + said({"doctor", "--json"}, on_file());
  server_.kill();
  ASSERT_TRUE(third.is("down"));
  run_with_result({"--if-unavailable", "skip", "--connect-timeout", "1"}, {"true"}, results);
  std::string states;
  for (const Elector* elector : {&one, &other, &third}) {
    for (const StateLine& line : elector->lines()) states += line.text + '\n';
  }
  EXPECT_EQ(faults("check", checks), "");
  EXPECT_EQ(faults("status", listings), "");
  EXPECT_EQ(faults("release", released), "");
  EXPECT_EQ(faults("result", results), "");
  EXPECT_EQ(faults("doctor", examined), "");
  EXPECT_EQ(faults("elect", states), "");
}

TEST_F(SchemasTest, PrometheusHasNothingToSayAboutTheMetrics) {
  const std::string of_run = path("run.prom");
  const std::string of_elect = path("elect.prom");
  const Words odd = {"--key", "a \"key\" with \\ and ä"};
  EXPECT_EQ(
      run_under_lease(joined(odd, on_file({"--metrics-file", of_run})), {"true"}).run().status(),
      0);
  EXPECT_EQ(complaints(of_run), "");
  Elector elector(joined(odd, on_file({"--metrics-file", of_elect})));
  ASSERT_TRUE(eventually([&] {
    const std::string text = content_of(of_elect);
    return text.find("state=\"leader\"} 1\n") != text.npos;
  }));
  EXPECT_EQ(complaints(of_elect), "");
  EXPECT_NE(complaints(folder_.write("wrong", "a_total 1\n# TYPE a_total gauge\n")), "");
}

}  // namespace
}  // namespace cluster_leader
