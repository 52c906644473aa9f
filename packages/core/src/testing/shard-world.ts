import type { ShardState, View } from '../shard-view.ts';
import { actsOn, isSettled, joinShards, stepShards } from '../shard-view.ts';
import { memberId } from '../shard.ts';

/** Ticks. A lease not renewed for DURATION is over for the others; its holder stops at DEADLINE. */
const DURATION = 60;
const DEADLINE = 40;
/** The API server ends a request this long before the sender's lease is over. */
const MARGIN = 1;
const UNITS = Array.from({ length: 3 }, (_, index) => `Kustomization/apps/unit-${index}`);

interface Lease {
  id: string;
  version: number;
  view: View | null;
  farewell: boolean;
}

interface Write {
  view: View | null;
  sentAt: number;
  /** The server has carried it out. */
  done: boolean;
}

interface Process {
  id: string;
  name: string;
  state: ShardState | null;
  /** How much of the server's history it has seen. */
  seen: number;
  sightings: Map<string, { version: number; at: number }>;
  renewedAt: number;
  write: Write | null;
  /** Units with a request under way, and when the server ends it at the latest. */
  work: Map<string, number>;
  paused: boolean;
  /** Its watch has stalled; its writes pass. */
  deaf: boolean;
  dead: boolean;
}

/** Members, a server between them and time, each of which moves only when a schedule says so. Everything may be late or lost. */
export class ShardWorld {
  #now = 0;
  #terms = 0;
  readonly #leases = new Map<string, Lease>();
  readonly #history: Lease[] = [];
  readonly #processes: Process[] = [];
  /** What broke I13, in words. */
  readonly broken: string[] = [];
  /** Requests that were sent. */
  sent = 0;

  /** One move: `action` and `pick` are any numbers. */
  move(action: number, pick: number): void {
    const often = [this.#deliver, this.#work, this.#begin, this.#commit, this.#answer, this.#list];
    const sometimes = [this.#tick, this.#tick, this.#endWork, this.#expire];
    const comings = [this.join, this.#kill, this.#farewell];
    const rarely = [...comings, this.#pause, this.#resume, this.#resume, this.#deafen, this.#hear];
    const group = action % 100 < 75 ? often : action % 100 < 98 ? sometimes : rarely;
    group[Math.floor(action / 100) % group.length]?.call(this, pick);
    this.#check();
  }

  /** Lets everybody who lives go on, fairly, until nothing is left to do. @returns what is not as it should be then */
  rest(): string[] {
    for (const process of this.#processes) Object.assign(process, { paused: false, deaf: false });
    if (this.#alive().length === 0) this.join(0);
    for (let round = 0; round < 2 * DURATION; round += 1) {
      this.#tick(2);
      for (const process of this.#alive()) this.#goOn(process);
    }
    const alive = this.#alive();
    const unsettled = alive.filter(({ state }) => state === null || !isSettled(state));
    const counts = UNITS.map((unit) => alive.filter((process) => this.#mayAct(process, unit)).length);
    const wrong = UNITS.filter((_, index) => counts[index] !== 1);
    return [...unsettled.map(({ id }) => `${id} is not settled`), ...wrong.map((unit) => `${unit} has not one owner`)];
  }

  #goOn(process: Process): void {
    if (process.state === null) this.#listFor(process);
    while (process.seen < this.#history.length) this.#deliverTo(process);
    this.#expireFor(process);
    process.work.clear();
    this.#beginFor(process);
    this.#commitFor(process);
    this.#answerTo(process, false);
  }

  #alive(): Process[] {
    return this.#processes.filter(({ dead }) => !dead);
  }

  #some(pick: number): Process | undefined {
    const awake = this.#alive().filter(({ paused }) => !paused);
    return awake[pick % Math.max(1, awake.length)];
  }

  #mayAct(process: Process, unit: string): boolean {
    return process.state !== null && this.#isHeld(process) && actsOn(process.state, unit);
  }

  #isHeld({ renewedAt }: Process): boolean {
    return this.#now < renewedAt + DEADLINE;
  }

  /** The strong form: even who could act and does not is counted, paused ones too. */
  #check(): void {
    const present = this.#processes.filter(({ dead, work }) => !dead || work.size > 0);
    for (const unit of UNITS) {
      const able = present.filter((process) => !process.dead && this.#mayAct(process, unit));
      const busy = present.filter(({ work }) => work.has(unit));
      const both = new Set([...able, ...busy].map(({ id }) => id));
      if (both.size > 1) this.broken.push(`${[...both].join(' and ')} act on ${unit}`);
    }
  }

  #tick(pick: number): void {
    this.#now += 1 + (pick % 3);
    for (const { work } of this.#processes) {
      for (const [unit, until] of work) if (this.#now >= until) work.delete(unit);
    }
    for (const process of this.#alive()) if (!process.paused) this.#lapseIfDue(process);
  }

  /** The lease ran out: this term is over, and the process begins another. */
  #lapseIfDue(process: Process): void {
    if (this.#isHeld(process)) return;
    process.dead = true;
    this.#start(process.name);
  }

  join(pick: number): void {
    if (this.#alive().length < 4) this.#start(`agent-${pick % 5}`);
  }

  #start(name: string): void {
    this.#terms += 1;
    const id = memberId(name, String(this.#terms));
    this.#record({ id, version: 1, view: null, farewell: false });
    this.#processes.push({
      id,
      name,
      state: null,
      seen: 0,
      sightings: new Map(),
      renewedAt: this.#now,
      write: null,
      work: new Map(),
      paused: false,
      deaf: false,
      dead: false,
    });
  }

  #record(lease: Lease): void {
    this.#leases.set(lease.id, lease);
    this.#history.push(lease);
  }

  #list(pick: number): void {
    const process = this.#alive().filter(({ paused, state }) => !paused && state === null)[pick % 2];
    if (process !== undefined) this.#listFor(process);
  }

  #listFor(process: Process): void {
    const others = [...this.#leases.values()].filter(({ id, farewell }) => id !== process.id && !farewell);
    process.seen = this.#history.length;
    process.sightings = new Map(others.map(({ id, version }) => [id, { version, at: this.#now }]));
    process.state = joinShards(process.id, new Map(others.map(({ id, view }) => [id, view])));
  }

  #deliver(pick: number): void {
    const process = this.#some(pick);
    if (process !== undefined && !process.deaf) for (let events = 0; events < 4; events += 1) this.#deliverTo(process);
  }

  #deafen(pick: number): void {
    const process = this.#some(pick);
    if (process !== undefined) process.deaf = true;
  }

  #hear(pick: number): void {
    const process = this.#alive().filter(({ deaf }) => deaf)[pick % 2];
    if (process !== undefined) process.deaf = false;
  }

  #deliverTo(process: Process): void {
    const lease = this.#history[process.seen];
    if (process.state === null || lease === undefined) return;
    process.seen += 1;
    if (lease.id !== process.id) this.#sight(process, lease);
  }

  #sight(process: Process, lease: Lease): void {
    if (process.state === null) return;
    const known = process.sightings.get(lease.id);
    if (known !== undefined && known.version >= lease.version) return;
    if (lease.farewell) this.#drop(process, lease.id);
    else {
      process.sightings.set(lease.id, { version: lease.version, at: this.#now });
      process.state = stepShards(process.state, { type: 'seen', member: lease.id, view: lease.view });
    }
  }

  #drop(process: Process, member: string): void {
    process.sightings.delete(member);
    if (process.state !== null) process.state = stepShards(process.state, { type: 'gone', member });
  }

  #expire(pick: number): void {
    const process = this.#some(pick);
    if (process !== undefined) this.#expireFor(process);
  }

  /** Silence of a watch is no proof: the server is asked before a member counts as gone. */
  #expireFor(process: Process): void {
    for (const [id, { version, at }] of process.sightings) {
      if (this.#now < at + DURATION) continue;
      const lease = this.#leases.get(id);
      if (lease === undefined || lease.version === version) this.#drop(process, id);
      else this.#sight(process, lease);
    }
  }

  #work(pick: number): void {
    const process = this.#some(pick);
    const units = process === undefined ? [] : UNITS.filter((unit) => this.#mayAct(process, unit));
    const unit = units[pick % Math.max(1, units.length)];
    if (process === undefined || unit === undefined) return;
    process.work.set(unit, process.renewedAt + DURATION - MARGIN);
    this.sent += 1;
  }

  #endWork(pick: number): void {
    this.#some(pick)?.work.clear();
  }

  #begin(pick: number): void {
    const process = this.#some(pick);
    if (process !== undefined) this.#beginFor(process);
  }

  /** Renews, and publishes the next view when nothing is under way on what is lost under it. */
  #beginFor(process: Process): void {
    const { state } = process;
    if (process.write !== null || state === null || !this.#isHeld(process)) return;
    const isDrained = [...process.work.keys()].every((unit) => actsOn(state, unit));
    if (state.next !== null && isDrained) process.state = stepShards(state, { type: 'publishing' });
    const view = process.state?.standing.at(-1) ?? null;
    process.write = { view, sentAt: this.#now, done: false };
  }

  #commit(pick: number): void {
    const writing = this.#processes.filter(({ write }) => write !== null && !write.done);
    const process = writing[pick % Math.max(1, writing.length)];
    if (process !== undefined) this.#commitFor(process);
  }

  /** Even the write of a process that was stopped since arrives. */
  #commitFor({ id, write }: Process): void {
    const lease = this.#leases.get(id);
    if (write === null || write.done || lease === undefined) return;
    write.done = true;
    this.#record({ ...lease, version: lease.version + 1, view: write.view });
  }

  #answer(pick: number): void {
    const process = this.#some(pick);
    if (process !== undefined) this.#answerTo(process, pick % 5 === 0);
  }

  #answerTo(process: Process, isLost: boolean): void {
    const { write, state } = process;
    if (write === null || state === null || !write.done) return;
    process.write = null;
    if (isLost || !this.#isHeld(process)) return;
    process.renewedAt = write.sentAt;
    if (write.view !== null && write.view === state.standing.at(-1))
      process.state = stepShards(state, { type: 'published' });
  }

  #kill(pick: number): void {
    const process = this.#some(pick);
    if (process !== undefined && pick % 2 === 0) process.dead = true;
  }

  #pause(pick: number): void {
    const process = this.#some(pick);
    if (process !== undefined) process.paused = true;
  }

  #resume(pick: number): void {
    const stopped = this.#alive().filter(({ paused }) => paused);
    const process = stopped[pick % Math.max(1, stopped.length)];
    if (process === undefined) return;
    process.paused = false;
    this.#lapseIfDue(process);
  }

  /** A clean end: nothing is under way, and the others need not wait. */
  #farewell(pick: number): void {
    const process = this.#some(pick);
    const lease = process === undefined ? undefined : this.#leases.get(process.id);
    if (process === undefined || lease === undefined || process.work.size > 0 || process.write !== null) return;
    process.dead = true;
    this.#record({ ...lease, version: lease.version + 1, farewell: true });
  }
}
