/* The baseline of a coordinator: a bare WebSocket server with the same limits, that says each word again. */
import { createServer } from 'node:http';
import { FRAME_BYTES_MAX, SUBPROTOCOL } from '@moult/protocol';
import { WebSocketServer } from 'ws';

const server = createServer();
const sockets = new WebSocketServer({
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: FRAME_BYTES_MAX,
  handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
});
server.on('upgrade', (request, socket, head) => {
  sockets.handleUpgrade(request, socket, head, (webSocket) => {
    webSocket.on('error', () => undefined);
    webSocket.on('message', (data) => webSocket.send(data));
  });
});
server.listen({ host: '127.0.0.1', port: Number(process.argv[2]) }, () => {
  process.stdout.write('the bare server is ready\n');
});
process.stdin.on('end', () => process.exit(0)).resume();
