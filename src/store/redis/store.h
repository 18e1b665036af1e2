#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lease/candidacy.h"
#include "lease/freshness.h"
#include "store/location.h"
#include "store/redis/events.h"
#include "store/redis/line.h"
#include "store/redis/probe.h"
#include "store/redis/script_command.h"
#include "store/redis/sentinel_watch.h"
#include "store/redis/server_age.h"
#include "store/redis/server_clock.h"
#include "store/redis/slots.h"
#include "store/reports.h"
#include "store/store.h"

namespace cluster_leader {

/// Leases on one Redis (6.0 or newer) or Valkey server. Each request is one script, so that the
/// server does all of it at one moment or nothing. Requests on a new connection are written
/// together with the login: an uncontended lease costs one round trip.
///
/// The line carries the bytes; this class knows the candidacies, what each of them waits for, when
/// to connect again, and when to find out whether the line still leads to the right server
/// (Freshness). If not, it goes on over a line to the new one. Where Sentinels watch the server,
/// they are asked instead.
class RedisStore final : public Store {
 public:
  /// Does no I/O yet.
  explicit RedisStore(RedisLocation location, Candidate candidate,
                      RedisLine::Role role = RedisLine::Role::kPrimary);
  /// On the server that Sentinels name, wherever that is.
  RedisStore(const SentinelLocation& location, Candidate candidate);

  std::size_t add(Key key) override;
  void set_holder(std::size_t candidacy, HolderId holder) override;
  void send(std::size_t candidacy, const Request& request, Time now) override;
  void cancel(std::size_t candidacy) override;
  void abandon(std::size_t candidacy) override;
  void watch(Poller& poller) override;
  Time wake_at() const override;
  void advance(const Poller& poller, Time now) override;
  std::optional<StoreEvent> next() override;
  std::string stage(std::size_t candidacy) const override;

  // What follows is for the nodes of a cluster (RedisLine::Role::kNode).

  /// A request that the node has not executed, and will not: it has to go elsewhere.
  struct Redirected {
    std::size_t candidacy = 0;
    std::uint64_t attempt = 0;
    Redirection to;
  };
  /// The next of them, or nothing. Such a request gets no answer.
  std::optional<Redirected> next_redirection();

  /// Like send(), of a key whose slot is being moved to this node.
  void send_asking(std::size_t candidacy, const Request& request, Time now);

  /// The server has lost data, or it is another one: the last token has gone back.
  struct Loss {
    Token from, to;
    Time noticed_at;
  };
  /// What a candidacy takes along from one node to another.
  struct Past {
    std::vector<Token> fences{};                   ///< the highest of each slot that it has seen
    std::unique_ptr<const Loss> loss{};            ///< the last one; null: none
    std::unique_ptr<const HolderId> unreleased{};  ///< see Entry
  };
  Past past(std::size_t candidacy) const;
  /// The candidacy comes from another node.
  void enter(std::size_t candidacy, Past past);
  /// The key is not this node's any more: nothing more is reported, and nothing is released.
  /// REQUIRES: no request of this candidacy is in flight.
  void leave(std::size_t candidacy);
  /// Whether the holder id of the candidacy must not acquire any more.
  bool is_id_spent(std::size_t candidacy) const { return candidacies_[candidacy].id_spent; }

  /// Asks which node has which slots, unless the line is closed, or that was asked already.
  void ask_slots();
  bool awaits_slots() const { return node_->is_asked_for_slots; }
  /// The answer, once; empty if the node refuses to say. Nothing: there is none since the last
  /// call.
  std::optional<std::vector<SlotRange>> take_slots();

  /// Whether the node has accepted a connection that is still open.
  bool is_connected() const { return line_->is_open(); }
  /// Whether its last answer was that it serves nothing at present. Others may know more then.
  bool is_out_of_service() const { return node_->is_out_of_service; }

 private:
  using Purpose = RedisLine::Purpose;
  using Received = RedisLine::Received;
  using By = ScriptCommand::By;
  using Form = ScriptCommand::Form;

  /// A candidacy. There may be ten thousand of them.
  struct Entry {
    Candidacy candidacy;
    Request request;                 ///< the last one
    std::vector<Token> fences;       ///< the highest of each slot of the key that was seen
    Time asked_at;                   ///< when the last request was queued
    Token granted;                   ///< of the last lease
    Time granted_at;                 ///< when the first answer came that it was granted
    std::size_t former_holder = 0;   ///< hash of the holder id of its last term
    std::uint64_t round = 0;         ///< that is not earlier than the last request; see `Held`
    std::uint32_t listening_on = 0;  ///< number of the connection that is subscribed to it; or 0
    std::uint32_t hearing_all_on =
        0;  ///< the same for all events of its key, unless it hears only those
    std::uint32_t queue_denied_on = 0;  ///< the same if we have no right to its queue there
    std::uint32_t place = 0;            ///< in the queue, by the last answer; 0: none
    bool is_near = false;  ///< the front of the queue, or has no place in it though the key is busy
    bool is_own_channel_denied = false;
    bool in_flight = false;
    bool used = false;              ///< something was sent since it was last abandoned
    bool says_mark = false;         ///< the acquire in flight says when the node was promoted
    bool is_asking = false;         ///< the request in flight is sent behind ASKING
    bool is_without_queue = false;  ///< likewise, see Memory; so is what undoes it
    bool says_age = false;          ///< the acquire in flight says how long the server has been up
    bool id_spent = false;          ///< a release of the present holder id may be on its way
    /// The holder id before, if what it acquired may still be there because its release may have
    /// been lost; null otherwise.
    std::unique_ptr<const HolderId> unreleased;
    std::unique_ptr<const Loss> loss;  ///< the last one; null: none
  };

  /// A request that waits for a connection.
  struct Waiting {
    std::uint32_t candidacy = 0;
    std::uint64_t attempt = 0;
    /// It was sent on an earlier connection. Sending it again does no harm: an acquire of the same
    /// id gets the same lease.
    bool is_unknown = false;
  };

  /// What is known about the server at the end of the line; at its beginning, nothing.
  struct Known {
    bool is_run_id_asked = false;
    std::optional<std::string> run_id{};      ///< empty: it does not say; nothing: not answered
    bool has_noticed_promotion = false;       ///< if there was one
    std::optional<std::uint32_t> noticing{};  ///< the candidacy whose acquire notices it
  };

  /// What there is in addition if the server is a node of a cluster.
  struct Node {
    std::deque<Redirected> redirected;
    // About the node at the end of the line:
    bool is_asked_for_slots = false;
    bool breaks_at_slots = false;  ///< the connection has ended instead of an answer to that
    bool is_out_of_service = false;
    std::optional<std::vector<SlotRange>> slots;  ///< nothing: not known
    bool has_news = false;                        ///< take_slots() has not returned these
    std::vector<Waiting> unmarked;  ///< acquires that must be sent again with the mark
    bool was_replica = false;       ///< as far as the node knows, before it got that id
    std::string promoted_id;  ///< the replication id that the mark is asked about; empty: it is not
    bool is_notice_sent = false;  ///< the question, and not that for the slots
    bool is_beside_key = false;   ///< the mark is in the slot of one of their keys
    std::optional<PromotionMark> mark;
  };

  /// An answer that counts only if something else is true as well.
  struct Held {
    Waiting request;
    Answer answer;                 ///< Granted, Voted or Renewed
    bool awaits_replicas = false;  ///< the next reply to WAIT says whether they have it
    /// A grant may have come from a server that the name no longer leads to.
    bool awaits_check = false;
    /// The round in which, or after which, a majority of the Sentinels must name this server: for
    /// a renewal one that was begun after it was sent, for a grant one after its answer. 0: without
    /// Sentinels.
    std::uint64_t round = 0;
  };

  /// A grant that is being released again, and why.
  struct Refused {
    Waiting request;
    Failed failure;
  };

  void begin_connection();
  void append_waiting();
  void append_request(std::uint32_t candidacy, By by);
  void append_again(const Received& refused);
  void append_release(std::uint32_t candidacy);
  void append_script(std::uint32_t candidacy, const Request& request, By by, Form form,
                     Purpose purpose, std::optional<KnownServer> server = {});
  void append_unreleased(const Entry& entry);
  void append_ageless();
  void append_wait();

  void handle_events();
  void handle_events_of_keys();
  void handle(const RedisLine::Ended& ended);
  void handle(const Received& received);
  void handle_reply(const Received& received);
  void handle_ageless(const Received& received);
  void record_sighting(Entry& entry, const redisReply& reply);
  Memory memory_of(const Entry& entry) const;
  bool is_shaken(const Entry& entry) const;
  std::string describe_doubt(const Entry& entry) const;
  bool record_place(std::uint32_t candidacy, const Answer& answer);
  Duration delay_after(std::string_view what, const Entry& entry) const;
  bool holds_back(const Received& received, const Answer& answer);
  void handle_wait(const redisReply& reply);
  void refuse(const Held& held, const Failed& failure);
  void handle_undone(const Received& received);
  void handle_message(const redisReply& reply);
  void handle_after_failed_login(std::uint32_t candidacy);

  void start(std::size_t candidacy, const Request& request, Time now, bool is_asking);
  void forget_node();
  bool handle_as_node(const Received& received);
  void handle_unmarked(const Received& received, std::string replication_id);
  void append_notice();
  void handle_slots(const redisReply& reply);
  void handle_notice(const redisReply& reply);

  void ask_run_id();
  void begin_check(RedisProbe::Depth depth);
  void check_if_due();
  bool is_check_done() const;
  void conclude_check();
  void finish_held();
  void give_up_unconfirmed(const Failed& why);
  void move_to(std::unique_ptr<RedisLine> line, std::string run_id);
  void leave_server();
  void ask_held_again();
  bool awaits_only_check(std::size_t candidacy) const;
  bool awaits_check() const;
  void fail_held(Failed failure);

  std::uint64_t later_round();
  void ask_sentinels();
  void follow_sentinels();
  bool knows_server();
  bool is_named(std::uint64_t round) const;
  Failed at_server(Failed failure) const;
  Endpoint server() const { return {line_->location().host, line_->location().port}; }

  bool accepts_requests() const { return line_->is_open() && !line_->is_ending(); }
  void listen(std::uint32_t candidacy);
  void subscribe(std::uint32_t candidacy, std::initializer_list<std::string> channels,
                 std::uint32_t& on);
  void handle_refused_channel(std::uint32_t candidacy);
  std::optional<std::uint32_t> candidacy_of(std::string_view channel) const;
  bool has_waiting();
  bool is_in_flight(std::uint32_t candidacy, std::uint64_t attempt) const;
  bool is_own(const Entry& entry, std::string_view holder) const;
  void finish(std::uint32_t candidacy, Answer answer);
  void forget_request(Entry& entry);
  void fail_waiting(std::vector<Waiting>& requests, Failed failure);
  std::vector<RedisLine::Unanswered> leave_line();
  void close(const Failed& failure);

  RedisLocation location_;  ///< of the server
  const Candidate candidate_;
  /// How long all addresses of a name may take together: one attempt, which is at most a second and
  /// at most a sixth of the ttl. The last address may take until the request is cancelled.
  const Duration patience_;
  const Duration asking_;  ///< as in RedisLine

  std::deque<Entry> candidacies_;  ///< keep their addresses
  /// Of the candidacies whose key may be subscribed to.
  std::unordered_map<std::string_view, std::uint32_t> candidacy_of_key_;
  std::size_t used_ = 0;  ///< the number of candidacies that are
  std::vector<Waiting> waiting_;
  Reports reports_;
  Time now_;  ///< of the last call that named it

  std::unique_ptr<RedisLine> line_;      ///< never null
  std::unique_ptr<RedisEvents> events_;  ///< only with RESP2
  Time open_at_ = Time::min();           ///< the line is not opened before then
  Time connected_at_;                    ///< of the last connection
  ScriptCommand command_;
  ServerClock clock_;
  std::optional<ServerAge> age_;  ///< of the server at the end of this connection
  std::vector<Waiting> ageless_;  ///< acquires that must be sent again with that age
  std::vector<Held> held_;        ///< in the order of the replies
  std::vector<Refused> refused_;
  bool must_wait_ = false;  ///< an acquire or renewal was queued behind the last WAIT
  std::uint32_t connection_number_ = 0;
  /// By kind of request: where on this connection the text of its script was last sent; 0: nowhere.
  std::array<std::uint64_t, 6> taught_at_{};

  std::unique_ptr<SentinelWatch> sentinels_;  ///< null: the location names the server
  std::uint64_t needed_round_ = 0;            ///< somebody waits for what they say in it
  std::uint64_t address_round_ = 0;           ///< the server is the one that they name since then

  Freshness freshness_;                ///< of the line
  std::unique_ptr<RedisProbe> probe_;  ///< while it is being checked
  unsigned checks_ = 0;
  Known known_;

  std::unique_ptr<Node> node_;  ///< null: it is no node of a cluster
};

}  // namespace cluster_leader
