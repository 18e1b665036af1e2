# Breaks rules of the stores.

# Without it, OpenSSL says of a long buffer that nothing was written when the server has read a part.
set(mutated src/store/net/tls_context.cc)
add_mutation(tls_writes_all_or_nothing
  "SSL_MODE_ENABLE_PARTIAL_WRITE | "
  ""
  "TlsFaultTest.NoCommandThatTheServerHasReadCountsAsUnwritten")

# A server that names an older protocol goes on in it.
set(mutated src/store/redis/login.cc)
add_mutation(protocol_of_the_reply_ignored
  "if (reply.type != REDIS_REPLY_MAP || is_other_protocol) {"
  "if (false) {"
  "RedisProxyTest.AProxyThatAnswersHelloInAnOlderProtocolIsUsedInResp2")

add_mutation(role_not_asked_in_resp2
  "    queue(Purpose::kRole, {\"ROLE\"});
    queue(Purpose::kRole, {\"INFO\", \"replication\"});"
  ""
  "RedisProxyTest.AWritableReplicaIsRefusedInResp2")

# A server whose age is not known may have forgotten a lease whose job is running.
set(mutated src/store/redis/server_age.cc)
add_mutation(unknown_age_taken_for_old
  "return uptime_s_;"
  "return 1000000;"
  "RedisProxyTest.WhereScriptsMayNotRunInfoAYoungServerIsStillYoung")

# A restart that a proxy hides.
add_mutation(run_id_ignored
  "std::exchange(run_id_, facts.run_id) != facts.run_id"
  "std::exchange(run_id_, facts.run_id).empty()"
  "RedisProxyTest.AnotherRunIdIsARestartBehindAProxy")
