import pino from 'pino';

export type LogFields = Readonly<Record<string, unknown>>;

/** Structured log: a sentence, and fields. One JSON object a line on standard error or standard output. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  child(fields: LogFields): Logger;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Gets every line that is written, with its newline. */
export interface LogListener {
  write(line: string): void;
}

/** Writes to standard error, synchronously: the last lines before a crash are the ones that matter. */
export function openLogger(options: {
  readonly level: LogLevel;
  readonly name: string;
  readonly listener?: LogListener;
}): Logger {
  const stderr = pino.destination({ dest: 2, sync: true });
  const { listener } = options;
  const destination =
    listener === undefined
      ? stderr
      : {
          write: (line: string) => {
            stderr.write(line);
            listener.write(line);
          },
        };
  return wrap(
    pino(
      {
        level: options.level,
        name: options.name,
        timestamp: pino.stdTimeFunctions.isoTime,
        base: null,
        serializers: { err: pino.stdSerializers.err },
      },
      destination,
    ),
  );
}

function wrap(target: pino.Logger): Logger {
  return {
    debug: (message, fields) => target.debug(fields ?? {}, message),
    info: (message, fields) => target.info(fields ?? {}, message),
    warn: (message, fields) => target.warn(fields ?? {}, message),
    error: (message, fields) => target.error(fields ?? {}, message),
    child: (fields) => wrap(target.child(fields)),
  };
}

const nothing = () => undefined;
export const silentLogger: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => silentLogger,
};
