/*
 * Every connection of the server, whatever it speaks by now. A server that closes waits for all of them, and some
 * never end by themselves: those that never said a word, read nothing, or ignore a goodbye.
 */
import type { Server, Socket } from 'node:net';

export class Connections {
  readonly #open = new Set<Socket>();

  constructor(server: Server) {
    server.on('connection', (socket) => {
      this.#open.add(socket);
      socket.once('close', () => this.#open.delete(socket));
    });
  }

  cut(): void {
    for (const socket of this.#open) socket.destroy();
  }
}
