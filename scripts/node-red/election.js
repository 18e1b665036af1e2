// The function node "election". From its start it keeps `cluster-leader elect` running in the exec
// node beside it, reads who leads, and sends messages to one of two outputs. Its other two outputs go
// to the exec node and to the status of the subflow.
//
// The state is kept in memory only. A context store may be shared by all replicas, and would then tell
// each of them that it leads.

/// A message with this topic makes the leader resign.
const RESIGN = 'cluster-leader/resign';
/// How often the clock is checked, and after how many checks `elect` is told that we are alive.
const CHECK_MS = 500;
const CHECKS_PER_BEAT = 4;
/// After more than LATE_MS between two checks the event loop, or the machine, was suspended, and another
/// replica may lead by now: within CATCH_UP_MS, what `elect` has printed since is read first.
const LATE_MS = 1000;
const CATCH_UP_MS = 250;
/// Without a beat for so many seconds, `elect` resigns.
const KEEPALIVE = '10';
/// How many messages may wait until it is known who leads.
const MOST_WAITING = 1000;
/// The pause before `elect` is started again, doubled each time until it has said who leads.
const PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60000;
/// How long `elect` may print nothing at its start. It reports a server that does not answer earlier.
const FIRST_LINE_MS = 30000;
/// The pause before we replace the process of another node of this runtime that was removed.
const INHERIT_MS = 100;

const PROPERTIES = ['key', 'ttl', 'host', 'port', 'db'];
/// The states in which a server has said who leads.
const ANSWERS = ['leader', 'follower', 'none'];
/// These would change what `elect` prints, or for whom.
const REFUSED = ['--', '--key', '--output', '-h', '--help'];

const GREY = { fill: 'grey', shape: 'ring' };
const RED_RING = { fill: 'red', shape: 'ring' };

/// A property of the subflow. `${NAME}` is an environment variable, as in core nodes.
function property(name) {
  const text = String(env.get(name) ?? '').trim();
  const variable = /^\$\{([^}]+)\}$/.exec(text);
  return variable ? String(env.get(variable[1]) ?? '').trim() : text;
}

/// The key. A blank one, as of a variable that is not set, is a mistake: with a default, jobs that have
/// nothing to do with each other would compete.
function keyOf() {
  const key = property('key');
  if (key === '') throw new Error('the key is blank, or its environment variable is not set');
  return key;
}

/// What messages call this node: its name, or else its id.
function label() {
  return env.get('NR_SUBFLOW_NAME') || env.get('NR_SUBFLOW_ID');
}

/// Splits at blanks, except within quotes, which are removed.
function words(text) {
  const found = [];
  for (const word of text.match(/(?:[^\s"']+|"[^"]*"|'[^']*')+/g) ?? []) {
    found.push(word.replace(/"([^"]*)"|'([^']*)'/g, (_, double, single) => double ?? single));
  }
  if (/["']/.test(text.replace(/"[^"]*"|'[^']*'/g, ''))) throw new Error('arguments: unclosed quote');
  return found;
}

/// An argument in the form for the exec node in spawn mode, where quotes only work around a whole one.
function quoted(argument) {
  if (argument.includes('"')) throw new Error('an exec node cannot pass on a double quote');
  return /^$|\s/.test(argument) ? `"${argument}"` : argument;
}

/// The arguments win over the properties.
function commandLine() {
  const more = words(property('arguments'));
  const has = (name) => more.some((word) => word === name || word.startsWith(name + '='));
  const refused = REFUSED.find(has);
  if (refused) throw new Error(`arguments: ${refused} is not allowed here`);
  if (more.some((word) => /:\/\/[^@\/]*:[^@\/]+@/.test(word))) {
    throw new Error('arguments: a password in a URL is visible to others; set REDIS_PASSWORD or use --password-file');
  }
  const line = ['elect'];
  for (const name of PROPERTIES) {
    const value = name === 'key' ? keyOf() : property(name);
    if (value !== '' && !has('--' + name)) line.push(`--${name}=${value}`);
  }
  if (!has('--die-with-parent')) line.push('--die-with-parent');
  if (!has('--keepalive-timeout')) line.push('--keepalive-timeout=' + KEEPALIVE);
  return line.concat(more);
}

/// The nodes of this runtime with the same settings are one candidate: the first of them has the
/// process, the others get its news. So any number of flows may use a key, and all of them lead or
/// none. All function nodes of a process share the module `util`, and no two processes do.
const groups = (util[Symbol.for('node-red-contrib-cluster-leader-cli')] ??= new Map());

class Election {
  constructor() {
    this.mark = RED.util.generateId();  // on messages from the exec node
    this.waiting = [];                  // messages, with their send and done
    this.news = null;                   // the latest about who leads; null before the first
    this.rest = '';                     // an incomplete line
    this.complaint = '';                // the latest line on stderr
    this.pause = PAUSE_MS;
    this.checks = 0;
    this.checkedAt = Date.now();
    this.currentAt = 0;                 // `news` is not up to date before then
    this.flushing = null;
    this.silence = null;                // the timer until the first line must have come
  }

  // --- The process ---

  begin() {
    try {
      this.line = commandLine().map(quoted).join(' ');
      this.key = keyOf();
      if (EXEC_IS_EXCLUDED) throw new Error('the exec node is excluded by nodesExcludes in settings.js');
    } catch (mistake) {
      node.error(`${label()}: ${mistake.message}`);
      this.update({ state: 'failed', why: mistake.message });
      return;
    }
    setInterval(() => this.check(), CHECK_MS);
    this.join();
  }

  warn(text) {
    node.warn(`${label()}, key '${this.key}': ${text}`);
  }

  join() {
    const { key } = this;
    // Two nodes with different ttls only must not become rivals.
    const name = this.line.replace(/ ("?)--ttl=[^ "]*\1(?= |$)/, '');
    for (const other of groups.values()) {
      if (other.key === key && other.name !== name) {
        this.warn('another Cluster Leader has this key and other properties: if both use the same server, only one of them leads');
      }
    }
    if (!groups.has(name)) groups.set(name, { name, key, members: [] });
    this.group = groups.get(name);
    this.group.members.push(this);
    const first = this.group.members[0];
    if (first === this) {
      this.start();
      return;
    }
    if (first.line !== this.line) this.warn('another Cluster Leader with this key was first, so its ttl applies');
    this.update(first.news);
  }

  owns() {
    return this.group?.members[0] === this;
  }

  start() {
    this.rest = '';
    this.complaint = '';
    this.checks = 0;
    // An earlier failure is shown until there is news.
    if (!this.news) this.show(GREY, 'starting');
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.miss(), FIRST_LINE_MS);
    this.send([null, null, { payload: this.line, mark: this.mark }]);
  }

  /// Nothing has come from `elect`, so that nobody knows who leads.
  miss() {
    const why = `elect has printed nothing for ${FIRST_LINE_MS / 1000} s; is the exec node enabled?`;
    this.warn(why);
    this.share({ state: 'failed', why, node: this.news?.node });
  }

  signal(name) {
    this.send([null, null, { kill: name }]);
  }

  send(messages) {
    node.send(messages);
  }

  leave() {
    if (!this.group) return;
    const owned = this.owns();
    const { members, name } = this.group;
    members.splice(members.indexOf(this), 1);
    if (members.length === 0) groups.delete(name);
    if (!owned || members.length === 0) return;
    // Our process is stopped together with this node.
    for (const member of members) member.update(null);
    members[0].inherit();
  }

  inherit() {
    setTimeout(() => this.start(), INHERIT_MS);
  }

  // --- Its output ---

  receive(msg) {
    if (msg.stream === 'exit') {
      this.ended(msg.payload);
    } else if (msg.stream === 'stderr') {
      for (const line of String(msg.payload).split('\n').filter(Boolean)) {
        this.complaint = line;
        this.warn(line);
      }
    } else {
      // A chunk may end anywhere.
      const lines = (this.rest + msg.payload).split('\n');
      this.rest = lines.pop();
      lines.forEach((line) => this.read(line));
    }
  }

  read(line) {
    let news;
    try {
      news = JSON.parse(line);
    } catch {
      this.warn(`unexpected output of elect: ${line}`);
      return;
    }
    clearTimeout(this.silence);
    if (ANSWERS.includes(news.state)) this.pause = PAUSE_MS;
    this.share(news);
  }

  share(news) {
    for (const member of this.group.members) member.update(news);
  }

  ended({ code, signal }) {
    let how = signal ? `elect was killed by ${signal}` : `elect exited with status ${code}`;
    // The exec node's code for ENOENT.
    if (code === -2) how = 'the program cluster-leader was not found';
    clearTimeout(this.silence);
    this.warn(`${how}; restarting it in ${this.pause / 1000} s`);
    const why = code > 0 && this.complaint ? this.complaint.replace(/^cluster-leader: /, '') : how;
    this.share({ state: 'failed', why, node: this.news?.node });
    setTimeout(() => this.start(), this.pause);
    this.pause = Math.min(2 * this.pause, LONGEST_PAUSE_MS);
  }

  /// Null: nothing is known any more.
  update(news) {
    this.news = news;
    if (!news) {
      this.show(GREY, 'starting');
      return;
    }
    switch (news.state) {
      case 'leader':
        this.show({ fill: 'green', shape: 'dot' }, `leader: ${news.leader}`);
        break;
      case 'follower':
        this.show({ fill: 'yellow', shape: 'ring' }, `follower of ${news.leader}`);
        break;
      case 'none':
        this.show(GREY, 'no leader');
        break;
      case 'starting':
        this.show(GREY, `server just started, ready in ${Math.ceil(news.ready_in_ms / 1000)} s`);
        break;
      case 'down':
        this.show(RED_RING, `no server: ${news.reason ?? 'retrying'}`);
        break;
      default:
        this.show(RED_RING, news.why);
    }
    this.flush();
  }

  show(status, text) {
    this.send([null, null, null, { payload: { ...status, text: text.slice(0, 80) } }]);
  }

  // --- Messages ---

  handle(msg, node, done) {
    if (msg.mark === this.mark) {
      this.receive(msg);
      done();
    } else if (msg.topic === RESIGN) {
      this.group?.members[0].signal('SIGUSR2');
      done();
    } else {
      this.waiting.push({ msg, node, done });
      this.flush();
    }
  }

  /// Sends waiting messages if it is known who leads. Until then, nobody leads.
  flush() {
    if (this.news && this.isCurrent()) {
      for (const entry of this.waiting.splice(0)) this.pass(this.news, entry);
    }
    while (this.waiting.length > MOST_WAITING) {
      this.pass({ state: 'unknown' }, this.waiting.shift());
    }
    if (this.news && this.waiting.length > 0 && !this.flushing) {
      this.flushing = setTimeout(() => {
        this.flushing = null;
        this.flush();
      }, CATCH_UP_MS);
    }
  }

  pass(news, { msg, node, done }) {
    const leads = news.state === 'leader';
    msg.isLeader = leads;
    msg.leaderHost = news.leader ?? null;
    delete msg.followerHost;
    delete msg.fencingToken;
    if (leads) {
      msg.fencingToken = news.token;
      node.send([msg, null], false);
    } else {
      msg.followerHost = news.node ?? env.get('CLUSTER_LEADER_NODE') ?? env.get('HOSTNAME') ?? null;
      node.send([null, msg], false);
    }
    done();
  }

  // --- Time ---

  check() {
    this.isCurrent();
    this.checks += 1;
    if (this.owns() && this.checks % CHECKS_PER_BEAT === 0) this.signal('SIGUSR1');
  }

  /// False for CATCH_UP_MS after a suspension.
  isCurrent() {
    const now = Date.now();
    if (Math.abs(now - this.checkedAt) > LATE_MS) this.currentAt = now + CATCH_UP_MS;
    this.checkedAt = now;
    return now >= this.currentAt;
  }
}

globalThis.election = new Election();
globalThis.election.begin();
