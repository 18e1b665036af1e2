// What the function node "election" does from its start: it keeps `cluster-leader elect` running in
// the exec node beside it, reads who leads, and lets messages out at one of two outputs. Its other
// two outputs are the exec node and the status of the subflow.
//
// Who leads is known to this memory alone. A context store may be shared by all replicas, and would
// then tell each of them that it leads.

/// A message of this topic asks the leader to resign.
const RESIGN = 'cluster-leader/resign';
/// How often we look at the clock, and how many looks later we tell `elect` that we are alive.
const LOOK_MS = 500;
const LOOKS_PER_BEAT = 4;
/// After a pause of LATE_MS between two looks the event loop, or the machine, has stood still, and
/// another may lead by now: what `elect` has said since is read first, within SETTLE_MS.
const LATE_MS = 1000;
const SETTLE_MS = 250;
/// Without a beat for so long, `elect` resigns.
const KEEPALIVE = '10';
/// Messages that may wait for the first word about who leads.
const MOST_WAITING = 1000;
/// The pause before a dead `elect` is started again, doubled each time that it says nothing.
const PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60000;
/// The pause before we carry on what another node of this runtime has begun and left.
const INHERIT_MS = 100;

const PROPERTIES = ['key', 'ttl', 'host', 'port', 'db'];
/// These would change what `elect` says, or to whom.
const REFUSED = ['--', '--key', '--output', '-h', '--help'];

const GREY = { fill: 'grey', shape: 'ring' };
const RED_RING = { fill: 'red', shape: 'ring' };

/// A property of the subflow. `${NAME}` is an environment variable, as in the nodes of the core.
function property(name) {
  const text = String(env.get(name) ?? '').trim();
  const variable = /^\$\{([^}]+)\}$/.exec(text);
  return variable ? String(env.get(variable[1]) ?? '').trim() : text;
}

/// Cut at blanks, but not within quotes, which vanish.
function words(text) {
  const found = [];
  for (const word of text.match(/(?:[^\s"']+|"[^"]*"|'[^']*')+/g) ?? []) {
    found.push(word.replace(/"([^"]*)"|'([^']*)'/g, (_, double, single) => double ?? single));
  }
  if (/["']/.test(text.replace(/"[^"]*"|'[^']*'/g, ''))) throw new Error('arguments: a quote is not closed');
  return found;
}

/// An argument as the exec node wants it in spawn mode: quotes count around a whole one only.
function quoted(argument) {
  if (argument.includes('"')) throw new Error('an exec node cannot pass a double quote on');
  return /^$|\s/.test(argument) ? `"${argument}"` : argument;
}

/// What stands in the arguments wins over the properties.
function commandLine() {
  const more = words(property('arguments'));
  const has = (name) => more.some((word) => word === name || word.startsWith(name + '='));
  const refused = REFUSED.find(has);
  if (refused) throw new Error(`arguments: ${refused} has no place here`);
  const line = ['elect'];
  for (const name of PROPERTIES) {
    const value = property(name);
    if (value !== '' && !has('--' + name)) line.push(`--${name}=${value}`);
  }
  if (!has('--die-with-parent')) line.push('--die-with-parent');
  if (!has('--keepalive-timeout')) line.push('--keepalive-timeout=' + KEEPALIVE);
  return line.concat(more);
}

/// The nodes of this runtime that want the same are one candidate: the first of them has the
/// process, the others hear what it says. So a key may stand in as many flows as one likes, and all
/// of them lead or none. All function nodes of a process share the module `util`, and no two
/// processes do.
const groups = (util[Symbol.for('node-red-contrib-cluster-leader-cli')] ??= new Map());

class Election {
  constructor() {
    this.mark = RED.util.generateId();  // on what the exec node sends us
    this.waiting = [];                  // messages, and how each is sent on and done
    this.word = null;                   // the latest about who leads; null before the first
    this.rest = '';                     // of a line whose end has not come yet
    this.complaint = '';                // the latest line on stderr
    this.pause = PAUSE_MS;
    this.looks = 0;
    this.lookedAt = Date.now();
    this.settledAt = 0;                 // not before that is `word` up to date
    this.flushing = null;
  }

  // --- The process ---

  begin() {
    try {
      this.line = commandLine().map(quoted).join(' ');
    } catch (mistake) {
      node.error(mistake.message);
      this.learn({ state: 'failed', why: mistake.message });
      return;
    }
    setInterval(() => this.look(), LOOK_MS);
    this.join();
  }

  join() {
    const key = property('key');
    // A ttl of their own would make rivals of two nodes that mean the same.
    const name = this.line.replace(/ ("?)--ttl=[^ "]*\1(?= |$)/, '');
    for (const other of groups.values()) {
      if (other.key === key && other.name !== name) {
        node.warn(`another Cluster Leader has the key '${key}' and other properties: if both mean one server, only one of them leads`);
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
    if (first.line !== this.line) node.warn(`another Cluster Leader of this key was first, and its ttl holds`);
    this.learn(first.word);
  }

  owns() {
    return this.group?.members[0] === this;
  }

  start() {
    this.rest = '';
    this.complaint = '';
    this.looks = 0;
    // Whatever went wrong before stands there until there is news.
    if (!this.word) this.show(GREY, 'starting');
    this.send([null, null, { payload: this.line, mark: this.mark }]);
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
    // Our process is stopped with us.
    for (const member of members) member.learn(null);
    members[0].inherit();
  }

  inherit() {
    setTimeout(() => this.start(), INHERIT_MS);
  }

  // --- What it says ---

  hear(msg) {
    if (msg.stream === 'exit') {
      this.ended(msg.payload);
    } else if (msg.stream === 'stderr') {
      for (const line of String(msg.payload).split('\n').filter(Boolean)) {
        this.complaint = line;
        node.warn(line);
      }
    } else {
      // Chunks are cut anywhere.
      const lines = (this.rest + msg.payload).split('\n');
      this.rest = lines.pop();
      lines.forEach((line) => this.read(line));
    }
  }

  read(line) {
    let word;
    try {
      word = JSON.parse(line);
    } catch {
      node.warn(`not understood: ${line}`);
      return;
    }
    this.pause = PAUSE_MS;
    this.tell(word);
  }

  tell(word) {
    for (const member of this.group.members) member.learn(word);
  }

  ended({ code, signal }) {
    let how = signal ? `elect was killed by ${signal}` : `elect has ended with ${code}`;
    // Of the exec node, for what the system calls ENOENT.
    if (code === -2) how = 'the program cluster-leader was not found';
    node.warn(`${how}; starting it again in ${this.pause / 1000} s`);
    const why = code > 0 && this.complaint ? this.complaint.replace(/^cluster-leader: /, '') : how;
    this.tell({ state: 'failed', why, node: this.word?.node });
    setTimeout(() => this.start(), this.pause);
    this.pause = Math.min(2 * this.pause, LONGEST_PAUSE_MS);
  }

  /// Null where nothing is known any more.
  learn(word) {
    this.word = word;
    if (!word) {
      this.show(GREY, 'starting');
      return;
    }
    switch (word.state) {
      case 'leader':
        this.show({ fill: 'green', shape: 'dot' }, `leader: ${word.leader}`);
        break;
      case 'follower':
        this.show({ fill: 'yellow', shape: 'ring' }, `follower of ${word.leader}`);
        break;
      case 'none':
        this.show(GREY, 'no leader');
        break;
      case 'down':
        this.show(RED_RING, 'no server, trying on');
        break;
      default:
        this.show(RED_RING, word.why);
    }
    this.flush();
  }

  show(status, text) {
    this.send([null, null, null, { payload: { ...status, text: text.slice(0, 80) } }]);
  }

  // --- Messages ---

  take(msg, node, done) {
    if (msg.mark === this.mark) {
      this.hear(msg);
      done();
    } else if (msg.topic === RESIGN) {
      this.group?.members[0].signal('SIGUSR2');
      done();
    } else {
      this.waiting.push({ msg, node, done });
      this.flush();
    }
  }

  /// Sends on what waits, if it is known who leads. Nobody leads by default.
  flush() {
    if (this.word && this.isSettled()) {
      for (const entry of this.waiting.splice(0)) this.pass(this.word, entry);
    }
    while (this.waiting.length > MOST_WAITING) {
      this.pass({ state: 'unknown' }, this.waiting.shift());
    }
    if (this.word && this.waiting.length > 0 && !this.flushing) {
      this.flushing = setTimeout(() => {
        this.flushing = null;
        this.flush();
      }, SETTLE_MS);
    }
  }

  pass(word, { msg, node, done }) {
    const leads = word.state === 'leader';
    msg.isLeader = leads;
    msg.leaderHost = word.leader ?? null;
    delete msg.followerHost;
    delete msg.fencingToken;
    if (leads) {
      msg.fencingToken = word.token;
      node.send([msg, null], false);
    } else {
      msg.followerHost = word.node ?? env.get('CLUSTER_LEADER_NODE') ?? env.get('HOSTNAME') ?? null;
      node.send([null, msg], false);
    }
    done();
  }

  // --- Time ---

  look() {
    this.isSettled();
    this.looks += 1;
    if (this.owns() && this.looks % LOOKS_PER_BEAT === 0) this.signal('SIGUSR1');
  }

  /// False for SETTLE_MS after a standstill.
  isSettled() {
    const now = Date.now();
    if (Math.abs(now - this.lookedAt) > LATE_MS) this.settledAt = now + SETTLE_MS;
    this.lookedAt = now;
    return now >= this.settledAt;
  }
}

globalThis.election = new Election();
globalThis.election.begin();
