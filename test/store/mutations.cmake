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

# A replica that was promoted may lack a lease whose job is running.
set(mutated src/store/redis/script_command.cc)
add_mutation(promotion_not_noticed
  "    words_[2] = \"3\";
    add({kPromotionMark});"
  ""
  "PromotionTest/Redis.AFreeKeyIsGrantedATtlAndASecondAfterThePromotionWasNoticed")

set(mutated src/store/redis/measurements.cc)
add_mutation(promotion_not_noticed_outside_of_scripts
  "facts.was_replica = number_in(info, \"second_repl_offset\").has_value();"
  ""
  "PromotionTest/Redis.IsNoticedWhereScriptsMayNotRunInfo")

# What a candidate has seen of the server.
set(mutated src/store/redis/server_clock.cc)
add_mutation(step_of_the_clock_not_noticed
  "expected && server_ms > expected->latest_ms"
  "false"
  "ServerClockTest.NoticesAStepForwardAndGoesOnFromThere:ClockStepTest/Redis.AStepForwardGivesTheKeyToNobodyWhoHasWatchedIt")

set(mutated src/store/redis/store_replies.cc)
add_mutation(lower_fence_not_noticed
  "if (sighting->fence < entry.fence) {"
  "if (false) {"
  "ClockStepTest/Redis.AServerThatLostItsDataGivesTheKeyToNobodyWhoHasWatchedIt")

add_mutation(step_forgotten_at_once
  "if (clock_.step()) memory.ms_since_step"
  "if (false) memory.ms_since_step"
  "ClockStepTest/Redis.AStepForwardIsNoticedWhileTheKeyIsHeld")

add_mutation(loss_forgotten_at_once
  "if (entry.loss) memory.ms_since_loss"
  "if (false) memory.ms_since_loss"
  "ClockStepTest/Redis.AServerThatLostItsDataGivesTheKeyToNobodyWhoHasWatchedIt")

add_mutation(slow_server_taken_for_a_step
  "is_newly_suspect(reply) && !is_shaken(entry)"
  "false"
  "ClockStepTest/Redis.AServerThatWasSlowHasNotSetItsClock")

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

# What a quorum promises; the search knows nothing of the repair, for which there is a test.
set(mutated src/store/quorum/store_answers.cc)
set(quorum_search "QuorumSearch.*TokensOnlyGrow")
add_mutation(quorum_without_a_second_round
  "  begin(candidacy, Step::kAdopt);"
  "  finish(candidacy, Granted{entry.token});"
  "${quorum_search}")

add_mutation(quorum_renewed_by_one_server
  "if (majority == Majority::kYes) return finish(candidacy, Renewed{});"
  "if (majority != Majority::kUndecided) return finish(candidacy, Renewed{});"
  "${quorum_search}:QuorumStoreTest.ARenewal*")

set(mutated src/store/quorum/store.cc)
add_mutation(quorum_without_repair
  "if (entry.step == Step::kNone || seat.mark != Mark::kPending) return;"
  "if (entry.step == Step::kNone || seat.mark != Mark::kPending) return;
  if (entry.step == Step::kRenew && !seat.may_hold) return;"
  "QuorumStoreTest.ARenewalGivesTheLeaseToEveryServerThatLacksIt")

add_mutation(quorum_reuses_an_id_whose_release_may_come_late
  "if (!is_clean || entry.is_burnt) {"
  "if (!is_clean) {"
  "QuorumStoreTest.AnIdNeverAcquiresAgainThoughASecondReleaseWasAnswered")

set(mutated src/store/redis/script_command.cc)
add_mutation(vote_writes_the_record
  "request.kind == RequestKind::kVote ? \"\" : events_channel(candidacy.key)"
  "events_channel(candidacy.key)"
  "VoteTest/Redis.AVoteLeavesFenceAndRecordAlone")
