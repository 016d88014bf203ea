/* A network namespace of a test's own: what runs in it reaches nothing but what the test has put there. Wants root. */
import { spawnSync } from 'node:child_process';

export class OwnNetwork {
  readonly within: readonly string[];
  readonly #name: string;

  private constructor(name: string) {
    this.#name = name;
    this.within = ['ip', 'netns', 'exec', name];
  }

  /** Each of `lines` is what follows `ip`; `@` stands for the namespace. Its loopback is up. */
  static make(name: string, lines: readonly string[] = []): OwnNetwork {
    const own = `moult-test-${process.pid}-${name}`;
    run(`netns add ${own}`);
    const network = new OwnNetwork(own);
    try {
      run(`-n ${own} link set lo up`);
      for (const line of lines) run(line.replaceAll('@', own));
    } catch (error) {
      network.close();
      throw error;
    }
    return network;
  }

  /** Ends with what ran in it, and its end of each pair of interfaces. */
  close(): void {
    spawnSync('ip', ['netns', 'delete', this.#name]);
  }
}

function run(line: string): void {
  const { status, stderr } = spawnSync('ip', line.split(' '), { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${line}: ${stderr}`);
}
