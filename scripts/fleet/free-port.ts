import { createServer } from 'node:net';

/** A port of the loopback that nobody listens on now, the usual one if it is free; somebody may take it before we do. */
export async function freePort(usualPort = 0): Promise<number> {
  try {
    return await listenedPort(usualPort);
  } catch (error) {
    if (usualPort === 0) throw error;
    return await listenedPort(0);
  }
}

function listenedPort(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      const found = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(found));
    });
  });
}
